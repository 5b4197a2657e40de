"""Name what is in images: the whole job, from files to a table."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError, InputError
from zorse.core.image import open_image
from zorse.encoders import is_exported
from zorse.jobs.adapted import is_adapted, open_adapted
from zorse.jobs.classification import FURTHER, OWN_PROMPT, Classification, Prediction, Summary
from zorse.jobs.confidence import Calibration, Groups, Probabilities
from zorse.jobs.confidence import calibrate as calibrate_
from zorse.jobs.cosines import Cosines
from zorse.jobs.embed import embed_stream
from zorse.jobs.embeddings import Embeddings
from zorse.jobs.known import Known
from zorse.jobs.method import build_method, check_memory, read_method
from zorse.jobs.sample import nothing_labelled, read_sample
from zorse.jobs.texts import NotedTexts
from zorse.jobs.truth import Agreement, Truth

if TYPE_CHECKING:
    from zorse.core.classifier import ZeroShotClassifier
    from zorse.core.reason import Reason
    from zorse.encoders.store import EmbeddingStore

UNKNOWN = "unknown"
#: What stands for "none of the labels" where a model that was trained with a softmax names several at once.
NOTHING = ("a photo.", "a picture.", "an image.", "a photo of something.")
_REASONS = 3  # of a kind (prompts, crops, ...) named for an answer
_TELLING = 1e-3  # of the strongest reason's weight; what carries less is not named
_BLOCK = 16  # images scored at a time; a result waits for at most so many


class Classifier:
    """An encoder, class names and a method, ready for images.

    Everything that can be wrong with the request is found here, before an image is read.

    Parameters
    ----------
    labels : sequence of str, str or ClassTable
        Names to choose from; a string is split at commas. A table brings its own vectors, in the encoder's space.
    model : str or encoder
        What ``load_encoder`` accepts, or a loaded encoder; or a folder that ``zorse adapt`` wrote, which brings its
        method and, where ``labels`` is None, its labels.
    method : str or ZeroShotClassifier, optional
        ``"clip"`` (by default), ``"cupl"`` or any method of the catalogue that learns from names alone;
        ``"name:key=value,..."`` sets its parameters.
    templates : str, path or sequence of str, optional
        A built-in set, a file, or templates that hold ``{}``.
    descriptions : path or dict of str to list of str, optional
        Sentences about each class (CuPL) or its descriptors.
    top_k : int
        How many labels a row lists.
    unknown_below : float, optional
        An image whose likeliest label is less probable than this is called ``"unknown"``.
    truth : "folder" or dict of str to str, optional
        Compare with the name of the folder that holds the image, or with a label by path.
    calibrate : path or dict of str to str, optional
        A small labelled sample (:func:`zorse.jobs.sample.read_sample`) of images like those to come, but other ones;
        :meth:`learn` reads it.
    sets : float, optional
        Give every image the set of labels that lacks the truth no more often than this; needs ``calibrate``.
    sets_by : {"lac", "aps"}, optional
        See :func:`zorse.evaluation.conformal_sets`; "lac" by default.
    ood : {"mcm", "glmcm"}, optional
        Confidence that an image shows any of the labels. ``unknown_below`` is then about it; without it, a calibration
        sample sets the threshold that 95 % of its images exceed.
    multi_label : "auto" or float, optional
        Name every label whose own probability reaches this threshold; "auto" takes it from ``calibrate``.
    groups : path or dict of str to list of str, optional
        ``{group: [label, ...]}``: probabilities summed over each.
    tree : "wordnet", path or dict, optional
        See :func:`zorse.semantics.read_tree`; the answer is the deepest node that is ``sure`` enough, or with ``sets``
        the deepest that holds the whole set.
    sure : float, optional
        Probability that the answer in a tree must reach; 0.9 by default.
    explain : bool
        Tell what carried each answer: prompts, or the crops, texts and other images that the method went by.
    together : bool
        Whether all images of a run come in one :meth:`predict`, so that a method may learn from them, unlabelled.
    store : EmbeddingStore, optional
        Keeps the embeddings of prompts.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...

    Raises
    ------
    InputError
        If the labels, templates, descriptions or numbers can't be used; it says which.
    CapabilityError
        If the model has no text tower, or the method needs labelled samples.

    Notes
    -----
    Scores are probabilities. For a model trained with a softmax (CLIP) they are the softmax over the labels of
    ``logit_scale`` times the cosine, and sum to 1. For one trained with a sigmoid (SigLIP) each is
    ``sigmoid(logit_scale * cosine + logit_bias)``: how probable it is that this label fits, whatever the others do;
    they need not sum to 1, and all are small where no label fits. Both are what transformers' zero-shot pipeline gives.
    """

    def __init__(
        self,
        labels: Sequence[str] | str | ClassTable,
        model: Any = "mini",
        method: str | ZeroShotClassifier | None = None,
        *,
        templates=None,
        descriptions=None,
        top_k: int = 5,
        unknown_below: float | None = None,
        truth: str | Mapping[str, str] | None = None,
        calibrate: Any = None,
        sets: float | None = None,
        sets_by: str | None = None,
        ood: str | None = None,
        multi_label: str | float | None = None,
        groups: Any = None,
        tree: Any = None,
        sure: float | None = None,
        explain: bool = False,
        together: bool = False,
        store: EmbeddingStore | None = None,
        device: str = "auto",
    ):
        if is_adapted(model):
            labels, model, method, templates = open_adapted(model, labels, method, templates, descriptions, device)
        method = "clip" if method is None else method
        if top_k < 1:
            raise InputError(f"top_k must be at least 1; got {top_k}")
        if unknown_below is not None and not 0 <= unknown_below <= (2 if ood == "glmcm" else 1):
            raise InputError(f"unknown_below is a probability between 0 and 1; got {unknown_below}")
        self.sets, self.sets_by, self.sure = sets, sets_by or "lac", 0.9 if sure is None else sure
        self.threshold = _check_answers(calibrate, sets, sets_by, multi_label, groups, tree, sure)
        if multi_label is not None and unknown_below is not None and ood is None:
            raise InputError(
                "multi_label says from which probability on a label is named; unknown_below needs ood='mcm' beside it"
            )
        names = _names_of(labels)
        self.sample = None if calibrate is None else read_sample(calibrate, names)
        self.groups = None if groups is None else Groups.read(groups, names)
        self.tree = None
        if tree is not None:
            from zorse.semantics import read_tree

            self.tree = read_tree(tree, names)
        self.truth = None if truth is None else Truth(names, truth)
        plain = method == "clip" and is_exported(model)
        if not plain:
            read_method(method, together)  # a wrong name should not cost the time to load a model
        self._store = store
        self.encoder = _encoder_of(model, device)
        scale = getattr(self.encoder, "logit_scale", 1.0)
        self.method: Any = Cosines(scale) if plain else build_method(method, scale, together)
        check_memory(self.method, self.encoder)
        learns = self.method.traits.needs_unlabelled
        if calibrate is not None and (learns or not self.method.traits.independent_samples):
            raise CapabilityError(
                f"{type(self.method).__name__} scores an image by the others of the same run, so that a labelled "
                "sample says nothing about its scores; calibrate another method"
            )
        self.prompts: list[list[str]] | None = None
        if isinstance(labels, ClassTable):
            if templates is not None or descriptions is not None:
                raise InputError("a class table brings its own vectors; templates and descriptions need labels")
            if explain:
                raise InputError("explain tells which prompts spoke for an answer; a class table has none, labels do")
            table = labels
        else:
            if not hasattr(self.encoder, "encode_text"):
                raise CapabilityError(f"model {self.encoder.name!r} has no text tower, so it cannot read labels")
            from zorse.semantics import class_table

            # A method that asks for texts of its own (sub-classes, random words, ...) makes its table itself.
            describe = getattr(self.method, "describe", class_table)
            noted = NotedTexts(self.encoder, store) if explain else None
            reader = {"encoder": self.encoder, "store": store} if noted is None else {"encoder": noted, "store": None}
            table = describe(names, **reader, templates=templates, descriptions=descriptions)
            if noted is not None:
                self.prompts = noted.of(table)
                if not hasattr(self.method, "because") and not getattr(self.method, "by_prompts", False):
                    warnings.warn(
                        f"{type(self.method).__name__} can't tell what carries an answer; --explain names the prompts "
                        "of the label that are nearest to the image, which are not what decides",
                        stacklevel=2,
                    )
        if learns and multi_label is not None:
            raise CapabilityError(
                f"{type(self.method).__name__} shares labels out over images; multi_label needs another"
            )
        # What learns from the images themselves is fitted when they are there.
        self.fitted = self.method if learns else self.method.fit(None, None, classes=table)
        self.table = table
        self.labels = names
        self.top_k, self.unknown_below = min(top_k, len(names)), unknown_below
        self.bias = getattr(self.encoder, "logit_bias", None)
        self.turned = Probabilities(independent=self.bias is not None or multi_label is not None)
        self.with_nothing = None
        # A labelled sample sets offsets of its own; without one, a label is measured against texts that name nothing.
        if multi_label is not None and self.bias is None and calibrate is None:
            self.with_nothing = self.fitted.with_candidates(_with_nothing(table, self.encoder, store))
        self.known = None if ood is None else Known(ood, table, self.encoder)
        self.calibration: Calibration | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What rows hold beyond the columns that they always have."""
        asked = {
            "answers": self.sets is not None or self.threshold is not None,
            "known": self.known is not None,
            "groups": self.groups is not None,
            "branch": self.tree is not None,
            "because": self.prompts is not None,
            "truth": self.truth is not None,
        }
        return tuple(name for name in FURTHER if asked[name])

    def learn(
        self, *, store=None, batch_size: int = 32, jobs: int | None = None, progress: Callable | None = None
    ) -> None:
        """Read the labelled sample, if there is one, and calibrate by it.

        Raises
        ------
        InputError
            If none of its images can be used, or they are too few for the error rate of sets.
        """
        if self.sample is None:
            return
        images, label_of = self.sample
        column = {label: i for i, label in enumerate(self.labels)}
        vectors, present, known, digests, unread = [], [], [], [], 0
        strangers: Counter[str] = Counter()
        with closing(embed_stream(images, self.encoder, store=store, batch_size=batch_size, jobs=jobs)) as stream:
            for count, item in enumerate(stream, 1):
                said = label_of(str(item.key), item.label_hint)
                if item.vector is None:
                    unread += 1
                    continue
                if not said:
                    strangers[item.label_hint or "(nothing)"] += 1
                    continue
                vectors.append(self._looked_at(item))
                present.append(np.isin(np.arange(len(column)), [column[label] for label in said]))
                digests.append(item.digest)
                if self.known is not None:
                    known.append(self.known([item])[0])
                if self.turned.independent is False and len(said) > 1:
                    raise InputError(f"{item.key} has several labels; --multi-label answers with several")
                if progress is not None:
                    progress(count)
        if not vectors:
            raise InputError(nothing_labelled(self.labels, strangers, unread))
        self.calibration = calibrate_(
            self.logits(np.stack(vectors)),
            np.array(present),
            self.turned,
            strangers=strangers,
            unread=unread,
            sets=self.sets,
            sets_by=self.sets_by,
            multi_label=self.threshold is not None,
            known=np.array(known) if known else None,
            digests=frozenset(filter(None, digests)),
        )
        self.turned = self.calibration.fitted

    def summary(self) -> Summary:
        """An empty summary of a run with this classifier."""
        return Summary(
            labels=self.labels,
            model=self.encoder.name,
            method=self.method.paper.aka[0],
            independent=self.turned.independent,
            agreement=None if self.truth is None else Agreement(self.labels),
            columns=self.columns,
            calibration=self.calibration,
        )

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Unit image vectors (n, d) -> what a softmax, or a sigmoid of each, turns into probabilities, (n, c)."""
        if self.with_nothing is not None:
            scores = self.with_nothing.scores(vectors)
            return scores[:, :-1] - scores[:, -1:]
        return self.fitted.scores(vectors) + (self.bias or 0.0)

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Unit image vectors (n, d) -> probabilities (n, c) in the order of ``labels``."""
        return self.turned(self.logits(vectors))

    def predict(self, stream: Iterable, summary: Summary | None = None) -> Iterator[Prediction]:
        """One prediction an embedded image, in order; holds at most a block of them."""
        if self.sample is not None and self.calibration is None:
            self.learn()
        stream = iter(stream)
        learns = self.method.traits.needs_unlabelled
        size = _BLOCK if self.fitted.traits.independent_samples and not learns else None
        while block := list(islice(stream, size)):
            read = [item for item in block if item.vector is not None]
            if learns and read:
                X = np.stack([item.vector for item in read])
                self.fitted = self.method.fit(None, None, classes=self.table, unlabelled=X)
            looked = [self._looked_at(item) for item in read]
            logits = self.logits(np.stack(looked)) if read else np.zeros((0, len(self.labels)))
            rows = iter(zip(looked, logits, self.turned(logits), strict=True))
            others = [str(item.key) for item in read] if learns else []
            known = iter(self.known(read) if self.known is not None and read else ())
            for item in block:
                truth = None if self.truth is None else self.truth(str(item.key), item.label_hint)
                if item.vector is None:
                    yield Prediction(str(item.key), None, None, (), item.error or "could not be read", truth)
                    continue
                if summary is not None and self.calibration is not None:
                    summary.in_sample += item.digest in self.calibration.digests
                yield self._name(item, *next(rows), next(known, None), truth, others)

    def _looked_at(self, item: Any) -> np.ndarray:
        """What the method takes of an image: its vector, or those of the crops that the method asks for."""
        if not hasattr(self.method, "boxes"):
            return item.vector
        if getattr(item, "ref", None) is None:
            raise CapabilityError(
                f"method {type(self.method).__name__} looks at crops, so it needs the images themselves"
            )
        from zorse.encoders.crops import encode_crops

        return encode_crops(item.ref.read(), self.method.boxes, self.encoder, digest=item.digest, store=self._store)

    def _name(
        self,
        item,
        looked: np.ndarray,
        logits: np.ndarray,
        p: np.ndarray,
        known: float | None,
        truth: str | None,
        others: Sequence[str],
    ) -> Prediction:
        order = np.argsort(-p, kind="stable")
        best = int(order[0])
        label, score = self.labels[best], float(p[best])
        place = self.labels.index(truth) if truth in self.labels else None
        # Of labels that exclude each other exactly one fits, also where a sigmoid model scores each by itself.
        shares = p if not self.turned.independent else Probabilities()(self.turned.slope * logits[None])[0]
        answers, inside, branch, fits = None, None, None, None
        if self.threshold is not None:
            learned = self.calibration.threshold if self.calibration is not None and self.threshold == "auto" else None
            chosen = p >= (self.threshold if learned is None else learned)
            answers = tuple(self.labels[i] for i in order if chosen[i])
            label = answers[0] if answers else UNKNOWN
        elif self.calibration is not None and self.calibration.sets is not None:
            inside = self.calibration.sets(p)[0]
            answers = tuple(self.labels[i] for i in order if inside[i])
        if self.tree is not None:
            node = self.tree.deepest(shares, self.sure) if inside is None else self.tree.covering(inside)
            of_node = self.tree.probabilities(shares)
            label, score = self.tree.nodes[node], float(min(of_node[node], 1.0))
            branch = tuple((self.tree.nodes[i], float(min(of_node[i], 1.0))) for i in self.tree.branch(best))
            fits = None if place is None else bool(self.tree.members[node, place])
        if self._unknown(known, score):
            label, fits = UNKNOWN, None
            answers = answers if self.threshold is None else ()
        because, crops = self._because(item, looked, best, int(order[1]), others)
        return Prediction(
            path=str(item.key),
            label=label,
            score=score,
            top=tuple((self.labels[i], float(p[i])) for i in order[: self.top_k]),
            truth=truth,
            rank=None if place is None else 1 + int(np.flatnonzero(order == place)[0]),
            answers=answers,
            known=known,
            groups=None if self.groups is None else self.groups(shares),
            branch=branch,
            because=because,
            crops=crops,
            fits=fits,
        )

    def _unknown(self, known: float | None, score: float) -> bool:
        if known is None:
            return self.unknown_below is not None and score < self.unknown_below
        above = self.unknown_below
        if above is None and self.calibration is not None:
            above = self.calibration.known_above
        return above is not None and known < above

    def _because(self, item: Any, looked: np.ndarray, best: int, other: int, others: Sequence[str]) -> tuple[Any, Any]:
        """What carried an answer, and the boxes of what is a crop; see :class:`Prediction`."""
        if self.prompts is None:
            return None, ()
        told = getattr(self.fitted, "because", None)
        reasons = None if told is None else told(looked[None], best, other)
        if reasons is None:
            return self._nearest_prompts(item.vector, best, other), ()
        kept = strongest(reasons)
        size, boxes = (1, 1), np.zeros((0, 0, 4))
        if any(reason.kind == "crop" for reason in kept):
            size = open_image(item.ref.read()).size
            boxes = self.method.boxes(*size)
        because, crops = [], []
        for reason in kept:
            text, box = reason.text or "the whole image", None
            if reason.prompt is not None:
                text = self.prompts[best][reason.prompt]
            elif reason.sample is not None:
                text = f"image {others[reason.sample]}"
            elif reason.crop is not None:
                pixels = boxes[reason.crop].tolist()
                text = "the whole image as a crop"
                if pixels != [0, 0, *size]:
                    text = "crop {},{} to {},{}".format(*pixels)
                    box = tuple(edge / length for edge, length in zip(pixels, (*size, *size), strict=True))
            because.append((text, reason.weight))
            crops.append(box)
        return tuple(because), tuple(crops)

    def _nearest_prompts(self, vector: np.ndarray, best: int, other: int) -> tuple[tuple[str, float], ...]:
        """The prompts of a label by how far the image is nearer to each than to the next label."""
        from zorse.nn.vectors import cosine

        assert self.prompts is not None
        assert self.table.prompts is not None
        ours = cosine(vector[None], self.table.prompts[best])[0]
        lead = ours - float(cosine(vector[None], self.table.vectors[[other]])[0, 0])
        own = "" if hasattr(self.method, "because") or getattr(self.method, "by_prompts", False) else OWN_PROMPT
        nearest = np.argsort(-lead, kind="stable")[:_REASONS]
        return tuple((own + self.prompts[best][i], float(lead[i])) for i in nearest)


