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
    rectified : bool, default=True
        Whether features are those after a rectifier, so that moved ones are rectified again.
    iterations, lr : int, float, default=100, 1.0
        Of SGD with momentum 0.9 and weight decay 1e-4, on the statistics alone.
    C : float, default=10.0
        Inverse strength of the classifier's penalty.
    random_state : int, RandomState or None
        Of the shares that moved statistics are mixed with.
    device : str, default="auto"

    Attributes
    ----------
    coef_, intercept_ : ndarrays of shape (s, d), (s,)
        The classifier of the classes with samples, over unit vectors.
    moved_ : ndarray of shape (n, d)
        Unit vectors of the training images with moved statistics.
    nearness_ : tuple of float
        Mean cosine with the target before and after.
    place_ : ndarray of int, shape (c,)

    Notes
    -----
    With the map f (gh, gw, channels) of an image and its channels' means m_f and deviations s_f, prompt-driven instance
    normalisation is relu(s (f - m_f) / s_f + m), with s = s_f and m = m_f at first, s kept at 0 or above; m and s
    minimise 1 - cos(head mean(.), target). The classifier learns from the images as they are and as they are moved, the
    latter with statistics mixed, channel by channel, with their own, by shares drawn evenly from 0 to 1. A class
    without samples scores below all others.

    Differs from the paper: classification in place of segmentation, so that one vector stands for an image; statistics
    are those of whatever map is given, where the paper takes the first layer's; the classifier is a convex one.

    Cost: fit O(iterations n p channels + n d s) for p places in a map; predict O(n (p channels + d s)).

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
        rectified: bool = True,
        iterations: int = 100,
        lr: float = 1.0,
        C: float = 10.0,
        random_state: Any = None,
        device: str = "auto",
    ):
        self.target, self.head, self.rectified = target, head, rectified
        self.iterations, self.lr, self.C = iterations, lr, C
        self.random_state, self.device = random_state, device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        device = resolve_device(self.device)
        f = torch.tensor(X.reshape(len(X), -1, X.shape[-1]), dtype=torch.float32, device=device)
        head = None if self.head is None else torch.tensor(np.asarray(self.head), dtype=torch.float32, device=device)
        if head is not None and (head.ndim != 2 or head.shape[1] != f.shape[2]):
            raise InputError(f"head must be of shape (d, {f.shape[2]}); got {tuple(head.shape)}")
        y = np.searchsorted(self.seen_, table.labels[rows])
        own, moved = self._vectors(X), np.empty((0, 0))
        with seeded(self.random_state) as generator:
            if self.target is not None:
                moved = self._moved(f, head, generator)
        self.moved_ = moved if len(moved) else own[:0]
        both, labels = (np.concatenate([own, moved]), np.tile(y, 2)) if len(moved) else (own, y)
        self.coef_, self.intercept_ = softmax_regression(both, labels, self.C)

    def _moved(self, f: Tensor, head: Tensor | None, generator: torch.Generator) -> np.ndarray:
        t = torch.tensor(np.atleast_2d(np.asarray(self.target, dtype=float)).mean(axis=0), dtype=torch.float32).to(f)
        d = f.shape[2] if head is None else len(head)
        if t.shape != (d,):
            raise InputError(f"target must be of length {d}; got {tuple(t.shape)}")
        t = normalize(t, dim=0)
        m_f, s_f = f.mean(dim=1), f.std(dim=1, unbiased=False) + 1e-5
        mean, deviation = nn.Parameter(m_f.clone()), nn.Parameter(s_f.clone())

        def vectors(m: Tensor, s: Tensor, at: Tensor) -> Tensor:
            out = s.clamp_min(0)[:, None] * ((f[at] - m_f[at][:, None]) / s_f[at][:, None]) + m[:, None]
            pooled = (out.relu() if self.rectified else out).mean(dim=1)
            return normalize(pooled if head is None else pooled @ head.T, dim=1)

        def loss(batch, clock) -> Tensor:
            at = batch[0]
            return (1 - vectors(mean[at], deviation[at], at) @ t).sum() / BATCH

        everyone = torch.arange(len(f), device=f.device)
        turn = Turn(
            "statistics",
            loss,
            [mean, deviation],
            lambda p: torch.optim.SGD(p, lr=self.lr, momentum=0.9, weight_decay=1e-4),
        )
        train([turn], MiniBatches(everyone, size=len(f), generator=generator), epochs=self.iterations)
        with torch.no_grad():
            before, after = (vectors(*pair, everyone) @ t for pair in ((m_f, s_f), (mean, deviation)))
            self.nearness_ = (float(before.mean()), float(after.mean()))
            share = torch.rand(f.shape[0], f.shape[2], generator=generator).to(f)
            mixed = vectors(torch.lerp(m_f, mean, share), torch.lerp(s_f, deviation, share), everyone)
        return mixed.double().cpu().numpy()

    def _vectors(self, X: np.ndarray) -> np.ndarray:
        pooled = X.astype(float).mean(axis=(1, 2))
        return unit_rows(pooled if self.head is None else pooled @ np.asarray(self.head, dtype=float).T)

    def _prepare(self, table: ClassTable) -> None:
        at = {label: i for i, label in enumerate(self.seen_.tolist())}
        self.place_ = np.array([at.get(label, -1) for label in table.labels.tolist()], dtype=np.intp)

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
