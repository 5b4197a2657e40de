"""DASCN: two GANs, from class vectors to features and back, that keep each other's meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import centroid_loss, class_means, mlp, wasserstein_critic_loss
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class DASCN(AdversarialGenerator):
    """f-CLSWGAN whose features a second GAN turns into class vectors, from which features are made once more.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` moves of either critic and one of both generators.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`; of both GANs.
    beta : float, default 0.01
        Weight of the classification loss on features of the first round.
    dual : float, default 0.01
        Weight of what the critic of class vectors thinks; with ``semantic=0``, ``visual=0`` and ``again=0``, a 0 here
        gives f-CLSWGAN.
    semantic : float, default 0.01
        Weight of the distance between a class vector and the mean of those recovered for its class.
    visual : float, default 0.01
        Weight of the distance between the real mean of a class and that of its features of the second round.
    again : float, default 1
        Weight of the features of the second round in both losses of the first GAN.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``dual`` (from features to class vectors).
    history_ : list of dict
        Mean loss of ``critic``, ``dual critic`` and ``generators``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    v' = G(z, s), s' = F(v'), v'' = G(z', s'). A critic given s tells v from v' and v''; another tells s from s' and
    from F(v). Of each class in the batch, the mean of s' is drawn to s, and
    the mean of v'' to the mean of all real features.

    Differs from the paper: both generators move together, on the sum of their losses, so that whatever judges s' also
    teaches G. The critic of class vectors is given no feature. No code was published and the weights are not the
    paper's: all terms beside the critic's begin at the weight that f-CLSWGAN gives the classification loss. Class
    vectors are brought to unit length.

    Cost: about three times that of f-CLSWGAN: with width h, O(``epochs`` n h (d + k) ``n_critic``).

    References
    ----------
    Ni, Zhang, Xie. Dual Adversarial Semantics-Consistent Network for Generalized Zero-Shot Learning. NeurIPS 2019.
    """

    paper = Paper(
        title="Dual Adversarial Semantics-Consistent Network for Generalized Zero-Shot Learning",
        authors="Jian Ni, Shanghang Zhang, Haiyong Xie",
        venue="NeurIPS",
        year=2019,
        url="https://arxiv.org/abs/1907.05570",
        aka=("DASCN", "dual adversarial semantics-consistent network"),
        seed=130,
    )

    beta: float = 0.01
    dual: float = 0.01
    semantic: float = 0.01
    visual: float = 0.01
    again: float = 1.0

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, d, k = self._players(data), data.x.shape[1], data.seen.shape[1]
        back = self.networks_["dual"] = drawn(mlp(d, self.hidden, k, activation=leaky), data)
        of_vectors = drawn(mlp(k, self.hidden, 1, activation=leaky), data)
        head = self._softmax(data.x, data.y, len(data.seen), generator)
        real, _ = class_means(data.x, data.y, len(data.seen))

        def rounds(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            first = self._fake(a)
            vector = back(first)
            return first, vector, self._fake(vector)

        def critic_loss(batch, clock: Clock):
            x, a, _ = batch
            with torch.no_grad():
                first, _, second = rounds(a)
            loss = wasserstein_critic_loss(critic, x, first, a, self.penalty)
            return loss + self.again * wasserstein_critic_loss(critic, x, second, a, self.penalty)

        def dual_critic_loss(batch, clock: Clock):
            x, a, _ = batch
            with torch.no_grad():
                fakes = back(self._fake(a)), back(x)
            return sum(wasserstein_critic_loss(of_vectors, a, fake, None, self.penalty) for fake in fakes)

        def generators_loss(batch, clock: Clock):
            x, a, y = batch
            first, vector, second = rounds(a)
            primal = self._fooled(critic, first, a) + self.again * self._fooled(critic, second, a)
            recognised = nn.functional.cross_entropy(head(first), y)
            judged = -(of_vectors(vector).mean() + of_vectors(back(x)).mean())
            kept = self.visual * centroid_loss(second, y, real) + self.semantic * centroid_loss(vector, y, data.seen)
            return primal + self.beta * recognised + self.dual * judged + kept

        return [
            self._turn("critic", critic_loss, critic, repeats=self.n_critic),
            self._turn("dual critic", dual_critic_loss, of_vectors, repeats=self.n_critic),
            self._turn("generators", generators_loss, self.networks_),
        ]

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small pair of GANs."""
        small: dict[str, Any] = {"epochs": 40, "batch_size": 256, "lr": 0.01, "hidden": 32, "beta": 1.0, "n_critic": 1}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"dual": 0.1, "semantic": 1.0, "visual": 1.0, "device": "cpu", "random_state": 0}]
