"""PBadv: attribute and object are pulled apart, attacked and put together again, hard pairs from other images too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, softmax

from zorse.core import Paper
from zorse.nn.attack import sign_attack
from zorse.nn.blocks import like, normed_mlp
from zorse.nn.losses import smoothed_targets
from zorse.templates import PairClassifier, Words
from zorse.training import Clock

SIDES = ("attribute", "object")
JITTER = 16 / 255  # an attack starts at a random place up to here


class PBadv(PairClassifier):
    r"""Primitive-based adversarial training: contextual interaction of attribute and object by attacks on either.

    With cosines throughout, an image x is compared with a pair's words by a network of its own (base), its attribute
    features f_a = D_a(x) with attributes and its object features f_o = D_o(x) with objects, and K[f_a; f_o] with the
    pair again (compose). The score is the sum of the four. It minimises

        base + attribute + object + compose + w (attacked attribute, object and compose + KL(compose || attacked)),

    each a softmax loss, those over pairs smoothed towards seen pairs that share a word. An attack moves f_a (f_o) by a
    random step of up to 16/255 and eps sign(gradient of the attribute's (object's) loss), eps drawn for each batch.
    From epoch ``start_synthesis`` on, each batch also composes pairs from two images (OS-OSP): a seen pair, drawn
    by softmax(1 - its accuracy); an image of its object; and one of its attribute on an object drawn by softmax of
    the likeness of words, so that the attribute comes from a similar thing.

    Parameters
    ----------
    hidden : tuple of int, default=(1024, 2048)
        Widths of the base network.
    embedding : int, default=300
        Length of the vectors that are compared.
    word_hidden : int, default=2048
        Width inside D_a, D_o and K.
    dropout : float, default=0.5
        K has 0.3, or as much if that is less.
    temperature, word_temperature : float, default=0.05
        Cosines with pairs, and with attributes and objects, are divided by it before a softmax.
    smoothing : float, default=0.1
        Mass of all pairs that share a word with the true one.
    attack_weight : float, default=0.1
        w; 0 trains without attacks.
    epsilons : tuple of float, default=(0.0, 0.005, 0.05, 0.5)
    start_synthesis : int, default=60
        None composes no pairs.
    epochs : int, default=200
    batch_size : int, default=128
    lr : float, default=2e-5
    weight_decay : float, default=5e-5
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class, or a word has no vector.

    Notes
    -----
    Differs from the paper: word vectors stay as they are, only what maps them learns. Composed pairs train all
    networks; the released code computes them without gradients, so that they move the words alone. There a pair that
    shares no word divides by zero; here it keeps its mass. A class that is no pair is its own attribute and object.
    Of the KL term, both sides are a softmax of plain cosines, as in the released code.

    Cost: O(epochs n (d w + w e + s e)) to fit, w being a width, e the embedding and s the seen pairs, about six passes
    through the networks a batch; O(n (d w + c e)) to score.

    References
    ----------
    Li, Jiang, Wang, Long, Zhang and Zhang, "Contextual interaction via primitive-based adversarial training for
    compositional zero-shot learning", TOMM 2025.
    """

    paper = Paper(
        title="Contextual Interaction via Primitive-based Adversarial Training For Compositional Zero-shot Learning",
        authors="Suyi Li, Chenyi Jiang, Shidong Wang, Yang Long, Zheng Zhang, Haofeng Zhang",
        venue="TOMM",
        year=2025,
        url="https://arxiv.org/abs/2406.14962",
        aka=("PBadv", "primitive-based adversarial training"),
        seed=132,
    )

    def __init__(
        self,
        hidden: tuple[int, ...] = (1024, 2048),
        embedding: int = 300,
        word_hidden: int = 2048,
        dropout: float = 0.5,
        temperature: float = 0.05,
        word_temperature: float = 0.05,
        smoothing: float = 0.1,
        attack_weight: float = 0.1,
        epsilons: tuple[float, ...] = (0.0, 0.005, 0.05, 0.5),
        start_synthesis: int | None = 60,
        epochs: int = 200,
        batch_size: int = 128,
        lr: float = 2e-5,
        weight_decay: float = 5e-5,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.embedding = embedding
        self.word_hidden = word_hidden
        self.dropout = dropout
        self.temperature = temperature
        self.word_temperature = word_temperature
        self.smoothing = smoothing
        self.attack_weight = attack_weight
        self.epsilons = epsilons
        self.start_synthesis = start_synthesis
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _networks(self, d: int, k: int) -> dict[str, nn.Module]:
        e, w = self.embedding, self.word_hidden
        compose = [nn.Linear(2 * d, w), nn.BatchNorm1d(w), nn.ReLU(), nn.Dropout(min(0.3, self.dropout))]
        parts: dict[str, nn.Module] = {"base": normed_mlp(d, *self.hidden, e, dropout=self.dropout)}
        for word in SIDES:
            parts[f"take_{word}"] = normed_mlp(d, w, d, dropout=self.dropout)
            parts[f"image_{word}"] = nn.Sequential(nn.Linear(d, e), nn.ReLU())
            parts[f"word_{word}"] = nn.Sequential(nn.Linear(k, e), nn.ReLU())
        pair = nn.Sequential(nn.Linear(2 * k, e), nn.ReLU())
        return parts | {"compose": nn.Sequential(*compose, nn.Linear(w, e)), "pair": pair}

    def _loss_on(self, x: Tensor, y: Tensor, words: Words, seen: Tensor, generator: torch.Generator) -> Any:
        words = words.of(seen)
        shares = (words.attribute[:, None] == words.attribute) | (words.object[:, None] == words.object)
        target = smoothed_targets(shares, self.smoothing)
        draw = hard_pairs(y.cpu(), words, generator)
        hits, shown, accuracy = (torch.zeros(len(seen)) for _ in range(3))
        epoch = 0

        def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
            nonlocal epoch, accuracy, hits, shown
            if clock.epoch != epoch:
                epoch, accuracy = clock.epoch, hits / shown.clamp(min=1)
                hits, shown = torch.zeros_like(hits), torch.zeros_like(shown)
            pair = normalize(self.networks_["pair"](words.pairs)).T / self.temperature
            base = normalize(self.networks_["base"](batch[0])) @ pair
            own = batch[1].cpu()
            hits.index_add_(0, own, (base.argmax(dim=1) == batch[1]).cpu().float())
            shown.index_add_(0, own, torch.ones(len(own)))
            total = cross_entropy(base, target[batch[1]]) + self._of_words(*batch, words, pair, target)
            if self.start_synthesis is not None and clock.epoch >= self.start_synthesis:
                made, of_attribute, of_object = draw(accuracy, len(own))
                of_attribute = self.networks_["take_attribute"](x[of_attribute.to(x.device)])
                of_object = self.networks_["take_object"](x[of_object.to(x.device)])
                logits = self._compose(of_attribute, of_object) @ pair
                total = total + cross_entropy(logits, target[made.to(x.device)])
            return total

        return loss

    def _of_words(self, x: Tensor, y: Tensor, words: Words, pair: Tensor, target: Tensor) -> Tensor:
        """Losses of attribute and object, of their composition, and of all of them attacked."""
        total, taken, attacked = x.new_zeros(()), [], []
        eps = self.epsilons[int(torch.randint(len(self.epsilons), ()))]
        for word in SIDES:
            vectors, right = getattr(words, f"{word}_vectors"), getattr(words, word)[y]
            of_word = normalize(self.networks_[f"word_{word}"](vectors)).T / self.word_temperature

            def told(f: Tensor, word=word, of_word=of_word, right=right) -> Tensor:
                return cross_entropy(normalize(self.networks_[f"image_{word}"](f)) @ of_word, right)

            taken.append(self.networks_[f"take_{word}"](x))
            total = total + told(taken[-1])
            if self.attack_weight:
                take = self.networks_[f"take_{word}"].eval()  # an attack is aimed without dropout
                with torch.no_grad():
                    aimed = take(x)
                take.train()
                attacked.append(sign_attack(aimed, told, eps, JITTER))
                total = total + self.attack_weight * told(attacked[-1])
        composed = self._compose(*taken) @ pair
        total = total + cross_entropy(composed, target[y])
        if self.attack_weight:
            under_attack = self._compose(*attacked) @ pair
            p, q = (softmax(self.temperature * logits, dim=1) for logits in (composed, under_attack))
            divergence = (p * (p.log() - q.log())).mean()
            total = total + self.attack_weight * (cross_entropy(under_attack, target[y]) + divergence)
        return total

    def _compose(self, of_attribute: Tensor, of_object: Tensor) -> Tensor:
        return normalize(self.networks_["compose"](normalize(torch.cat([of_attribute, of_object], dim=1))))

    def _score(self, x: Tensor, words: Words) -> Tensor:
        run = lambda name, value: like(self.networks_[name], value)  # noqa: E731
        pair = normalize(run("pair", words.pairs)).T
        total, taken = normalize(run("base", x)) @ pair, []
        for word in SIDES:
            taken.append(run(f"take_{word}", x))
            of_word = normalize(run(f"word_{word}", getattr(words, f"{word}_vectors"))).T
            total = total + (normalize(run(f"image_{word}", taken[-1])) @ of_word)[:, getattr(words, word)]
        return total + normalize(run("compose", normalize(torch.cat(taken, dim=1)))) @ pair

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few units, composed pairs from the third epoch on."""
        few = {"hidden": (32,), "embedding": 16, "word_hidden": 32, "dropout": 0.0, "epochs": 8, "batch_size": 64}
        return [few | {"lr": 0.02, "start_synthesis": 2, "random_state": 0, "device": "cpu"}]


