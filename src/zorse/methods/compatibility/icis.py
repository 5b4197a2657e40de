"""ICIS: classifiers of unseen classes are predicted from those of seen ones; no image is needed."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier, resolve_device, seeded
from zorse.nn import mlp
from zorse.training import Clock, MiniBatches, Turn, softmax_regression, train

WINDOW, CHECKS = 10, 5  # of early stopping, as in the released code


class ICIS(ZeroShotClassifier):
    r"""Image-free classifier injection: auto-encoders of class vectors and of classifier weights share their code.

    With E_a, D_a for class vectors a, E_w, D_w for weights w (the bias last) and l(u, v) = 1 - cos(u, v), it minimises
    the mean over all classes of l(a, D_a E_a a) plus the mean over seen classes of

        l(a, D_a E_w w) + l(w, D_w E_w w) + l(w, D_w E_a a).

    An unseen class gets the weights D_w E_a a. ``fit`` learns the seen classifiers from samples first;
    :meth:`fit_weights` starts from classifiers that exist.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression that gives the seen classifiers, in ``fit``.
    latent : int, default=2048
        Length of the code.
    tolerance : float, default=2e-3
        Training stops once the mean loss of ten epochs is less than ten times this below that of the ten before, five
        epochs in a row; 0 never stops early.
    epochs : int, default=1000
        At most.
    lr : float, default=1e-5
        Step of Adam.
    batch_size : int, default=16
        Classes a batch.
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    seen_weights_ : ndarray of shape (s, d + 1)
        In the order of ``seen_``, the bias last.
    networks_ : ModuleDict
        "encode_class", "decode_class", "encode_weights", "decode_weights".
    coef_, intercept_ : ndarray of shape (c, d) and (c,)
        Of the candidates.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class, or weights and labels don't fit together.

    Notes
    -----
    Differs from the paper: the loss fixes the direction of a predicted classifier alone, so it is given the mean length
    of the seen ones. Vectors of the classes that the table holds at training time enter the first term; others may
    follow with ``with_candidates``.

    Cost: that of softmax regression, and O(epochs c h (k + d)) with codes of length h; O(n c d) to score.

    References
    ----------
    Christensen, Mancini, Koepke, Winther and Akata, "Image-free classifier injection for zero-shot classification",
    ICCV 2023.
    """

    paper = Paper(
        title="Image-free Classifier Injection for Zero-Shot Classification",
        authors="Anders Christensen, Massimiliano Mancini, A. Sophia Koepke, Ole Winther, Zeynep Akata",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2308.10599",
        aka=("ICIS", "image-free classifier injection"),
        seed=4,
    )

    def __init__(
        self,
        C: float = 1.0,
        latent: int = 2048,
        tolerance: float = 2e-3,
        epochs: int = 1000,
        lr: float = 1e-5,
        batch_size: int = 16,
        random_state=None,
        device: str = "auto",
    ):
        self.C = C
        self.latent = latent
        self.tolerance = tolerance
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def fit_weights(self, coef, intercept, labels, classes: ClassTable) -> Self:
        """Learn from existing linear classifiers alone.

        Parameters
        ----------
        coef : array-like of shape (s, d)
        intercept : array-like of shape (s,)
        labels : array-like of shape (s,)
            Of the seen classes, each once, in the order of the classifiers.
        classes : ClassTable
            Seen and unseen classes.
        """
        coef, intercept, labels = (np.asarray(part) for part in (coef, intercept, labels))
        if coef.ndim != 2 or intercept.shape != coef.shape[:1] or labels.shape != coef.shape[:1]:
            shapes = f"{coef.shape}, {intercept.shape} and {labels.shape}"
            raise InputError(f"expected coef (s, d), intercept (s,) and labels (s,); got {shapes}")
        self.seen_, order = np.unique(labels, return_index=True)
        if len(self.seen_) != len(labels):
            raise InputError("labels must be unique, one a classifier")
        self.n_features_in_ = coef.shape[1]
        self._learn(np.column_stack([coef, intercept])[order], classes)
        return self._offer(classes)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"ICIS needs at least two seen classes; got {seen[0]!s} alone")
        self._learn(np.column_stack(softmax_regression(X, target, self.C)), table)

    def _learn(self, weights: np.ndarray, table: ClassTable) -> None:
        self.seen_weights_ = weights
        order = np.argsort(table.labels, kind="stable")  # the order of the table means nothing
        known = np.isin(table.labels[order], self.seen_)
        if known.sum() != len(self.seen_):
            table.rows(self.seen_)  # names the classes that are missing
        w = np.zeros((len(order), weights.shape[1]))
        w[known] = weights
        device = resolve_device(self.device)
        parts = [torch.tensor(p, dtype=torch.float32, device=device) for p in (table.vectors[order], w, known)]
        with seeded(self.random_state) as generator:
            k, d, h = table.n_semantics, w.shape[1], self.latent
            self.networks_ = nn.ModuleDict(
                {
                    "encode_class": mlp(k, h, out=nn.ReLU()),
                    "decode_class": mlp(h, k),
                    "encode_weights": mlp(d, h, out=nn.ReLU()),
                    "decode_weights": mlp(h, d),
                }
            ).to(device)
            turn = Turn("loss", self._loss, self.networks_.parameters(), lambda p: torch.optim.Adam(p, lr=self.lr))
            batches = MiniBatches(*parts, size=self.batch_size, generator=generator)
            self.history_ = train([turn], batches, epochs=self.epochs, after_epoch=self._plateau())
        self.networks_.requires_grad_(False)

    def _loss(self, batch: tuple[Tensor, Tensor, Tensor], clock: Clock) -> Tensor:
        a, w, known = batch
        encode_a, decode_a, encode_w, decode_w = (self.networks_[name] for name in self.networks_)
        from_a, from_w = encode_a(a), encode_w(w)
        of_seen = _unlike(a, decode_a(from_w)) + _unlike(w, decode_w(from_w)) + _unlike(w, decode_w(from_a))
        return _unlike(a, decode_a(from_a)).mean() + (of_seen * known).sum() / known.sum().clamp(min=1)

    def _plateau(self):
        losses: list[float] = []
        flat = 0

        def after_epoch(clock: Clock, mean: dict[str, float]) -> bool:
            nonlocal flat
            losses.append(mean["loss"])
            if len(losses) <= 2 * WINDOW:
                return False
            slope = (np.mean(losses[-2 * WINDOW : -WINDOW]) - np.mean(losses[-WINDOW:])) / WINDOW
            flat = flat + 1 if slope < self.tolerance else 0
            return flat == CHECKS

        return after_epoch if self.tolerance > 0 else None

    @torch.no_grad()
    def _prepare(self, table: ClassTable) -> None:
        networks = nn.Sequential(self.networks_["encode_class"], self.networks_["decode_weights"])
        device = resolve_device(self.device)
        made = (
            networks.to(device)(torch.tensor(table.vectors, dtype=torch.float32, device=device)).cpu().double().numpy()
        )
        length = np.linalg.norm(self.seen_weights_, axis=1).mean()
        made *= length / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
        known = np.flatnonzero(np.isin(table.labels, self.seen_))
        made[known] = self.seen_weights_[np.searchsorted(self.seen_, table.labels[known])]
        self.coef_, self.intercept_ = made[:, :-1], made[:, -1]

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.coef_.T + self.intercept_

    @classmethod
    def example_params(cls) -> list[dict]:
        """Short codes, few epochs."""
        return [
            {"C": 10.0, "latent": 64, "epochs": 50, "lr": 0.01, "tolerance": 0.0, "random_state": 0, "device": "cpu"}
        ]


def _unlike(u: Tensor, v: Tensor) -> Tensor:
    return 1 - nn.functional.cosine_similarity(u, v, dim=1)
