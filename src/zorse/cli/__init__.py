"""The command line: ``zorse COMMAND``. Heavy imports wait until a command runs."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from zorse.cli import (
    adapt,
    advise,
    audit,
    bench,
    bound,
    classify,
    datasets,
    demo,
    describe,
    duplicates,
    embed,
    evaluate,
    explain,
    export,
    fit,
    index,
    info,
    memory,
    models,
    papers,
    predict,
    reproduce,
    search,
    serve,
    store,
    table,
    tag,
)
from zorse.core.errors import ZorseError

# Newer versions of typer carry click inside, older ones import it; either way this is the base of usage errors.
_USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    name="zorse",
    help="Name what is in images, from names alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("classify")(classify.command)
app.command("adapt")(adapt.command)
app.command("advise")(advise.command)
app.command("embed")(embed.command)
app.command("export")(export.command)
app.command("describe")(describe.command)
app.command("demo")(demo.command)
app.command("models")(models.command)
app.command("papers")(papers.command)
app.command("fit")(fit.command)
app.command("predict")(predict.command)
app.command("explain")(explain.command)
app.command("info")(info.command)
app.command("reproduce")(reproduce.command)
app.command("bench")(bench.command)
app.command("table")(table.command)
app.command("tag")(tag.command)
app.command("audit")(audit.command)
app.command("serve")(serve.command)
app.add_typer(memory.app, name="memory")
app.command("index")(index.command)
app.command("search")(search.command)
app.command("duplicates")(duplicates.command)
app.command("bound")(bound.command)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(datasets.app, name="datasets")
app.add_typer(store.app, name="store")


def _version(asked: bool) -> None:
    if asked:
        import zorse

        typer.echo(f"zorse {zorse.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: done. 1: done, but some images could not be read, or a check has found something. 2: the request can't be met;
    one line on stderr says why. 130: interrupted.
    """
    _quiet()
    try:
        code = app(list(sys.argv[1:] if arguments is None else arguments), prog_name="zorse", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except ZorseError as error:
        return _refuse("; ".join([str(error), *getattr(error, "__notes__", ())]))
    except _USAGE as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "zorse")
        return _refuse(f"{error.format_message()} (see {where} --help)") if error.format_message() else 2
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output (head, less) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _refuse(message: str) -> int:
    typer.echo(f"zorse: {' '.join(message.split())}", err=True)
    return 2


def _quiet() -> None:
    """Leave stderr to us: one line a warning, and only our own."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=UserWarning, module=r"zorse\b")
    warnings.showwarning = lambda message, *_, **__: typer.echo(f"zorse: {' '.join(str(message).split())}", err=True)
