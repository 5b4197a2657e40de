"""A task put together from loose files."""

import json

import numpy as np
import pytest

from zorse.core import InputError
from zorse.jobs.embeddings import Embeddings
from zorse.jobs.pack import task_from_files

Y = ["cat", "dog", "cat", "emu", "dog", "cat", "emu", "dog", "cat", "cat"]
X = np.arange(20.0).reshape(10, 2)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "y.txt").write_text("\n".join(Y))
    (tmp_path / "v.csv").write_text("class,has fur,legs\nemu,0,2\ncat,1,4\n\ndog,1,4.5\n")
    (tmp_path / "w.tsv").write_text("dog\t1\ncat\t2\nemu\t3\n")
    (tmp_path / "unseen.txt").write_text("emu\n")
    return {"features": tmp_path / "x.npy", "vectors": [tmp_path / "v.csv"], "labels": tmp_path / "y.txt"}


def test_a_split_is_drawn(files, tmp_path):
    task = task_from_files(**files, unseen=tmp_path / "unseen.txt", held_out=0.4, name="pets")
    assert task.classes.labels.tolist() == ["emu", "cat", "dog"]
    assert task.classes.vectors.tolist() == [[0, 2], [1, 4], [1, 4.5]]
    np.testing.assert_array_equal(task.X, X)
    assert task.test_unseen_index.tolist() == [3, 6]
    assert sorted([*task.train_index, *task.test_seen_index]) == [0, 1, 2, 4, 5, 7, 8, 9]
    assert sorted(task.test_seen[1].tolist()) == ["cat", "cat", "dog"]  # two of five and one of three
    again = task_from_files(**files, unseen=tmp_path / "unseen.txt", held_out=0.4)
    assert again.train_index.tolist() == task.train_index.tolist()
    none = task_from_files(**files, unseen=tmp_path / "unseen.txt", held_out=0)
    assert len(none.test_seen_index) == 0


def test_a_split_is_given_and_views_are_put_in_order(files, tmp_path):
    (tmp_path / "split.json").write_text(json.dumps({"train": [4, 0], "test_unseen": [3]}))
    task = task_from_files(
        **files | {"vectors": [tmp_path / "v.csv", tmp_path / "w.tsv"]}, split=tmp_path / "split.json"
    )
    assert task.train_index.tolist() == [4, 0]
    assert task.classes.views[0].tolist() == [[3], [2], [1]]


def test_what_embed_writes_needs_no_labels(files, tmp_path):
    Embeddings(Y, X.astype(np.float32), [""] * 10, list(Y), [], "mini", "0").save(tmp_path / "e.npz")
    options = files | {"features": tmp_path / "e.npz", "labels": None}
    task = task_from_files(**options, unseen=tmp_path / "unseen.txt")
    assert task.y.tolist() == Y


def test_numbers_as_labels(files, tmp_path):
    numbers = np.array([{"cat": 7, "dog": 8, "emu": 9}[label] for label in Y])
    np.save(tmp_path / "y.npy", numbers)
    np.save(tmp_path / "v.npy", np.eye(3))
    np.save(tmp_path / "c.npy", np.array([9, 7, 8]))
    (tmp_path / "unseen.txt").write_text("9")
    options = files | {"labels": tmp_path / "y.npy", "vectors": [tmp_path / "v.npy"], "classes": tmp_path / "c.npy"}
    assert task_from_files(**options, unseen=tmp_path / "unseen.txt").unseen.tolist() == [9]
    (tmp_path / "v.csv").write_text("9,1\n7,2\n8,3\n")
    options = files | {"labels": tmp_path / "y.npy"}
    assert task_from_files(**options, unseen=tmp_path / "unseen.txt").unseen.tolist() == ["9"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.csv", "emu,0,x\n", r"v\.csv holds no class"),
        ("v.csv", "emu,0,1\ncat,0,x\n", r"v\.csv, line 2: 'x' is no number"),
        ("v.csv", "emu,0,1\ncat,0\n", r"v\.csv, line 2 has 1 numbers; expected 2"),
        ("v.csv", "emu\n", r"v\.csv, line 1 has 0 numbers; expected a label and numbers"),
        ("v.csv", "emu,0\ncat,nan\ndog,1\n", "class_vectors: NaN or infinite for 'cat'"),
        ("v.csv", "emu,0\ncat,1\n", "labels: 'dog' has no class row"),
        ("y.txt", "cat\ndog", r"labels: 2 for 10 samples \(\d more\)"),
        ("unseen.txt", "gnu", r"unseen\.txt names 'gnu', which is no class"),
        ("w.tsv", "dog\t1\n", "are not about the same classes: 'cat' is in one only"),
        ("x.npy", "text", r"x\.npy cannot be read"),
    ],
)
def test_mistakes_are_told(files, tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    vectors = [tmp_path / "v.csv"] + ([tmp_path / "w.tsv"] if name == "w.tsv" else [])
    with pytest.raises(InputError, match=message):
        task_from_files(**files | {"vectors": vectors}, unseen=tmp_path / "unseen.txt")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "split.json"}, "give --unseen or --split, and not both"),
        ({"unseen": None}, "give --unseen or --split, and not both"),
        ({"unseen": None, "split": "split.json"}, "expected an object with train"),
        ({"held_out": 1.0}, "share from 0 to below 1"),
        ({"vectors": []}, "give --vectors"),
        ({"labels": None}, "says nothing about labels"),
        ({"vectors": ["v.npy"]}, "has no labels; give --classes"),
        ({"features": "y.txt"}, "expected a name that ends in .npy or .npz"),
        ({"features": "two.npz"}, "holds a, b; expected features, vectors or a single array"),
    ],
)
def test_what_does_not_go_together_is_told(files, tmp_path, changed, message):
    (tmp_path / "split.json").write_text('{"test": []}')
    np.save(tmp_path / "v.npy", np.eye(3))
    np.savez(tmp_path / "two.npz", a=X, b=X)
    paths = {key: tmp_path / value if isinstance(value, str) else value for key, value in changed.items()}
    if "vectors" in paths:
        paths["vectors"] = [tmp_path / value for value in paths["vectors"]]
    with pytest.raises(InputError, match=message):
        task_from_files(**files | {"unseen": tmp_path / "unseen.txt"} | paths)
