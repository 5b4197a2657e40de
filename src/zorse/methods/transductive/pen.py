"""PEN (2019): classifiers over projected label embeddings teach each other on unlabelled samples, few at first."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn import mlp
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class PEN(ZeroShotClassifier):
    """Softmax classifiers with label embeddings of their own, trained on what they together are confident of.

    Parameters
    ----------
    n_projections : int, default=2
        Random projections of each semantic space (``vectors``, and ``views`` where the table has any); each is the
        label embedding of one classifier. 0 takes every space as it is.
    projection : int, optional, default=None
        Length of a projected label embedding; None: that of the space, so that a projection turns it.
    hidden : int, default=512
        Width of the extractor that classifiers share and of the hidden layer of each.
    rounds : int, default=10
        Times that pseudo-labels are given anew. 0 never does: the same ensemble without unlabelled samples.
    share : float, default=0.8
        In (0, 1]: of the samples that a new class has on average, the part that carries a pseudo-label in the last
        round; it grows in equal steps.
    balance : float, default=1.0
        Weight of the loss on pseudo-labels.
    scale : float, default=10.0
        Logits are ``scale`` times the inner product with label embeddings of unit length.
    first_epochs, epochs : int, default=20, 3
        Passes over the labelled samples before the first round, and in each.
    lr : float, default=1e-3
        Of Adam.
    batch_size : int, default=64
        Labelled, and as many pseudo-labelled, samples a step.
    random_state : int, RandomState or None
        Of projections, initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        ``shared``, and a ModuleList ``heads`` of one network a classifier.
    projections_ : list of ndarray of shape (k_v, h)
        And ``spaces_``, which space each belongs to.
    labels_ : list of Tensor of shape (c, h)
        Label embeddings of the candidates.
    history_ : list of dict
        Mean loss, an entry an epoch.
    chosen_ : list of int
        Samples that carried a pseudo-label in each round.

    Notes
    -----
    Classifier i gives p_i(x) = softmax(scale E_i f_i(f(x))) with f shared. In each round the mean of p_i over the new
    classes labels the unlabelled samples; each new class keeps its most confident ones, chosen afresh, not added to;
    then all classifiers train on labelled and pseudo-labelled samples together, over all classes. The answer is the
    mean of p_i.

    Differs from the paper: it works on features, with one shared layer in place of ResNet-34; before the first round
    the softmax is over the seen classes alone, so that new ones are not pushed away. Schedule, number of classifiers
    and weight are not recoverable from what is published and are free here. The unlabelled samples are taken to belong
    to classes of the table that have no label.

    Cost: O(epochs (n h^2 + n h (d + c)) heads) to train, O(m h (d + c)) a round to label; h is ``hidden``.

    References
    ----------
    Ye, Guo. Progressive Ensemble Networks for Zero-Shot Recognition. CVPR 2019.
    """

    paper = Paper(
        title="Progressive Ensemble Networks for Zero-Shot Recognition",
        authors="Meng Ye, Yuhong Guo",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1805.07473",
        aka=("PEN", "progressive ensemble networks"),
        seed=3,
    )
    traits = Traits(needs_unlabelled=True, open_candidates=False)

    def __init__(
        self,
        n_projections: int = 2,
        projection: int | None = None,
        hidden: int = 512,
        rounds: int = 10,
        share: float = 0.8,
        balance: float = 1.0,
        scale: float = 10.0,
        first_epochs: int = 20,
        epochs: int = 3,
        lr: float = 1e-3,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.n_projections = n_projections
        self.projection = projection
        self.hidden = hidden
        self.rounds = rounds
        self.share = share
        self.balance = balance
        self.scale = scale
        self.first_epochs = first_epochs
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        device = resolve_device(self.device)
        order = np.argsort(table.labels, kind="stable")  # the order of the table means nothing
        place = np.argsort(order)
        table = table.select(table.labels[order])
        seen = np.isin(table.labels, self.seen_)
        new = np.flatnonzero(~seen) if not seen.all() else np.arange(len(seen))
        with seeded(self.random_state) as generator:
            self._draw_projections(table, generator)
            shared = nn.Sequential(mlp(X.shape[1], self.hidden), nn.ReLU())
            heads = [mlp(self.hidden, self.hidden, P.shape[1]) for P in self.projections_]
            self.networks_ = nn.ModuleDict({"shared": shared, "heads": nn.ModuleList(heads)}).to(device)
            E = [e.to(device) for e in self._embeddings(table)]
            x = torch.as_tensor(unit_rows(X), dtype=torch.float32, device=device)
            u = torch.as_tensor(unit_rows(unlabelled), dtype=torch.float32, device=device)
            batches = MiniBatches(
                x, torch.as_tensor(place[rows], device=device), size=self.batch_size, generator=generator
            )
            pseudo: list[Tensor] = []  # samples and rows, once there are any
            unknown = torch.as_tensor(~seen, device=device)

            def loss(batch, clock: Clock) -> Tensor:
                if not pseudo:
                    logits = [l.masked_fill(unknown, -torch.inf) for l in self._logits(batch[0], E)]
                    return mean_cross_entropy(logits, batch[1])
                at = torch.randint(len(pseudo[0]), (self.batch_size,), generator=generator).to(device)
                labelled = mean_cross_entropy(self._logits(batch[0], E), batch[1])
                return labelled + self.balance * mean_cross_entropy(self._logits(pseudo[0][at], E), pseudo[1][at])

            turn = Turn("pen", loss, self.networks_.parameters(), lambda p: torch.optim.Adam(p, lr=self.lr))
            self.history_, self.chosen_ = train([turn], batches, epochs=self.first_epochs), []
            for t in range(1, self.rounds + 1):
                size = max(1, round(self.share * t / self.rounds * len(u) / len(new)))
                chosen, labels = most_confident(self._mean_proba(u, [e[new] for e in E]), size)
                pseudo[:] = [u[chosen], torch.as_tensor(new[labels], device=device)]
                self.chosen_.append(len(chosen))
                self.history_ += train([turn], batches, epochs=self.epochs)
            self.networks_.requires_grad_(False)

    def _draw_projections(self, table: ClassTable, generator: torch.Generator) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"share must be above 0 and at most 1; got {self.share}")
        self.projections_, self.spaces_ = [], []
        for i, space in enumerate(table.spaces):
            k = space.shape[1]
            turns = [torch.linalg.qr(torch.randn(k, k, generator=generator))[0] for _ in range(self.n_projections)]
            for turn in turns or [torch.eye(k)]:
                self.projections_.append(turn[:, : self.projection].double().numpy())
                self.spaces_.append(i)

    def _embeddings(self, table: ClassTable) -> list[Tensor]:
        pairs = zip(self.spaces_, self.projections_, strict=True)
        return [torch.as_tensor(unit_rows(table.spaces[i] @ P), dtype=torch.float32) for i, P in pairs]

    def _logits(self, x: Tensor, E: list[Tensor]) -> list[Tensor]:
        h = self.networks_["shared"](x)
        return [self.scale * head(h) @ e.T for head, e in zip(self.networks_["heads"].children(), E, strict=True)]

    @torch.no_grad()
    def _mean_proba(self, x: Tensor, E: list[Tensor]) -> np.ndarray:
        """Logarithm of the mean over classifiers of their probabilities, (n, c)."""
        p = np.stack([log_softmax(l.cpu().double().numpy(), axis=1) for l in self._logits(x, E)])
        return logsumexp(p, axis=0) - np.log(len(p))

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("PEN needs at least one candidate class; got none")
        self.labels_ = self._embeddings(table)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        self.networks_.to(resolve_device(self.device))
        device = next(self.networks_.parameters()).device
        x = torch.as_tensor(unit_rows(X), dtype=torch.float32, device=device)
        return self._mean_proba(x, [e.to(device) for e in self.labels_])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs; turned spaces, and spaces as they are."""
        small = {"hidden": 32, "rounds": 3, "first_epochs": 30, "lr": 0.01, "batch_size": 32, "device": "cpu"}
        return [small | {"random_state": 0}, small | {"random_state": 0, "n_projections": 0, "share": 1.0}]


def mean_cross_entropy(logits: list[Tensor], target: Tensor) -> Tensor:
    """Cross-entropy averaged over classifiers."""
    return torch.stack([nn.functional.cross_entropy(l, target) for l in logits]).mean()


def most_confident(scores: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``size`` samples, at most, that each column wins with the highest scores: their rows and columns."""
    won = scores.argmax(axis=1)
    best = scores[np.arange(len(won)), won]
    order = np.lexsort((-best, won))
    start = np.searchsorted(won[order], won[order])
    kept = np.sort(order[np.arange(len(order)) - start < size])
    return kept, won[kept]
