"""CE-GZSL: a GAN beside an embedding trained by contrasts of samples and of classes; the embedding classifies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import like, supervised_contrastive
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class CEGZSL(AdversarialGenerator):
    """A softmax in an embedding space where samples of a class attract each other and find their class vector.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 300, 4096, 1e-4
        A step is ``n_critic`` moves of critic and embedding and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    embedding : int, default 2048
        Width of the embedding, in which the final classifier works.
    projection : int, default 512
        Width of its projection, in which samples are contrasted.
    comparator : int, default 2048
        Width of the network that compares an embedding with class vectors.
    temperature, class_temperature : float, default 0.1, 0.1
        Of the contrast between samples and of that between classes.
    instance, beta : float, default 1e-3, 1e-3
        Weight of either contrast in the generator's loss; in the embedding's it is 1.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``embedding``.
    history_ : list of dict
        Mean loss of ``critic`` (with the embedding's) and ``generator``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, embedding), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, embedding), Tensor (m,), ndarray (s,)
        Embeddings of the real features kept.

    Notes
    -----
    Between samples: softmax over the other samples of the batch of their cosine, at those of the same class. Between
    classes: softmax over the seen classes of what a comparator says of embedding and class vector.

    Differs from the paper: the contrast between samples is with all others of the batch, as in the authors' code, where
    the paper draws one positive and K negatives. The authors' code lowers the step size by 1 % every 100 epochs and
    reports the best epoch on the test; here it is constant and every epoch is trained. Class vectors are brought to
    unit length.

    Cost: O(``epochs`` n ``n_critic`` (h (d + k) + e d + s q)) for widths h of critic, e of embedding, q of comparator;
    O(``batch_size``^2) memory for a batch.

    References
    ----------
    Han, Fu, Chen, Yang. Contrastive Embedding for Generalized Zero-Shot Learning. CVPR 2021.
    """

    paper = Paper(
        title="Contrastive Embedding for Generalized Zero-Shot Learning",
        authors="Zongyan Han, Zhenyong Fu, Shuo Chen, Jian Yang",
        venue="CVPR",
        year=2021,
        url="https://arxiv.org/abs/2103.16173",
        aka=("CE-GZSL", "contrastive embedding"),
        seed=79,
    )

    epochs: int = 300
    batch_size: int = 4096
    embedding: int = 2048
    projection: int = 512
    comparator: int = 2048
    temperature: float = 0.1
    class_temperature: float = 0.1
    instance: float = 1e-3
    beta: float = 1e-3

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, e, q = self._players(data), self.embedding, self.comparator
        d, k = data.x.shape[1], data.seen.shape[1]
        embed = self.networks_["embedding"] = drawn(nn.Sequential(nn.Linear(d, e), nn.ReLU()), data)
        project = drawn(nn.Linear(e, self.projection), data)
        of_sample, of_class, score = (drawn(nn.Linear(*sizes), data) for sizes in ((e, q), (k, q), (q, 1)))

        def compared(h: Tensor, y: Tensor) -> Tensor:
            # The first layer sees embedding and class vector side by side, so that it is a sum of two.
            scores = score(leaky()(of_sample(h)[:, None] + of_class(data.seen)))[..., 0]
            return nn.functional.cross_entropy(scores / self.class_temperature, y)

        players = self._critic_turn(critic)

        def critic_loss(batch, clock: Clock):
            x, _, y = batch
            h = embed(x)
            contrast = supervised_contrastive(project(h), y, self.temperature)
            return players.loss(batch, clock) + contrast + compared(h, y)

        def generator_loss(batch, clock: Clock):
            x, a, y = batch
            fake = self._fake(a)
            h = embed(fake)
            with torch.no_grad():
                real = project(embed(x))
            contrast = supervised_contrastive(torch.cat([project(h), real]), y.repeat(2), self.temperature)
            return self._fooled(critic, fake, a) + self.instance * contrast + self.beta * compared(h, y)

        movers = (critic, embed, project, of_sample, of_class, score)
        return [
            self._turn("critic", critic_loss, *movers, repeats=self.n_critic),
            self._turn("generator", generator_loss, self.networks_["generator"]),
        ]

    def _embed(self, x: Tensor) -> Tensor:
        return like(self.networks_["embedding"], x)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator and embedding."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "beta": 1.0, "n_critic": 3}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        small |= {"embedding": 32, "projection": 8, "comparator": 16, "instance": 0.1, "epochs": 30}
        return [small | {"device": "cpu", "random_state": 0}]
