"""From scores to answers that can be believed: calibrated, in sets, several at once, or as deep as is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import InputError, UnknownNameError
from zorse.semantics.files import kind_of, read_json
from zorse.semantics.labels import same_name

if TYPE_CHECKING:
    from zorse.evaluation import ConformalSets, Reliability

KEPT = 0.95  # share of labelled images of known classes that --ood lets through
_FEW = 10  # images below which a temperature is not worth fitting beside sets


@dataclass(frozen=True)
class Probabilities:
    """Logits (n, c) to probabilities: a softmax over labels, or a sigmoid of each.

    Attributes
    ----------
    independent : bool
    slope : float
    offset : float or ndarray of shape (c,)
        Applied to the logits first; a softmax has no offset, and its temperature is 1 / slope.
    """

    independent: bool = False
    slope: float = 1.0
    offset: float | np.ndarray = 0.0

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities (n, c)."""
        # In numpy: importing scipy.special takes as long as all else that answering with an exported model takes.
        z = self.slope * logits + self.offset
        if self.independent:
            return np.exp(-np.logaddexp(0.0, -z))
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def fitted(self, logits: np.ndarray, present: np.ndarray, by_label: bool = False) -> Probabilities:
        """The same, calibrated by a sample: ``present`` (n, c) tells which labels each image has.

        ``by_label`` gives each label of a sigmoid an offset of its own, as labels that do not exclude each other need.
        """
        from zorse.evaluation import fit_sigmoid, fit_temperature

        if self.independent:
            slope, offset = fit_sigmoid(logits, present, by_label)
            return Probabilities(True, slope, offset if by_label else float(offset))
        return Probabilities(False, 1 / fit_temperature(logits, present.argmax(axis=1)))


@dataclass(frozen=True)
class Calibration:
    """What a labelled sample has taught.

    Attributes
    ----------
    n : int
        Images of the sample that were read and have a label.
    fitted : Probabilities
        1 / ``fitted.slope`` is the temperature.
    n_fitted : int
        Images that the temperature rests on; 0: none was fitted.
    before, after : Reliability
        Of the likeliest label, on the sample: with raw probabilities, and with those fitted on the other half of it.
        For several labels an image, of every label of every image, and only the latter.
    sets : ConformalSets or None
    threshold : float or None
        For several labels an image: of probabilities in which each label has an offset of its own.
    known_above : float or None
        The out-of-distribution confidence that 95 % of the sample exceed.
    digests : frozenset of str
        The sample's images, by content.
    strangers : dict of str to int
        What its other images are called, which is no label.
    unread : int
        Its images that could not be read.
    """

    n: int
    fitted: Probabilities
    n_fitted: int
    before: Reliability
    after: Reliability
    sets: ConformalSets | None = None
    threshold: float | None = None
    known_above: float | None = None
    digests: frozenset[str] = frozenset()
    strangers: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0

    @property
    def skipped(self) -> int:
        """Images of the sample that taught nothing."""
        return sum(self.strangers.values()) + self.unread

    def as_dict(self) -> dict:
        """What ``--json`` prints."""
        return {
            "images": self.n,
            "skipped": self.skipped,
            "not_a_label": dict(self.strangers),
            "temperature": 1 / self.fitted.slope,
            "offset": np.asarray(self.fitted.offset).tolist(),
            "threshold": self.threshold,
            "fitted_on": self.n_fitted,
            "error_before": self.before.error,
            "error_after": self.after.error,
        }


