"""Few labels: which samples are shots, which classes are new, and how accuracy grows with shots."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from zorse.core import ClassTable, InputError
from zorse.evaluation.intervals import Interval, t_interval
from zorse.training.validation import harmonic_mean, mean_class_accuracy

SHOTS = (1, 2, 4, 8, 16)
SEEDS = (1, 2, 3)


def hashed_order(keys: Sequence[str] | np.ndarray, seed: int) -> np.ndarray:
    """Positions (n,) of ``keys`` in an order that depends on each key and ``seed`` alone, not on order or machine."""
    digests = [hashlib.sha256(f"{seed}:{key}".encode()).hexdigest() for key in keys]
    return np.array(sorted(range(len(digests)), key=lambda i: (digests[i], str(keys[i]))), dtype=np.intp)


def labelled_split(
    y, keys: Sequence[str] | None = None, *, parts: tuple[float, float] = (0.5, 0.2), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples for training, validation and testing, shares of each class; always the same for the same keys.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels.
    keys : sequence of n str, optional
        What identifies a sample, such as its path inside the folder or a digest of its content; without it its
        position, so that the order of samples matters.
    parts : tuple of float
        Shares of training and validation; the rest, CoOp's 30 %, is for testing.
    seed : int

    Returns
    -------
    train, validation, test : ndarrays of int, ascending
        A class with one sample has it in training; one with two has the other in testing.

    Raises
    ------
    InputError
        If the shares are no shares, or a key occurs twice.
    """
    share, validation_share = parts
    if min(parts) < 0 or share == 0 or share + validation_share >= 1:
        raise InputError(f"parts are the shares of training (above 0) and validation, together below 1; got {parts}")
    y, keys = _checked(y, keys)
    train, validation, test = [], [], []
    for own in _by_class(y, keys, seed):
        n = max(1, round(share * len(own)))
        m = min(round(validation_share * len(own)), max(len(own) - n - 1, 0))
        if n == len(own) > 1:
            n -= 1
        train.append(own[:n])
        validation.append(own[n : n + m])
        test.append(own[n + m :])
    return _joined(train), _joined(validation), _joined(test)


def draw_shots(y, shots: int, seed: int, keys: Sequence[str] | None = None) -> np.ndarray:
    """``shots`` samples of each class, all where a class has no more: ascending positions.

    Fewer shots of one seed are among its more, so that a curve over shots follows one set as it grows.

    Raises
    ------
    InputError
        If ``shots`` is below 1, or a key occurs twice.
    """
    if shots < 1:
        raise InputError(f"shots must be at least 1; got {shots}")
    y, keys = _checked(y, keys)
    return _joined([own[:shots] for own in _by_class(y, keys, seed)])


def base_and_new(labels, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The base and the new half of some classes; of an odd number the base has one more.

    In sorted order, as in CoOp's and CoCoOp's protocol; with a ``seed`` in an order that it draws.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    labels = np.unique(labels)
    if len(labels) < 2:
        raise InputError(f"base and new classes need at least two classes; got {len(labels)}")
    order = np.arange(len(labels)) if seed is None else hashed_order([str(label) for label in labels], seed)
    half = -(-len(labels) // 2)
    return labels[order[:half]], labels[order[half:]]


@dataclass(frozen=True)
class FewShotReport:
    """Mean class accuracy by number of shots.

    Attributes
    ----------
    accuracy : dict of int to tuple of float
        For each number of shots, one value a seed.
    """

    accuracy: dict[int, tuple[float, ...]]

    def interval(self, shots: int) -> Interval:
        """Mean over seeds with Student's interval."""
        return t_interval(self.accuracy[shots])

    def __str__(self) -> str:
        return "\n".join(f"{shots:>2} shots  {self.interval(shots)}" for shots in self.accuracy)


@dataclass(frozen=True)
class BaseToNewReport:
    """Accuracy on classes that had shots and on classes that had none, each among its own kind.

    Attributes
    ----------
    base, new : tuple of float
        Mean class accuracy, one value a seed.
    """

    base: tuple[float, ...]
    new: tuple[float, ...]

    @property
    def harmonic(self) -> tuple[float, ...]:
        """Harmonic mean of both, a seed at a time."""
        return tuple(harmonic_mean(b, n) for b, n in zip(self.base, self.new, strict=True))

    def __str__(self) -> str:
        return f"base {t_interval(self.base)}, new {t_interval(self.new)}, harmonic {t_interval(self.harmonic)}"


def evaluate_few_shot(
    model: Any,
    pool: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    classes: ClassTable,
    *,
    shots: Sequence[int] = SHOTS,
    seeds: Sequence[int] = SEEDS,
    keys: Sequence[str] | None = None,
) -> FewShotReport:
    """Fit a clone of ``model`` for every number of shots and seed, on shots from ``pool``; measure on ``test``.

    A method that learns from no label is fitted as its traits ask; nothing is ever chosen on ``test``.
    """
    out = {}
    for n in shots:
        values = []
        for seed in seeds:
            at = draw_shots(pool[1], n, seed, keys)
            fitted = clone(model).fit(pool[0][at], pool[1][at], classes=classes)
            values.append(mean_class_accuracy(test[1], fitted.predict(test[0])))
        out[n] = tuple(values)
    return FewShotReport(out)


def evaluate_base_to_new(
    model: Any,
    pool: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    classes: ClassTable,
    *,
    shots: int = 16,
    seeds: Sequence[int] = SEEDS,
    keys: Sequence[str] | None = None,
) -> BaseToNewReport:
    """Fit on ``shots`` of the base half of the classes; measure among base and among new classes.

    The halves are :func:`base_and_new`'s in sorted order; a seed draws the shots.
    """
    halves = base_and_new(classes.labels)
    is_base = np.isin(pool[1], halves[0])
    base_pool = pool[0][is_base], np.asarray(pool[1])[is_base]
    base_keys = None if keys is None else [key for key, keep in zip(keys, is_base, strict=True) if keep]
    values: tuple[list[float], list[float]] = ([], [])
    for seed in seeds:
        at = draw_shots(base_pool[1], shots, seed, base_keys)
        fitted = clone(model).fit(base_pool[0][at], base_pool[1][at], classes=classes)
        for half, out in zip(halves, values, strict=True):
            own = np.isin(test[1], half)
            out.append(mean_class_accuracy(test[1][own], fitted.with_candidates(half).predict(test[0][own])))
    return BaseToNewReport(tuple(values[0]), tuple(values[1]))


def _checked(y, keys: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    y = np.asarray(y)
    names = [str(i) for i in range(len(y))] if keys is None else [str(key) for key in keys]
    if len(names) != len(y):
        raise InputError(f"expected a key for each of {len(y)} samples; got {len(names)}")
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"keys must be unique; more than once: {twice}")
    return y, names


def _by_class(y: np.ndarray, keys: list[str], seed: int) -> list[np.ndarray]:
    """Positions of the samples of each class, in hashed order."""
    order = hashed_order(keys, seed)
    return [order[y[order] == label] for label in np.unique(y)]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.intp)
