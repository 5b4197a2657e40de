"""OntoZSL: a WGAN told of a class by where an ontology puts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zorse.core import ClassTable, Paper
from zorse.semantics.knowledge_graph import attribute_view
from zorse.semantics.ontology import ontology_embedding
from zorse.templates import LearnedVectorsGenerator, TrainingData
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class OntoZSL(LearnedVectorsGenerator):
    """f-CLSWGAN over class vectors that a text-aware translation model learned from an ontology.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    beta : float, default 0.01
        Weight of the classification loss.
    dim, margin, ontology_epochs : int, float, int, default 100, 10, 1000
        As in :func:`~zorse.semantics.ontology.ontology_embedding`: structural and textual vector have ``dim`` entries.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    known_, vectors_ : ndarray of shape (c,), (c, 2 dim)
        The classes fitted with and their learned vectors.
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
    The ontology is the table's ``graph``: classes, their ancestors and properties, with the vectors of their texts. A
    table without one is its own: every class is joined to the attributes in which it exceeds the mean class. The graph
    is learned whole, unseen classes included; no sample takes part.

    Differs from the paper: the released encoder trains structural vectors alone first, here both are learned together,
    and has a further energy of their sums; there noise has ``dim`` entries, not as many as a class vector, and class
    vectors are not brought to unit length. Released are 100 epochs in batches of 4096. A class that joins after ``fit``
    has no vector and is refused.

    Cost: O(``ontology_epochs`` e ``dim``) for e edges, then that of f-CLSWGAN with vectors of length 2 ``dim``.

    References
    ----------
    Geng, Chen, Chen, Pan, Ye, Yuan, Jia, Chen. OntoZSL: Ontology-enhanced Zero-shot Learning. WWW 2021.
    """

    paper = Paper(
        title="OntoZSL: Ontology-enhanced Zero-shot Learning",
        authors="Yuxia Geng, Jiaoyan Chen, Zhuo Chen, Jeff Z. Pan, Zhiquan Ye, Zonggang Yuan, Yantao Jia, Huajun Chen",
        venue="WWW",
        year=2021,
        url="https://arxiv.org/abs/2102.07339",
        aka=("OntoZSL", "ontology-enhanced zero-shot learning"),
        seed=21,
    )

    beta: float = 0.01
    dim: int = 100
    margin: float = 10.0
    ontology_epochs: int = 1000

    def _encode(self, X: np.ndarray, y: np.ndarray, table: ClassTable) -> np.ndarray:
        graph = attribute_view(table) if table.graph is None else table.graph
        nodes = graph.rows(table.labels)
        options: dict[str, Any] = {"dim": self.dim, "margin": self.margin, "epochs": self.ontology_epochs}
        return ontology_embedding(graph, **options, random_state=self.seed_, device=self.device)[nodes]

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic = self._players(data)
        told = self._recognised(critic, self._softmax(data.x, data.y, len(data.seen), generator), self.beta)

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            return told(self._fake(a), a, y)

        return [self._critic_turn(critic), self._turn("generator", generator_loss, self.networks_)]

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator over a small embedding."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 48, "beta": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"dim": 16, "margin": 1.0, "ontology_epochs": 40, "device": "cpu", "random_state": 0}]