def hard_pairs(y: Tensor, words: Words, generator: torch.Generator) -> Callable[[Tensor, int], tuple[Tensor, ...]]:
    """A draw of ``size`` pairs, those of low ``accuracy`` (s,) most often, and samples to compose them from.

    It gives pairs (size,), samples with the attribute and samples with the object, as rows of ``y`` (n,).
    """
    attribute, thing = words.attribute.cpu(), words.object.cpu()
    likeness = (words.object_vectors @ words.object_vectors.T).cpu().exp()
    # Which seen pair q lends its attribute to p, and which its object.
    lends = likeness[thing][:, thing] * (attribute[:, None] == attribute)
    order, count = y.argsort(stable=True), y.bincount(minlength=len(attribute))
    first = count.cumsum(0) - count
    has = (thing[:, None] == thing) * count

    def one_of(weights: Tensor) -> Tensor:
        return torch.multinomial(weights, 1, generator=generator)[:, 0]

    def sample_of(pairs: Tensor) -> Tensor:
        return order[first[pairs] + (torch.rand(len(pairs), generator=generator) * count[pairs]).long()]

    def draw(accuracy: Tensor, size: int) -> tuple[Tensor, ...]:
        pairs = torch.multinomial(softmax(1 - accuracy, dim=0), size, replacement=True, generator=generator)
        return pairs, sample_of(one_of(lends[pairs])), sample_of(one_of(has[pairs].float()))

    return draw
