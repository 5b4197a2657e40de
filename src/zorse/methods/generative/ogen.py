"""OGEN: features of unknown classes, extrapolated from known ones, keep fine-tuning from forgetting them."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn import class_means, fill_linear, mlp
from zorse.nn.attention import attend
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class OGEN(ZeroShotClassifier):
    """An adapter of text embeddings, tuned on known classes and on features that attention makes for unknown ones.

    Parameters
    ----------
    neighbours : int, default 3
        Known classes that a feature is extrapolated from, and classes that one is made for.
    warm_up : float, default 0.2
        Part of the training in which the generator alone learns, to make real features of known classes.
    unknown : float, default 0.5
        Weight of the cross-entropy on features made for unknown classes; made and real features of known classes have
        a quarter each. 0 gives plain tuning: no generator, and known classes alone.
    distill : float, default 0.1
        Weight of the squared difference of the logits from those of the mean teacher.
    window : int, default 10
        Epochs that the teacher is a mean of in the end; it grows from 1 along a cosine.
    scale : float, default 100
        What cosines are multiplied by.
    dropout : float, default 0.1
        Of what the attention gives.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default 50, 32, 1e-3, 0
        Of Adam.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    networks_ : ModuleDict
        ``adapter``, added to text embeddings; ``query``, ``key``, ``value``, ``out`` and ``own`` of the generator.
    known_ : ndarray of shape (s, d)
        Text embeddings of the known classes, by label.
    means_, spreads_ : ndarray of shape (s, d)
        Mean and standard deviation of their features.
    coef_ : ndarray of shape (c, d)
        Adapted text embeddings of the candidates, at unit length.
    history_ : list of dict
        Mean loss of ``ogen``, an entry an epoch.

    Notes
    -----
    A feature of a class with text t is MLP(t) + attention(t, texts of known classes, their features), at unit length.
    Three ways of making one are trained together: of a known class from the means of its nearest classes, each moved by
    a random part of its spread; of a sample's nearest known classes from that sample; and of its nearest unknown
    classes. The first two are compared with real features. Unknown classes are the others of the table.
    :meth:`extrapolate` makes features of any class.

    Differs from the paper: it tunes prompts in front of a text encoder, here embeddings are stored and a linear map
    (at first 0) is added to them; one attention head of plain layers; the teacher's window is an exponential one, so
    that training can be resumed. With ``unknown`` at 0 no teacher is used either.

    Cost: O(``epochs`` n (d^2 ``neighbours`` + c d)) to train; a label space O(c d^2).

    References
    ----------
    Zang, Goh, Susskind, Huang. Overcoming the Pitfalls of Vision-Language Model Finetuning for OOD Generalization.
    ICLR 2024.
    """

    paper = Paper(
        title="Overcoming the Pitfalls of Vision-Language Model Finetuning for OOD Generalization",
        authors="Yuhang Zang, Hanlin Goh, Josh Susskind, Chen Huang",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2401.15914",
        aka=("OGEN", "class-conditional feature generator"),
        seed=94,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        neighbours: int = 3,
        warm_up: float = 0.2,
        unknown: float = 0.5,
        distill: float = 0.1,
        window: int = 10,
        scale: float = 100.0,
        dropout: float = 0.1,
        epochs: int = 50,
        batch_size: int = 32,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        device: str = "auto",
        random_state=None,
    ):
        self.neighbours = neighbours
        self.warm_up = warm_up
        self.unknown = unknown
        self.distill = distill
        self.window = window
        self.scale = scale
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.device = device
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"OGEN needs at least two seen classes; got {seen[0]!s} alone")
        place, others = resolve_device(self.device), np.sort(table.without(seen).labels)
        ordered = table.select(np.concatenate([seen, others]))
        x, text = (torch.as_tensor(unit_rows(v), dtype=torch.float32, device=place) for v in (X, ordered.vectors))
        y, d = torch.as_tensor(target, device=place), X.shape[1]
        with seeded(self.random_state) as generator:
            layers = {name: nn.Linear(d, d) for name in ("query", "key", "value", "out")}
            self.networks_ = nn.ModuleDict({"adapter": nn.Linear(d, d), **layers, "own": mlp(d, d, d)}).to(place)
            fill_linear(self.networks_["adapter"], nn.init.zeros_)
            batches = MiniBatches(x, y, size=self.batch_size, generator=generator)
            turn = self._turn(x, y, text, len(seen), batches.steps_per_pass)
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.networks_.requires_grad_(False)
        self.known_ = text[: len(seen)].cpu().double().numpy()

    def _turn(self, x: Tensor, y: Tensor, text: Tensor, s: int, steps: int) -> Turn:
        """All losses of samples x (n, d) of classes y (n,); the first ``s`` rows of text (c, d) are known."""
        means, _ = class_means(x, y, s)
        spreads = (class_means(x.square(), y, s)[0] - means.square()).clamp_min(0).sqrt()
        self.means_, self.spreads_ = means.cpu().double().numpy(), spreads.cpu().double().numpy()
        m = min(self.neighbours, s - 1)
        near = self._apart(nn.functional.normalize(means, dim=1) @ means.T).topk(m, dim=1).indices
        sorted_rows, counts = torch.argsort(y, stable=True), torch.bincount(y, minlength=s)
        starts = counts.cumsum(0) - counts
        teacher = nn.ParameterList([p.detach().clone() for p in self.networks_["adapter"].parameters()])
        ce = nn.functional.cross_entropy

        def real_of(c: Tensor) -> Tensor:
            return x[sorted_rows[starts[c] + (torch.rand(c.shape).to(x) * counts[c]).long()]]

        def made_of(c: Tensor, v: Tensor, label: Tensor) -> Tensor:
            """Features (b, m, d) of classes c (b, m), from samples v (b, d) of the classes ``label`` (b,)."""
            q = text[c].flatten(0, 1)
            k, values = (t.repeat_interleave(c.shape[1], dim=0)[:, None] for t in (text[label], v))
            return self.made(q, k, values).reshape(*c.shape, -1)

        def loss(batch, clock: Clock) -> Tensor:
            v, label = batch
            weights = self._weights(text)
            if not self.unknown:
                return ce(self.scale * v @ weights[:s].T, label)
            moved = means[near[label]] + torch.rand(len(v), m, 1).to(v) * spreads[near[label]]
            own = self.made(text[label], text[near[label]], nn.functional.normalize(moved, dim=2))
            alike = v @ means.T
            beside = alike.scatter(1, label[:, None], -torch.inf).topk(m, dim=1).indices
            from_sample = made_of(beside, v, label)
            if clock.fraction < self.warm_up:
                return v.shape[1] * ((own - v).square().mean() + (from_sample - real_of(beside)).square().mean())
            total = 0.25 * (ce(self.scale * own @ weights.T, label) + ce(self.scale * v @ weights.T, label))
            total = total + 0.25 * ce(self.scale * (from_sample @ weights.T).flatten(0, 1), beside.flatten())
            if len(text) > s:
                new = s + (v @ text[s:].T).topk(min(self.neighbours, len(text) - s), dim=1).indices
                logits = self.scale * made_of(new, v, label) @ weights.T
                total = total + self.unknown * ce(logits.flatten(0, 1), new.flatten())
            if clock.step % steps == 0:
                self._follow(teacher, clock.fraction)
            taught = nn.functional.normalize(text + nn.functional.linear(text, *teacher), dim=1).detach()
            return total + self.distill * (self.scale * v @ (weights - taught).T).square().mean()

        adam = partial(torch.optim.Adam, lr=self.lr, weight_decay=self.weight_decay)
        # The teacher is moved by hand and has no gradient; it stands here so that a checkpoint holds it.
        return Turn("ogen", loss, [*self.networks_.parameters(), *teacher], adam)

    @torch.no_grad()
    def _follow(self, teacher: nn.ParameterList, fraction: float) -> None:
        """Bring the teacher nearer to the adapter: a mean over a window that has grown so far."""
        window = 1 + (self.window - 1) * (1 - np.cos(np.pi / 2 * fraction))
        for mine, of_adapter in zip(teacher, self.networks_["adapter"].parameters(), strict=True):
            mine.lerp_(of_adapter, 1 / window)

    @staticmethod
    def _apart(alike: Tensor) -> Tensor:
        itself = torch.eye(len(alike), dtype=torch.bool, device=alike.device)
        return alike.masked_fill(itself, -torch.inf)

    def made(self, text: Tensor, known: Tensor, features: Tensor) -> Tensor:
        """Features (b, d) of classes with text (b, d), from ``features`` (b, m, d) of classes ``known`` (b, m, d)."""
        nets = self.networks_
        seen, _ = attend(nets["query"](text)[:, None], nets["key"](known), nets["value"](features))
        heard = nn.functional.dropout(nets["out"](seen[:, 0]), self.dropout, training=torch.is_grad_enabled())
        return nn.functional.normalize(nets["own"](text) + heard, dim=1)

    def _weights(self, text: Tensor) -> Tensor:
        return nn.functional.normalize(text + self.networks_["adapter"](text), dim=1)

    @torch.no_grad()
    def extrapolate(self, classes: ClassTable, n: int = 1) -> np.ndarray:
        """``n`` features of each class, (c, n, d), from the known classes whose texts are nearest to its own.

        Where a class is known itself, it is not among them. Noise follows ``random_state``.
        """
        place = next(self.networks_.parameters()).device
        known, means, spreads, text = (
            torch.as_tensor(v, dtype=torch.float32, device=place)
            for v in (self.known_, self.means_, self.spreads_, unit_rows(classes.vectors))
        )
        alike = text @ known.T
        near = alike.masked_fill(alike > 1 - 1e-6, -2.0).topk(min(self.neighbours, len(known) - 1), dim=1).indices
        near = near.repeat_interleave(n, dim=0)
        with seeded(self.random_state):
            moved = means[near] + torch.rand(*near.shape, 1).to(means) * spreads[near]
        made = self.made(text.repeat_interleave(n, dim=0), known[near], nn.functional.normalize(moved, dim=2))
        return made.reshape(len(text), n, -1).cpu().double().numpy()

    def _prepare(self, table: ClassTable) -> None:
        text = unit_rows(table.vectors)
        weight, bias = (p.detach().cpu().double().numpy() for p in self.networks_["adapter"].parameters())
        self.coef_ = unit_rows(text + text @ weight.T + bias)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.coef_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 8, "batch_size": 48, "scale": 10.0, "lr": 3e-3, "device": "cpu", "random_state": 0}]
