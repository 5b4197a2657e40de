"""Which method to take for images without labels: try those that apply, and judge their answers."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zorse.core.errors import CapabilityError, InputError, UnknownNameError, ZorseError
from zorse.evaluation import wilson_interval
from zorse.evaluation.advice import (
    CRITERIA,
    beyond_chance,
    confidence_criteria,
    consensus,
    joined,
    neighbour_agreement,
    rank_correlation,
)
from zorse.jobs.classify import Classifier, open_store
from zorse.jobs.embed import embed_stream
from zorse.jobs.embeddings import Embeddings
from zorse.jobs.method import build_method, lacks_memory, needs_only_names
from zorse.jobs.truth import Truth
from zorse.nn.vectors import unit_rows

#: By what methods are ranked unless the caller says otherwise: best on average in benchmarks/results/advise.json.
CRITERION = "levelled"
_NEIGHBOURS = 5
_BLOCK = 1024
_FEWEST = 20  # images below which no criterion means anything


@dataclass
class Tried:
    """A method, what its answers are worth by each criterion, and what it cost.

    Attributes
    ----------
    name : str
        As ``zorse classify --method`` takes it; " with the ensemble" where ``--templates ensemble`` goes with it.
    answers : ndarray of shape (n,)
        Columns of the labels.
    probabilities : ndarray of shape (n, c)
    criteria : dict of str to float
    seconds : float
        To fit and to answer all images, once they are embedded.
    same_as : str or None
        A method tried before that gives the same answer to every image.
    accuracy : Interval or None
        Where the truth is known.
    """

    name: str
    answers: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    criteria: dict[str, float]
    seconds: float
    same_as: str | None = None
    accuracy: Any = None


@dataclass
class Advice:
    """Methods, best first by ``criterion``.

    Attributes
    ----------
    tried : list of Tried
    refused : dict of str to str
        Methods that were not tried, and why.
    criterion : str
    images, labels : int
    compared : int
        Images whose truth is a label.
    correlations : dict of str to float
        Rank correlation of each criterion with accuracy, where the truth is known.
    """

    tried: list[Tried]
    refused: dict[str, str]
    criterion: str
    images: int
    labels: int
    compared: int = 0
    correlations: dict[str, float | None] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """Why the first is first, in a sentence."""
        best, measure = self.tried[0], CRITERIA[self.criterion]
        plain = next((one for one in self.tried if one.name == "clip"), None)
        told = f"{best.name} has the highest {self.criterion} ({measure}): {best.criteria[self.criterion]:.3f}"
        if plain is not None and plain is not best:
            told += f", where clip has {plain.criteria[self.criterion]:.3f} and answers {_share(plain, best)} alike"
        return told

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        rows = [
            {
                "method": one.name,
                **{name: round(value, 6) for name, value in one.criteria.items()},
                "seconds": round(one.seconds, 3),
                "same_as": one.same_as,
                **({} if one.accuracy is None else {"accuracy": one.accuracy._asdict()}),
            }
            for one in self.tried
        ]
        return {
            "criterion": self.criterion,
            "why": self.why,
            "images": self.images,
            "labels": self.labels,
            "compared": self.compared,
            "methods": rows,
            "refused": self.refused,
            "rank_correlation": self.correlations,
        }


def _share(a: Tried, b: Tried) -> str:
    return f"{100 * np.mean(a.answers == b.answers):.0f} % of images"


def advise(
    images: Any,
    labels: Any,
    model: Any = "mini",
    *,
    methods: Sequence[str] | None = None,
    templates: Any = None,
    descriptions: Any = None,
    criterion: str = CRITERION,
    truth: str | Mapping[str, str] | None = None,
    store: Any = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    random_state: int = 0,
    progress: Callable[[int], None] | None = None,
    trying: Callable[[str], Any] | None = None,
) -> Advice:
    """Try the methods that work from names and unlabelled images, and rank them without a label.

    Parameters
    ----------
    images, labels, model, templates, descriptions, truth, store, batch_size, jobs, device, progress
        As of :func:`zorse.classify`; the truth is compared with, never ranked by.
    methods : sequence of str, optional
        As ``--method`` takes them; by default all of the catalogue that apply, and CLIP with the ensemble of templates.
    criterion : str
        One of :data:`zorse.evaluation.advice.CRITERIA`.
    random_state : int
        Of the disturbance of images: each moves by half of the distance to its nearest one, in a random direction.
    trying : callable, optional
        Called with the name of each method before it is tried.

    Returns
    -------
    Advice

    Raises
    ------
    InputError
        If there are fewer than twenty images, or no method could be tried.
    """
    if criterion not in CRITERIA:
        raise UnknownNameError("criterion", criterion, CRITERIA)
    with open_store(store) as kept:
        request = {"templates": templates, "descriptions": descriptions, "store": kept, "device": device}
        plain = Classifier(labels, model, **(request | {"descriptions": None}))
        told = None if truth is None else Truth(plain.labels, truth)
        if isinstance(images, Embeddings):
            items: list[Any] = list(images)
        else:
            stream = embed_stream(images, plain.encoder, store=kept, batch_size=batch_size, jobs=jobs)
            items = []
            with closing(stream):
                for item in stream:
                    items.append(item)
                    if progress is not None:
                        progress(len(items))
        read = [item for item in items if item.vector is not None]
        if len(read) < _FEWEST:
            raise InputError(f"only {len(read)} images could be read; methods are told apart from {_FEWEST} on")
        X = unit_rows(np.stack([item.vector for item in read]))
        near, moved = _disturbed(X, random_state)
        tried: list[Tried] = []
        refused: dict[str, str] = {}
        for name, method, own in _candidates(methods, templates):
            if trying is not None:
                trying(name)
            try:
                answer, again, seconds = _answer(plain, method, labels, X, moved, request | own)
            except (ZorseError, ValueError, FloatingPointError) as error:
                refused[name] = str(error)
                continue
            column = answer.argmax(axis=1)
            measures = confidence_criteria(answer)
            measures["stability"] = beyond_chance(column, again.argmax(axis=1), answer.shape[1])
            measures["neighbours"] = neighbour_agreement(column, near, answer.shape[1])
            same = next((one.name for one in tried if (one.answers == column).all()), None)
            tried.append(Tried(name, column, answer, measures, seconds, same))
    if not tried:
        raise InputError(f"no method could be tried; {next(iter(refused.items()), ('none', 'was named'))}")
    for one, agreed in zip(tried, consensus([t.answers for t in tried], len(plain.labels)), strict=True):
        one.criteria["consensus"] = float(agreed)
    for one, rank in zip(tried, joined([t.criteria for t in tried]), strict=True):
        one.criteria["together"] = float(rank)
    advice = Advice(tried, refused, criterion, len(read), len(plain.labels))
    if told is not None:
        _compare(advice, plain.labels, [told(str(item.key), item.label_hint) for item in read])
    tried.sort(key=lambda one: -one.criteria[criterion])
    return advice


def _candidates(methods: Sequence[str] | None, templates: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, method and what else it is given."""
    if methods is not None:
        return [(name, name, {}) for name in dict.fromkeys(methods)]
    from zorse import catalogue

    fitting = [
        slug
        for slug, cls in catalogue.all_methods().items()
        if needs_only_names(cls, unlabelled=True)
        and not hasattr(cls, "boxes")  # crops would have to be cut and encoded first
        and "batch_size" not in inspect.signature(cls).parameters  # what trains in batches takes minutes
    ]
    found: list[tuple[str, str, dict[str, Any]]] = [
        (slug, slug, {}) for slug in sorted(fitting, key=lambda slug: (slug != "clip", slug))
    ]
    if templates is None:
        found.insert(1, ("clip with the ensemble", "clip", {"templates": "ensemble"}))
    return found


