"""How often classes are named in the captions that a model was trained on, and what accuracy that lets expect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress

from zorse.core import InputError, Paper, implements


@dataclass(frozen=True)
class FrequencyFit:
    """Accuracy as a line over the logarithm of frequency.

    Attributes
    ----------
    slope, intercept : float
        accuracy = slope * log10(frequency) + intercept.
    correlation : float
        Pearson's.
    p_value : float
        Of no correlation, two-sided t-test.
    n : int
        Classes that the line was fitted to.
    absent : tuple of str
        Classes that no caption names, which are left out.
    """

    slope: float
    intercept: float
    correlation: float
    p_value: float
    n: int
    absent: tuple[str, ...]

    def expected(self, frequency) -> np.ndarray:
        """Accuracy in [0, 1] expected of classes named so often; of those never named, as if once."""
        return np.clip(self.slope * np.log10(np.maximum(frequency, 1)) + self.intercept, 0, 1)


@implements(
    Paper(
        title='No "Zero-Shot" Without Exponential Data: Pretraining Concept Frequency Determines Multimodal Model '
        "Performance",
        authors=(
            "Vishaal Udandarao, Ameya Prabhu, Adhiraj Ghosh, Yash Sharma, Philip H. S. Torr, Adel Bibi, "
            "Samuel Albanie, Matthias Bethge"
        ),
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2404.04125",
        aka=("concept frequency", "no zero-shot without exponential data"),
        seed=39,
    )
)
def frequency_fit(frequency: Mapping[str, int], accuracy: Mapping[str, float]) -> FrequencyFit:
    """The log-linear trend of accuracy in how often a class is named in the training captions.

    Parameters
    ----------
    frequency : mapping of class to count
        As :func:`concept_frequency` gives.
    accuracy : mapping of class to float
        Of the same classes; others are left out.

    Raises
    ------
    InputError
        If fewer than three classes are named at all and have an accuracy, or all are named equally often.

    Notes
    -----
    Least squares of accuracy on log10(frequency) over classes with a frequency above 0. A slope of .1 says that ten
    times the captions bring 10 points.

    Differs from the paper: classes are points, not bins of them; frequency is that of the captions alone, not joint
    with what a tagger sees in the images.

    Cost: O(c).

    References
    ----------
    Udandarao et al. No "Zero-Shot" Without Exponential Data: Pretraining Concept Frequency Determines Multimodal Model
    Performance. NeurIPS 2024.
    """
    both = [name for name in frequency if name in accuracy]
    named = [name for name in both if frequency[name] > 0]
    counts = np.log10([frequency[name] for name in named]) if named else np.zeros(0)
    if len(named) < 3 or np.ptp(counts) == 0:
        raise InputError(
            f"a trend needs at least three classes, named unequally often; captions name {len(named)} of {len(both)}"
        )
    found = linregress(counts, [accuracy[name] for name in named])
    absent = tuple(name for name in both if frequency[name] <= 0)
    return FrequencyFit(
        float(found.slope), float(found.intercept), float(found.rvalue), float(found.pvalue), len(named), absent
    )


def concept_frequency(
    names: Sequence[str], captions: Iterable[str], *, lemma: Callable[[str], str] | None = None
) -> dict[str, int]:
    """Captions that hold all the words of each name, in any order; words that no caption holds do not count.

    Parameters
    ----------
    names : sequence of str
        Words are parted by spaces, hyphens and underscores.
    captions : iterable of str
        Gone through once.
    lemma : callable, optional
        Basic form of a word; default :func:`singular`.

    Returns
    -------
    dict
        Count of each name.

    Notes
    -----
    Only the words of names are indexed: memory is 8 bytes for each time that one of them occurs.
    """
    lemma = lemma or singular
    words = {name: [lemma(word) for word in re.findall(r"[^\W_]+", name.casefold())] for name in names}
    held: dict[str, list[int]] = {word: [] for of_name in words.values() for word in of_name}
    for i, caption in enumerate(captions):
        for word in {lemma(word) for word in re.findall(r"[^\W_]+", caption.casefold())} & held.keys():
            held[word].append(i)
    counts = {}
    for name, of_name in words.items():
        found = [set(held[word]) for word in of_name if held[word]]
        counts[name] = len(set.intersection(*found)) if found else 0
    return counts


def singular(word: str) -> str:
    """A regular English plural without its ending; other words as they are."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
