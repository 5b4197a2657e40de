"""``zorse tag``: name what is in images without any labels, by words of the captions nearest to them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, SOURCES, STORE

_SHOWN = 20  # rows of the table on a terminal
_BLOCK = 64  # images named at a time


def command(
    sources: list[str] = SOURCES,
    memory: Path = typer.Option(..., "--memory", help="A folder that zorse memory build made."),
    model: str = typer.Option(None, "--model", "-m", help="The model that built it, where its name has changed."),
    words: Path = typer.Option(None, "--words", help="Words that may be names, one a line; else WordNet's nouns."),
    captions: int = typer.Option(10, "--captions", min=1, help="Captions looked up for an image."),
    top_k: int = typer.Option(5, "--top-k", "-k", min=1, help="Names listed an image."),
    explain: bool = typer.Option(False, "--explain", help="Tell which captions spoke for each name."),
    output: Path = typer.Option(None, "--output", "-o", help="Write rows to .csv, .jsonl or .parquet."),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """Name what is in images, without any labels.

    Rows go to --output, to stdout as JSON Lines where that is piped, or else to a table on the terminal.
    """
    from zorse.cli.terminal import Progress, counted, graceful, note, percent, print_table
    from zorse.core.errors import InputError
    from zorse.data.images import find_images
    from zorse.encoders import load_encoder
    from zorse.jobs.embed import embed_stream
    from zorse.jobs.output import check_writable, open_output, print_json_line, set_aside
    from zorse.methods.memory.cased import CaSED
    from zorse.semantics.memory import Memory

    if output is not None:
        check_writable(output)
    corpus = Memory.open(memory)
    if corpus.texts is None:
        raise InputError(f"the memory {memory} has no captions to take names from")
    known = _known(words)
    images = find_images(sources)
    next(iter(images))  # a folder without images is found before a model is loaded
    progress, failed, total = Progress(images.count()), 0, 0
    shown: list[Any] = []
    piped = output is None and not as_json and not sys.stdout.isatty()
    more = ("because",) if explain else ()
    with ExitStack() as stack:
        stack.callback(progress.clear)
        progress.say(f"loading {model or corpus.model} ...")
        encoder = load_encoder(model or corpus.model, device=device)
        corpus.check(encoder)
        write = stack.enter_context(open_output(output, more)) if output is not None else None
        stream = embed_stream(images, encoder, store=store, batch_size=batch_size, jobs=jobs)
        stack.enter_context(closing(stream))
        stop = stack.enter_context(graceful())
        progress.start()
        began = time.perf_counter()
        for row in _named(stop.until(stream), CaSED(corpus, k=captions), encoder, known, top_k, explain):
            total += 1
            failed += row.error is not None
            progress(total)
            if write is not None:
                write(row)
            elif piped:
                print_json_line(sys.stdout, row, more)
            elif len(shown) < _SHOWN:
                shown.append(row)
        seconds = time.perf_counter() - began
        progress.clear()
        if stop.asked:
            where = f"; they are in {set_aside(output)}" if output is not None and total else ""
            note(f"interrupted after {counted(total, 'image')}{where}")
            raise typer.Exit(130)
    if as_json:
        told = {"images": total, "failed": failed, "model": corpus.model, "seconds": round(seconds, 3)}
        typer.echo(json.dumps(told | {"output": None if output is None else str(output)}, indent=1))
    elif shown:
        rows = [
            [
                row.path,
                row.error or row.label,
                percent(row.score),
                "  ".join(name for name, _ in (row.because[:1] if row.because else row.top[1:])),
            ]
            for row in shown
        ]
        print_table(["image", "name", "score", "because" if explain else "next"], rows, right=["score"])
        if total > len(shown):
            typer.echo(f"and {total - len(shown):,} images more; --output FILE keeps all rows")
    if not piped or failed:
        note(f"{counted(total, 'image')} in {seconds:.1f} s" + (f", {failed:,} could not be read" if failed else ""))
    return 1 if failed else 0


def _named(stream: Iterable[Any], method: Any, encoder: Any, known: Any, top_k: int, explain: bool) -> Iterator[Any]:
    """One row an image, in order; a word is encoded once."""
    import numpy as np

    from zorse.jobs.classification import Prediction

    cache: dict[str, np.ndarray] = {}
    stream = iter(stream)
    while block := list(islice(stream, _BLOCK)):
        good = [item.vector for item in block if item.vector is not None]
        names = iter(method.name(np.stack(good), encoder, known, cache) if good else ())
        for item in block:
            if item.vector is None:
                yield Prediction(str(item.key), None, None, (), item.error or "could not be read")
            else:
                top = next(names)
                because = _because(method, item.vector, top, cache) if explain else None
                yield Prediction(str(item.key), top[0][0], top[0][1], tuple(top[:top_k]), because=because)


def _because(method: Any, vector: Any, top: list[tuple[str, float]], cache: dict[str, Any]) -> tuple[Any, ...]:
    """The captions, and the image itself, by how far they put the first name ahead of the second."""
    import numpy as np

    from zorse.core import ClassTable
    from zorse.jobs.classify import strongest

    if len(top) < 2:  # it is ahead of no other
        return ()
    names = [name for name, _ in top]
    table = ClassTable(np.array(names), np.stack([cache[name] for name in names]))
    reasons = method.fit(None, None, classes=table).because(vector[None], 0, 1)
    return tuple((reason.text or "the whole image", reason.weight) for reason in strongest(reasons))


def _known(words: Path | None) -> set[str] | None:
    """Words that may be names: a file's, else WordNet's nouns, else any."""
    from zorse.core.errors import NotAvailableError
    from zorse.semantics.wordnet import WordNet

    if words is not None:
        from zorse.semantics.files import read_lines

        return {line.casefold() for _, line in read_lines(words)}
    try:
        nouns = WordNet.read()
    except NotAvailableError:
        return None
    return {name.casefold() for synset in nouns.values() for name in synset.names if name.isalpha()}
