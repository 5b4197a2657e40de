"""What a person sees while a job runs: progress, a table, a closing line."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from zorse.training.run import Progress as TrainingState


class Progress:
    """How much is finished, and how much a second, on stderr; says nothing unless a person is watching."""

    def __init__(self, total: int | None = None, unit: str = "images"):
        self.total, self.done, self.unit = total, 0, unit
        self.began = self.told = time.perf_counter()
        self.visible = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        """Tell how many are finished."""
        self.done = done
        now = time.perf_counter()
        if self.visible and now - self.told > 0.1:
            self.told = now
            of = f" of {self.total:,}" if self.total else ""
            left = f", {_clock((self.total - done) * (now - self.began) / done)} left" if self.total and done else ""
            rate = done / (now - self.began)
            sys.stderr.write(f"\r\x1b[K{done:,}{of} {self.unit}, {rate:,.1f} a second{left}")
            sys.stderr.flush()

    def say(self, text: str) -> None:
        """What goes on before the first image."""
        if self.visible:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def start(self) -> None:
        """The first image is due."""
        self.began = time.perf_counter()

    def clear(self) -> None:
        """Leave the line clean."""
        if self.visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class TrainingProgress:
    """Losses and the time that is left on stderr: a line that changes for a person, one every half minute in a log."""

    EVERY = 30.0

    def __init__(self) -> None:
        self.visible, self.told = sys.stderr.isatty(), time.perf_counter()

    def __call__(self, now: TrainingState) -> None:
        """Tell where a training stands."""
        losses = "  ".join(f"{name} {loss:.4g}" for name, loss in now.losses.items())
        part = f"part {now.training + 1}, " if now.training else ""
        text = f"{part}epoch {now.epoch} of {now.epochs}  {losses}  {_clock(now.remaining)} left"
        if self.visible:
            sys.stderr.write(f"\r\x1b[K{text}"[:160])
            sys.stderr.flush()
        elif time.perf_counter() - self.told > self.EVERY:
            self.told = time.perf_counter()
            typer.echo(text, err=True)

    def clear(self) -> None:
        """Leave the line clean."""
        if self.visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class Stop:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.asked = False

    def until(self, stream: Iterable[Any]) -> Iterator[Any]:
        """The stream, up to the moment of Ctrl-C."""
        for item in stream:
            yield item
            if self.asked:
                return


@contextmanager
def graceful() -> Iterator[Stop]:
    """Within the block the first Ctrl-C asks to stop, so that finished work is written; the second stops at once."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table on stdout, as wide as the terminal; columns named in ``right`` are numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    # Piped, a table is not cut to 80 columns.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


def note(text: str) -> None:
    """One line for people on stderr."""
    typer.echo(text, err=True)


def counted(n: int, noun: str) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percent(p: float | None) -> str:
    """``93.1 %``."""
    return "" if p is None else f"{100 * p:.1f} %"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
