"""How trainings are run, whatever they train: progress, checkpoints, precision, compilation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from zorse.core.errors import NotAvailableError


@dataclass(frozen=True)
class Progress:
    """Where a training stands, for people.

    Attributes
    ----------
    training : int
        Which training of the run this is, from 0: a fit may hold several, one after the other.
    epoch, epochs : int
        Epochs done, and all.
    fraction : float
        Part of all steps done, in (0, 1].
    losses : dict of str to float
        Mean loss of each turn in this epoch, so far.
    seconds, remaining : float
        Since this training began (or was resumed), and what the rest will take at that rate.
    """

    training: int
    epoch: int
    epochs: int
    fraction: float
    losses: dict[str, float]
    seconds: float
    remaining: float


@dataclass
class Run:
    """What :func:`running` sets for every training within its block."""

    progress: Callable[[Progress], None] | None = None
    checkpoint: Path | None = None
    amp: bool = False
    compile: bool = False
    every: float = 0.5  # seconds between two calls of ``progress``
    trainings: int = 0
    told: float = field(default_factory=time.perf_counter)

    def next_training(self) -> tuple[int, Path | None]:
        """The number of a training that begins, and its checkpoint."""
        number, self.trainings = self.trainings, self.trainings + 1
        return number, None if self.checkpoint is None else self.checkpoint / f"training-{number:02d}.safetensors"

    def due(self) -> bool:
        """Whether it is time to tell something again."""
        return self.progress is not None and time.perf_counter() - self.told >= self.every

    def tell(self, progress: Progress) -> None:
        """Call ``progress``."""
        if self.progress is not None:
            self.told = time.perf_counter()
            self.progress(progress)


_current: ContextVar[Run | None] = ContextVar("run", default=None)


def current_run() -> Run:
    """The run in force; one that is silent and keeps nothing where there is none."""
    return _current.get() or Run()


@contextmanager
def running(
    *,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
    amp: bool = False,
    compile: bool = False,
) -> Iterator[None]:
    """Within the block every training shows progress, can be resumed, or computes otherwise.

    These are circumstances, not parameters of a method: the same model comes out whether a fit was watched or
    interrupted. ::

        with running(progress=print, checkpoint="checkpoints/"):
            model.fit(X, y, classes=table)

    Parameters
    ----------
    progress : callable, optional
        Called with a :class:`Progress` twice a second and at the end of each training. Without it training is silent.
    checkpoint : path, optional
        A folder, made if absent. Each training writes a file there after every epoch, and goes on from it if it is
        there already; on a CPU the result is bit-identical to that of an uninterrupted run, provided that data,
        parameters and ``random_state`` are the same.
    amp : bool, default False
        True: losses are computed in bfloat16 where torch holds it safe (``torch.autocast``).
    compile : bool, default False
        True: losses are compiled by ``torch.compile``.

    Raises
    ------
    NotAvailableError
        If the folder can't be made.
    """
    folder = None if checkpoint is None else Path(checkpoint)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotAvailableError(f"cannot write {folder}: {error.strerror or error}") from error
    token = _current.set(Run(progress, folder, amp, compile))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def apart() -> Iterator[None]:
    """Within the block trainings belong to no run: those that only serve to judge another one."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)
