"""The closed forms at AwA2's size: 20,218 training samples of 2,048 features, 40 seen classes, 85 attributes."""

import numpy as np
import pytest

from zorse.core import ClassTable
from zorse.methods.compatibility.eszsl import ESZSL, eszsl_path
from zorse.methods.compatibility.sae import SAE

N, D, C, K = 20_218, 2_048, 50, 85


@pytest.fixture(scope="module")
def awa2_sized():
    rng = np.random.default_rng(0)
    table = ClassTable(np.arange(C), rng.random((C, K)))
    rows = np.arange(N) % 40
    X = table.vectors[rows] @ rng.standard_normal((K, D)) + rng.standard_normal((N, D))
    return X, rows, table


@pytest.mark.parametrize("model", [ESZSL(), SAE()], ids=lambda model: type(model).__name__)
def test_fit(benchmark, awa2_sized, model):
    X, y, table = awa2_sized
    benchmark.pedantic(model.fit, (X, y), {"classes": table}, rounds=1)


def test_eszsl_path_of_49_pairs(benchmark, awa2_sized):
    X, rows, table = awa2_sized
    powers = 10.0 ** np.arange(-3, 4)
    benchmark.pedantic(eszsl_path, (X, rows, table, powers, powers), rounds=1)


@pytest.mark.parametrize("model", [ESZSL(), SAE()], ids=lambda model: type(model).__name__)
def test_score(benchmark, awa2_sized, model):
    X, y, table = awa2_sized
    fitted = model.fit(X[:2_000], y[:2_000], classes=table)
    benchmark.pedantic(fitted.scores, (X,), rounds=1)