def strongest(reasons: Sequence[Reason]) -> list[Reason]:
    """The few reasons of each kind that put an answer ahead the most, best first."""
    least = _TELLING * max((abs(reason.weight) for reason in reasons), default=0.0)
    told = sorted((r for r in reasons if abs(r.weight) >= least), key=lambda reason: -reason.weight)
    return [r for i, r in enumerate(told) if sum(s.kind == r.kind for s in told[:i]) < _REASONS]


def classify(
    images,
    labels: Sequence[str] | str | ClassTable,
    model: Any = "mini",
    method: str | ZeroShotClassifier | None = None,
    *,
    templates=None,
    descriptions=None,
    top_k: int = 5,
    unknown_below: float | None = None,
    truth: str | Mapping[str, str] | None = None,
    calibrate: Any = None,
    sets: float | None = None,
    sets_by: str | None = None,
    ood: str | None = None,
    multi_label: str | float | None = None,
    groups: Any = None,
    tree: Any = None,
    sure: float | None = None,
    explain: bool = False,
    store=None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Classification:
    """Name what is in images, from names alone.

    Parameters
    ----------
    images : path, glob, PIL image, array, bytes, list of these, or Embeddings
        Files, folders, tar shards, Parquet; or what :func:`zorse.embed` returned, in which case no image is read.
    labels, model, method, templates, descriptions, top_k, unknown_below, truth, device
        See :class:`Classifier`.
    calibrate, sets, sets_by, ood, multi_label, groups, tree, sure, explain
        Answers that can be believed; see :class:`Classifier`.
    store : path, optional
        Folder that keeps embeddings; images found in it are not encoded again.
    batch_size : int
        Images encoded at a time.
    jobs : int, optional
        Threads that read and decode; by default one a processor, at most eight.
    progress : callable, optional
        Called with the number of images finished.

    Returns
    -------
    Classification
        One row an image, in order; an image that can't be read is a row with its ``error``.

    Raises
    ------
    ZorseError
        If there are no images, or the request can't be met; see :class:`Classifier`.

    Examples
    --------
    >>> table = zorse.classify("photos/", ["cat", "dog", "polar bear"])  # doctest: +SKIP
    >>> table.to_pandas()  # doctest: +SKIP
    """
    with open_store(store) as kept:
        classifier = Classifier(
            labels,
            model,
            method,
            templates=templates,
            descriptions=descriptions,
            top_k=top_k,
            unknown_below=unknown_below,
            truth=truth,
            calibrate=calibrate,
            sets=sets,
            sets_by=sets_by,
            ood=ood,
            multi_label=multi_label,
            groups=groups,
            tree=tree,
            sure=sure,
            explain=explain,
            together=True,
            store=kept,
            device=device,
        )
        classifier.learn(store=kept, batch_size=batch_size, jobs=jobs)
        summary, rows = classifier.summary(), []
        with ExitStack() as stack:
            stream: Iterable
            if isinstance(images, Embeddings):
                stream = _same_space(images, classifier.encoder)
            else:
                encoder = classifier.encoder
                stream = embed_stream(images, encoder, store=kept, batch_size=batch_size, jobs=jobs)
                stack.enter_context(closing(stream))
            for row in classifier.predict(stream, summary):
                summary.add(row)
                rows.append(row)
                if progress is not None:
                    progress(len(rows))
    return Classification(tuple(rows), summary)


@contextmanager
def open_store(store) -> Iterator[EmbeddingStore | None]:
    """The store at a path, closed afterwards; None and an open store pass through."""
    from zorse.encoders.store import EmbeddingStore

    if store is None or isinstance(store, EmbeddingStore):
        yield store
    else:
        with EmbeddingStore(store) as opened:
            yield opened


def _same_space(embeddings: Embeddings, encoder) -> Embeddings:
    if embeddings.fingerprint != encoder.fingerprint:
        raise InputError(
            f"the images were embedded by {embeddings.model}, which is not the model {encoder.name} given here"
        )
    return embeddings


def _names_of(labels) -> tuple[str, ...]:
    if isinstance(labels, ClassTable):
        names = [str(label) for label in labels.labels]
        if len(names) < 2:
            raise InputError(f"the class table has only {len(names)} class; at least two are needed to choose between")
        return tuple(names)
    from zorse.semantics import check_labels, parse_labels

    return tuple(parse_labels(labels) if isinstance(labels, str) else check_labels(list(labels)))


def _encoder_of(model, device: str):
    if not isinstance(model, str | Path):
        return model
    from zorse.encoders import load_encoder

    return load_encoder(str(model), device=device)


def _check_answers(calibrate, sets, sets_by, multi_label, groups, tree, sure) -> str | float | None:
    """The threshold of several labels an image; refuses what can't be had together, or not without a sample."""
    sample = "a labelled sample; give --calibrate FOLDER (with a folder for each label) or a .csv of path,label"
    if sets is not None and not 0 < sets < 1:
        raise InputError(f"the error rate of sets lies between 0 and 1; got {sets:g}")
    if sets is not None and calibrate is None:
        raise InputError(f"sets with a stated error rate need {sample}")
    if sets_by not in (None, "lac", "aps"):
        raise InputError(f"sets are made by lac or aps; got {sets_by!r}")
    if sets_by is not None and sets is None:
        raise InputError(f"sets_by says how sets are made, and none are asked for; give --sets ERROR with {sets_by}")
    if sure is not None and not 0 < sure <= 1:
        raise InputError(f"sure is a probability above 0 and at most 1; got {sure:g}")
    if sure is not None and tree is None:
        raise InputError(f"sure says how deep in a tree to answer, and there is none; give --tree FILE with {sure:g}")
    if sure is not None and sets is not None:
        raise InputError("with sets the answer in a tree is the smallest node that holds the set; leave out sure")
    if multi_label is None:
        return None
    if sets is not None or groups is not None or tree is not None:
        raise InputError("sets, groups and trees are of labels that exclude each other; multi_label is of others")
    if multi_label == "auto":
        if calibrate is None:
            raise InputError(f"multi_label 'auto' takes each label's threshold from {sample}; or give one number")
        return "auto"
    try:
        threshold = float(multi_label)
    except ValueError as error:
        raise InputError(f"multi_label is 'auto' or a probability; got {multi_label!r}") from error
    if not 0 < threshold < 1:
        raise InputError(f"multi_label is a probability between 0 and 1; got {threshold:g}")
    return threshold


def _with_nothing(table: ClassTable, encoder, store) -> ClassTable:
    """The labels and, last, what stands for none of them."""
    if not hasattr(encoder, "encode_text"):
        raise CapabilityError(f"model {encoder.name!r} has no text tower; several labels an image need one")
    from zorse.encoders.store import encode_text
    from zorse.nn.vectors import unit_rows

    texts = unit_rows(np.asarray(encode_text(encoder, list(NOTHING), store), dtype=np.float64))
    prompts = None if table.prompts is None else (*table.prompts, texts)
    labels = np.array([*map(str, table.labels), "\0nothing"])
    return ClassTable(labels, np.concatenate([table.vectors, unit_rows(texts.mean(axis=0)[None])]), prompts=prompts)
