"""Billion-scale semi-supervised learning (2019): a teacher picks the same number of images for every class."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn import mlp
from zorse.nn.vectors import unit_rows
from zorse.templates import RidgeToVectors
from zorse.training import Clock, MiniBatches, Turn, train
from zorse.training.unlabelled import best_of_each_class


class BillionScale(ZeroShotClassifier):
    """Teacher and student: the best unlabelled samples of each class, as many for all, train a student from scratch.

    Parameters
    ----------
    estimator : ZeroShotClassifier, optional, default=None
        The teacher; it learns from the labelled samples and scores the unlabelled ones.
        None: ridge regression from samples to class vectors, which knows unseen classes too.
    top_p : int, default=10
        Classes that a sample can be picked for: those that its probability is largest for.
    top_k : int, optional, default=None
        Samples picked for a class; None: what a class has on average. The paper: 8,000 to 64,000.
    hidden : tuple of int, default=()
        Layers of the student before its softmax.
    scale : float, default=16.0
        Length that samples are given before they go to the student.
    epochs, tuning_epochs : int, default=30, 10
        On the picked samples, then on the labelled ones.
    lr : float, default=1e-3
        Of Adam; a tenth of it for the labelled samples.
    batch_size : int, default=64
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    picked_, picked_labels_ : ndarray of shape (s,)
        Places in ``unlabelled``, and the class that each was picked for; a sample may be there for several.
    network_ : Module
        The student; its outputs are the classes ``taught_``.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``top_p`` or ``top_k`` is below 1, or a candidate was not in the table at the time of fitting.

    Notes
    -----
    Each unlabelled sample keeps its ``top_p`` most probable classes; each class takes the ``top_k`` samples that are
    most probable for it among those that kept it. The student learns from these alone, then from the labelled samples.

    Differs from the paper: it works on features, where the paper trains convolutional networks on a billion
    photographs. The last step is a softmax over the labelled classes, so that it does not push away those that the
    teacher alone knows.

    Cost: that of the teacher, O(m c log m) to pick, O(epochs k c d c) to train.

    References
    ----------
    Yalniz, Jégou, Chen, Paluri and Mahajan, "Billion-scale semi-supervised learning for image classification", 2019.
    """

    paper = Paper(
        title="Billion-scale semi-supervised learning for image classification",
        authors="I. Zeki Yalniz, Hervé Jégou, Kan Chen, Manohar Paluri, Dhruv Mahajan",
        venue="arXiv",
        year=2019,
        url="https://arxiv.org/abs/1905.00546",
        aka=("billion-scale semi-supervised learning", "teacher-student", "semi-weakly supervised"),
        seed=154,
    )
    traits = Traits(needs_unlabelled=True, open_candidates=False)

    def __init__(
        self,
        estimator: ZeroShotClassifier | None = None,
        top_p: int = 10,
        top_k: int | None = None,
        hidden: tuple[int, ...] = (),
        scale: float = 16.0,
        epochs: int = 30,
        tuning_epochs: int = 10,
        lr: float = 1e-3,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.estimator = estimator
        self.top_p = top_p
        self.top_k = top_k
        self.hidden = hidden
        self.scale = scale
        self.epochs = epochs
        self.tuning_epochs = tuning_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        order = np.argsort(table.labels, kind="stable")  # the order of the table means nothing
        self.taught_, place = table.labels[order], np.argsort(order)
        teacher = clone(self.estimator) if self.estimator is not None else RidgeToVectors()
        teacher.fit(X, table.labels[rows], classes=table)
        proba = teacher.with_candidates(self.taught_).predict_proba(unlabelled)
        k = self.top_k if self.top_k is not None else max(1, len(unlabelled) // len(self.taught_))
        self.picked_, at = best_of_each_class(proba, self.top_p, k)
        self.picked_labels_ = self.taught_[at]
        device = resolve_device(self.device)
        with seeded(self.random_state) as generator:
            self.network_ = mlp(X.shape[1], *self.hidden, len(self.taught_)).to(device)
            self.history_ = []
            unknown = torch.as_tensor(~np.isin(self.taught_, table.labels[rows]), device=device)
            stages = [
                (unlabelled[self.picked_], at, self.epochs, self.lr, torch.zeros_like(unknown)),
                (X, place[rows], self.tuning_epochs, self.lr / 10, unknown),
            ]
            for samples, target, epochs, lr, hide in stages:
                x = torch.as_tensor(self.scale * unit_rows(samples), dtype=torch.float32, device=device)
                batches = MiniBatches(
                    x, torch.as_tensor(target, device=device), size=self.batch_size, generator=generator
                )
                self.history_ += train([self._turn(lr, hide)], batches, epochs=epochs)
        self.network_.requires_grad_(False)

    def _turn(self, lr: float, hide: Tensor) -> Turn:
        def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
            return nn.functional.cross_entropy(self.network_(batch[0]).masked_fill(hide, -torch.inf), batch[1])

        return Turn("student", loss, self.network_.parameters(), lambda p: torch.optim.Adam(p, lr=lr))

    def _prepare(self, table: ClassTable) -> None:
        strange = table.labels[~np.isin(table.labels, self.taught_)]
        if len(strange):
            raise InputError(f"the student has never heard of {strange[0]!s}: fit it with a table that has all classes")
        self.columns_ = np.searchsorted(self.taught_, table.labels)

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        # In double precision, so that a sample's scores do not depend on how many come with it.
        device = next(self.network_.parameters()).device
        x = torch.as_tensor(self.scale * unit_rows(X), dtype=torch.float64, device=device)
        out = nn.functional.log_softmax(deepcopy(self.network_).double()(x), dim=1)
        return out.cpu().numpy()[:, self.columns_]

    @classmethod
    def example_params(cls) -> list[dict]:
        """A linear student, and one with a layer."""
        small = {"epochs": 20, "tuning_epochs": 60, "lr": 0.03, "batch_size": 32, "top_p": 1, "device": "cpu"}
        return [small | {"random_state": 0}, small | {"random_state": 0, "hidden": (16,), "top_k": 5}]
