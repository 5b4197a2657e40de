import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.methods.memory.real_linear import REALLinear
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

RNG = np.random.default_rng(0)
TRUE = unit_rows(RNG.normal(size=(4, 8)))
TABLE = ClassTable(np.array(["cat", "dog", "sofa", "car"]), unit_rows(TRUE + 0.8 * RNG.normal(size=TRUE.shape)))
NAMES = ("cat", "dog", "couch", "car")
ROWS = np.arange(200) % 4
IMAGES = unit_rows(TRUE[ROWS] + 0.1 * RNG.normal(size=(200, 8))).astype(np.float32)
TEXTS = [f"Two {NAMES[row]}s, outside" for row in ROWS]
CAPTIONS = unit_rows(TABLE.vectors[ROWS] + 0.1 * RNG.normal(size=(200, 8))).astype(np.float32)
FAST = {"epochs": 20, "lr": 0.01, "random_state": 0, "device": "cpu"}


def test_captions_that_name_a_class_teach_what_it_looks_like():
    memory = Memory(CAPTIONS, IMAGES, TEXTS)
    ours = REALLinear(memory, {"sofa": ["sofa", "couch"]}, n_per_class=30, alpha=1.0, **FAST)
    ours.fit(None, None, classes=TABLE)
    assert ours.n_retrieved_.tolist() == [30] * 4
    held_out = unit_rows(TRUE[ROWS] + 0.3 * RNG.normal(size=(200, 8)))
    truth = TABLE.labels[ROWS]
    texts = REALLinear(memory, {"sofa": ["couch"]}, alpha=0.0, **FAST).fit(None, None, classes=TABLE)
    np.testing.assert_allclose(texts.weights_, unit_rows(TABLE.vectors))
    assert ours.score(held_out, truth) > texts.score(held_out, truth)


def test_a_class_that_nobody_names_keeps_its_text():
    ours = REALLinear(Memory(CAPTIONS, IMAGES, TEXTS), **FAST).fit(None, None, classes=TABLE)
    assert ours.n_retrieved_[2] == 0
    with pytest.raises(InputError, match="no caption"):
        REALLinear(Memory(CAPTIONS, texts=["nothing"] * 200)).fit(None, None, classes=TABLE)
