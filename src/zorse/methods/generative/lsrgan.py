"""LsrGAN: generated classes are as similar to each other as their class vectors are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import centroid_loss, class_means
from zorse.templates import AdversarialGenerator, TrainingData, drawn
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class LsrGAN(AdversarialGenerator):
    """f-CLSWGAN that also makes unseen classes while it trains, each as near to seen ones as their vectors are.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 40, 64, 1e-4
        A step is ``n_critic`` critic moves, one generator move and one of a classifier over all classes.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    beta, unseen_beta : float, default 0.01, 0.03
        Weight of the classification loss on seen and on unseen classes.
    similarity : float, default 20
        Weight of the semantic regularised loss, on both; see the notes before using the default. 0 trains as the
        authors' code does, on which the published numbers rest: there the loss has no gradient.
    epsilon : float, default 0.1
        Similarities may differ by so much without a penalty.
    neighbours : int, default 20
        Seen classes that a class is compared with: those with the most similar vectors.
    centroid : float, default 1
        Weight of the distance of generated means from real ones.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``.
    history_ : list of dict
        Mean loss of ``critic``, ``generator`` and ``classifier``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    The loss asks the cosine of a generated class mean with the real mean of each neighbour to lie within ``epsilon`` of
    the cosine of their vectors, by squared hinges. The classifier over all classes of the table, which guides the
    generator, learns from real features of seen and generated ones of unseen classes. The defaults are the authors' for
    CUB.

    Features of networks are all alike (cosines of class means about 0.8 when scaled to [0, 1]), vectors of classes need
    not be (0.6 for the attributes of awa19, 0.05 for the word vectors of tiny160): real means then break the bounds as
    well, and a heavy weight makes features that no real one resembles, to which the final classifier gives no sample.
    Among unseen classes alone it does no such harm; where seen ones compete, choose ``similarity`` on held-out classes.

    Differs from the paper: the label space is chosen after training, so that the final classifier is trained anew on
    real and generated features; the one that grows with the generator only guides it. Seen and unseen classes are one
    move of the generator, not two with one optimizer. In the authors' code the cosine is taken outside of torch, so
    that the loss moves nothing; here it is differentiable, as in the paper. There a seen class counts among its own
    neighbours, and distances from real means are divided by all seen classes, not by those of the batch.

    Cost: that of f-CLSWGAN, O(``epochs`` n h (d + k) ``n_critic``) for width h, and O(b s (d + k)) for each generator
    move over a batch of b.

    References
    ----------
    Vyas, Venkateswara, Panchanathan. Leveraging Seen and Unseen Semantic Relationships for Generative Zero-Shot
    Learning. ECCV 2020.
    """

    paper = Paper(
        title="Leveraging Seen and Unseen Semantic Relationships for Generative Zero-Shot Learning",
        authors="Maunil R Vyas, Hemanth Venkateswara, Sethuraman Panchanathan",
        venue="ECCV",
        year=2020,
        url="https://arxiv.org/abs/2007.09549",
        aka=("LsrGAN", "semantic regularised loss"),
        seed=19,
    )

    epochs: int = 40
    beta: float = 0.01
    unseen_beta: float = 0.03
    similarity: float = 20.0
    epsilon: float = 0.1
    neighbours: int = 20
    centroid: float = 1.0

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, s, u = self._players(data), len(data.seen), len(data.unseen)
        real, _ = class_means(data.x, data.y, s)
        head = drawn(nn.Linear(data.x.shape[1], s + u), data)
        known = self._softmax(data.x, data.y, s, generator)
        with torch.no_grad():
            head.weight[:s], head.bias[:s] = known.weight, known.bias

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            fake = self._fake(a)
            recognised = nn.functional.cross_entropy(head(fake), y)
            tied = self.centroid * centroid_loss(fake, y, real, squared=False)
            loss = self._fooled(critic, fake, a) + self.beta * recognised + tied
            unlike = self._unlike(fake, y, data.seen, data.seen, real)
            if u:
                new = torch.randint(u, (len(a),)).to(a.device)
                fake = self._fake(data.unseen[new])
                loss = loss + self.unseen_beta * nn.functional.cross_entropy(head(fake), s + new)
                unlike = unlike + self._unlike(fake, new, data.unseen, data.seen, real)
            return loss + self.similarity * unlike

        def classifier_loss(batch, clock: Clock):
            x, _, y = batch
            new = torch.randint(u, (len(x),)).to(x.device)
            with torch.no_grad():
                fake = self._fake(data.unseen[new])
            learnt = self.beta * nn.functional.cross_entropy(head(x), y)
            return learnt + self.unseen_beta * nn.functional.cross_entropy(head(fake), s + new)

        turns = [self._critic_turn(critic), self._turn("generator", generator_loss, self.networks_)]
        return turns + ([self._turn("classifier", classifier_loss, head)] if u else [])

    def _unlike(self, fake: Tensor, y: Tensor, classes: Tensor, seen: Tensor, real: Tensor) -> Tensor:
        """Squared hinges between similarities of generated and real means and those of class vectors, eq. 5 to 7."""
        means, present = class_means(fake, y, len(classes))
        wanted = cosines(classes[present], seen)
        itself = torch.eye(len(seen), dtype=torch.bool, device=seen.device)
        others = wanted.masked_fill(itself[present], -2.0) if classes is seen else wanted
        n = min(self.neighbours, len(seen) - (classes is seen))
        nearest = others.topk(n, dim=1).indices
        off = (cosines(means[present], real) - wanted).gather(1, nearest).abs() - self.epsilon
        return off.clamp_min(0).square().sum() / max(n, 1)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "beta": 1.0, "n_critic": 3}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"similarity": 0.01, "device": "cpu", "random_state": 0}]


def cosines(p: Tensor, q: Tensor) -> Tensor:
    """Cosine of every row of p (n, d) with every row of q (m, d)."""
    return nn.functional.normalize(p, dim=1) @ nn.functional.normalize(q, dim=1).T
