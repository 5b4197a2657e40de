"""A task on disk: nothing is lost, and every defect is named."""

import contextlib
import decimal
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zorse.core import ClassTable, InputError, NotAvailableError
from zorse.core.graph import ClassGraph
from zorse.data import ZeroShotTask, digits_zsl, load_bundle, read_task, save_bundle, toy_zsl
from zorse.data.bundle import read_bundle
from zorse.data.defects import defects, ranges, remarks

KINDS = ("task.npz", "folder")


def everything(dtype="float32", labels=("b", "é a", "c", "d")):
    """A task that uses every field there is, its rows in no order."""
    rng = np.random.default_rng(0)
    labels = np.array(labels)
    nodes = ("x", *map(str, labels), "y")
    table = ClassTable(
        labels,
        rng.normal(size=(4, 3)),
        names=("Bee", "É, with a\nbreak", "", "dee"),
        prompts=tuple(rng.normal(size=(p, 3)) for p in (1, 4, 2, 1)),
        views=tuple(rng.normal(size=(4, k)) for k in range(1, 12)),
        parents={str(labels[0]): ("animal", "pet"), "animal": ()},
        graph=ClassGraph(nodes, rng.normal(size=(6, 2)), [[0, 1], [2, 5]], [1, 0]),
    )
    y = labels[[3, 1, 0, 2, 1, 3, 0, 2]]
    X = (100 * rng.normal(size=(8, 5))).astype(dtype)
    return ZeroShotTask(X, y, table, [6, 1], [4, 2], [7, 3], "made, ünïcode")


def same(a, b):
    assert a.name == b.name
    for x, y in [(a.X, b.X), (a.y, b.y), (a.classes.labels, b.classes.labels), (a.classes.vectors, b.classes.vectors)]:
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype or x.dtype.kind == y.dtype.kind == "U"
    for part in ("train_index", "test_seen_index", "test_unseen_index"):
        assert getattr(a, part).tolist() == getattr(b, part).tolist()
    assert a.classes.names == b.classes.names
    assert a.classes.parents == b.classes.parents
    for field in ("views", "prompts"):
        one, two = getattr(a.classes, field), getattr(b.classes, field)
        assert (one is None) == (two is None)
        for x, y in zip(one or (), two or (), strict=True):
            np.testing.assert_array_equal(x, y)
    assert (a.classes.graph is None) == (b.classes.graph is None)
    if a.classes.graph is not None:
        for field in ("nodes", "vectors", "edges", "relations"):
            np.testing.assert_array_equal(getattr(a.classes.graph, field), getattr(b.classes.graph, field))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "task",
    [
        everything(),
        *(everything(dtype) for dtype in ("float16", "float64", "uint8")),
        everything(labels=(3, -1, 7, 10**12)),
        toy_zsl(),
        toy_zsl(aligned=True),
        digits_zsl(),
        replace(everything(), test_seen_index=np.zeros(0, int), name=""),
        replace(everything(), X=np.asfortranarray(everything().X)),
        replace(everything(), X=np.arange(8.0 * 24).reshape(8, 2, 3, 4)),
    ],
)
def test_a_round_trip_loses_nothing(tmp_path, kind, task):
    path = save_bundle(task, tmp_path / kind)
    same(load_bundle(path), task)
    same(read_task(str(path)), task)
    assert [entry.name for entry in tmp_path.iterdir()] == [kind]


def test_labels_of_python_objects_become_text_or_are_refused(tmp_path):
    task = everything()
    objects = replace(
        task,
        y=task.y.astype(object),
        classes=ClassTable(task.classes.labels.astype(object), task.classes.vectors),
    )
    assert load_bundle(save_bundle(objects, tmp_path / "a.npz")).y.tolist() == task.y.tolist()
    numbers = np.array([decimal.Decimal(label) for label in (1, 2)], dtype=object)
    split = {"train_index": [0], "test_seen_index": [2], "test_unseen_index": [1]}
    mixed = ZeroShotTask(np.eye(4), np.tile(numbers, 2), ClassTable(numbers, np.eye(2)), **split)
    with pytest.raises(InputError, match="must be numbers or text"):
        save_bundle(mixed, tmp_path / "b.npz")
    assert not (tmp_path / "b.npz").exists()


