import numpy as np
import pytest

from zorse.core import ClassTable, InputError, load, save
from zorse.methods.compatibility.text_to_concept import TextToConcept, align
from zorse.nn.vectors import cosine

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(400, 6))
F = 3 * Z @ RNG.normal(size=(6, 8)) + 1 + 0.1 * RNG.normal(size=(400, 8))


def objective(W, b, decay):
    """The authors' loss on both kinds of features at variance 4.5, with the map that belongs to these."""
    c1, c2 = (4.5 / F.var()) ** 0.5, (4.5 / Z.var()) ** 0.5
    W, b = W * c2 / c1, b * c2
    return np.mean((c1 * F @ W + b - c2 * Z) ** 2) + decay / 2 * (W**2).sum()


def test_no_small_change_lowers_the_objective():
    W, b = align(F, Z, weight_decay=0.01)
    best = objective(W, b, 0.01)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert objective(W + 1e-3 * rng.normal(size=W.shape), b, 0.01) > best
        assert objective(W, b + 1e-3 * rng.normal(size=b.shape), 0.01) > best


def test_descent_ends_where_the_closed_form_does():
    ours = align(F, Z)
    theirs = align(F, Z, solver="sgd", epochs=200, random_state=0)
    aligned = [F @ W + b for W, b in (ours, theirs)]
    assert np.abs(aligned[0] - aligned[1]).max() < 0.05 * Z.std()


def test_an_exact_map_is_found_and_used(tmp_path):
    W, b = RNG.normal(size=(8, 6)), RNG.normal(size=6)
    found = align(F, F @ W + b, weight_decay=0.0)
    np.testing.assert_allclose(found[0], W, atol=1e-4)
    table = ClassTable(np.arange(3), RNG.normal(size=(3, 6)))
    model = TextToConcept(alignment=(W, b)).fit(None, None, classes=table)
    np.testing.assert_allclose(model.scores(F), 100 * cosine(F @ W + b, table.vectors), atol=1e-9)
    assert not model.traits.trained
    save(model, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").scores(F), model.scores(F))
    z = model.concepts(F, table.vectors)
    np.testing.assert_allclose([z.mean(axis=0), z.std(axis=0)], [[0] * 3, [1] * 3], atol=1e-9)


def test_an_alignment_to_another_space_is_refused():
    with pytest.raises(InputError, match="alignment to 5 dimensions"):
        TextToConcept(alignment=align(F, Z)).fit(None, None, classes=ClassTable(np.arange(2), np.eye(2, 5)))
