"""Alternating optimisation: a list of turns, each with its own loss and parameters.

A plain network is one turn, a GAN two, an adversarially regularised VAE three.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zorse.training.batches import MiniBatches
from zorse.training.checkpoint import read_checkpoint, write_checkpoint
from zorse.training.run import Progress, apart, current_run
from zorse.training.selection import KeepBest


@dataclass(frozen=True)
class Clock:
    """Where training stands; schedules are functions of it.

    Attributes
    ----------
    epoch : int
        From 0.
    step : int
        Steps done since the start.
    fraction : float
        Part of all steps done, in [0, 1).
    """

    epoch: int
    step: int
    fraction: float


@dataclass
class Turn:
    """One player's move.

    Attributes
    ----------
    name : str
        Key of the logged loss.
    loss : callable (batch, clock) -> scalar Tensor
        Computed anew at every repeat, on a fresh batch.
    params : iterable of Parameter
        The only tensors that this turn moves.
    optimizer : callable, default Adam
        Maps a list of parameters to an optimizer.
    repeats : int, default 1
        Moves a step (``n_critic`` of a WGAN).
    rate : callable Clock -> float, optional
        What each learning rate is multiplied by at that time.
    parts : int, default 1
        A batch is taken in so many parts, and their gradients are averaged by size: as much memory as one part asks
        for. A loss that compares the samples of a batch with each other compares those of a part.
    amp : bool, default False
        True: computed in bfloat16 where torch holds it safe, whatever :func:`zorse.training.running` says.
    most : float, optional
        Longest gradient; a longer one is shortened to it.
    keeps : iterable of Tensor
        What else a checkpoint must hold, such as a moving average of the parameters.
    """

    name: str
    loss: Callable[[Any, Clock], Tensor]
    params: Iterable[Tensor]
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer] = torch.optim.Adam
    repeats: int = 1
    rate: Callable[[Clock], float] | None = None
    parts: int = 1
    amp: bool = False
    most: float | None = None
    keeps: Iterable[Tensor] = ()
    opt: torch.optim.Optimizer = field(init=False, repr=False)

    def __post_init__(self):
        self.params = list(self.params)
        self.keeps = list(self.keeps)
        self.opt = self.optimizer(self.params)
        self.rates = [group["lr"] for group in self.opt.param_groups]

    def move(self, batch: Any, clock: Clock, amp: bool = False) -> Tensor:
        """One optimizer step on ``batch``; the detached loss."""
        if self.rate is not None:
            factor = self.rate(clock)
            for group, rate in zip(self.opt.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
        self.opt.zero_grad(set_to_none=True)
        device = next(iter(self.params)).device.type
        total: Tensor | float = 0.0
        for part, share in _parted(batch, self.parts):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=amp or self.amp):
                loss = self.loss(part, clock)
            # Asking a GPU for a number makes it wait; there the epoch's mean is asked instead.
            if loss.device.type == "cpu" and not torch.isfinite(loss):
                raise diverged(self.name, loss.item(), f"epoch {clock.epoch}, step {clock.step}")
            # Other players' gradients stay untouched.
            (loss if share == 1 else share * loss).backward(inputs=self.params)
            total = total + share * loss.detach()
        if self.most is not None:
            torch.nn.utils.clip_grad_norm_(self.params, self.most)
        self.opt.step()
        assert isinstance(total, Tensor)
        return total


def _parted(batch: Any, parts: int) -> Iterator[tuple[Any, float]]:
    """Parts of a tuple of tensors, of the same size but for one sample, and their shares of it."""
    if parts == 1:
        yield batch, 1
        return
    n = len(batch[0])
    for part in zip(*(t.tensor_split(min(parts, n)) for t in batch), strict=True):
        yield part, len(part[0]) / n


def diverged(turn: str, loss: float, when: str) -> FloatingPointError:
    """The error of a loss that is not finite."""
    return FloatingPointError(
        f"the loss of turn {turn!r} is {loss} in {when}; try a smaller lr, or features scaled to a common range"
    )


def train(
    turns: Sequence[Turn],
    batches: MiniBatches | Iterable[Any],
    *,
    epochs: int,
    steps_per_epoch: int | None = None,
    after_epoch: Callable[[Clock, dict[str, float]], bool | None] | None = None,
    select: KeepBest | None = None,
    checkpoint: Path | None = None,
) -> list[dict[str, float]]:
    """Play every turn in order, ``epochs * steps_per_epoch`` times.

    :func:`zorse.training.running` shows progress, keeps checkpoints, and sets precision and compilation.

    Parameters
    ----------
    turns : sequence of Turn
    batches : iterable
        Endless; each move draws one batch from it.
    epochs : int
    steps_per_epoch : int, optional
        Default: one pass of ``batches`` (then a :class:`MiniBatches`).
    after_epoch : callable (clock, losses) -> bool, optional
        Called with the epoch's mean losses, for schedules and early stopping; True stops.
    select : KeepBest, optional
        Scores every epoch, stops early, and at the end puts the parameters of all turns back to their best state.
    checkpoint : Path, optional
        Written after every epoch; if it exists, training goes on from it, on a CPU bit-identically
        (parameters, optimizers, shuffling and torch's random state). ``batches`` must be a MiniBatches.
        Default: where :func:`zorse.training.running` says.

    Returns
    -------
    history : list of dict
        Mean loss of each turn, an entry an epoch; with ``select`` also its score, as ``validation``.

    Raises
    ------
    FloatingPointError
        If a loss is not finite; it names turn, epoch and, on a CPU, step.
    """
    if steps_per_epoch is None:
        if not isinstance(batches, MiniBatches):
            raise TypeError("steps_per_epoch is needed unless batches is a MiniBatches")
        steps_per_epoch = batches.steps_per_pass
    run = current_run()
    number, default = run.next_training()
    checkpoint = checkpoint or (default if isinstance(batches, MiniBatches) else None)
    history: list[dict[str, float]] = []
    stopped = False
    if checkpoint is not None and checkpoint.exists():
        history, stopped = read_checkpoint(checkpoint, turns, batches, select)
    if run.compile:
        for turn in turns:
            turn.loss = torch.compile(turn.loss)
    stream, total_steps = iter(batches), epochs * steps_per_epoch
    began, done_before = time.perf_counter(), len(history) * steps_per_epoch

    def tell(epoch: int, done: int, losses: dict[str, float]) -> None:
        seconds = time.perf_counter() - began
        left = seconds / max(done - done_before, 1) * (total_steps - done)
        run.tell(Progress(number, epoch, epochs, done / total_steps, losses, seconds, 0.0 if stopped else left))

    for epoch in range(len(history), 0 if stopped else epochs):
        totals: dict[str, Tensor | float] = {turn.name: 0.0 for turn in turns}
        for step in range(steps_per_epoch):
            done = epoch * steps_per_epoch + step
            clock = Clock(epoch, done, done / total_steps)
            for turn in turns:
                for _ in range(turn.repeats):
                    totals[turn.name] += turn.move(next(stream), clock, run.amp) / turn.repeats
            if run.due():
                tell(epoch, done + 1, {name: float(total) / (step + 1) for name, total in totals.items()})
        history.append({name: float(total) / steps_per_epoch for name, total in totals.items()})
        for name, loss in history[-1].items():
            if not math.isfinite(loss):
                raise diverged(name, loss, f"epoch {epoch}")
        with apart():
            stopped = bool(select and select.look(turns, history))
            stopped |= bool(after_epoch and after_epoch(clock, history[-1]))
        if checkpoint is not None:
            write_checkpoint(checkpoint, turns, batches, history, stopped, select)
        if stopped:
            break
    if history:
        tell(len(history), len(history) * steps_per_epoch, history[-1])
    if select is not None:
        select.restore(turns)
    return history
