"""Images named by one of very many labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from zorse.core.errors import CapabilityError, InputError
from zorse.jobs.classification import Prediction, Summary
from zorse.nn.vectors import unit_rows
from zorse.semantics.vocabulary import Vocabulary

_BLOCK = 16


class VocabularyClassifier:
    """CLIP over a :class:`~zorse.semantics.vocabulary.Vocabulary`, in the place of ``Classifier``.

    Parameters
    ----------
    names : sequence of str, or Path
        A file holds one a line. None: those that the folder was built with, and its templates.
    encoder : DualEncoder
    folder : path
        Where label vectors are kept: built on the first use, and again when names, templates or model change.
    templates : str, path or sequence of str, optional
    top_k : int
    unknown_below : float, optional
    progress : callable, optional
        Called with what is being done, to how many names, and of how many.

    Notes
    -----
    A probability is the softmax over the names nearest to the image, a thousand of them, not over all: far names have
    next to none each, but there are many, so that it is somewhat too high.
    """

    sample = None

    def __init__(
        self,
        names: Sequence[str] | Path | None,
        encoder: Any,
        folder: str | Path,
        *,
        templates: Any = None,
        top_k: int = 5,
        unknown_below: float | None = None,
        progress: Callable[[str, int, int], Any] | None = None,
    ):
        from zorse.semantics import class_prompts, class_table

        if not hasattr(encoder, "encode_text"):
            raise CapabilityError(f"model {encoder.name!r} has no text tower, so it cannot read labels")
        if getattr(encoder, "logit_bias", None) is not None:
            raise CapabilityError("label vectors on disk are for models trained with a softmax")
        if top_k < 1:
            raise InputError(f"top_k must be at least 1; got {top_k}")
        self.encoder = encoder
        if names is None:
            if templates is not None:
                raise InputError(
                    "the labels were put into templates when they were encoded; give them as well to do it anew"
                )
            self.vocabulary = Vocabulary(folder)
            self.vocabulary.check(encoder)
        else:
            self.vocabulary = Vocabulary.build(
                names,
                lambda part: class_table(part, encoder, templates=templates).vectors,
                folder,
                dim=encoder.dim,
                fingerprint=encoder.text_fingerprint,
                made_of=repr(class_prompts(["{}"], templates)),
                progress=progress,
            )
        self.top_k, self.unknown_below = min(top_k, len(self.vocabulary)), unknown_below

    def learn(self, **_: Any) -> None:
        """There is nothing to learn."""

    def summary(self) -> Summary:
        """An empty summary of a run."""
        names: Any = self.vocabulary.names
        nearest = min(self.vocabulary.SHORTLIST, len(names))
        return Summary(labels=names, model=self.encoder.name, method="CLIP", nearest=nearest)

    def predict(self, stream: Iterable, summary: Summary | None = None) -> Iterator[Prediction]:
        """One prediction an embedded image, in order."""
        stream = iter(stream)
        names = self.vocabulary.names
        while block := list(islice(stream, _BLOCK)):
            read = [item for item in block if item.vector is not None]
            found: Any = iter(())
            if read:
                X = unit_rows(np.stack([item.vector for item in read]))
                found = zip(*self.vocabulary.search(X, self.vocabulary.SHORTLIST), strict=True)
            for item in block:
                if item.vector is None:
                    yield Prediction(str(item.key), None, None, (), item.error or "could not be read", None)
                    continue
                rows, cosines = next(found)
                p = softmax(self.encoder.logit_scale * cosines.astype(float))
                top = tuple((names[int(row)], float(share)) for row, share in zip(rows, p, strict=True))[: self.top_k]
                unknown = self.unknown_below is not None and top[0][1] < self.unknown_below
                yield Prediction(str(item.key), "unknown" if unknown else top[0][0], top[0][1], top, None, None)
