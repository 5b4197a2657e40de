"""A problem small enough to follow by hand, and networks written as loops."""

from types import SimpleNamespace

import pytest
import torch

from zorse.core import ClassTable, seeded
from zorse.templates import TrainingData
from zorse.training import Clock

N, D, K, SEEN, UNSEEN = 6, 5, 3, 3, 2


@pytest.fixture
def tiny():
    """``tiny(cls, **params)``: a model's turns by name at a start with large weights, its data and a batch."""

    def build(cls, head=None, unlabelled=None, **params):
        model = cls(**{"hidden": 7, "classifier_epochs": 1, "random_state": 0, "device": "cpu"} | params)
        if head is not None:
            model._softmax = lambda *data: head
        with seeded(3) as generator:
            x, y, a = torch.rand(N, D), torch.tensor([0, 1, 2, 0, 1, 0]), torch.rand(SEEN + UNSEEN, K)
            table = ClassTable(range(SEEN + UNSEEN), a.numpy())
            data = TrainingData(x, y, a[:SEEN], a[SEEN:], unlabelled, table)
            turns = {turn.name: turn for turn in model._turns(data, generator)}
        for turn in turns.values():  # at the start, weights of 0.02 leave all losses near 0: make them felt
            with torch.no_grad():
                for i, p in enumerate(turn.params):
                    p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i)) / 2)
        return SimpleNamespace(model=model, turns=turns, data=data, batch=(x, data.a, y), nets=model.networks_)

    return build


@pytest.fixture
def loss_of():
    """``loss_of(turn, batch)``: its loss under a known seed, which ``drawn`` repeats."""

    def compute(turn, batch, seed=9):
        with seeded(seed):
            return turn.loss(batch, Clock(0, 0, 0.0))

    return compute


@pytest.fixture
def drawn():
    """``drawn((6, 3), (6, 3), ...)``: the normal numbers that follow the seed of ``loss_of``."""

    def draw(*shapes, seed=9):
        with seeded(seed):
            return [torch.randn(shape) for shape in shapes]

    return draw


def _linear(row, weight, bias):
    return [sum(w * v for w, v in zip(ws, row)) + b for ws, b in zip(weight.tolist(), bias.tolist())]


@pytest.fixture
def run():
    """``run(params, row, slope=0.2, out=None)``: a chain of linear layers and leaky ReLUs on a list, as loops."""

    def forward(params, row, slope=0.2, out=None):
        params = list(params)
        for i in range(0, len(params), 2):
            row = _linear(row, params[i], params[i + 1])
            if i < len(params) - 2:
                row = [v if v > 0 else slope * v for v in row]
        return row if out is None else [out(v) for v in row]

    return forward