def calibrate(
    logits: np.ndarray,
    present: np.ndarray,
    raw: Probabilities,
    *,
    strangers: Mapping[str, int] | None = None,
    unread: int = 0,
    sets: float | None = None,
    sets_by: str = "lac",
    multi_label: bool = False,
    known: np.ndarray | None = None,
    digests: frozenset[str] = frozenset(),
    seed: int = 0,
) -> Calibration:
    """Learn from a sample what probabilities are worth.

    Parameters
    ----------
    logits : ndarray of shape (n, c)
    present : ndarray of shape (n, c), bool
        The labels of each image.
    raw : Probabilities
    sets : float, optional
        Error rate of sets. They are learned from images that the temperature has not seen: half of the sample, or as
        many as the rate needs; where hardly any are left, probabilities stay as they are.
    multi_label : bool
        Images may have several labels: each label gets an offset of its own. The threshold is the one of best F1.
    known : ndarray of shape (n,), optional
        Out-of-distribution confidences of the images.

    Raises
    ------
    InputError
        If the sample is empty, or too small for the error rate.
    """
    n = len(logits)
    if not n:
        raise InputError("the labelled sample is empty")
    if sets is not None and not 0 < sets < 1:
        raise InputError(f"the error rate of sets lies between 0 and 1; got {sets:g}")
    from zorse.evaluation import Reliability, best_threshold_f1, conformal_sets, reliability
    from zorse.evaluation.conformal import needed

    if sets is not None and n < needed(sets):
        raise InputError(
            f"sets with an error rate of {sets:g} need at least {needed(sets)} labelled images, better twice as many; "
            f"the sample has {n}"
        )
    order = np.random.default_rng(seed).permutation(n)
    n_sets = 0 if sets is None else max(needed(sets), n // 2)
    rest, for_sets = order[n_sets:], order[:n_sets]
    if n_sets and len(rest) < _FEW:
        rest, for_sets = order[:0], order
    fitted = raw.fitted(logits[rest], present[rest], multi_label) if len(rest) else raw
    # The raw sigmoids of several labels say nothing: without a sample others stand in their place.
    before = Reliability() if multi_label else _reliability(raw(logits), present)
    after = Reliability()
    for part, other in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        if len(part) and len(other) and n >= _FEW:
            p = raw.fitted(logits[other], present[other], multi_label)(logits[part])
            of_part = reliability(p.ravel(), present[part].ravel()) if multi_label else _reliability(p, present[part])
            after.counts, after.confidence = after.counts + of_part.counts, after.confidence + of_part.confidence
            after.right = after.right + of_part.right
    rule = threshold = None
    if sets is not None:
        rule = conformal_sets(fitted(logits[for_sets]), present[for_sets].argmax(axis=1), sets, sets_by)
    if multi_label:
        threshold, _ = best_threshold_f1(fitted(logits).ravel(), present.ravel())
    above = None if known is None else float(np.quantile(known, 1 - KEPT, method="lower"))
    return Calibration(
        n, fitted, len(rest), before, after, rule, threshold, above, digests, dict(strangers or {}), unread
    )


def _reliability(p: np.ndarray, present: np.ndarray) -> Reliability:
    from zorse.evaluation import reliability

    best = p.argmax(axis=1)
    return reliability(p.max(axis=1), present[np.arange(len(p)), best])


@dataclass
class Groups:
    """Sets of labels that the user cares about; a label may be in several, or in none.

    Attributes
    ----------
    names : tuple of g str
    members : ndarray of shape (g, c), bool
    """

    names: tuple[str, ...]
    members: np.ndarray = field(repr=False)

    @classmethod
    def read(cls, source: str | Path | Mapping[str, Sequence[str]], labels: Sequence[str]) -> Groups:
        """Groups ``{group: [label, ...]}`` from a JSON file or as they are.

        Raises
        ------
        InputError
            If the file is of another shape.
        UnknownNameError
            If a group holds what is no label.
        """
        told = "the groups" if isinstance(source, Mapping) else str(source)
        value: Any = source if isinstance(source, Mapping) else read_json(source)
        if not isinstance(value, Mapping) or not value:
            raise InputError(f"{told} holds {kind_of(value)}; expected {{group: [label, ...]}}")
        column = {same_name(label): i for i, label in enumerate(labels)}
        members = np.zeros((len(value), len(labels)), dtype=bool)
        for g, (name, of_group) in enumerate(value.items()):
            if not isinstance(of_group, list | tuple) or not of_group:
                raise InputError(f"{told}: {name!r} is {kind_of(of_group)}; expected a list of labels")
            for label in of_group:
                if not isinstance(label, str) or same_name(label) not in column:
                    raise UnknownNameError("label", str(label), labels, f"in group {name!r} of {told}")
                members[g, column[same_name(label)]] = True
        return cls(tuple(map(str, value)), members)

    def __call__(self, p: np.ndarray) -> tuple[tuple[str, float], ...]:
        """Each group with the sum of its labels' probabilities (c,), likeliest first."""
        sums = self.members @ p
        return tuple((self.names[g], float(min(sums[g], 1.0))) for g in np.argsort(-sums, kind="stable"))
