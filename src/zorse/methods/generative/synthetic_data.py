"""Synthetic data for recognition: a classifier of class descriptions, tuned on samples that any generator makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.templates import TraitsOf
from zorse.training import Clock, MiniBatches, Turn, train


class SyntheticData(ZeroShotClassifier):
    """Classifier tuning: text weights, trained on synthetic samples whose labels are softened by the encoder's view.

    Parameters
    ----------
    make : callable (name, vector, n, random_state) -> n samples, optional
        The generator. It is given the class's name (its label, where the table has no names), its vector (d,), how many
        samples are wanted and a RandomState; it returns features (n, d), or images if ``encoder`` is given. Default:
        points around the class's prompts (its vector, where there are none), at a distance of ``spread``.
    encoder : ImageEncoder, optional
        Turns what ``make`` returns into features (``encode_images``).
    n_synthetic : int, default 200
        Samples made of each candidate.
    spread : float, default 0.5
        Length of the noise that the default generator adds to unit vectors.
    confidence : float or "chance", default "chance"
        A synthetic sample to which the untuned classifier gives its own class a probability of no more than this is
        dropped (the paper's CLIP filter); "chance" is one over the number of candidates. The surest one always stays.
    soft : float, default 0.5
        Share of the untuned classifier's probabilities in the targets; the rest is the label.
    real : float, default 0
        Weight of the cross-entropy of the labelled samples of ``fit`` beside that of synthetic ones (the paper's mix
        training); 0 never looks at them.
    scale : float, default 100
        What cosines are multiplied by.
    epochs, batch_size, lr : int, int, float, default 30, 512, 1e-3
        Of Adam.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    coef_ : ndarray of shape (c, d)
        Tuned weights of the candidates, at unit length.
    n_kept_ : ndarray of shape (c,)
        Synthetic samples that passed the filter.
    real_, real_labels_ : ndarray of shape (m, d), (m,)
        Labelled samples kept for tuning; none where ``real`` is 0.
    history_ : list of dict
        Mean loss, an entry an epoch.

    Notes
    -----
    Weights start as class vectors (language enhancement is more prompts in the class table, or a generator that writes
    its own). They are tuned anew for each label space.

    Differs from the paper: the generator is whatever is passed, where the paper has GLIDE and starts few-shot
    generation from noised real images; weights of the mixture are not the paper's. A model with ``make`` or ``encoder``
    cannot be saved, as functions cannot.

    Cost: c calls of the generator, and O(``epochs`` ``n_synthetic`` c^2 d) for each label space.

    References
    ----------
    He, Sun, Yu, Xue, Zhang, Torr, Bai, Qi. Is synthetic data from generative models ready for image recognition? ICLR
    2023.
    """

    paper = Paper(
        title="Is synthetic data from generative models ready for image recognition?",
        authors="Ruifei He, Shuyang Sun, Xin Yu, Chuhui Xue, Wenqing Zhang, Philip Torr, Song Bai, Xiaojuan Qi",
        venue="ICLR",
        year=2023,
        url="https://arxiv.org/abs/2210.07574",
        aka=("SyntheticData", "classifier tuning", "CLIP filter"),
        seed=87,
    )
    traits = TraitsOf(lambda model: Traits(trained=bool(model.real), open_candidates=False, aligned_space=True))
    real: float = 0.0

    def __init__(
        self,
        make: Callable[[str, np.ndarray, int, np.random.RandomState], Any] | None = None,
        encoder=None,
        n_synthetic: int = 200,
        spread: float = 0.5,
        confidence: float | str = "chance",
        soft: float = 0.5,
        real: float = 0.0,
        scale: float = 100.0,
        epochs: int = 30,
        batch_size: int = 512,
        lr: float = 1e-3,
        device: str = "auto",
        random_state=None,
    ):
        self.make = make
        self.encoder = encoder
        self.n_synthetic = n_synthetic
        self.spread = spread
        self.confidence = confidence
        self.soft = soft
        self.real = real
        self.scale = scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        with seeded(self.random_state) as generator:
            self.seed_ = int(torch.randint(2**31, (), generator=generator))
        keep = len(X) if self.real else 0
        self.real_, self.real_labels_ = unit_rows(X[:keep]), table.labels[rows[:keep]]

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("SyntheticData needs at least one candidate class; got none")
        order = np.argsort(table.labels, kind="stable")  # the order of a table means nothing
        ordered = table.select(table.labels[order])
        w = unit_rows(ordered.vectors)
        x, y = self._filtered([self._made(ordered, i) for i in range(len(order))], w)
        back = np.argsort(order)
        self.n_kept_ = np.bincount(y, minlength=len(order))[back]
        self.coef_ = self._tuned(x, y, w, ordered)[back]

    def _made(self, table: ClassTable, i: int) -> np.ndarray:
        """Synthetic features (n, d) of unit length of the class in row ``i``; they depend on it and the model alone."""
        label, vector, n = table.labels[i], table.vectors[i], self.n_synthetic
        rng = np.random.RandomState(int.from_bytes(sha256(f"{self.seed_} {label}".encode()).digest()[:4]))
        if self.make is None:
            prompts = unit_rows(vector[None] if table.prompts is None else table.prompts[i])
            noise = rng.standard_normal((n, len(vector))) / len(vector) ** 0.5
            return unit_rows(prompts[rng.randint(len(prompts), size=n)] + self.spread * noise)
        made = self.make(str(label) if table.names is None else table.names[i], vector, n, rng)
        x = np.asarray(made if self.encoder is None else self.encoder.encode_images(made), dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(vector) or not len(x) or not np.isfinite(x).all():
            told = f"finite features (n, {len(vector)}), at least one; got {x.shape}"
            raise InputError(f"what is made of class {label!s} must be {told}")
        return unit_rows(x)

    def _filtered(self, made: list[np.ndarray], w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        least = 1 / len(w) if self.confidence == "chance" else float(self.confidence)
        kept = []
        for i, x in enumerate(made):
            sure = torch.as_tensor(self.scale * x @ w.T).softmax(1)[:, i].numpy()
            kept.append(x[(sure > least) | (np.arange(len(x)) == sure.argmax())])
        return np.concatenate(kept), np.repeat(np.arange(len(w)), [len(x) for x in kept])

    def _tuned(self, x: np.ndarray, y: np.ndarray, w: np.ndarray, table: ClassTable) -> np.ndarray:
        place = resolve_device(self.device)
        known = np.isin(self.real_labels_, table.labels)
        real = torch.as_tensor(self.real_[known], dtype=torch.float32, device=place)
        of_real = torch.as_tensor(table.rows(self.real_labels_[known]), device=place)
        with seeded(self.seed_) as generator:
            text = torch.as_tensor(w, dtype=torch.float32, device=place)
            weight = nn.Parameter(text.clone())

            def logits(v: Tensor, of: Tensor) -> Tensor:
                return self.scale * v @ nn.functional.normalize(of, dim=1).T

            def loss(batch, clock: Clock) -> Tensor:
                v, label = batch
                one_hot = nn.functional.one_hot(label, len(text)).to(v)
                target = (1 - self.soft) * one_hot + self.soft * logits(v, text).softmax(1)
                total = nn.functional.cross_entropy(logits(v, weight), target)
                if len(real):
                    at = torch.randint(len(real), (len(v),)).to(place)
                    total = total + self.real * nn.functional.cross_entropy(logits(real[at], weight), of_real[at])
                return total

            v, labels = torch.as_tensor(x, dtype=torch.float32, device=place), torch.as_tensor(y, device=place)
            batches = MiniBatches(v, labels, size=self.batch_size, generator=generator)
            turn = Turn("tuning", loss, [weight], partial(torch.optim.Adam, lr=self.lr))
            self.history_ = train([turn], batches, epochs=self.epochs)
        return unit_rows(weight.detach().cpu().double().numpy())

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.coef_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few samples; without and with real ones."""
        small = {"n_synthetic": 20, "epochs": 5, "batch_size": 64, "scale": 10.0, "device": "cpu", "random_state": 0}
        return [small, small | {"real": 1.0}]
