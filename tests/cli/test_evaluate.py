"""``zorse evaluate``: the same figures as from Python, and one line for what is wrong."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zorse.core import ClassTable
from zorse.evaluation import class_steps, evaluate_continual, evaluate_entities, evaluate_faces
from zorse.methods.pretraining.clip import CLIP
from zorse.nn.vectors import cosine


@pytest.fixture
def data(tmp_path):
    """Six classes of five samples, as .npz and .parquet, and their class vectors."""
    rng = np.random.default_rng(0)
    labels, centres = np.array([f"c{i}" for i in range(6)]), rng.normal(size=(6, 4))
    y = np.repeat(labels, 5)
    X = centres[np.arange(30) // 5] + 0.5 * rng.normal(size=(30, 4))
    np.savez(tmp_path / "x.npz", vectors=X, labels=y)
    np.savez(tmp_path / "classes.npz", labels=labels, vectors=centres)
    column = pa.array([*X.tolist(), None], pa.list_(pa.float64(), 4))
    pq.write_table(pa.table({"label_hint": [*y, None], "embedding": column}), tmp_path / "x.parquet")
    pq.write_table(pa.table({"label": labels, "vector": centres.tolist()}), tmp_path / "classes.parquet")
    return X, y, ClassTable(labels, centres), tmp_path


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_continual(zorse_, data, suffix):
    X, y, table, folder = data
    command = ("evaluate", "continual", folder / f"x.{suffix}", "--classes", folder / f"classes.{suffix}")
    code, out, err = zorse_(*command, "--increment", 2, "--initial", 3, "--seed", 0, "--json")
    assert (code, err) == (0, "")
    model = CLIP().fit(None, None, classes=table)
    report = evaluate_continual(model, X, y, class_steps(table.labels, 2, 3, random_state=0))
    assert json.loads(out) == report.as_dict()
    code, out, _ = zorse_(*command, "--increment", 2)
    assert code == 0
    assert "forgetting" in out


def test_continual_embeds_names(zorse_, tmp_path):
    X = np.array([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1], [0.1, 0.1, 1.0]])
    np.savez(tmp_path / "x.npz", vectors=X, label_hints=["red", "green", "blue"], fingerprint="colours-image")
    code, out, _ = zorse_("evaluate", "continual", tmp_path / "x.npz", "-n", 1, "--json")
    assert code == 0
    assert json.loads(out)["average"] == 1
    np.savez(tmp_path / "x.npz", vectors=X, labels=["red", "green", "blue"], fingerprint="other", model="clip")
    code, _, err = zorse_("evaluate", "continual", tmp_path / "x.npz", "-n", 1)
    assert code == 2
    assert "made by clip, not by mini" in err


def test_faces(zorse_, data):
    X, y, table, folder = data
    command = ("evaluate", "faces", folder / "x.npz", "--names", folder / "classes.npz", "--folds", 3)
    code, out, err = zorse_(*command, "--poison", "0.2, 1", "-k", 3, "--json")
    assert (code, err) == (0, "")
    report = evaluate_faces(X, y, table, folds=3, k=3, shares=[0.2, 1.0])
    assert json.loads(out) == pytest.approx(report.as_dict())
    (folder / "pairs.txt").write_text("0 1 1\n0,7,0\n\n8 9 1\n2 20 0\n")
    code, out, _ = zorse_(
        "evaluate", "faces", folder / "x.npz", "--pairs", folder / "pairs.txt", "--folds", 2, "--json"
    )
    pairs = (np.array([[0, 1], [0, 7], [8, 9], [2, 20]]), np.array([True, False, True, False]))
    assert code == 0
    assert json.loads(out)["AUC"] == evaluate_faces(X, y, pairs=pairs, folds=2).verification.auc
    assert json.loads(out)["text top-1"] is None
    cloaked = ("--poison", "1", "--cloaked", folder / "x.npz")  # a cloak that changes nothing
    figures = json.loads(zorse_(*command, *cloaked, "--json")[1])
    assert figures["kNN, 100% poisoned"] == figures["kNN"]


def test_entities(zorse_, data):
    X, y, table, folder = data
    split = np.array(["entity", "query"])[np.arange(30) % 2]
    np.savez(folder / "questions.npz", vectors=X, labels=y, split=split)
    (folder / "seen.txt").write_text("c0\nc1\nc2\n")
    expected = evaluate_entities(
        y, table.labels[cosine(X, table.vectors).argmax(axis=1)], split, ["c0", "c1", "c2"]
    ).as_dict()
    for suffix in ("npz", "parquet"):
        entities = ("--seen", folder / "seen.txt", "--entities", folder / f"classes.{suffix}")
        code, out, err = zorse_("evaluate", "entities", folder / "questions.npz", *entities, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out) == pytest.approx(expected)
    np.savez(folder / "answers.npz", labels=[1, 2], answers=[1, 1], split=["entity", "entity"])
    (folder / "seen.txt").write_text("1\n")
    code, out, _ = zorse_("evaluate", "entities", folder / "answers.npz", "--seen", folder / "seen.txt", "--json")
    assert code == 0
    assert json.loads(out)["entity unseen"] == 0
    assert json.loads(out)["overall HM"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["continual", "none.npz", "-n", "2"], "no file"),
        (["continual", "x.csv", "-n", "2"], "neither .npz nor .parquet"),
        (["continual", "damaged.npz", "-n", "2"], "cannot be read"),
        (["continual", "damaged.parquet", "-n", "2"], "Parquet"),
        (["continual", "unlabelled.npz", "-n", "2"], "row 1: the sample has no label"),
        (["continual", "nameless.npz", "-n", "2"], "has no labels"),
        (["continual", "hole.npz", "-n", "2"], "row 0: the vector is not finite"),
        (["continual", "x.npz", "-n", "0", "-c", "classes.npz"], "cannot deal 6 classes"),
        (["continual", "x.npz", "-n", "2", "-c", "few.npz"], "c5"),
        (["continual", "x.npz", "-n", "2", "-c", "short.npz"], "have 4 numbers, class vectors 3"),
        (["faces", "x.npz"], "take fewer folds"),
        (["faces", "x.npz", "--pairs", "words.txt"], "words.txt, line 1"),
        (["faces", "x.npz", "--folds", "3", "--poison", "half"], "'half'"),
        (["faces", "x.npz", "--folds", "3", "--poison", "2"], "[0, 1]"),
        (["faces", "x.npz", "--folds", "3", "--cloaked", "short.npz", "--poison", "1"], "cloaked embedding"),
        (["entities", "x.npz", "--seen", "words.txt"], "no column 'split'"),
        (["entities", "x.npz", "--seen", "none.txt"], "none.txt"),
    ],
)
def test_what_is_wrong_is_one_line(zorse_, data, monkeypatch, arguments, said):
    X, y, table, folder = data
    monkeypatch.chdir(folder)
    (folder / "damaged.npz").write_text("no array")
    (folder / "damaged.parquet").write_text("no table")
    np.savez(folder / "unlabelled.npz", vectors=X[:2], labels=["a", ""])
    np.savez(folder / "nameless.npz", vectors=X)
    np.savez(folder / "hole.npz", vectors=X * np.nan, labels=y)
    np.savez(folder / "few.npz", labels=table.labels[:5], vectors=table.vectors[:5])
    np.savez(folder / "short.npz", labels=table.labels, vectors=table.vectors[:, :3])
    (folder / "words.txt").write_text("one two three\n")
    code, out, err = zorse_("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert said in err
