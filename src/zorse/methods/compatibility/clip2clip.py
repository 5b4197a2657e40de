"""CLIP2CLIP: an image with a question, and an entity with a picture and a name, compared in all four ways."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import MiniBatches, Turn, train


class CLIP2CLIP(ZeroShotClassifier):
    r"""Score an entity by a learned mix of four cosines: image and question against its picture and its name.

    A sample is the embedding of an image followed by that of the question asked of it; a class vector is the embedding
    of the entity's picture followed by that of its name, all four by one dual encoder. With a, b in {image, text} the
    score is sum_ab w_ab cos(x_a, e_b) / temperature.

    Parameters
    ----------
    temperature : float, default=0.01
        Above 0; CLIP's.
    epochs : int, default=20
    batch_size : int, default=256
    lr : float, default=0.01
        Of Adam, on the four weights, which start at 1/4 each.
    random_state : int, RandomState or None
        Order of the batches.

    Attributes
    ----------
    weights_ : ndarray of shape (2, 2)
        w, with the image and the question as rows, the entity's picture and name as columns.
    history_ : list of dict
        Mean cross-entropy of each epoch, as ``mix``.

    Notes
    -----
    A part that is missing (no question, no picture) is a vector of zeros, whose cosines are 0. If the length is odd,
    the second part is one shorter than the first.

    Differs from the paper: the four weights alone are learned; its encoders are fine-tuned with them. The cross-entropy
    is over all seen entities, its over those of a batch. The problem left is convex.

    Cost: O(n s d) an epoch for s seen entities; O(n c d) to score.

    References
    ----------
    Hu, Luan, Chen, Khandelwal, Joshi, Lee, Toutanova and Chang, "Open-domain visual entity recognition: towards
    recognizing millions of Wikipedia entities", ICCV 2023.
    """

    paper = Paper(
        title="Open-domain Visual Entity Recognition: Towards Recognizing Millions of Wikipedia Entities",
        authors="Hexiang Hu, Yi Luan, Yang Chen, Urvashi Khandelwal, Mandar Joshi, Kenton Lee, Kristina Toutanova, "
        "Ming-Wei Chang",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2302.11154",
        aka=("CLIP2CLIP",),
        seed=157,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        temperature: float = 0.01,
        epochs: int = 20,
        batch_size: int = 256,
        lr: float = 0.01,
        random_state=None,
    ):
        self.temperature = temperature
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not self.temperature > 0:
            raise InputError(f"temperature must be above 0; got {self.temperature}")
        seen, target = np.unique(rows, return_inverse=True)
        entities = torch.as_tensor(_parts(table.vectors[seen]), dtype=torch.float32)
        with seeded(self.random_state) as generator:
            samples = torch.as_tensor(_parts(X).swapaxes(0, 1), dtype=torch.float32)  # (n, 2, h)
            batches = MiniBatches(samples, torch.as_tensor(target), size=self.batch_size, generator=generator)
            weights = nn.Parameter(torch.full((2, 2), 0.25))

            def loss(batch, clock):
                wanted = torch.einsum("ab,nah->bnh", weights, batch[0])
                logits = torch.bmm(wanted, entities.mT).sum(dim=0) / self.temperature
                return nn.functional.cross_entropy(logits, batch[1])

            turn = Turn("mix", loss, [weights], lambda p: torch.optim.Adam(p, lr=self.lr))
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.weights_ = weights.detach().numpy().astype(np.float64)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        samples, entities = _parts(X), _parts(table.vectors)
        # Two products instead of four: what each part of the sample looks for in both parts of the entity.
        wanted = np.einsum("ab,anh->bnh", self.weights_ / self.temperature, samples)
        return wanted[0] @ entities[0].T + wanted[1] @ entities[1].T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 3, "random_state": 0}]


def _parts(V: np.ndarray) -> np.ndarray:
    """Both halves of each row, of unit length each: shape (2, n, h)."""
    h = -(-V.shape[1] // 2)
    second = np.pad(V[:, h:], ((0, 0), (0, h - (V.shape[1] - h))))
    return np.stack([unit_rows(V[:, :h]), unit_rows(second)])
