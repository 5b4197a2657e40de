import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.methods.gating.gl_mcm import GLMCM
from zorse.methods.gating.mcm import MCM

RNG = np.random.default_rng(0)
TEXTS = ClassTable(["a", "b", "c", "d"], RNG.standard_normal((4, 6)))
PATCHES, WHOLE = RNG.standard_normal((5, 2, 3, 6)).astype(np.float32), RNG.standard_normal((5, 6))


def cosines(v):
    return [v @ t / np.linalg.norm(v) / np.linalg.norm(t) for t in TEXTS.vectors]


def largest_probability(v, temperature):
    p = [np.exp(s / temperature) for s in cosines(v)]
    return max(p) / sum(p)


@pytest.mark.parametrize(("temperature", "balance"), [(1.0, 1.0), (0.1, 0.3)])
def test_the_confidence_image_by_image_and_patch_by_patch(temperature, balance):
    model = GLMCM(temperature, balance).fit(None, None, classes=TEXTS)
    expected = [
        largest_probability(g, temperature)
        + balance * max(largest_probability(l.astype(float), temperature) for l in grid.reshape(-1, 6))
        for g, grid in zip(WHOLE, PATCHES, strict=True)
    ]
    np.testing.assert_allclose(model.confidence(PATCHES, WHOLE), expected, rtol=1e-5)


def test_without_patches_it_is_mcm():
    plain = MCM(0.5).fit(None, None, classes=TEXTS)
    np.testing.assert_allclose(plain.confidence(WHOLE), [largest_probability(g, 0.5) for g in WHOLE])
    whole_alone = GLMCM(0.5, balance=0.0).fit(None, None, classes=TEXTS)
    np.testing.assert_allclose(whole_alone.confidence(PATCHES, WHOLE), plain.confidence(WHOLE))


def test_one_matching_patch_is_enough():
    crowded = np.ones((1, 4, 4, 4))  # as near to each of the classes
    with_object = crowded.copy()
    with_object[0, 2, 1] = [0, 1, 0, 0]
    model = GLMCM(0.05).fit(None, None, classes=ClassTable(["a", "b", "c", "d"], np.eye(4)))
    assert model.confidence(with_object) > model.confidence(crowded)
    assert np.unravel_index(model.explain(with_object, "b")[0].argmax(), (4, 4)) == (2, 1)


def test_where_the_object_is_means_nothing():
    order = RNG.permutation(6)
    moved = PATCHES.reshape(5, 6, 6)[:, order].reshape(5, 3, 2, 6)
    model = GLMCM().fit(None, None, classes=TEXTS)
    np.testing.assert_allclose(model.confidence(moved, WHOLE), model.confidence(PATCHES, WHOLE))


def test_vectors_of_other_images_are_refused():
    with pytest.raises(InputError, match=r"\(5, 6\)"):
        GLMCM().fit(None, None, classes=TEXTS).confidence(PATCHES, WHOLE[:4])
