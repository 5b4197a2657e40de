"""Bi-VAEGAN: unlabelled samples align generated features and, the other way, the class vectors read off them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

from zorse.core import InputError, Paper, Traits
from zorse.nn import gaussian_kl, like, mlp, reparameterise, wasserstein_critic_loss, weighted_l1
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class BiVAEGAN(AdversarialGenerator):
    """A transductive f-VAEGAN whose regressor to class vectors also meets a critic, with class priors from clusters.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` moves of each critic and of the regressor, and one of encoder and generator.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`; ``hidden`` is the width of all networks.
    gamma, gamma_unseen : float, default 10, 10
        Weight of the critics of seen and of unlabelled features in the generator's loss.
    gamma_vector, penalty_vector : float, default 0.1, 0.1
        Weight of the critic of class vectors in the regressor's loss, and its gradient penalty.
    beta : float, default 0.1
        Weight of reading class vectors off features generated for unseen classes.
    inductive_epochs : int, default 3
        Epochs before the unlabelled samples are used; as many as ``epochs`` give the method's inductive half.
    prior : {"clusters", "uniform"}, default "clusters"
        How frequent unseen classes are among the unlabelled samples: estimated anew in each epoch, or all alike.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`. Generated features have unit length, so ``scale`` is "l2".
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``reader`` (the regressor's hidden layer), ``vector`` (its output layer).
    prior_ : ndarray of shape (u,)
        Of the unseen classes of the table, sorted by label, in the last epoch.
    history_ : list of dict
        Mean loss of ``vector critic``, ``regressor``, ``critic``, ``unlabelled`` and ``generator``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d + hidden + k), (c,)
        The final classifier, over feature, hidden layer and class vector read off it, side by side.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d + hidden + k), Tensor (m,), ndarray (s,)
        What the final classifier sees of the real features kept.

    Notes
    -----
    From class vectors to features: a VAE whose decoder meets a critic given the class on seen features, and one without
    on unlabelled features. From features to class vectors: a regressor, supervised on seen features, whose outputs on
    seen and unlabelled ones meet a critic that knows the vectors of all classes. The prior is that of k-means clusters
    of the unlabelled samples, started from the means of what is generated for each class.

    Differs from the paper: clusters start from generated means, where the authors' code starts from the mean of the
    samples that a classifier, trained in each epoch, gives to each class; its default is the true prior of the test
    samples, which is never used here. The weight of the gradient penalty stays as it is, which that code adapts; it
    moves the regressor at every fifth step, here it moves at every step. Features have unit length (the paper's radius
    is tuned). Class vectors have unit length.

    Cost: with width h, O(``epochs`` n ``n_critic`` h (d + k)) for each of four networks, and k-means of m unlabelled
    samples an epoch, O(m d u) an iteration; the final classifier is over d + h + k dimensions.

    References
    ----------
    Wang, Hao, Mu, Li, Wang, He. Bi-directional Distribution Alignment for Transductive Zero-Shot Learning. CVPR 2023.
    """

    paper = Paper(
        title="Bi-directional Distribution Alignment for Transductive Zero-Shot Learning",
        authors="Zhicai Wang, Yanbin Hao, Tingting Mu, Ouxiang Li, Shuo Wang, Xiangnan He",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2303.08698",
        aka=("Bi-VAEGAN", "cluster prior estimation"),
        seed=103,
    )
    traits = Traits(needs_unlabelled=True, open_candidates=False)

    scale: str | None = "l2"
    gamma: float = 10.0
    gamma_unseen: float = 10.0
    gamma_vector: float = 0.1
    penalty_vector: float = 0.1
    beta: float = 0.1
    inductive_epochs: int = 3
    prior: str = "clusters"
    prior_: np.ndarray = field(init=False)

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        if self.scale != "l2" or self.prior not in ("clusters", "uniform"):
            told = f"scale={self.scale!r} and prior={self.prior!r}"
            raise InputError(f"{type(self).__name__} needs scale='l2' and prior 'clusters' or 'uniform'; got {told}")
        if data.unlabelled is None or not len(data.unseen):
            raise InputError(f"{type(self).__name__} needs classes without labelled samples in the class table")
        critic, d, k, h = self._players(data, nn.Identity()), data.x.shape[1], data.seen.shape[1], self.hidden
        encoder, free = drawn(mlp(d + k, h, 2 * k, activation=leaky), data), drawn(mlp(d, h, 1, activation=leaky), data)
        of_vectors = drawn(mlp(k, h, 1, activation=leaky), data)
        nets, judged = self.networks_, self._critic_turn(critic)
        nets["reader"] = drawn(nn.Sequential(nn.Linear(d, h), leaky()), data)
        nets["vector"] = drawn(nn.Linear(h, k), data)
        self.prior_, self._of_epoch = np.full(len(data.unseen), 1 / len(data.unseen)), -1

        def vector_critic_loss(batch, clock: Clock):
            x, a, _ = batch
            self._look(data, clock)
            unlabelled, unseen = self._unseen(data, len(x))
            with torch.no_grad():
                read = self._read(torch.cat([x, unlabelled]))
            return wasserstein_critic_loss(of_vectors, torch.cat([a, unseen]), read, None, self.penalty_vector)

        def regressor_loss(batch, clock: Clock):
            x, a, _ = batch
            read = self._read(x)
            loss = weighted_l1(read, a)
            if clock.epoch < self.inductive_epochs:
                return loss
            unlabelled = self._read(self._unseen(data, len(x))[0])
            return loss - self.gamma_vector * (of_vectors(read).mean() + of_vectors(unlabelled).mean())

        def unlabelled_loss(batch, clock: Clock):
            unlabelled, unseen = self._unseen(data, len(batch[0]))
            with torch.no_grad():
                fake = self._fake(unseen)
            return wasserstein_critic_loss(free, unlabelled, fake, None, self.penalty)

        def generator_loss(batch, clock: Clock):
            x, a, _ = batch
            mean, log_var = encoder(torch.cat([x, a], dim=1)).chunk(2, dim=1)
            again = self._from(reparameterise(mean, log_var), a)
            loss = (again - x).square().sum(dim=1).mean() + gaussian_kl(mean, log_var)
            loss = loss + self.gamma * self._fooled(critic, self._fake(a), a)
            if clock.epoch < self.inductive_epochs:
                return loss
            _, unseen = self._unseen(data, len(x))
            fake = self._fake(unseen)
            return loss - self.gamma_unseen * free(fake).mean() + self.beta * weighted_l1(self._read(fake), unseen)

        return [
            self._turn("vector critic", vector_critic_loss, of_vectors, repeats=self.n_critic),
            self._turn("regressor", regressor_loss, nets["reader"], nets["vector"], repeats=self.n_critic),
            self._turn("critic", judged.loss, critic, repeats=self.n_critic),
            self._turn("unlabelled", unlabelled_loss, free, repeats=self.n_critic),
            self._turn("generator", generator_loss, encoder, nets["generator"]),
        ]

    def _unseen(self, data: TrainingData, n: int) -> tuple[Tensor, Tensor]:
        """``n`` unlabelled samples, and the vectors of ``n`` classes by their prior; they do not belong together."""
        assert data.unlabelled is not None
        rows = torch.randint(len(data.unlabelled), (n,))
        of_prior = torch.multinomial(torch.as_tensor(self.prior_), n, replacement=True)
        return data.unlabelled[rows.to(data.x.device)], data.unseen[of_prior.to(data.x.device)]

    @torch.no_grad()
    def _look(self, data: TrainingData, clock: Clock) -> None:
        """Estimate the prior, once an epoch."""
        if self.prior == "clusters" and self._of_epoch != clock.epoch >= self.inductive_epochs:
            assert data.unlabelled is not None
            made = self._fake(data.unseen.repeat_interleave(50, dim=0)).reshape(len(data.unseen), 50, -1).mean(dim=1)
            self.prior_ = cluster_prior(data.unlabelled.cpu().double().numpy(), made.cpu().double().numpy())
        self._of_epoch = clock.epoch

    def _from(self, z: Tensor, a: Tensor) -> Tensor:
        return nn.functional.normalize(self.networks_["generator"](torch.cat([z, a], dim=1)), dim=1)

    def _fake(self, a: Tensor) -> Tensor:
        return self._from(torch.randn_like(a), a)

    def _read(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.networks_["vector"](self.networks_["reader"](x)), dim=1)

    def _embed(self, x: Tensor) -> Tensor:
        hidden = like(self.networks_["reader"], x)
        return torch.cat([x, hidden, nn.functional.normalize(like(self.networks_["vector"], hidden), dim=1)], dim=1)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small pair of directions."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 32, "gamma": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"gamma_unseen": 0.3, "inductive_epochs": 30, "device": "cpu", "random_state": 0}]


def cluster_prior(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Shares (u,) of samples x (m, d) in k-means clusters started from ``centres`` (u, d); never quite 0."""
    if len(x) < len(centres):
        return np.full(len(centres), 1 / len(centres))
    found = KMeans(len(centres), init=centres, n_init=1).fit(x).labels_
    counts = np.bincount(found, minlength=len(centres)) + 1e-3
    return counts / counts.sum()
