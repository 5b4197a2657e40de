"""What feature-generating methods share: train a generator, synthesise unseen classes, classify."""

from __future__ import annotations

from abc import abstractmethod
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import MiniBatches, Turn, fit_softmax, train

# Synthetic classes of living models, so that another label space over the same classes costs no second synthesis.
# Kept outside the models: it is worth no byte on disk, and predicting must not change a model.
_synthesised: WeakKeyDictionary[nn.Module, dict[int, Tensor]] = WeakKeyDictionary()
CACHE_BYTES = 2**28


class FeatureGenerator(ZeroShotClassifier):
    """Real features of seen classes, synthetic ones of all others, and a linear softmax over both.

    A method writes ``_turns`` (networks, kept in ``networks_``, and losses) and ``_generate``; one whose classifier
    works in another space than the features also writes ``_embed`` and ``_real``.

    Constructor parameters that every method declares: ``epochs``, ``batch_size``, ``scale``, ``n_seen``,
    ``n_synthetic``, ``classifier_epochs``, ``classifier_lr``, ``classifier_batch_size``, ``device``, ``random_state``.
    Class vectors are brought to unit length, as the files of the proposed splits hold them.

    Attributes
    ----------
    networks_ : ModuleDict of all that predicting or a new label space needs
    seen_features_, seen_rows_ : Tensors (m, d') and (m,), real samples as the classifier sees them and their ``seen_``
    coef_, intercept_ : ndarrays (c, d') and (c,), the final classifier
    history_ : list of dict, mean loss of each turn, an entry an epoch
    seed_ : int, which the noise of every synthetic class derives from
    """

    traits = Traits(open_candidates=False)
    networks_: nn.ModuleDict
    epochs: int
    batch_size: int
    scale: str | None
    n_seen: int | None
    n_synthetic: int
    classifier_epochs: int
    classifier_lr: float
    classifier_batch_size: int
    device: str
    random_state: Any

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        device = resolve_device(self.device)
        with seeded(self.random_state) as generator:
            self.seed_ = int(torch.randint(2**31, (), generator=generator))
            self._fit_scale(X)
            x = self._scaled(X).float().to(device)
            a = torch.as_tensor(unit_rows(table.vectors)[rows], dtype=torch.float32, device=device)
            # Numbered by label, not by row: the order of the table means nothing.
            y = torch.as_tensor(np.unique(table.labels[rows], return_inverse=True)[1]).to(device)
            turns = self._turns(x, a, y, generator)
            self.networks_.to(device)
            batches = MiniBatches(x, a, y, size=self.batch_size, generator=generator)
            self.history_ = train(turns, batches, epochs=self.epochs)
            self.networks_.requires_grad_(False)
            with torch.no_grad():
                kept = [self._real(x[y == i]).cpu() for i in range(len(self.seen_))]
        self.seen_features_ = torch.cat(kept)
        self.seen_rows_ = torch.repeat_interleave(torch.tensor([len(k) for k in kept]))

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        self.networks_.to(resolve_device(self.device))  # after loading they lie on the CPU
        order = np.argsort(table.labels, kind="stable")
        features = [self._samples_of(table.labels[row], table.vectors[row]) for row in order]
        targets = torch.repeat_interleave(torch.tensor([len(f) for f in features]))
        with seeded(self.seed_) as generator:
            head = self._softmax(torch.cat(features), targets.to(features[0].device), table.n_classes, generator)
        column = np.argsort(order)
        self.coef_ = head.weight.cpu().double().numpy()[column]
        self.intercept_ = head.bias.cpu().double().numpy()[column]

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        # In double precision: single would let a score depend on how many samples come with it.
        return self._embed(self._scaled(X)).numpy() @ self.coef_.T + self.intercept_

    def _softmax(self, x: Tensor, y: Tensor, n_classes: int, generator: torch.Generator) -> nn.Linear:
        epochs, lr, size = self.classifier_epochs, self.classifier_lr, self.classifier_batch_size
        return fit_softmax(x, y, n_classes, epochs=epochs, lr=lr, batch_size=size, generator=generator)

    def _samples_of(self, label, vector: np.ndarray) -> Tensor:
        """Training samples (m, d') of one class: real ones if there are, else synthetic."""
        place = np.flatnonzero(self.seen_ == label)
        real = self.seen_features_[self.seen_rows_ == int(place[0])] if len(place) else self.seen_features_[:0]
        device = next(self.networks_.parameters()).device
        return real.to(device) if len(real) else self.synthesise(label, vector).to(device)

    @torch.no_grad()
    def synthesise(self, label, vector: np.ndarray) -> Tensor:
        """``n_synthetic`` samples of a class with ``vector`` (k,); they depend on the class and the model alone."""
        key = int.from_bytes(sha256(f"{self.seed_} {label} ".encode() + vector.tobytes()).digest()[:4])
        known = _synthesised.setdefault(self.networks_, {})
        if key in known and len(known[key]) == self.n_synthetic:
            return known[key]
        device = next(self.networks_.parameters()).device
        a = torch.as_tensor(unit_rows(vector[None]), dtype=torch.float32, device=device)
        with seeded(key):
            made = self._generate(a.expand(self.n_synthetic, -1))
        if made.nbytes * (len(known) + 1) <= CACHE_BYTES:
            known[key] = made
        return made

    def _fit_scale(self, X: np.ndarray) -> None:
        if self.scale not in ("min-max", "l2", None):
            raise InputError(f"scale must be 'min-max', 'l2' or None; got {self.scale!r}")
        d = X.shape[1]
        low, high = (X.min(axis=0), X.max(axis=0)) if self.scale == "min-max" else (np.zeros(d), np.ones(d))
        self.low_, self.spread_ = low, np.where(high > low, high - low, 1.0)

    def _scaled(self, X: np.ndarray) -> Tensor:
        return torch.as_tensor(unit_rows(X) if self.scale == "l2" else (X - self.low_) / self.spread_)

    def _embed(self, x: Tensor) -> Tensor:
        """Features (n, d) as the final classifier sees them, in the precision and place of ``x``."""
        return x

    def _real(self, x: Tensor) -> Tensor:
        """What the final classifier learns of a seen class from its features (m, d): ``n_seen`` of them at random."""
        m = len(x) if self.n_seen is None else self.n_seen
        return self._embed(x[torch.randperm(len(x))[:m].to(x.device)])

    @abstractmethod
    def _turns(self, x: Tensor, a: Tensor, y: Tensor, generator: torch.Generator) -> list[Turn]:
        """Set ``networks_`` and give the losses for x (n, d), class vectors a (n, k) and classes y (n,) from 0."""

    @abstractmethod
    def _generate(self, a: Tensor) -> Tensor:
        """A sample in the classifier's space for each row of a (m, k); noise from torch's global generator."""
