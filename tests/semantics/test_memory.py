import json
import sys
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.base import clone

from zorse.core import InputError
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory, Searchable, read_memory

RNG = np.random.default_rng(0)
VECTORS = unit_rows(RNG.normal(size=(300, 8))).astype(np.float32)
TEXTS = [f"caption {i}" for i in range(300)]


def kept(folder, **more):
    Memory(VECTORS, None, TEXTS, model="tiny", fingerprint="i", text_fingerprint="t", **more).save(folder)
    return Memory.open(folder)


def test_a_saved_memory_is_mapped_and_says_what_it_said(tmp_path):
    labels = ["even", ""] * 150
    memory = kept(tmp_path / "m", labels=labels)
    assert isinstance(memory.vectors, np.memmap)
    assert isinstance(memory, Searchable)
    np.testing.assert_array_equal(memory.text_vectors, VECTORS)
    assert (list(memory.texts), list(memory.labels)) == (TEXTS, labels)
    np.testing.assert_array_equal(memory.rows_of["even"], np.arange(0, 300, 2))
    index, similarity = memory.search(VECTORS[:4], 3)
    np.testing.assert_array_equal(index, np.argsort(-VECTORS[:4] @ VECTORS.T, axis=1)[:, :3])
    np.testing.assert_allclose(similarity[:, 0], 1, atol=1e-6)
    assert {file.suffix for file in (tmp_path / "m").iterdir()} == {".json", ".parquet", ".safetensors"}
    np.testing.assert_array_equal(load_file(next((tmp_path / "m").glob("*.safetensors")))["text"], VECTORS)


def test_a_newer_memory_takes_the_place_of_an_older_one(tmp_path):
    kept(tmp_path / "m")
    before = read_memory(tmp_path / "m")
    Memory(VECTORS[:10], None, TEXTS[:10]).save(tmp_path / "m")
    assert len(before) == 300
    assert len(read_memory(str(tmp_path / "m"))) == 10
    assert len(list((tmp_path / "m").iterdir())) == 3


def test_another_encoder_is_refused(tmp_path, colours):
    memory = kept(tmp_path / "m")
    with pytest.raises(InputError, match=r"tiny.*colours"):
        memory.check(colours)
    assert Memory.of_arrays(VECTORS).check(colours)


def test_what_lies_on_disk_must_belong_together(tmp_path):
    kept(tmp_path / "m")
    with pytest.raises(InputError, match="holds no memory"):
        Memory.open(tmp_path)
    tensors = next((tmp_path / "m").glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged"):
        Memory.open(tmp_path / "m")
    header = json.loads((tmp_path / "m" / "memory.json").read_text())
    (tmp_path / "m" / "memory.json").write_text(json.dumps(header | {"format": 99}))
    with pytest.raises(InputError, match="another format"):
        Memory.open(tmp_path / "m")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Memory(), "neither"),
        (lambda: Memory(VECTORS, VECTORS[:5]), "one shape"),
        (lambda: Memory(VECTORS, texts=TEXTS[:5]), "5 texts"),
        (lambda: Memory.of_arrays(VECTORS).search(VECTORS[:, :3], 2), "8 numbers"),
        (lambda: Memory.of_arrays(VECTORS).search(VECTORS, 0), "at least 1"),
        (lambda: Memory.of_arrays(VECTORS).search(VECTORS, 1, by="text"), "no text vectors"),
        (lambda: read_memory(3), "int"),
    ],
)
def test_bad_input_is_told(make, told):
    with pytest.raises(InputError, match=told):
        make()


def test_arrays_pairs_and_objects_are_memories():
    assert read_memory((VECTORS, ["a"] * 300)).rows_of["a"].shape == (300,)
    assert len(read_memory(VECTORS)) == 300
    memory = Memory.of_arrays(VECTORS)
    assert read_memory(memory) is memory
    assert clone(memory) is memory


def test_many_rows_are_searched_by_lists_that_are_kept(tmp_path, monkeypatch):
    pytest.importorskip("faiss", reason="faiss is an extra")
    monkeypatch.setattr(Memory, "EXACT_BELOW", 100)
    memory = kept(tmp_path / "m")
    monkeypatch.setattr(Memory, "PROBES", 10_000)  # all lists: the same answer as the exact search
    exact = np.argsort(-VECTORS[:9] @ VECTORS.T, axis=1)[:, :5]
    np.testing.assert_array_equal(memory.search(VECTORS[:9], 5)[0], exact)
    assert list((tmp_path / "m").glob("*.faiss"))
    again = Memory.open(tmp_path / "m")
    monkeypatch.setattr(Memory, "PROBES", 1)  # one list holds fewer than 100 rows: the rest is found exactly
    index, similarity = again.search(VECTORS[:9], 100)
    assert (index >= 0).all()
    assert np.isfinite(similarity).all()


def test_without_faiss_many_rows_are_searched_exactly(monkeypatch):
    monkeypatch.setattr(Memory, "EXACT_BELOW", 100)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.warns(UserWarning, match=r"zorse\[search\]"):
        index, _ = Memory.of_arrays(VECTORS).search(VECTORS[:9], 5)
    np.testing.assert_array_equal(index, np.argsort(-VECTORS[:9] @ VECTORS.T, axis=1)[:, :5])


def test_a_search_takes_bounded_memory():
    many = np.ones((60_000, 16), np.float32)
    memory = Memory(many)
    tracemalloc.start()
    memory.search(many[:2000], 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # the whole product would take 480 MB