def test_a_bundle_is_replaced_and_nothing_else_is(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "mine.txt").touch()
    with pytest.raises(InputError, match="is there and is no bundle"):
        save_bundle(toy_zsl(), folder)
    assert (folder / "mine.txt").exists()
    for task in (toy_zsl(), digits_zsl()):
        save_bundle(task, tmp_path / "bundle")
    same(load_bundle(tmp_path / "bundle"), digits_zsl())
    with pytest.raises(NotAvailableError, match="No such file"):
        save_bundle(toy_zsl(), tmp_path / "nowhere" / "a.npz")
    with pytest.raises(NotAvailableError, match="No such file"):
        save_bundle(toy_zsl(), tmp_path / "nowhere" / "folder")


def test_others_can_write_one_by_hand(tmp_path):
    """As the documentation describes it: no format, no name, plain lists for vectors."""
    samples = {
        "label": ["a", "b", "a"],
        "split": ["train", "test_unseen", None],
        "features": [[1.0, 2], [3, 4], [5, 6]],
    }
    (tmp_path / "mine").mkdir()
    pq.write_table(pa.table(samples), tmp_path / "mine" / "samples.parquet")
    classes = {"label": ["a", "b"], "vectors": [[1, 0], [0, 1]]}
    pq.write_table(pa.table(classes), tmp_path / "mine" / "classes.parquet")
    (tmp_path / "mine" / "bundle.json").write_text("{}")
    task = load_bundle(tmp_path / "mine")
    assert (task.X.tolist(), task.y.tolist()) == ([[1, 2], [3, 4], [5, 6]], ["a", "b", "a"])
    assert (task.train_index.tolist(), task.test_unseen_index.tolist()) == ([0], [1])
    np.savez(
        tmp_path / "mine.npz",
        **{"features": np.eye(3), "labels": [5, 6, 5], "class_labels": [5, 6], "class_vectors": np.eye(2)},
        **{"train_index": [0], "test_unseen_index": [1]},
    )
    assert load_bundle(tmp_path / "mine.npz").unseen.tolist() == [6]


def parts(**changed):
    rng = np.random.default_rng(0)
    held = {
        "features": rng.normal(size=(8, 3)),
        "labels": np.array(list("aabbccdd")),
        "class_labels": np.array(list("abcd")),
        "class_vectors": rng.normal(size=(4, 2)),
        "train_index": np.array([0, 2]),
        "test_seen_index": np.array([1, 3]),
        "test_unseen_index": np.array([4, 5, 6, 7]),
    }
    return {key: value for key, value in (held | changed).items() if value is not None}


def with_nan(*rows, shape=(8, 3), value=np.nan):
    matrix = np.arange(float(np.prod(shape))).reshape(shape)
    matrix[list(rows), -1] = value
    return matrix


GRAPH = {"graph_nodes": np.array(["a", "b"]), "graph_vectors": np.eye(2), "graph_edges": np.array([[0, 1]])}


