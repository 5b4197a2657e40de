"""The best classes of a stream, against sorting every score."""

import numpy as np
import pytest

from zorse.core import CapabilityError, ClassTable, InputError
from zorse.evaluation import streaming, top_k_streamed
from zorse.methods.compatibility.eszsl import ESZSL


def tables(vectors, labels, chunk):
    return [ClassTable(labels[i : i + chunk], vectors[i : i + chunk]) for i in range(0, len(labels), chunk)]


def naive(scores, labels, k):
    """Sort each row; Python's sort leaves equal scores in their order."""
    order = [sorted(range(len(row)), key=lambda c, row=row: -row[c])[:k] for row in scores]
    return np.array([[labels[c] for c in row] for row in order]), np.array([scores[i][o] for i, o in enumerate(order)])


@pytest.mark.parametrize("chunk", [1, 3, 40, 500])
@pytest.mark.parametrize("block", [1, 100, 1 << 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_it_is_the_sort_of_everything(monkeypatch, chunk, block, dtype):
    monkeypatch.setattr(streaming, "BLOCK", block)
    rng = np.random.default_rng(0)
    # Small whole numbers: many ties, and no rounding that depends on the size of a part.
    X, vectors = rng.integers(-2, 3, (17, 3)), rng.integers(-2, 3, (200, 3))
    labels = np.array([f"c{i}" for i in rng.permutation(200)])
    found = top_k_streamed(
        lambda X, table: (X @ table.vectors.T).astype(dtype), X, iter(tables(vectors, labels, chunk)), k=7
    )
    expected = naive(X @ vectors.T, labels, 7)
    np.testing.assert_array_equal(found.labels, expected[0])
    np.testing.assert_array_equal(found.scores, expected[1])


def test_a_fitted_method_scores_the_stream():
    rng = np.random.default_rng(0)
    seen = ClassTable(np.arange(6), rng.normal(size=(6, 5)))
    X, y = rng.normal(size=(60, 8)), np.arange(60) % 6
    model = ESZSL().fit(X, y, classes=seen)
    vectors = rng.normal(size=(100, 5))
    found = top_k_streamed(model, X, tables(vectors, np.arange(100, 200), 9), k=3)
    scores = model.with_candidates(ClassTable(np.arange(100, 200), vectors)).scores(X)
    expected = naive(scores, np.arange(100, 200), 3)
    np.testing.assert_array_equal(found.labels, expected[0])
    np.testing.assert_allclose(found.scores, expected[1], rtol=1e-10)
    np.testing.assert_array_equal(model.classes_, np.arange(6))  # left as it was


def test_labels_of_later_tables_may_be_longer():
    stream = [ClassTable(["a"], [[1.0]]), ClassTable(["a much longer name"], [[2.0]])]
    assert top_k_streamed(lambda X, t: X @ t.vectors.T, [[1.0]], stream, k=2).labels.tolist() == [
        ["a much longer name", "a"]
    ]


def test_what_is_wrong_is_said():
    stream = [ClassTable([0, 1], np.eye(2))]

    def product(X, table):
        return X @ table.vectors.T

    with pytest.raises(InputError, match="from 1 to 2"):
        top_k_streamed(product, np.eye(2), stream, k=3)
    with pytest.raises(InputError, match="from 1 to 0"):
        top_k_streamed(product, np.eye(2), [], k=1)
    with pytest.raises(InputError, match="at least 1"):
        top_k_streamed(product, np.eye(2), stream, k=0)
    with pytest.raises(InputError, match="NaN"):
        top_k_streamed(lambda X, t: np.full((len(X), 2), np.nan), np.eye(2), stream, k=1)
    with pytest.raises(InputError, match="above -inf"):
        top_k_streamed(lambda X, t: np.full((len(X), 2), -np.inf), np.eye(2), stream, k=1)
    with pytest.raises(InputError, match="expected scores of shape"):
        top_k_streamed(lambda X, t: np.zeros((len(X), 3)), np.eye(2), stream, k=1)
    with pytest.raises(InputError, match="in one table"):
        top_k_streamed(product, np.eye(2), [*stream, ClassTable(["a"], [[1.0, 1.0]])], k=1)

    class Relative(ESZSL):
        traits = ESZSL.traits.__class__(open_candidates=False)

    with pytest.raises(CapabilityError, match="never together"):
        top_k_streamed(Relative(), np.eye(2), stream, k=1)
