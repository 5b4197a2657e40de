"""A boundary-based gate (ECCV 2020): inside the cap that a seen class occupies on a sphere, or outside of all."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Literal

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state
from torch import Tensor, nn

from zorse.core import CapabilityError, ClassTable, InputError, Paper, ZeroShotClassifier, resolve_device, seeded
from zorse.core.samples import read_samples
from zorse.nn import mlp
from zorse.nn.sphere import draw_von_mises_fisher
from zorse.nn.transport import transport_cost
from zorse.nn.vectors import unit_rows
from zorse.templates import GatedClassifier, RidgeToVectors, pseudo_unseen, some_of_each
from zorse.training import Clock, MiniBatches, Turn, train
from zorse.training.unlabelled import dividing_point
from zorse.training.validation import harmonic_mean, mean_class_accuracy

COVERAGES = np.linspace(0.05, 1.0, 39)
APART = 1e3  # added to the log-probabilities of the side that the gate decides for


class BoundaryOOD(GatedClassifier):
    """Hyperspherical autoencoders of features and class vectors; the boundaries of class caps tell seen from unseen.

    Parameters
    ----------
    unseen_expert : ZeroShotClassifier
        For samples outside of every seen class's boundary.
    seen_expert : ZeroShotClassifier, optional, default=None
        For samples inside; None takes the paper's linear classifier on the latent space.
    coverage : float or "auto", default=0.95
        Share of a class's training samples that its boundary encloses; "auto" takes what does best (harmonic mean of
        both accuracies) where a quarter of the seen classes plays unseen, for a second fit.
    boundary : {"class", "single"}, default="class"
        "single" is the one threshold for all of the authors' code, from which the published numbers come.
    held_out : float, default=0.0
        Share of samples that boundaries are read from and networks never see; 0: the training samples, as in the paper.
    latent, hidden : int, default=64, 512
    alignment : float, default=0.1
        Weight of the optimal transport between codes of a sample and of its class vector, ``n_draws`` of each.
    n_draws, epochs, lr, batch_size : int, int, float, int, default=10, 100, 1e-4, 128
        Of Adam.
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict of ``encoder_x``, ``encoder_a`` (direction and concentration side by side), ``classifier``
    anchors_ : ndarray of shape (s, latent), mean code of each seen class's vector, in the order of ``seen_``
    boundaries_ : ndarray of shape (s,), cosines with the anchors from which on a sample lies inside
    cosines_, cosine_rows_ : ndarray of shape (m,), what they are quantiles of; history_ : list of dict

    Notes
    -----
    Codes are drawn from von Mises-Fisher distributions whose concentration is softplus(.) + 100. From a code of either
    kind both features and class vector are reconstructed (L1), and the class is told by a linear softmax; entropic
    optimal transport pulls the codes of a sample and of its class vector together. A sample is of a seen class if
    for some class c the cosine of its mean code with the anchor is at least the boundary of c, which ``coverage`` of
    the class's samples reach. The gate is hard: scores of the other side come after all of the side decided for.

    Differs from the paper: class vectors and features have unit length; the gradient of the alignment is that of the
    smoothed optimum; ``held_out`` and "auto" are ours, as boundaries read from training samples are too tight. The
    authors' code trains on train_loc and val_loc of the split files, which hold the test samples of seen classes too.
    Of a model's scores alone, :func:`inside_without_labels` puts them in the place of the cosines.

    Cost: O(epochs n h (d + k + latent)) and O(epochs n n_draws^2 (latent + iterations)) for the transport.

    References
    ----------
    Chen, Lan, Sun, Zheng. A Boundary Based Out-of-Distribution Classifier for Generalized Zero-Shot Learning, 2020.
    """

    paper = Paper(
        title="A Boundary Based Out-of-Distribution Classifier for Generalized Zero-Shot Learning",
        authors="Xingyu Chen, Xuguang Lan, Fuchun Sun, Nanning Zheng",
        venue="ECCV",
        year=2020,
        url="https://arxiv.org/abs/2008.04872",
        aka=("boundary-based OOD classifier", "hyperspherical VAE gate"),
        seed=49,
    )

    def __init__(
        self,
        unseen_expert: ZeroShotClassifier | None = None,
        seen_expert: ZeroShotClassifier | None = None,
        coverage: float | str = 0.95,
        boundary: Literal["class", "single"] = "class",
        held_out: float = 0.0,
        latent: int = 64,
        hidden: int = 512,
        alignment: float = 0.1,
        n_draws: int = 10,
        epochs: int = 100,
        lr: float = 1e-4,
        batch_size: int = 128,
        random_state=None,
        device: str = "auto",
    ):
        self.unseen_expert = unseen_expert
        self.seen_expert = seen_expert
        self.coverage = coverage
        self.boundary = boundary
        self.held_out = held_out
        self.latent = latent
        self.hidden = hidden
        self.alignment = alignment
        self.n_draws = n_draws
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.boundary not in ("class", "single"):
            raise InputError(f"boundary must be 'class' or 'single'; got {self.boundary!r}")
        if self.coverage != "auto" and not (isinstance(self.coverage, int | float) and 0 < self.coverage <= 1):
            raise InputError(f"coverage must be above 0 and at most 1, or 'auto'; got {self.coverage!r}")
        if not isinstance(self.unseen_expert, ZeroShotClassifier):
            raise CapabilityError(f"BoundaryOOD needs an expert for unseen classes; got {self.unseen_expert!r}")
        y = table.labels[rows]
        target = np.searchsorted(self.seen_, y)
        a = unit_rows(table.select(self.seen_).vectors)
        device = resolve_device(self.device)
        with seeded(self.random_state) as generator:
            kept = some_of_each(target, self.held_out, check_random_state(self.random_state))
            x, vectors = (torch.as_tensor(v, dtype=torch.float32, device=device) for v in (unit_rows(X), a))
            t = torch.as_tensor(target, device=device)
            self._train(x[~kept], t[~kept], vectors, generator)
            with torch.no_grad():
                self.anchors_ = direction(self.networks_["encoder_a"](vectors))[0].cpu().numpy()
        measured = kept if kept.any() else ~kept
        cosines, self.cosine_rows_ = self._codes(X[measured]) @ self.anchors_.T, target[measured]
        own = cosines[np.arange(len(cosines)), self.cosine_rows_]
        self.cosines_ = cosines.max(axis=1) if self.boundary == "single" else own
        coverage = self._chosen(X, y, table.select(self.seen_)) if self.coverage == "auto" else self.coverage
        self.boundaries_ = self._enclosing(float(coverage))
        self.seen_expert_, self.unseen_expert_ = self._experts(X, y, table)

    def _enclosing(self, coverage: float) -> np.ndarray:
        """The boundary of each seen class, (s,), that ``coverage`` of the measured cosines reach."""
        s = len(self.anchors_)
        if self.boundary == "single":
            return np.full(s, np.quantile(self.cosines_, 1 - coverage, method="lower"))
        of_class = [self.cosines_[self.cosine_rows_ == c] for c in range(s)]
        return np.array([np.quantile(q, 1 - coverage, method="lower") for q in of_class])

    def _chosen(self, X: np.ndarray, y: np.ndarray, known: ClassTable) -> float:
        unseen, test = pseudo_unseen(y, 0.25, 0.2, check_random_state(self.random_state))
        model = clone(self).set_params(coverage=1.0).fit(X[~test], y[~test], classes=known)
        seen = np.setdiff1d(known.labels, unseen)
        X, y = X[test], y[test]
        as_seen, as_unseen = (model.with_candidates(kind).predict(X) for kind in (seen, unseen))
        cosines, kinds, best = model._codes(X) @ model.anchors_.T, (np.isin(y, seen), np.isin(y, unseen)), (-1.0, 1.0)
        for coverage in COVERAGES:
            guess = np.where((cosines >= model._enclosing(coverage)).any(axis=1), as_seen, as_unseen)
            parts = [mean_class_accuracy(y[kind], guess[kind]) for kind in kinds]
            best = max(best, (harmonic_mean(*parts), float(coverage)))
        return best[1]

    def _train(self, x: Tensor, t: Tensor, a: Tensor, generator: torch.Generator) -> None:
        d, k, z = x.shape[1], a.shape[1], self.latent
        encoders = {"encoder_x": mlp(d, self.hidden, z + 1), "encoder_a": mlp(k, self.hidden, z + 1)}
        self.networks_ = nn.ModuleDict(encoders | {"classifier": nn.Linear(z, len(a))}).to(x.device)
        decoders = nn.ModuleDict({"x": mlp(z, self.hidden, d), "a": mlp(z, self.hidden, k)}).to(x.device)

        def loss(batch, clock: Clock) -> Tensor:
            x, t = batch
            codes = [self._draws("encoder_x", x), self._draws("encoder_a", a[t])]
            total = x.new_zeros(())
            for code in (c[0] for c in codes):
                total = total + (decoders["x"](code) - x).abs().mean() + (decoders["a"](code) - a[t]).abs().mean()
                total = total + nn.functional.cross_entropy(self.networks_["classifier"](code), t)
            of_x, of_a = (c.transpose(0, 1) for c in codes)
            apart = 2 - 2 * of_x @ of_a.transpose(1, 2)  # squared distances of unit vectors
            return total + self.alignment * transport_cost(apart, 0.1, n_iter=50, tolerance=1e-3).mean()

        params = [*self.networks_.parameters(), *decoders.parameters()]
        batches = MiniBatches(x, t, size=self.batch_size, generator=generator)
        turn = Turn("svae", loss, params, partial(torch.optim.Adam, lr=self.lr))
        self.history_ = train([turn], batches, epochs=self.epochs)
        self.networks_.requires_grad_(False)

    def _draws(self, encoder: str, x: Tensor) -> Tensor:
        return draw_von_mises_fisher(*direction(self.networks_[encoder](x)), self.n_draws)

    @torch.no_grad()
    def _codes(self, X: np.ndarray) -> np.ndarray:
        """Mean codes (n, latent), in double precision so that a sample's does not depend on the others."""
        encoder = deepcopy(self.networks_["encoder_x"]).cpu().double()
        return direction(encoder(torch.as_tensor(unit_rows(X))))[0].numpy()

    def inside(self, X) -> np.ndarray:
        """By how much the cosine exceeds the boundary of the class it exceeds most, shape (n,); from 0 on: seen."""
        return (self._codes(read_samples(self, X)) @ self.anchors_.T - self.boundaries_).max(axis=1)

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        self.columns_ = np.searchsorted(self.seen_, table.labels[self.is_seen_])  # of the latent classifier

    def _seen_scores(self, X: np.ndarray) -> np.ndarray:
        if self.seen_expert is not None:
            return super()._seen_scores(X)
        classifier = self.networks_["classifier"]
        weight, bias = (p.detach().cpu().double().numpy() for p in classifier.parameters())
        return (self._codes(X) @ weight.T + bias)[:, self.columns_]

    def _joined(self, X: np.ndarray, of_seen: np.ndarray, of_unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        is_seen = self.inside(X) >= 0
        return of_seen + APART * is_seen[:, None], of_unseen + APART * ~is_seen[:, None]

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small networks."""
        small = {"latent": 8, "hidden": 32, "epochs": 12, "lr": 0.02, "batch_size": 64, "n_draws": 2, "device": "cpu"}
        return [small | {"unseen_expert": RidgeToVectors(), "random_state": 0}]


def inside_without_labels(
    log_p: np.ndarray, seen: np.ndarray, coverage: float = 0.95, boundary: Literal["class", "single"] = "class"
) -> np.ndarray:
    """As :meth:`BoundaryOOD.inside` (n,), from the log-probabilities (n, c) that a model gives unlabelled samples.

    A seen class's log-probability less the best unseen one's stands for the cosine with its anchor. Samples above the
    :func:`~zorse.training.unlabelled.dividing_point` of the best such margin are taken for samples of the class that
    has it, and its boundary encloses ``coverage`` of these; a class without any keeps the dividing point.
    """
    margins = log_p[:, seen] - log_p[:, ~seen].max(axis=1, keepdims=True)
    margin, best = margins.max(axis=1), margins.argmax(axis=1) if boundary == "class" else np.zeros(len(margins), int)
    divide = dividing_point(margin)
    boundaries = np.full(margins.shape[1] if boundary == "class" else 1, divide)
    for c in range(len(boundaries)):
        believed = margin[(best == c) & (margin >= divide)]
        if len(believed):
            boundaries[c] = np.quantile(believed, 1 - coverage, method="lower")
    return (margins - boundaries).max(axis=1)


def direction(out: Tensor) -> tuple[Tensor, Tensor]:
    """Mean direction (n, latent) and concentration (n,) from what an encoder gives (n, latent + 1)."""
    return nn.functional.normalize(out[:, :-1], dim=1), nn.functional.softplus(out[:, -1]) + 100
