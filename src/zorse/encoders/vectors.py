"""What stands in for a text tower where nothing but the vectors of classes is stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence


class VectorTower:
    """A text tower of no layers, where only class vectors are stored: a text is the direction of its words' sum."""

    logit_scale = 100.0

    def __init__(self, labels: np.ndarray, vectors: np.ndarray, device: torch.device):
        unit = normalize(torch.tensor(vectors, dtype=torch.float32, device=device), dim=1)
        self._words = dict(zip(map(str, labels), unit, strict=True))
        self.dim = self.token_dim = vectors.shape[1]
        self.device = device

    def token_vectors(self, texts: Sequence[str]) -> list[Tensor]:
        """The one word of each class."""
        return [self._words[text][None] for text in texts]

    def encode_tokens(self, context: Tensor | Sequence[Tensor], names: Sequence[str]) -> Tensor:
        """As a PromptEncoder."""
        nothing = torch.zeros(self.dim, device=self.device)
        words = torch.stack([self._words[name] if name else nothing for name in names])
        if not isinstance(context, Tensor):
            context = pad_sequence(list(context), batch_first=True)
        return normalize(context.sum(dim=1) + words, dim=1)
