"""GRW: tasks come one after the other, only the generator is kept, and random walks keep unknown classes apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper
from zorse.core.samples import read_samples
from zorse.nn import class_means, mixed, mlp, walk_losses
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class GRW(AdversarialGenerator):
    """A GAN that replays the classes of earlier tasks, and makes classes nobody described from which walkers get lost.

    ``fit`` learns the first task, ``fit_next`` each further one. Of earlier tasks nothing is kept but ``networks_`` and
    the class table.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        Passes over the data of each task; a step is ``n_critic`` critic moves and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    beta : float, default 1
        Weight of recognising a generated feature by its class's prototype.
    logit_scale : float, default 10
        Of the cosines with prototypes.
    walk : float, default 1
        Weight of the random walks (the authors' code: 0.5 to 5, by data set).
    creativity : float or None, default 0.1
        Weight of the divergence from "any seen class alike" of what is made for vectors in between (the authors' code:
        1 to 10, over the number of classes). None leaves these out altogether, and the walks with them.
    n_steps, decay : int, float, default 3, 0.7
        Steps of a walk between generated points, and how much less each longer walk counts.
    temperature : float, default 0.1
        Squared distances between directions are divided by it before a walker chooses (the authors' code: 2).
    n_replay : int, default 100
        Features made of each earlier class, to be learned beside those of a new task.
    n_seen, n_synthetic : int, default 0, 300
        No real feature is kept: the final classifier learns from generated ones of all classes.
    scale, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`; ``scale`` is "l2" or None, as no range holds for later tasks.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``prototype`` from class vectors to features, of which cosines tell a class, and ``critic``,
        which the next task goes on from as well.
    seen_ : ndarray
        Labels of all tasks so far.
    history_ : list of dict
        Mean loss of ``critic``, ``prototype`` and ``generator`` in the last task, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.

    Notes
    -----
    Vectors between those of two seen classes are drawn (20 to 80 % of the way) and features generated for them. These
    should look real, and prototypes should not tell their class. A walker goes from the mean of a seen class to one of
    them, up to ``n_steps`` times to another, and back to a class mean. It should arrive anywhere alike, so that what is
    made belongs to no seen class, and all points should be visited. A new task trains the networks on, from where they
    stand, on its samples and on replayed ones.
    :func:`zorse.evaluation.evaluate_tasks` has the protocol and the figures of the field.

    Differs from the paper: prototypes are learned from real features by a turn of their own, beside a Wasserstein
    critic, where the paper's discriminator is both; vectors in between are drawn, not learned; answers come from a
    softmax over generated features of all classes. ``temperature`` is ours. The authors' code keeps real features of
    earlier tasks (5,000 in all) where the generator replays here, starts its walks at means of generated features, ties
    these to real means and to neighbours as LsrGAN does, and also has walks that should return among them.

    Cost: that of f-CLSWGAN for each task, over its samples and ``n_replay`` for each earlier class;
    O(``n_steps`` b^2 (s + b)) for the walks over a batch of b.

    References
    ----------
    Zhang, Janson, Yi, Skorokhodov, Elhoseiny. Continual Zero-Shot Learning through Semantically Guided Generative
    Random Walks. ICCV 2023.
    """

    paper = Paper(
        title="Continual Zero-Shot Learning through Semantically Guided Generative Random Walks",
        authors="Wenxuan Zhang, Paul Janson, Kai Yi, Ivan Skorokhodov, Mohamed Elhoseiny",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2308.12366",
        aka=("GRW", "IGCZSL", "generative random walks"),
        seed=104,
    )

    beta: float = 1.0
    logit_scale: float = 10.0
    walk: float = 1.0
    creativity: float | None = 0.1
    n_steps: int = 3
    decay: float = 0.7
    temperature: float = 0.1
    n_replay: int = 100
    scale: str | None = "l2"
    n_seen: int | None = 0
    _earlier: nn.ModuleDict | None = field(init=False, default=None)

    def fit_next(self, X, y, classes: ClassTable | None = None) -> Self:
        """Learn a further task; classes of earlier ones are replayed by the generator.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
            A label of an earlier task that comes again is learned from the new samples alone.
        classes : ClassTable, optional
            All classes, those of earlier tasks included. Default: the present candidates.

        Raises
        ------
        InputError
            If a label, or a class of an earlier task, has no row in ``classes``.
        """
        check_is_fitted(self)
        table = self.candidates_ if classes is None else classes
        X, y = read_samples(self, X, y)
        old = table.select(np.setdiff1d(self.seen_, y))
        table.rows(y)
        x, labels = self.replay(old)
        self.seen_ = np.union1d(self.seen_, y)
        self._earlier = self.networks_
        try:
            self._fit(np.concatenate([X, x]), table.rows(np.concatenate([y, labels])), table)
        finally:
            self._earlier = None
        return self._offer(table)

    @torch.no_grad()
    def replay(self, table: ClassTable) -> tuple[np.ndarray, np.ndarray]:
        """``n_replay`` generated features for each class of ``table``, (m, d), and their labels (m,)."""
        made = [features[: self.n_replay].cpu().double().numpy() for features in self._replayed(table)]
        x = np.concatenate(made) if made else np.empty((0, self.n_features_in_))
        return x, np.repeat(table.labels, [len(m) for m in made])

    def _replayed(self, table: ClassTable) -> list[Tensor]:
        kept, self.n_synthetic = self.n_synthetic, self.n_replay
        try:
            return self.synthesise(table)
        finally:
            self.n_synthetic = kept

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        if self.scale not in ("l2", None):
            raise InputError(f"GRW needs scale='l2' or None: no range holds for later tasks; got {self.scale!r}")
        critic, (d, k) = self._players(data, nn.Identity()), (data.x.shape[1], data.seen.shape[1])
        nets = self.networks_
        nets["critic"], nets["prototype"] = critic, drawn(mlp(k, self.hidden, d, activation=leaky), data)
        if self._earlier is not None:
            nets.load_state_dict(self._earlier.state_dict())

        def told(x: Tensor) -> Tensor:
            cosines = nn.functional.normalize(x, dim=1) @ nn.functional.normalize(nets["prototype"](data.seen), dim=1).T
            return (self.logit_scale * cosines).log_softmax(dim=1)

        def wrong(x: Tensor, y: Tensor) -> Tensor:
            return nn.functional.nll_loss(told(x), y)

        def generator_loss(batch, clock: Clock):
            x, a, y = batch
            fake = self._fake(a)
            loss = self._fooled(critic, fake, a) + self.beta * wrong(fake, y)
            if self.creativity is None:
                return loss
            between = mixed(a)
            new = self._fake(between)
            loss = loss + self._fooled(critic, new, between) - self.creativity * told(new).mean()
            means, present = class_means(x, y, len(data.seen))
            lost, visit = self._lost(new, means[present])
            return loss + self.walk * (lost + visit)

        return [
            self._critic_turn(critic),
            self._turn("prototype", lambda batch, clock: wrong(batch[0], batch[2]), nets["prototype"]),
            self._turn("generator", generator_loss, nets["generator"]),
        ]

    def _lost(self, points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
        # Directions, or points at the origin, alike from every centre, would be the best to make.
        points, centres = (nn.functional.normalize(v, dim=1) / self.temperature**0.5 for v in (points, centres))
        return walk_losses(points, centres, self.n_steps, self.decay, home=False)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator; real features are kept, so that it need not be trained for long."""
        small: dict[str, Any] = {"epochs": 60, "batch_size": 256, "lr": 0.01, "hidden": 48, "n_critic": 1, "walk": 0.1}
        small |= {"n_synthetic": 30, "n_replay": 20, "n_steps": 2, "classifier_epochs": 15, "classifier_lr": 0.05}
        return [small | {"n_seen": None, "classifier_batch_size": 64, "device": "cpu", "random_state": 0}]
