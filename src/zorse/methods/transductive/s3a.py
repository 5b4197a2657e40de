"""S3A (AAAI 2024): clusters of unlabelled images vote for the words of a large vocabulary, then teach the model."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class S3A(ZeroShotClassifier):
    """Self structural semantic alignment: find which words of a large vocabulary unlabelled images need, and adapt.

    Parameters
    ----------
    n_clusters : int, optional, default=None
        Number of classes that the unlabelled images are of, where it is known; None: as many as the table has.
    votes : int, default=3
        Rounds of vote, assignment and realignment.
    scale : float, default=100.0
        Turns cosines into logits.
    threshold : float, default=0.5
        Probability from which on a sample's own prediction teaches it.
    structure : float, default=0.25
        Weight of the structural labels.
    dropout : float, default=0.2
        Share of a feature's entries that the student does not see.
    epochs : int, default=10
        0 leaves the model as it is; ``structural_`` still tells what the vote came to.
    lr, weight_decay : float, default=1e-3, 0.05
        Of AdamW.
    batch_size : int, default=256
    random_state : int, RandomState or None
        Of clustering, shuffling and dropout.
    device : str, default="auto"

    Attributes
    ----------
    structural_ : ndarray of shape (m,)
        Label of each unlabelled sample after the last vote of the features as given.
    words_ : ndarray
        The labels that a cluster was given, sorted.
    coef_ : ndarray of shape (d, d)
        A sample x is compared with class vectors as (x + coef_ x) at unit length.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``threshold`` is outside [0, 1], or there are no unlabelled samples.

    Notes
    -----
    K-means parts the samples. In each round a cluster's vote for a word is the share of its samples whose nearest class
    vector is that word's; the assignment of clusters to words with the largest sum of votes, one word a cluster, is
    found exactly; each sample then goes to the nearest of the words assigned, and these groups are the next clusters.
    The student is trained by cross-entropy on its own confident predictions for whole features and, with weight
    ``structure``, on the structural labels; from the third epoch on these are voted for anew with its features.

    Differs from the paper: it works on features, so that a linear map is adapted in place of the image encoder, whole
    and thinned features stand for weak and strong augmentation, and the teacher is the student itself, not its moving
    average. Prompts that a language model writes to tell a cluster's candidate words apart come with the class
    vectors, if at all. A cluster that nobody votes for together with a free word gets none.

    Cost: O(m d (c + k)) a vote for k clusters, and O(k^2 c') to assign c' words with votes; O(epochs m d (c + d)).

    References
    ----------
    Zhang, Naseer, Chen, Shen, Khan, Zhang and Khan, "S^3A: Towards realistic zero-shot classification via self
    structural semantic alignment", AAAI 2024.
    """

    paper = Paper(
        title="S^3A: Towards Realistic Zero-Shot Classification via Self Structural Semantic Alignment",
        authors="Sheng Zhang, Muzammal Naseer, Guangyi Chen, Zhiqiang Shen, Salman Khan, Kun Zhang, Fahad Khan",
        venue="AAAI",
        year=2024,
        url="https://arxiv.org/abs/2308.12960",
        aka=("S3A", "self structural semantic alignment", "cluster-vote-prompt-realign"),
        seed=54,
    )
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)

    def __init__(
        self,
        n_clusters: int | None = None,
        votes: int = 3,
        scale: float = 100.0,
        threshold: float = 0.5,
        structure: float = 0.25,
        dropout: float = 0.2,
        epochs: int = 10,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        batch_size: int = 256,
        random_state=None,
        device: str = "auto",
    ):
        self.n_clusters = n_clusters
        self.votes = votes
        self.scale = scale
        self.threshold = threshold
        self.structure = structure
        self.dropout = dropout
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if not 0 <= self.threshold <= 1:
            raise InputError(f"threshold must be from 0 to 1; got {self.threshold}")
        order = np.argsort(table.labels, kind="stable")  # the order of the table means nothing
        texts, U = unit_rows(table.vectors[order]), unit_rows(unlabelled)
        k = min(self.n_clusters or table.n_classes, len(U))
        state = check_random_state(self.random_state)
        clusters = KMeans(k, n_init=1, random_state=state.randint(2**31 - 1)).fit_predict(U)
        voted = self._vote(U, texts, clusters)
        self.structural_, self.words_ = table.labels[order][voted], table.labels[order][np.unique(voted)]
        device, d = resolve_device(self.device), U.shape[1]
        u, t = (torch.as_tensor(v, dtype=torch.float32, device=device) for v in (U, texts))
        with seeded(state) as generator:
            network = nn.Linear(d, d, bias=False).to(device)
            nn.init.zeros_(network.weight)
            labels, of_epoch = torch.as_tensor(voted, device=device), 0

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                nonlocal labels, of_epoch
                if clock.epoch >= 2 and clock.epoch != of_epoch:
                    moved = unit_rows(U + U @ network.weight.detach().cpu().double().numpy().T)
                    labels, of_epoch = torch.as_tensor(self._vote(moved, texts, clusters), device=device), clock.epoch
                x, at = batch
                with torch.no_grad():
                    sure, own = (self.scale * adapted(network, x) @ t.T).softmax(dim=1).max(dim=1)
                logits = self.scale * adapted(network, nn.functional.dropout(x, self.dropout)) @ t.T
                taught = nn.functional.cross_entropy(logits, own, reduction="none") * (sure > self.threshold)
                return taught.mean() + self.structure * nn.functional.cross_entropy(logits, labels[at])

            optimizer = lambda p: torch.optim.AdamW(p, lr=self.lr, weight_decay=self.weight_decay)  # noqa: E731
            batches = MiniBatches(u, torch.arange(len(u), device=device), size=self.batch_size, generator=generator)
            turn = Turn("alignment", loss, network.parameters(), optimizer)
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.coef_ = network.weight.detach().cpu().double().numpy()

    def _vote(self, U: np.ndarray, texts: np.ndarray, clusters: np.ndarray) -> np.ndarray:
        """Row of ``texts`` for each sample."""
        similarity = U @ texts.T
        for _ in range(self.votes):
            clusters = realigned(similarity, clusters)
        return clusters

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        x = unit_rows(X)
        return self.scale * unit_rows(x + x @ self.coef_.T) @ unit_rows(table.vectors).T

    @classmethod
    def example_params(cls) -> list[dict]:
        """The vote alone, and a few epochs."""
        return [{"epochs": 0, "random_state": 0}, {"epochs": 3, "random_state": 0, "device": "cpu"}]


def realigned(similarity: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Vote, assignment and realignment once: the word, a column of ``similarity`` (m, c), that each sample goes to."""
    nearest = similarity.argmax(axis=1)
    words, vote = np.unique(nearest, return_inverse=True)
    _, cluster = np.unique(clusters, return_inverse=True)
    share = np.zeros((cluster.max() + 1, len(words)))
    np.add.at(share, (cluster, vote), 1)
    share /= share.sum(axis=1, keepdims=True)
    of, word = linear_sum_assignment(share, maximize=True)
    assigned = words[word[share[of, word] > 0]]
    return assigned[similarity[:, assigned].argmax(axis=1)]


def adapted(network: nn.Module, x: Tensor) -> Tensor:
    """x plus what the network makes of it, at unit length."""
    return nn.functional.normalize(x + network(x))
