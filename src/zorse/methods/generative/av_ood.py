"""AV-OOD: of two streams, audio and video, a detector tells whether a class was seen, and two experts tell which."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, resolve_device, seeded
from zorse.nn import like, mlp
from zorse.nn.attention import attend
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, MiniBatches, Turn, train

APART = 1e3  # added to the log-probabilities of the side that the detector decides for


@dataclass(eq=False, repr=False, kw_only=True)
class AVOOD(AdversarialGenerator):
    """Samples of generated unseen classes teach a detector how unsure it should be; an expert answers on either side.

    Parameters
    ----------
    streams : tuple of two ints, optional
        How many of a sample's features are audio and how many video, which follow. Default: half and half.
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one move of decoder, generator and the expert of unseen classes each.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    latent : int, default 64
        Dimensions of the space in which the expert of unseen classes compares streams and words.
    match, reconstruction : float, default 0.1, 0.01
        Weight of cosines between generated and real features, and of reading class vectors off generated ones.
    margin : float, default 1
        Of the triplets.
    gate : bool, default True
        False: no detector; the expert of unseen classes answers over all of them.
    detector_epochs, detector_lr : int, float, default 20, 1e-3
        Passes of the detector over the real features kept, for each label space, and its step.
    n_synthetic : int, default 300
        Features of each unseen class that the detector is shown.
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`; the softmax is the expert of seen classes, its batch size is
        also the detector's. ``classifier`` is "softmax" and ``cascade`` 0, and ``n_seen`` is not 0.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``; ``audio``, ``video`` and ``text`` into the common space, ``query`` and ``key`` between streams.
    detector_ : Sequential or None
        From features to logits of the seen classes; None where candidates are all seen or all unseen.
    threshold_ : float
        Mean entropy of the detector on real seen features; above it a sample is of an unseen class.
    coef_, intercept_ : ndarray of shape (s, d), (s,)
        The expert of seen classes.
    words_ : ndarray of shape (u, latent)
        What the other one compares with.
    history_ : list of dict
        Mean loss of ``critic``, ``decoder``, ``generator`` and ``embedding``, an entry an epoch.

    Notes
    -----
    The generator is a WGAN that also pays for generated features unlike real ones of their class or like those of
    another, and for class vectors that cannot be read off. The expert of unseen classes lets the streams attend to each
    other and learns by triplets to put audio and video near the words of their class; the video's place answers. The
    detector learns to be sure of real features and unsure of generated ones of unseen candidates: cross-entropy plus
    entropy on the former, minus entropy on the latter. The gate is hard.

    Differs from the paper: streams attend by one head of plain layers; noise has as many dimensions as a class vector;
    the threshold is measured after training, where the authors' code sums it while it trains and divides by twice too
    many samples; their epoch is the best on the test, which is not done here.

    Cost: with width h, O(``epochs`` n ``n_critic`` h (d + k)) to train; a label space O(``detector_epochs`` n d 1024).

    References
    ----------
    Wen. Out-Of-Distribution Detection for Audio-visual Generalized Zero-Shot Learning: A General Framework. BMVC
    2024.
    """

    paper = Paper(
        title="Out-Of-Distribution Detection for Audio-visual Generalized Zero-Shot Learning: A General Framework",
        authors="Liuyuan Wen",
        venue="BMVC",
        year=2024,
        url="https://arxiv.org/abs/2408.01284",
        aka=("AV-OOD", "audio-visual out-of-distribution detection"),
        seed=116,
    )
    traits = Traits(open_candidates=False)

    streams: tuple[int, int] | None = None
    latent: int = 64
    match: float = 0.1
    reconstruction: float = 0.01
    margin: float = 1.0
    gate: bool = True
    detector_epochs: int = 20
    detector_lr: float = 1e-3
    detector_: nn.Sequential | None = field(init=False)
    threshold_: float = field(init=False)
    words_: np.ndarray = field(init=False)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Audio and video of features (n, d)."""
        d = x.shape[1]
        first, second = self.streams or (max(d // 2, 1), d - max(d // 2, 1) or 1)  # of one feature both see it
        if self.streams and (first + second != d or min(first, second) < 1):
            raise InputError(f"streams={self.streams} must be two sizes above 0 that make up the {d} features")
        return x[:, :first], x[:, d - second :]

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        if self.n_seen == 0 or self.classifier != "softmax" or self.cascade:
            told = f"n_seen={self.n_seen}, classifier={self.classifier!r}, cascade={self.cascade}"
            raise InputError(f"AVOOD needs real features for its detector, and a softmax in one stage; got {told}")
        critic, (d, k) = self._players(data), (data.x.shape[1], data.seen.shape[1])
        nets, h, s = self.networks_, self.hidden, len(data.seen)
        decoder = drawn(mlp(d, h, k, activation=leaky), data)
        shapes = {"audio": self._parts(data.x)[0].shape[1], "video": self._parts(data.x)[1].shape[1], "text": k}
        for name, width in shapes.items():
            nets[name] = mlp(width, h, self.latent).to(data.x.device)
        for name in ("query", "key"):
            nets[name] = nn.Linear(self.latent, self.latent).to(data.x.device)
        back = mlp(self.latent, h, k).to(data.x.device)
        triplet = partial(nn.functional.triplet_margin_loss, margin=self.margin)
        mse, cosine = nn.functional.mse_loss, nn.functional.cosine_similarity

        def other_than(y: Tensor) -> Tensor:
            return (y + 1 + torch.randint(max(s - 1, 1), y.shape).to(y)) % s

        def generator_loss(batch, clock: Clock):
            x, a, y = batch
            fake = self._fake(a)
            turned = torch.roll(torch.arange(len(x)), 1)
            apart = (y != y[turned]).float()
            unlike = 1 - cosine(fake, x) + apart * cosine(fake, x[turned]).clamp_min(0)
            loss = self._fooled(critic, fake, a) + self.match * unlike.mean()
            return loss + self.reconstruction * mse(decoder(fake), a)

        def embedding_loss(batch, clock: Clock):
            x, a, y = batch
            word, wrong = nets["text"](a), nets["text"](data.seen[other_than(y)])
            turned = torch.roll(torch.arange(len(x)), 1)
            apart = y != y[turned]
            loss = mse(back(word), a)
            for place in self._places(x):
                loss = loss + triplet(place, word, wrong) + mse(back(place), a)
                if apart.any():
                    loss = loss + triplet(word[apart], place[apart], place[turned][apart])
            return loss

        expert = [nets[name] for name in ("audio", "video", "text", "query", "key")]
        return [
            self._critic_turn(critic),
            self._turn("decoder", lambda batch, clock: mse(decoder(batch[0]), batch[1]), decoder),
            self._turn("generator", generator_loss, nets["generator"]),
            self._turn("embedding", embedding_loss, *expert, back),
        ]

    def _places(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Audio and video (n, latent) in the common space, each after a look at the other."""
        nets, (audio, video) = self.networks_, self._parts(x)
        # ``like`` answers in double precision, and cuts gradients off.
        run = {name: nets[name] if torch.is_grad_enabled() else partial(like, nets[name]) for name in nets}
        both = torch.stack([run["audio"](audio), run["video"](video)], dim=1)
        seen, _ = attend(run["query"](both), run["key"](both), both)
        return (both + seen)[:, 0], (both + seen)[:, 1]

    @torch.no_grad()
    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("AVOOD needs at least one candidate class; got none")
        self.networks_.to(resolve_device(self.device))  # after loading they lie on the CPU
        is_seen = np.isin(table.labels, self.seen_) if self.gate else np.zeros(table.n_classes, dtype=bool)
        self.detector_, self.threshold_ = None, float("inf")
        seen, unseen = (table.select(table.labels[side]) for side in (is_seen, ~is_seen))
        if seen.n_classes:
            with torch.enable_grad():
                self.coef_, self.intercept_ = self._fit_final(seen)
        self.words_ = like(self.networks_["text"], torch.as_tensor(self._describe(unseen))).cpu().numpy()
        if seen.n_classes and unseen.n_classes:
            self._fit_detector(unseen)

    def _fit_detector(self, unseen: ClassTable) -> None:
        place = next(self.networks_.parameters()).device
        real, y = self.seen_features_.to(place), self.seen_rows_.to(place)
        made = torch.cat(self.synthesise(unseen.select(np.sort(unseen.labels)))).to(place)
        with seeded(self.seed_) as generator:
            detector = mlp(real.shape[1], 1024, 512, 128, len(self.seen_), activation=leaky).to(place)

            def loss(batch, clock: Clock) -> Tensor:
                x, target = batch
                logits = detector(x)
                new = detector(made[torch.randint(len(made), (len(x),)).to(place)])
                return nn.functional.cross_entropy(logits, target) + entropy(logits).mean() - entropy(new).mean()

            adam = partial(torch.optim.Adam, lr=self.detector_lr, fused=True)
            batches = MiniBatches(real, y, size=self.classifier_batch_size, generator=generator)
            with torch.enable_grad():
                train([Turn("detector", loss, detector.parameters(), adam)], batches, epochs=self.detector_epochs)
        self.detector_ = detector.requires_grad_(False)
        self.threshold_ = float(entropy(detector(real)).mean())

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        is_seen = np.isin(table.labels, self.seen_) if self.gate else np.zeros(table.n_classes, dtype=bool)
        x, out = self._see(X), np.empty((len(X), table.n_classes))
        if is_seen.any():
            out[:, is_seen] = torch.as_tensor(x.numpy() @ self.coef_.T + self.intercept_).log_softmax(1).numpy()
        if not is_seen.all():
            _, video = self._places(x.to(next(self.networks_.parameters()).device))
            apart = (video.cpu()[:, None] - torch.as_tensor(self.words_)[None]).norm(dim=2)
            out[:, ~is_seen] = (-apart).log_softmax(1).numpy()
        if self.detector_ is not None:
            new = entropy(like(self.detector_, x)).numpy() > self.threshold_
            out += APART * (new[:, None] != is_seen[None])
        return out

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small set of networks."""
        small: dict[str, Any] = {"epochs": 30, "batch_size": 256, "lr": 0.01, "hidden": 32, "latent": 12, "n_critic": 1}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"detector_epochs": 10, "detector_lr": 0.01, "device": "cpu", "random_state": 0}]


def entropy(logits: Tensor) -> Tensor:
    """Of the softmax of each row (n, c), shape (n,)."""
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)
