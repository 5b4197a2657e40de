"""REAL-Linear (CVPR 2024): captions that name a class by any synonym find the samples that a linear probe learns
from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.core.device import resolve_device
from zorse.core.random import seeded
from zorse.nn.vectors import unit_rows
from zorse.semantics.frequency import rows_that_name
from zorse.semantics.memory import Memory
from zorse.templates.prompted import table_of_samples
from zorse.templates.support import examples_in, memory_for, prompts_of
from zorse.training import Clock, MiniBatches, Turn, train

WARM_UP = 50  # steps with a tiny rate before the cosine


class REALLinear(ZeroShotClassifier):
    """Retrieval-augmented learning: a cross-modal linear probe on what the pretraining data holds of rare concepts.

    Parameters
    ----------
    memory : folder, Memory, arrays (m, d) or (vectors, labels), object with ``search``, or None
        Captions, with their images where there are any. A class gets the rows that name it, or that are labelled with
        it; of a memory without texts and labels the nearest. None: the probe learns from the prompts alone.
    synonyms : dict of str to list of str, optional
        All names of each class, by label. Without it a class has one, from the table's ``names`` or its label.
    n_per_class : int
        Rows kept of each class: those whose caption is nearest to the class's vector.
    alpha : float
        Share of the learned weights in the final ones; the rest is the texts'.
    epochs : int
        Passes over the retrieved samples, a batch being half samples and half prompts.
    lr, weight_decay : float
        Of AdamW; a warm-up, then a cosine to 0.
    batch_size : int
    scale : float
        Inverse temperature of the logits.
    random_state : int or RandomState, optional
    device : str

    Attributes
    ----------
    weights_ : ndarray of shape (c, d)
        alpha W + (1 - alpha) W_text.
    n_retrieved_ : ndarray of shape (c,)
        Samples that each class has learned from.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    W starts at the unit class vectors and minimises the cross-entropy of scale W f over the unit embeddings f of
    retrieved samples and of prompts. Trained anew for each set of candidates. REAL-Prompt, the paper's other half, is
    :func:`zorse.semantics.frequency.frequent_names`: put a class by the synonym that captions use most.

    Differs from the paper: the pool is the user's memory, not LAION; captions stand for images where it has none. At
    most 32,000 steps, as in the released code.

    Cost: O(words of the memory) for the search of names; O(epochs s c d) for s retrieved samples. Predict O(n c d).

    References
    ----------
    Parashar, Lin, Liu, Dong, Li, Ramanan, Caverlee, Kong, The Neglected Tails in Vision-Language Models, CVPR 2024.
    """

    paper = Paper(
        title="The Neglected Tails in Vision-Language Models",
        authors="Shubham Parashar, Zhiqiu Lin, Tian Liu, Xiangjue Dong, Yanan Li, Deva Ramanan, James Caverlee, "
        "Shu Kong",
        venue="CVPR",
        year=2024,
        url="https://arxiv.org/abs/2401.12425",
        aka=("REAL", "REAL-Linear", "REAL-Prompt", "retrieval-augmented learning"),
        seed=129,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)
    weights_: np.ndarray

    def __init__(
        self,
        memory: Any = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        n_per_class: int = 500,
        alpha: float = 0.5,
        epochs: int = 10,
        lr: float = 1e-4,
        weight_decay: float = 0.01,
        batch_size: int = 32,
        scale: float = 100.0,
        random_state=None,
        device: str = "auto",
    ):
        self.memory = memory
        self.synonyms = synonyms
        self.n_per_class = n_per_class
        self.alpha = alpha
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.scale = scale
        self.random_state = random_state
        self.device = device

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        return table_of_samples(super()._table_of(X, y), X, y)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("REALLinear needs at least one candidate class; got none")
        W0 = unit_rows(table.vectors)
        samples, rows = self._retrieved(table, W0)
        self.n_retrieved_ = np.bincount(rows, minlength=table.n_classes)
        prompts, own = prompts_of(table)
        with seeded(self.random_state) as generator:
            # As many prompts as samples, so that a batch is half of each.
            drawn = torch.randint(len(own), (len(rows) or len(own),), generator=generator).numpy()
            X = torch.from_numpy(np.concatenate([samples, prompts[drawn]]).astype(np.float32))
            y = torch.from_numpy(np.concatenate([rows, own[drawn]]).astype(np.int64))
            W = self._probe(X, y, W0, generator)
        self.weights_ = self.alpha * W + (1 - self.alpha) * W0

    def _retrieved(self, table: ClassTable, W0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit embeddings (s, d) of what the memory holds of each class, and its class (s,)."""
        memory = memory_for(self.memory, table.n_semantics)
        if memory is None:
            return np.empty((0, table.n_semantics)), np.empty(0, dtype=int)
        if not isinstance(memory, Memory) or memory.texts is None or memory.rows_of:
            index, rows = examples_in(memory, table, self.n_per_class)
        else:
            names = table.names or tuple(str(label) for label in table.labels)
            told = {
                str(label): tuple((self.synonyms or {}).get(str(label), (name,)))
                for label, name in zip(table.labels, names, strict=True)
            }
            captions = memory.text_vectors if memory.text_vectors is not None else memory.vectors
            parts = []
            for own, w in zip(rows_that_name(memory.texts, told).values(), W0, strict=True):
                near = captions[own] @ w
                order = np.argsort(-near, kind="stable")[: self.n_per_class]
                parts.append(own[order][near[order] >= 0])
            index = np.concatenate(parts)
            rows = np.repeat(np.arange(table.n_classes), [len(part) for part in parts])
            if not len(index):
                raise InputError(f"no caption of the memory names a class, such as {names[0]!r}")
        return unit_rows(np.asarray(memory.vectors[index], dtype=np.float64)), rows

    def _probe(self, X: Tensor, y: Tensor, W0: np.ndarray, generator: torch.Generator) -> np.ndarray:
        device = resolve_device(self.device)
        W = nn.Parameter(torch.from_numpy(W0.astype(np.float32)).to(device))
        batches = MiniBatches(X.to(device), y.to(device), size=self.batch_size, generator=generator)
        steps = max(1, self.epochs * math.ceil(len(y) / self.batch_size))
        epochs = self.epochs if steps <= 32_000 else max(1, self.epochs * 32_000 // steps)

        def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
            rate = 0.5 * self.lr * (1 + math.cos(math.pi * clock.fraction))
            turn.opt.param_groups[0]["lr"] = min(rate, self.lr * (clock.step + 1) / WARM_UP)
            return nn.functional.cross_entropy(self.scale * batch[0] @ W.T, batch[1])

        turn = Turn(
            "probe", loss, [W], lambda p: torch.optim.AdamW(p, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        )
        train([turn], batches, epochs=epochs)
        return W.detach().cpu().numpy().astype(np.float64)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.weights_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few passes."""
        return [{"epochs": 2, "random_state": 0, "device": "cpu"}]
