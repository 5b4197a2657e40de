"""Name what is in images: the whole job, from files to a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError, InputError
from zorse.jobs.adapted import is_adapted, open_adapted
from zorse.jobs.classification import Classification, Prediction, Summary
from zorse.jobs.embed import embed_stream
from zorse.jobs.embeddings import Embeddings
from zorse.jobs.method import build_method, check_memory, read_method
from zorse.jobs.truth import Agreement, Truth

if TYPE_CHECKING:
    from zorse.core.classifier import ZeroShotClassifier
    from zorse.encoders.store import EmbeddingStore

UNKNOWN = "unknown"
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
    method : str or ZeroShotClassifier
        ``"clip"``, ``"cupl"`` or any method of the catalogue that learns from names alone;
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
        method: str | ZeroShotClassifier = "clip",
        *,
        templates=None,
        descriptions=None,
        top_k: int = 5,
        unknown_below: float | None = None,
        truth: str | Mapping[str, str] | None = None,
        store: EmbeddingStore | None = None,
        device: str = "auto",
    ):
        if is_adapted(model):
            labels, model, method, templates = open_adapted(model, labels, method, templates, descriptions, device)
        if top_k < 1:
            raise InputError(f"top_k must be at least 1; got {top_k}")
        if unknown_below is not None and not 0 <= unknown_below <= 1:
            raise InputError(f"unknown_below is a probability between 0 and 1; got {unknown_below}")
        names = _names_of(labels)
        self.truth = None if truth is None else Truth(names, truth)
        read_method(method)  # a wrong name should not cost the time to load a model
        self._store = store
        self.encoder = _encoder_of(model, device)
        self.method = build_method(method, getattr(self.encoder, "logit_scale", 1.0))
        check_memory(self.method, self.encoder)
        if isinstance(labels, ClassTable):
            if templates is not None or descriptions is not None:
                raise InputError("a class table brings its own vectors; templates and descriptions need labels")
            table = labels
        else:
            if not hasattr(self.encoder, "encode_text"):
                raise CapabilityError(f"model {self.encoder.name!r} has no text tower, so it cannot read labels")
            from zorse.semantics import class_table

            # A method that asks for texts of its own (sub-classes, random words, ...) makes its table itself.
            describe = getattr(self.method, "describe", class_table)
            table = describe(names, self.encoder, templates=templates, descriptions=descriptions, store=store)
        self.fitted = self.method.fit(None, None, classes=table)
        self.labels = names
        self.top_k, self.unknown_below = min(top_k, len(names)), unknown_below

    def summary(self) -> Summary:
        """An empty summary of a run with this classifier."""
        return Summary(
            labels=self.labels,
            model=self.encoder.name,
            method=self.method.paper.aka[0],
            independent=getattr(self.encoder, "logit_bias", None) is not None,
            agreement=None if self.truth is None else Agreement(self.labels),
        )

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Unit image vectors (n, d) -> probabilities (n, c) in the order of ``labels``."""
        from scipy.special import expit, softmax

        scores = self.fitted.scores(vectors)
        bias = getattr(self.encoder, "logit_bias", None)
        return softmax(scores, axis=1) if bias is None else expit(scores + bias)

    def predict(self, stream: Iterable) -> Iterator[Prediction]:
        """One prediction an embedded image, in order; holds at most a block of them."""
        stream = iter(stream)
        size = _BLOCK if self.fitted.traits.independent_samples else None
        while block := list(islice(stream, size)):
            vectors = [self._looked_at(item) for item in block if item.vector is not None]
            scores = iter(self.probabilities(np.stack(vectors)) if vectors else ())
            for item in block:
                truth = None if self.truth is None else self.truth(str(item.key), item.label_hint)
                if item.vector is None:
                    yield Prediction(str(item.key), None, None, (), item.error or "could not be read", truth)
                else:
                    yield self._name(str(item.key), next(scores), truth)

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

    def _name(self, path: str, p: np.ndarray, truth: str | None) -> Prediction:
        order = np.argsort(-p, kind="stable")
        top = tuple((self.labels[i], float(p[i])) for i in order[: self.top_k])
        label, score = self.labels[order[0]], float(p[order[0]])
        if self.unknown_below is not None and score < self.unknown_below:
            label = UNKNOWN
        rank = 1 + int(np.flatnonzero(order == self.labels.index(truth))[0]) if truth in self.labels else None
        return Prediction(path, label, score, top, None, truth, rank)


def classify(
    images,
    labels: Sequence[str] | str | ClassTable,
    model: Any = "mini",
    method: str | ZeroShotClassifier = "clip",
    *,
    templates=None,
    descriptions=None,
    top_k: int = 5,
    unknown_below: float | None = None,
    truth: str | Mapping[str, str] | None = None,
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
            store=kept,
            device=device,
        )
        summary, rows = classifier.summary(), []
        with ExitStack() as stack:
            stream: Iterable
            if isinstance(images, Embeddings):
                stream = _same_space(images, classifier.encoder)
            else:
                encoder = classifier.encoder
                stream = embed_stream(images, encoder, store=kept, batch_size=batch_size, jobs=jobs)
                stack.enter_context(closing(stream))
            for row in classifier.predict(stream):
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
