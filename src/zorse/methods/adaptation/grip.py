"""GRIP (NeurIPS 2023): prompts are learned again and again from pseudo-labels, of which there are more each time."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper, Traits, seeded
from zorse.nn.vectors import cosine
from zorse.templates.prompt_learner import PromptLearner
from zorse.training.unlabelled import best_of_each_class


class GRIP(PromptLearner):
    """Learn a context from the samples that the present classifier is surest of, equally many for every class.

    Parameters
    ----------
    encoder : str, PromptEncoder or None
        What embedded the images, by the name that ``load_encoder`` takes (a name is
        needed to save the model). None:
        class vectors stand for words and the sum of words for a text tower, where nothing but embeddings is stored.
    n_context : int
        Learned word pieces M.
    rounds : int
        Times the context is learned from the start; each round takes in more pseudo-labels, the last all samples.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        ``context`` (M, t), for word pieces of length t.
    weights_ : ndarray of shape (c, d)
        Unit vector of each candidate's text.
    scale_ : float
    encoder_digest_ : str or None
        Of the text tower; another one is refused, also after loading.
    history_ : list of dict
        Mean loss of each epoch.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int
    pseudo_samples_, pseudo_labels_ : list of ndarray of shape (k * u,)
        In each round, rows of ``unlabelled`` and the labels they were given; a sample may stand under several.
        ``zorse.evaluation.pseudo_label_report`` tells how good they are, where the truth is known.

    Notes
    -----
    In round r of R each of the u target classes gets the k = r m / (R u) of the m unlabelled samples that it is most
    probable for, first by the class vectors of the table (zero-shot), then by the last round's prompts; cross-entropy
    over labelled samples plus as much, in all, over pseudo-labelled ones. That every class gets equally many is what
    keeps the classes that the model knows badly from starving. The targets are the classes without a labelled sample
    (transductive zero-shot); where every class has labelled samples (semi-supervised) or none has (unsupervised:
    ``fit(None, None, classes=table, unlabelled=Z)``), all classes.

    Differs from the paper: textual prompts only, no warm-up epochs, and a class takes the samples it is most probable
    for. The released code fills the lists in one pass over the samples instead, which depends on their order.

    Cost: fit O(rounds epochs (n + k u) / batch_size) passes of c short texts through the tower and back.
    Predict O(n c d).

    References
    ----------
    Menghini, Delworth, Bach, Enhancing CLIP with CLIP: Exploring Pseudolabeling for Limited-Label Prompt Tuning,
    NeurIPS 2023.
    """

    paper = Paper(
        title="Enhancing CLIP with CLIP: Exploring Pseudolabeling for Limited-Label Prompt Tuning",
        authors="Cristina Menghini, Andrew Delworth, Stephen H. Bach",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2306.01669",
        aka=("GRIP", "Grow and Refine Iteratively Pseudolabels", "FPL"),
        seed=67,
    )
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)
    expected_failures: ClassVar[dict[str, str]] = {
        "check_descriptions_are_enough": "labelled samples are not needed, but are learned from where there are some"
    }

    def __init__(
        self,
        encoder: Any = "mini",
        n_context: int = 16,
        rounds: int = 10,
        scale: float | None = None,
        epochs: int = 150,
        batch_size: int = 64,
        lr: float = 0.1,
        weight_decay: float = 0.1,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.n_context, self.rounds = n_context, rounds
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [
            {"encoder": None, "n_context": 4, "rounds": 2, "epochs": 3, "device": "cpu", "lr": 0.01, "random_state": 0}
        ]

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if len(unlabelled) == 0 or table.n_classes < 2:
            raise InputError(f"GRIP needs unlabelled samples and two classes; got {len(unlabelled)}, {table.n_classes}")
        order = np.argsort(table.labels, kind="stable")  # the order of the table means nothing
        place = np.argsort(order)
        table, y = table.select(table.labels[order]), place[rows]
        told = np.isin(np.arange(table.n_classes), y)
        targets = np.flatnonzero(~told) if told.any() and not told.all() else np.arange(table.n_classes)
        self.pseudo_samples_: list[np.ndarray] = []
        self.pseudo_labels_: list[np.ndarray] = []
        tower = self._tower(table)
        weights, scale = table.vectors, float(tower.logit_scale if self.scale is None else self.scale)
        with seeded(self.random_state) as generator:
            for number in range(1, self.rounds + 1):
                k = max(1, number * len(unlabelled) // (self.rounds * len(targets)))
                samples, which = best_of_each_class(
                    softmax(scale * cosine(unlabelled, weights[targets]), axis=1), len(targets), k
                )
                self.pseudo_samples_.append(samples)
                self.pseudo_labels_.append(table.labels[targets[which]])
                share = len(X) / len(samples) if len(X) else 1.0
                weight = np.concatenate([np.ones(len(X)), np.full(len(samples), share)])
                self._learn(
                    np.concatenate([X, unlabelled[samples]]),
                    np.concatenate([y, targets[which]]),
                    weight / weight.mean(),
                    table,
                    generator,
                )
                self._prepare(table)
                weights = self.weights_