def _answer(plain: Classifier, method: str, labels: Any, X: np.ndarray, moved: np.ndarray, request: dict):
    """Probabilities of all images, those of the disturbed ones, and the seconds of the former."""
    if lacks_memory(build_method(method, 1.0, unlabelled=True)):
        raise CapabilityError("it needs an external memory (zorse memory build); name it with the method's memory=")
    start = time.perf_counter()
    classifier = Classifier(labels, plain.encoder, method, together=True, **request)
    out = []
    for images in (X, moved):
        learns = classifier.method.traits.needs_unlabelled
        if learns:
            classifier.fitted = classifier.method.fit(None, None, classes=classifier.table, unlabelled=images)
        whole = learns or not classifier.fitted.traits.independent_samples
        size = len(images) if whole else _BLOCK
        parts = [classifier.probabilities(images[i : i + size]) for i in range(0, len(images), size)]
        out.append(np.concatenate(parts))
        if len(out) == 1:
            seconds = time.perf_counter() - start
    if not all(np.isfinite(part).all() for part in out):
        raise InputError("its scores are not finite")
    return out[0], out[1], seconds


def _disturbed(X: np.ndarray, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other images of each (n, k), and the images, each moved by half of the way to its nearest one."""
    k = min(_NEIGHBOURS, len(X) - 1)
    near, distance = np.empty((len(X), k), dtype=int), np.empty(len(X))
    for start in range(0, len(X), _BLOCK):
        cosines = X[start : start + _BLOCK] @ X.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        part = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        near[start : start + _BLOCK] = part
        best = np.take_along_axis(cosines, part, axis=1).max(axis=1)
        distance[start : start + _BLOCK] = np.sqrt(np.maximum(2 - 2 * best, 0))
    direction = unit_rows(np.random.default_rng(random_state).normal(size=X.shape))
    return near, unit_rows(X + 0.5 * distance[:, None] * direction)


def _compare(advice: Advice, labels: Sequence[str], truth: Sequence[str | None]) -> None:
    column = {label: i for i, label in enumerate(labels)}
    rows = np.array([column.get(said, -1) if said is not None else -1 for said in truth])
    known = rows >= 0
    advice.compared = int(known.sum())
    if not advice.compared:
        return
    for one in advice.tried:
        one.accuracy = wilson_interval(int((one.answers[known] == rows[known]).sum()), advice.compared)
    # A method that answers as another does would count twice.
    distinct = [one for one in advice.tried if one.same_as is None]
    for name in CRITERIA:
        advice.correlations[name] = rank_correlation(
            [one.criteria[name] for one in distinct], [one.accuracy.value for one in distinct]
        )
