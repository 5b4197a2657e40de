from dataclasses import replace

import numpy as np
import pytest

from zorse.benchmark.tasks import resplit
from zorse.core import InputError, NotAvailableError
from zorse.data import CompositionalTask, compositional_task, open_world, pair_table, toy_compositional
from zorse.data.compositional import read_pairs, seen_pairs
from zorse.data.pack import pacs

WORDS = {"wet": [1.0, 0], "dry": [0, 1.0], "dog": [1.0, 1], "orange": [2.0, 0]}
PAIRS = {"train": ["wet dog", "dry cat"], "val": ["wet dog", "dry dog"], "test": ["dry cat", "wet cat"]}


@pytest.fixture
def folder(tmp_path):
    split = tmp_path / "world" / "compositional-split-natural"
    split.mkdir(parents=True)
    for part, pairs in PAIRS.items():
        (split / f"{part}_pairs.txt").write_text("\n".join(pairs) + "\n")
    return tmp_path / "world"


def images(**changes):
    rows = [(part, *pair.split()) for part, pairs in PAIRS.items() for pair in pairs]
    parts, attributes, objects = (np.array(column) for column in zip(*rows, strict=True))
    return {"features": np.eye(6), "attributes": attributes, "objects": objects, "set": parts} | changes


def test_a_table_of_pairs_knows_its_words():
    table = pair_table([("wet", "dog"), ("dry", "dog"), ("wet", "orange"), ("orange", "dog")], WORDS)
    assert table.labels.tolist() == ["wet dog", "dry dog", "wet orange", "orange dog"]
    assert table.parents["wet orange"] == ("wet", "orange (object)")
    assert table.parents["orange dog"] == ("orange", "dog")
    np.testing.assert_array_equal(table.vectors[1], [0, 1, 1, 1])
    graph = table.graph
    vector = dict(zip(graph.nodes, graph.vectors, strict=True))
    np.testing.assert_array_equal(vector["wet dog"], (np.array(WORDS["wet"]) + WORDS["dog"]) / 2)
    np.testing.assert_array_equal(vector["orange (object)"], vector["orange"])
    edges = {frozenset((graph.nodes[a], graph.nodes[b])) for a, b in graph.edges}
    expected = set()
    for label, (a, o) in table.parents.items():
        expected |= {frozenset((a, o)), frozenset((a, label)), frozenset((o, label))}
    assert edges == expected


def test_without_vectors_every_word_has_a_dimension():
    table = pair_table([("wet", "dog"), ("dry", "dog")])
    assert table.graph.vectors[:3].tolist() == np.eye(3)[[1, 2, 0]].tolist()  # dry, wet and dog; dog is first of words


def test_the_open_world_holds_every_pair_with_the_same_words():
    table = pair_table([("wet", "dog"), ("dry", "orange"), ("orange", "dog")], WORDS)
    opened = open_world(table)
    assert opened.n_classes == 3 * 2
    for label in table.labels:
        i, j = opened.rows([label])[0], table.rows([label])[0]
        np.testing.assert_array_equal(opened.vectors[i], table.vectors[j])
        assert opened.parents[label] == table.parents[label]


def test_an_open_world_needs_pairs_and_words():
    table = pair_table([("wet", "dog"), ("dry", "dog")], WORDS)
    with pytest.raises(InputError, match="wet dog has no attribute"):
        open_world(replace(table, parents=None))
    with pytest.raises(InputError, match="no graph"):
        open_world(replace(table, graph=None))


def test_bad_pairs_are_named():
    with pytest.raises(InputError, match="without a vector: cat"):
        pair_table([("wet", "cat")], WORDS)
    with pytest.raises(InputError, match="'wet dog' stands for two"):
        pair_table([("wet", "dog"), ("wet", "dog")], WORDS)


def test_the_layout_of_the_field_is_read(folder, tmp_path):
    np.savez(tmp_path / "features.npz", **images())
    task = compositional_task(folder, tmp_path / "features.npz")
    assert task.name == "world"
    assert set(task.classes.labels) == {"wet dog", "dry cat", "dry dog", "wet cat"}
    assert task.train_index.tolist() == [0, 1]
    assert (task.val_seen_index.tolist(), task.val_unseen_index.tolist()) == ([2], [3])
    assert (task.test_seen_index.tolist(), task.test_unseen_index.tolist()) == ([4], [5])
    assert task.val_unseen[1].tolist() == ["dry dog"]


def test_defects_of_the_layout_are_told_by_place(folder):
    with pytest.raises(InputError, match=r"row 5 is in test, but its pair 'wet dog' is not in test_pairs\.txt"):
        compositional_task(folder, images(objects=np.array(["dog", "cat", "dog", "dog", "cat", "dog"])))
    with pytest.raises(InputError, match="set of row 0 is 'tain'"):
        compositional_task(folder, images(set=np.array(["tain", "train", "val", "val", "test", "test"])))
    with pytest.raises(InputError, match="no array 'set'"):
        compositional_task(folder, {key: value for key, value in images().items() if key != "set"})
    with pytest.raises(InputError, match="5 sets"):
        compositional_task(folder, images(set=np.array(["train"] * 5)))
    with pytest.raises(NotAvailableError, match=r"no\.npz"):
        compositional_task(folder, folder / "no.npz")
    path = folder / "compositional-split-natural" / "val_pairs.txt"
    path.write_text("wet dog\nverywetdog\n")
    with pytest.raises(InputError, match=r"val_pairs.txt, line 2.*'verywetdog'"):
        read_pairs(folder)
    path.unlink()
    with pytest.raises(NotAvailableError, match=r"val_pairs\.txt"):
        read_pairs(folder)


def test_a_task_refuses_classes_that_are_no_pairs_and_leaks_through_validation():
    task = toy_compositional()
    fields = {name: getattr(task, name) for name in task.__dataclass_fields__}
    with pytest.raises(InputError, match="an attribute and an object"):
        CompositionalTask(**fields | {"classes": replace(task.classes, parents=None)})
    with pytest.raises(InputError, match="another index set"):
        CompositionalTask(**fields | {"val_seen_index": task.train_index[:1]})
    with pytest.raises(InputError, match="against what is in training"):
        CompositionalTask(
            **fields | {"test_seen_index": task.test_seen_index[1:], "val_unseen_index": task.test_seen_index[:1]}
        )


@pytest.mark.parametrize("seed", range(5))
def test_no_word_leaves_with_the_unseen_pairs(seed):
    pairs = [(i, j) for i in range(4) for j in range(5) if (i, j) != (0, 0)]
    seen = seen_pairs(pairs, 9, np.random.RandomState(seed))
    assert (~seen).sum() == 9
    for side in (0, 1):
        assert {pair[side] for pair, kept in zip(pairs, seen, strict=True) if kept} == {pair[side] for pair in pairs}
    with pytest.raises(InputError, match="asked for 15"):
        seen_pairs(pairs, 15, np.random.RandomState(seed))


def test_other_splits_keep_every_word_in_training():
    task = toy_compositional()
    for seed in (0, 1, 2):
        other = resplit(task, seed)
        assert len(other.unseen) == len(task.unseen)
        words = {word for label in other.seen for word in task.classes.parents[label]}
        assert words == {word for pair in task.classes.parents.values() for word in pair}
    assert set(other.unseen) != set(task.unseen)


@pytest.mark.shared_data
def test_pacs_is_a_task_of_pairs(shared_data):
    task = pacs(shared_data)
    assert task.X.shape == (9991, 1024)
    assert task.classes.n_classes == 28
    objects = [task.classes.parents[label][1] for label in task.unseen]
    assert len(set(objects)) == len(objects) == 7
