"""PODA (ICCV 2023): features in the style of a place that exists only as a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import MiniBatches, Turn, softmax_regression, train

BATCH = 16  # images whose mean loss moves their statistics, as in the paper


class PODA(ZeroShotClassifier):
    """Move each image's feature statistics until it is near the words for another domain, and learn from both.

    Parameters
    ----------
    target : array-like of shape (t, d) or (d,), optional
        Text embeddings that describe the domain ("a sketch"), averaged. None: nothing is moved.
    head : array-like of shape (d, channels), optional
        From the mean of a feature map to the space of the texts, such as the weight of an image tower's last linear
        layer; None: the map is in that space already.
    offset : array-like of shape (d,), optional
        What that layer adds.
    rectified : bool, default=True
        Whether features are those after a rectifier, so that moved ones are rectified again.
    iterations, lr : int, float, default=100, 1.0
        Of SGD with momentum 0.9 and weight decay 1e-4, on the statistics alone.
    C : float, default=10.0
        Inverse strength of the classifier's penalty.
    random_state : int, RandomState or None
        Of whose moved statistics an image takes, and in what shares.
    device : str, default="auto"

    Attributes
    ----------
    coef_, intercept_ : ndarrays of shape (s, d), (s,)
        The classifier of the classes with samples, over unit vectors.
    moved_ : ndarray of shape (n, d)
        Unit vectors of the training images with mixed statistics.
    nearness_ : tuple of float
        Mean cosine with the target before and after.
    place_ : ndarray of int, shape (c,)

    Notes
    -----
    With the map f (gh, gw, channels) of an image and its channels' means m_f and deviations s_f, prompt-driven instance
    normalisation is relu(s (f - m_f) / s_f + m), with s = s_f and m = m_f at first, s put back to 0 from below; m and s
    minimise 1 - cos(head mean(.) + offset, target). The classifier learns from the images as they are and once more
    with the moved statistics of an image drawn for each, mixed channel by channel with their own by shares drawn evenly
    from 0 to 1. A class without samples scores below all others.

    Differs from the paper: classification in place of segmentation, so that one vector stands for an image; statistics
    are those of whatever map is given, where the paper takes the first layer's; a convex classifier learns from both
    kinds of image at once, where the paper's learns from images first and then from moved ones alone.

    Cost: fit O(iterations n p channels + n d s) for p places in a map, memory O(n p channels); predict
    O(n (p channels + d s)).

    References
    ----------
    Fahes, Vu, Bursuc, Perez, de Charette, PODA: Prompt-driven Zero-shot Domain Adaptation, ICCV 2023.
    """

    paper = Paper(
        title="PØDA: Prompt-driven Zero-shot Domain Adaptation",
        authors="Mohammad Fahes, Tuan-Hung Vu, Andrei Bursuc, Patrick Perez, Raoul de Charette",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2212.03241",
        aka=("PODA", "prompt-driven instance normalization"),
        seed=151,
    )
    traits = Traits(takes="patches", learns_unseen=False)

    def __init__(
        self,
        target: Any = None,
        head: Any = None,
        offset: Any = None,
        rectified: bool = True,
        iterations: int = 100,
        lr: float = 1.0,
        C: float = 10.0,
        random_state: Any = None,
        device: str = "auto",
    ):
        self.target, self.head, self.offset, self.rectified = target, head, offset, rectified
        self.iterations, self.lr, self.C = iterations, lr, C
        self.random_state, self.device = random_state, device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        y = np.searchsorted(self.seen_, table.labels[rows])
        own = self._vectors(X)
        self.moved_ = own[:0]
        if self.target is not None:
            with seeded(self.random_state) as generator:
                self.moved_ = self._moved(X, generator)
        labels = np.tile(y, 1 if self.target is None else 2)
        self.coef_, self.intercept_ = softmax_regression(np.concatenate([own, self.moved_]), labels, self.C)

    def _moved(self, X: np.ndarray, generator: torch.Generator) -> np.ndarray:
        options: Any = {"dtype": torch.float32, "device": resolve_device(self.device)}
        head, offset = (torch.tensor(part, **options) for part in self._layer(X.shape[-1]))
        t = torch.tensor(np.atleast_2d(np.asarray(self.target, dtype=float)).mean(axis=0), **options)
        if t.shape != offset.shape:
            raise InputError(f"target must be of length {len(offset)}; got {tuple(t.shape)}")
        t = normalize(t, dim=0)
        f = torch.tensor(X.reshape(len(X), -1, X.shape[-1]), **options)
        m_f, s_f = f.mean(dim=1), f.std(dim=1, unbiased=False) + 1e-5
        flat = (f - m_f[:, None]) / s_f[:, None]
        mean, deviation = nn.Parameter(m_f.clone()), nn.Parameter(s_f.clone())

        def vectors(m: Tensor, s: Tensor) -> Tensor:
            out = s[:, None] * flat + m[:, None]
            pooled = (out.relu() if self.rectified else out).mean(dim=1)
            return normalize(pooled @ head.T + offset, dim=1)

        def loss(batch, clock) -> Tensor:
            deviation.data.clamp_(min=0)
            return (1 - vectors(mean, deviation) @ t).sum() / BATCH

        def descent(p) -> torch.optim.Optimizer:
            return torch.optim.SGD(p, lr=self.lr, momentum=0.9, weight_decay=1e-4)

        everyone = MiniBatches(torch.arange(len(f)), size=len(f), generator=generator)
        train([Turn("statistics", loss, [mean, deviation], descent)], everyone, epochs=self.iterations)
        with torch.no_grad():
            deviation.clamp_(min=0)
            before, after = vectors(m_f, s_f) @ t, vectors(mean, deviation) @ t
            self.nearness_ = (float(before.mean()), float(after.mean()))
            share = torch.rand(m_f.shape, generator=generator).to(f)
            giver = torch.randint(len(f), (len(f),), generator=generator).to(f.device)
            mixed = vectors(torch.lerp(m_f, mean[giver], share), torch.lerp(s_f, deviation[giver], share))
        return mixed.double().cpu().numpy()

    def _layer(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """The head's weight (d, channels) and offset (d,)."""
        head = np.eye(channels) if self.head is None else np.asarray(self.head, dtype=float)
        if head.ndim != 2 or head.shape[1] != channels:
            raise InputError(f"head must be of shape (d, {channels}); got {head.shape}")
        offset = np.zeros(len(head)) if self.offset is None else np.asarray(self.offset, dtype=float)
        if offset.shape != (len(head),):
            raise InputError(f"offset must be of length {len(head)}; got {offset.shape}")
        return head, offset

    def _vectors(self, X: np.ndarray) -> np.ndarray:
        head, offset = self._layer(X.shape[-1])
        return unit_rows(X.astype(float).mean(axis=(1, 2)) @ head.T + offset)

    def _prepare(self, table: ClassTable) -> None:
        known = np.isin(table.labels, self.seen_)
        self.place_ = np.where(known, np.searchsorted(self.seen_, table.labels), -1)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        scores = self._vectors(X) @ self.coef_.T + self.intercept_
        known = self.place_ >= 0
        out = np.repeat(scores.min(axis=1, keepdims=True) - 1, table.n_classes, axis=1)
        out[:, known] = scores[:, self.place_[known]]
        return out

    @classmethod
    def example_params(cls) -> list[dict]:
        """Without a target."""
        return [{"iterations": 2, "device": "cpu", "random_state": 0}]