def test_sound_parts_have_no_defect():
    assert defects(parts()) == []
    assert defects(parts(test_seen_index=None, **GRAPH, parents={"a": ["x"]})) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"features": None}, ["features: is missing"]),
        ({"class_vectors": None}, ["class_vectors: is missing"]),
        ({"features": with_nan(3, 5, 6, 7)}, ["features: NaN or infinite in rows 3, 5-7"]),
        ({"features": with_nan(1, 6, shape=(8, 2, 2, 3))}, ["features: NaN or infinite in rows 1, 6"]),
        ({"features": with_nan(2, value=-np.inf)}, ["features: NaN or infinite in row 2"]),
        ({"features": np.zeros((7, 3))}, ["labels: 8 for 7 samples"]),
        ({"features": np.zeros(8)}, ["features: expected an array (n, d) or (n, gh, gw, d); got shape (8,)"]),
        ({"features": np.zeros((8, 0))}, ["features: is empty, (8, 0)"]),
        ({"features": np.zeros((8, 3), complex)}, ["features: expected numbers; got complex128"]),
        (
            {"labels": np.array(list("aabbccwz"))},
            ["labels: 'w' has no class row (row 6)", "labels: 'z' has no class row (row 7)"],
        ),
        ({"labels": np.arange(8) // 2}, ["labels: int64 in samples, <U1 in classes; numbers and text never match"]),
        ({"labels": np.array(["a", None] * 4, dtype=object)},
         ["labels: expected numbers or text; got object with empty rows"]),
        ({"class_labels": np.array(list("abcc"))},
         ["labels: 'd' has no class row (rows 6, 7)", "class_labels: 'c' occurs 2 times"]),
        ({"class_vectors": np.ones((3, 2))}, ["class_vectors: 3 rows for 4 classes"]),
        ({"class_vectors": with_nan(1, 3, shape=(4, 2))}, ["class_vectors: NaN or infinite for 'b', 'd'"]),
        ({"class_view_1": with_nan(0, shape=(4, 2)), "class_view_2": np.ones((5, 1))},
         ["class_view_1: NaN or infinite for 'a'", "class_view_2: 5 rows for 4 classes"]),
        ({"class_names": np.array(["x"])}, ["class_names: 1 rows for 4 classes"]),
        ({"class_prompts": np.ones((5, 3)), "class_prompt_counts": np.array([1, 0, 1, 1])},
         ["class_prompts: none for 'b'", "class_prompts: 5 rows, but the counts sum to 3",
          "class_prompts: 3 numbers, class vectors 2"]),
        ({"class_prompts": np.ones((5, 2))}, ["class_prompt_counts: is missing or cannot be used"]),
        ({"train_index": np.array([0, 2, 8, -1])}, ["train_index: no such rows -1, 8; there are 8 samples"]),
        ({"train_index": np.array([0, 2, 2])}, ["train_index: more than once: row 2"]),
        ({"train_index": np.array([], int), "test_seen_index": None}, ["train_index: is empty"]),
        ({"test_unseen_index": np.zeros(0)}, ["test_unseen_index: is empty"]),
        ({"train_index": np.array([0.0, 2.0])}, ["train_index: expected numbers; got float64"]),
        ({"test_seen_index": np.array([0, 1, 2, 3])}, ["split: both in train_index and in test_seen_index: rows 0, 2"]),
        ({"train_index": np.array([0, 2, 5]), "test_unseen_index": np.array([4, 6, 7])},
         ["split: 'c' is tested as unseen and has 1 training samples"]),
        ({"test_seen_index": np.array([1, 3, 4]), "test_unseen_index": np.array([6, 7])},
         ["split: 'c' is tested as seen and has no training sample"]),
        (GRAPH | {"graph_nodes": np.array(["a", "a"])}, ["graph_nodes: 'a' occurs 2 times"]),
        (GRAPH | {"graph_vectors": with_nan(1, shape=(2, 2))}, ["graph_vectors: NaN or infinite in row 1"]),
        (GRAPH | {"graph_edges": np.array([[0, 2]])}, ["graph_edges: no such node: row 2; there are 2"]),
        (GRAPH | {"graph_relations": np.array([0, 1])}, ["graph_relations: 2 for 1 edges"]),
        ({"graph_nodes": np.array(["a"])}, ["graph_vectors: is missing", "graph_edges: is missing"]),
        ({"parents": {"a": "b"}}, ["parents: expected an object {node: [what it is a kind of, ...]}"]),
    ],
)  # fmt: skip
def test_each_defect_is_named(changed, told):
    assert defects(parts(**changed)) == told


def test_defects_are_named_together_and_loading_tells_the_first(tmp_path):
    changed = parts(features=with_nan(4), labels=np.array(list("aabbccdw")), train_index=np.array([0, 2, 4]))
    path = tmp_path / "bad.npz"
    np.savez(path, **changed, note=np.array([{}], dtype=object))
    held, unread = read_bundle(path)
    assert unread == ["note: pickled objects, which are never opened"]
    assert [line.split(":")[0] for line in defects(held)] == ["features", "labels", "split", "split"]
    assert defects(held, unread) == unread + defects(held)
    assert defects({}, ["labels: pickled"])[:2] == ["labels: pickled", "features: is missing"]
    assert "labels: is missing" not in defects({}, ["labels: pickled"])
    np.savez(path, **changed)
    with pytest.raises(InputError, match=r"bad\.npz: features: NaN .* row 4 \(3 more; zorse datasets check"):
        load_bundle(path)


