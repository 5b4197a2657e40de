"""KG-GAN: a WGAN told of a class by graph convolutions over two knowledge graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zorse.core import ClassTable, Paper
from zorse.nn import centroid_loss, class_means
from zorse.semantics.knowledge_graph import knowledge_graph_embedding
from zorse.templates import LearnedVectorsGenerator, TrainingData
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class KGGAN(LearnedVectorsGenerator):
    """f-CLSWGAN with class means tied to real ones, over codes of a hierarchy and of a class-attribute graph.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    beta : float, default 0.01
        Weight of the classification loss.
    pivot : float, default 1
        Weight of the distance between generated and real class means.
    dim, graph_hidden, graph_epochs : int, int, int, default 128, 512, 300
        Length of a code of each graph, width and steps of its two layers, as in
        :func:`~zorse.semantics.knowledge_graph.knowledge_graph_embedding`.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    known_, vectors_ : ndarray of shape (c,), (c, 2 dim)
        The classes fitted with and their codes; ``dim`` entries where the table has no graph.
    networks_ : ModuleDict
        ``generator``.
    history_ : list of dict
        Mean loss of ``critic`` and ``generator``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    One graph is the table's ``graph`` (a hierarchy, say), the other joins classes to the attributes in which they
    exceed the mean class. Each is encoded by two graph convolutions fitted to the linear classifiers of the seen
    classes; codes of unseen classes follow from the links. The generator is told both codes side by side.

    Differs from the paper: the graphs are encoded one by one, each with its own read-out; weights of the losses are
    those of f-CLSWGAN and of the pivots of GAZSL. A class that joins after ``fit`` has no code and is refused.

    Cost: that of a softmax regression and O(``graph_epochs`` m (k w + w ``dim``)) for m nodes and width w, then that of
    f-CLSWGAN with vectors of length 2 ``dim``.

    References
    ----------
    Geng, Chen, Chen, Ye, Yuan, Jia, Chen. Generative Adversarial Zero-shot Learning via Knowledge Graphs. 2020.
    """

    paper = Paper(
        title="Generative Adversarial Zero-shot Learning via Knowledge Graphs",
        authors="Yuxia Geng, Jiaoyan Chen, Zhuo Chen, Zhiquan Ye, Zonggang Yuan, Yantao Jia, Huajun Chen",
        venue="arXiv",
        year=2020,
        url="https://arxiv.org/abs/2004.03109",
        aka=("KG-GAN", "generative adversarial zero-shot learning via knowledge graphs"),
        seed=43,
    )

    beta: float = 0.01
    pivot: float = 1.0
    dim: int = 128
    graph_hidden: int = 512
    graph_epochs: int = 300

    def _encode(self, X: np.ndarray, y: np.ndarray, table: ClassTable) -> np.ndarray:
        options: dict[str, Any] = {"hidden": self.graph_hidden, "dim": self.dim, "epochs": self.graph_epochs}
        return knowledge_graph_embedding(X, y, table, **options, random_state=self.seed_, device=self.device)

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic = self._players(data)
        told = self._recognised(critic, self._softmax(data.x, data.y, len(data.seen), generator), self.beta)
        real, _ = class_means(data.x, data.y, len(data.seen))

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            fake = self._fake(a)
            return told(fake, a, y) + self.pivot * centroid_loss(fake, y, real)

        return [self._critic_turn(critic), self._turn("generator", generator_loss, self.networks_)]

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator over small codes."""
        small: dict[str, Any] = {"epochs": 30, "batch_size": 256, "lr": 0.01, "hidden": 48, "beta": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        small |= {"dim": 12, "graph_hidden": 24, "graph_epochs": 80}
        return [small | {"device": "cpu", "random_state": 0}]
