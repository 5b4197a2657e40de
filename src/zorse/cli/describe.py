"""``zorse describe``: what a language model says about classes."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import JSON


def command(
    labels: str = typer.Option(None, "--labels", "-l", help='Names: "cat, dog, polar bear".'),
    labels_file: Path = typer.Option(None, "--labels-file", help="One a line, or a JSON list."),
    llm: str = typer.Option(
        None, "--llm", help="http://host:8000/v1 of a chat server; or folder or hub id of a model."
    ),
    llm_model: str = typer.Option(None, "--llm-model", help="Model to ask a server; by default the first it lists."),
    style: str = typer.Option("cupl", "--style", help="cupl, dclip, chils, fudd or roboshot."),
    out: Path = typer.Option(Path("descriptions.json"), "--out", "-o", help="Where to write the texts, .json."),
    n: int = typer.Option(8, "-n", help="Texts a class, or a pair of classes."),
    per_minute: float = typer.Option(None, "--per-minute", help="Questions a minute at most."),
    timeout: float = typer.Option(None, "--timeout", help="Seconds that one answer of a server may take (120)."),
    device: str = typer.Option(None, "--device", help="Where a model of a folder or hub id runs (auto)."),
    as_json: bool = JSON,
) -> int:
    """Ask a language model about classes, for --descriptions.

    Answers are kept as they come: the same command goes on where it stopped, and asks again only what failed.
    The key is ZORSE_LLM_KEY or, over https, OPENAI_API_KEY in the environment.
    """
    from zorse.cli.terminal import Progress, note
    from zorse.core.errors import InputError
    from zorse.jobs.chat import ChatServer
    from zorse.jobs.describe import STYLES, describe, questions
    from zorse.jobs.local_chat import LocalChat
    from zorse.jobs.output import check_writable
    from zorse.semantics import parse_labels, read_labels

    if (labels is None) == (labels_file is None):
        raise InputError('give --labels "cat, dog" or --labels-file FILE')
    names = parse_labels(labels) if labels is not None else read_labels(labels_file)
    if style not in STYLES:
        raise InputError(f"style is one of {', '.join(STYLES)}; got {style!r}")
    if llm is None:
        raise InputError(
            "describe asks a language model; give --llm URL, FOLDER or HUB/ID. Without one, zorse classify works with "
            "--templates ensemble, with --descriptions of a file of your own, and --tree wordnet"
        )
    check_writable(out, (".json",))
    ask: ChatServer | LocalChat
    if "://" in llm:
        if device is not None:
            raise InputError("--device is about a model of this machine; --llm names a server")
        ask = ChatServer(llm, llm_model, timeout=120.0 if timeout is None else timeout, per_minute=per_minute)
    else:
        asked = {"--llm-model": llm_model, "--per-minute": per_minute, "--timeout": timeout}
        for option in (option for option, value in asked.items() if value is not None):
            raise InputError(f"{option} is about a server; --llm names a model of this machine")
        ask = LocalChat(llm, device=device or "auto")
    progress = Progress(questions(names, style), "questions")
    found = describe(names, ask, style, out=out, n=n, progress=progress)
    progress.clear()
    insights = style == "roboshot"
    n_texts = sum(map(len, found.texts.values())) if insights else len(found.texts)
    if as_json:
        told = {"style": style, "model": ask.model, "described": n_texts, "asked": found.asked}
        typer.echo(json.dumps(told | {"failed": found.failed, "out": str(out)}, indent=1, ensure_ascii=False))
    else:
        done = f"{n_texts:,} insights" if insights else f"{n_texts:,} of {len(names):,} classes described"
        note(f"{done} -> {out}" if found.texts else "nothing was written")
    if found.failed:
        first, why = next(iter(found.failed.items()))
        note(f"{len(found.failed):,} without a usable answer, such as {first}: {why}; the same command asks again")
    return 1 if found.failed else 0