def test_what_is_no_bundle_is_refused_in_one_line(tmp_path):
    for name, content, told in [
        ("absent.npz", None, "No such file"),
        ("empty.npz", b"", "empty.npz"),
        ("text.npz", b"hello, this is no zip at all", "text.npz"),
        ("zip.npz", b"PK\x03\x04 but no zip", "cannot be read: File is not a zip file"),
    ]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=told):
            load_bundle(tmp_path / name)
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.eye(2))
    with pytest.raises(InputError, match="holds one array"):
        load_bundle(tmp_path / "one.npz")
    np.savez(tmp_path / "newer.npz", format="zorse-bundle/2")
    with pytest.raises(InputError, match="is of format 'zorse-bundle/2'; this version of Zorse reads"):
        load_bundle(tmp_path / "newer.npz")


def test_damage_to_a_folder_is_told(tmp_path):
    path = save_bundle(everything(), tmp_path / "folder")
    (path / "classes.parquet").unlink()
    (path / "graph_nodes.parquet").write_bytes(b"PAR1")
    found = read_bundle(path)[1]
    assert [line.split(":")[0] for line in found] == ["classes.parquet", "graph_nodes.parquet"]
    samples = {"label": ["a"], "split": ["tset"], "features": [[1.0]]}
    pq.write_table(pa.table(samples), path / "samples.parquet")
    assert "samples.parquet: split must be train, test_seen, test_unseen or empty; got tset" in read_bundle(path)[1]
    pq.write_table(
        pa.table(samples | {"label": ["a", "b"], "split": ["train"] * 2, "features": [[1.0], [1, 2]]}),
        path / "samples.parquet",
    )
    assert any(line.startswith("samples.parquet: column features") for line in read_bundle(path)[1])
    (path / "bundle.json").write_text('{"grid": [2, 3]}')
    pq.write_table(pa.table(samples), path / "samples.parquet")
    assert "features: 1 numbers a row are no grid of [2, 3]" in read_bundle(path)[1]
    (path / "bundle.json").write_text("{")
    with pytest.raises(InputError, match=r"bundle\.json is no JSON"):
        load_bundle(path)
    (path / "bundle.json").write_text(json.dumps([]))
    with pytest.raises(InputError, match="holds no JSON object"):
        load_bundle(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_gone_wrong_is_told_or_read_over_but_never_breaks_out(tmp_path, kind):
    path, rng = save_bundle(everything(), tmp_path / kind), np.random.default_rng(0)
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        whole = file.read_bytes()
        for _ in range(40):
            damaged = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
            for at in rng.integers(len(damaged), size=3) if damaged else ():
                damaged[at] = rng.integers(256)
            file.write_bytes(damaged)
            with contextlib.suppress(InputError):
                load_bundle(path)
        file.write_bytes(whole)


def test_remarks_are_what_a_sound_task_may_hide():
    assert remarks(parts()) == []
    X = parts()["features"]
    X[4], X[3], X[7] = X[0], X[2], X[5]
    told = remarks(
        parts(
            features=X,
            class_vectors=np.array([[1.0, 0], [0, 0], [1, 0], [2, 0]]),
            class_names=np.array(["Great  Tit", "x", "y", "great tit"]),
            test_seen_index=np.array([3]),
        )
    )
    assert told == [
        "class_vectors: all zero: 'b'",
        "class_vectors: the same for 'a', 'c'",
        "class_names: 'great tit' names 'a', 'd'",
        "split: 1 of 8 samples are in no set",
        "features: the same in training and in test: rows 0, 4",
        "features: the same in training and in test: rows 2, 3",
        "features: the same under different labels: rows 5, 7",
    ]


def test_ranges_name_every_row():
    assert ranges([5, 3, 4, 9, 8, 1]) == "1, 3-5, 8, 9"
    assert ranges([]) == ""
    with pytest.raises(InputError, match="does not exist"):
        read_task("nowhere")
