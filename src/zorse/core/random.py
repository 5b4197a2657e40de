"""Local randomness: seed a block without touching global state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state


@contextmanager
def seeded(random_state: int | np.random.RandomState | None) -> Iterator[torch.Generator]:
    """Run a block under a fixed torch seed; yield a CPU generator of that seed; restore the global ones afterwards."""
    if random_state is None:
        # A fresh seed that neither reads nor advances the global generators.
        seed = int(np.random.default_rng().integers(np.iinfo(np.int32).max))
    else:
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if torch.cuda.is_available() else []):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)
