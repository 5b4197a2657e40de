"""Relations as translations: a head and a relation added come near the tail."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def translation_energy(heads: Sequence[Tensor], relation: Tensor, tails: Sequence[Tensor]) -> Tensor:
    """Sum of ||h + r - t||_1 over every view h of the head and t of the tail, each (n, p); shape (n,). Low is true."""
    energies = [(h + relation - t).abs().sum(dim=1) for h in heads for t in tails]
    return torch.stack(energies).sum(dim=0)


def corrupted(
    triples: Tensor, column: int, n_nodes: int, known: Tensor, generator: torch.Generator, tries: int = 20
) -> Tensor:
    """``triples`` (n, 3) of head, relation, tail with another node drawn into ``column``, by a CPU generator.

    A draw that gives one of the ``known`` triples, as :func:`triple_keys`, is repeated up to ``tries`` times; where
    none succeeded, because nearly every node would make it true, the last stands.
    """
    made = triples.clone()
    todo = torch.arange(len(triples))
    for _ in range(tries):
        made[todo, column] = torch.randint(n_nodes, (len(todo),), generator=generator).to(made.device)
        todo = todo[torch.isin(triple_keys(made[todo], n_nodes), known).cpu()]
        if not len(todo):
            break
    return made


def triple_keys(triples: Tensor, n_nodes: int) -> Tensor:
    """One number a triple (n, 3), different for different ones."""
    return (triples[:, 1] * n_nodes + triples[:, 0]) * n_nodes + triples[:, 2]
