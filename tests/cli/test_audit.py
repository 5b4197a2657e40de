"""``zorse audit``, and the mark that it leaves on tables."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zorse.benchmark import exposure as marks
from zorse.core import ClassTable
from zorse.data import ZeroShotTask, load_bundle, save_bundle
from zorse.semantics import wordnet as wordnet_module


@pytest.fixture(autouse=True)
def no_wordnet(monkeypatch, tmp_path):
    """As if none were installed, unless a test names a folder."""
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setattr(wordnet_module, "FOLDERS", (str(tmp_path / "none"),))
    marks._wordnet.cache_clear()
    yield
    marks._wordnet.cache_clear()


@pytest.fixture
def task(tmp_path):
    """Dogs are seen; cats, felines and gnus are not."""
    labels = np.array(["dog", "cat", "feline", "gnu", "elk"])
    y = np.repeat(labels, 4)
    table = ClassTable(labels, np.eye(5), tuple(labels))
    split = {"train_index": [0, 1, 16, 17], "test_seen_index": [2, 3], "test_unseen_index": np.arange(4, 16)}
    return save_bundle(
        ZeroShotTask(np.arange(40.0).reshape(20, 2), y, table, **split, name="made"), tmp_path / "made.npz"
    )


def refused(told):
    code, out, err = told
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    return err


def test_exposed_classes_are_listed(zorse_, task, tmp_path, wordnet_folder):
    (tmp_path / "saw.txt").write_text("n02121620\n")
    audit = ["audit", "--task", task, "--encoder-saw", tmp_path / "saw.txt", "--wordnet", wordnet_folder]
    code, out, err = zorse_(*audit)
    assert (code, err) == (1, "")
    assert f"{task}: 1 of 3 unseen classes were in saw.txt, which the encoder was trained on (1 by name)" in out
    assert "n02121620 cat" in out
    assert "it meows" in out
    assert "kinds of 1 other were: feline (n02121620 cat)" in out
    code, out, _ = zorse_(*audit, "--json")
    told = json.loads(out)
    assert (code, told["exposed"], told["classes"], told["kinds"]) == (1, 1, 3, {"feline": "n02121620 cat"})


def test_nothing_exposed_is_exit_code_0_and_tells_what_was_not_looked_for(zorse_, task, tmp_path):
    (tmp_path / "saw.txt").write_text("dog\n")
    code, out, err = zorse_("audit", "--task", task, "--encoder-saw", tmp_path / "saw.txt")
    assert code == 0
    assert "0 of 3 unseen classes" in out
    assert "synonyms were not looked for" in err


def test_a_clean_split_is_written(zorse_, task, tmp_path):
    (tmp_path / "a.txt").write_text("cat\n")
    (tmp_path / "b.txt").write_text("feline\n")
    audit = ["audit", "--task", task, "--encoder-saw", tmp_path / "a.txt", "--encoder-saw", tmp_path / "b.txt"]
    assert zorse_(*audit, "--clean", tmp_path / "clean.npz")[0] == 1
    made = load_bundle(tmp_path / "clean.npz")
    assert (made.unseen.tolist(), made.name) == (["gnu"], "made, clean of a.txt + b.txt")
    assert zorse_(*audit, "--clean", tmp_path / "drawn", "--redraw", 1)[0] == 1
    made = load_bundle(tmp_path / "drawn")
    assert made.unseen.tolist() == ["dog", "elk", "gnu"]
    assert made.seen.tolist() == ["cat", "feline"]


@pytest.mark.parametrize("kind", ["txt", "txt.gz", "parquet"])
def test_captions(zorse_, task, tmp_path, kind):
    captions, path = ["a cat on a mat", "cats", "gnu soup", "a catalogue"], tmp_path / f"laion.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"URL": captions, "TEXT": captions}), path)
    else:
        (gzip.open if kind.endswith("gz") else open)(path, "wt").write("\n".join(captions))
    audit = ["audit", "--task", task, "--captions", path, "--json"]
    assert [e["label"] for e in json.loads(zorse_(*audit)[1])["exposures"]] == ["cat", "gnu"]
    assert [e["label"] for e in json.loads(zorse_(*audit, "--at-least", 2)[1])["exposures"]] == ["cat"]


def test_bad_requests_are_one_line(zorse_, task, tmp_path):
    (tmp_path / "saw.txt").write_text("cat\nfeline\ngnu\n")
    (tmp_path / "x.parquet").write_bytes(b"no")
    saw = ["--encoder-saw", tmp_path / "saw.txt"]
    assert "say what the encoder of digits was trained on" in refused(zorse_("audit", "--task", "digits"))
    assert "is no file and no known list" in refused(zorse_("audit", "--task", task, "--encoder-saw", "imagenet"))
    assert "WordNet is needed" in refused(zorse_("audit", "--task", task, "--encoder-saw", "imagenet-1k"))
    assert "did you mean digits" in refused(zorse_("audit", "--task", "digitz", *saw))
    assert "not both" in refused(zorse_("audit", "--task", task, *saw, "--captions", tmp_path / "saw.txt"))
    assert "give both" in refused(zorse_("audit", "--task", task, *saw, "--redraw", 1))
    assert "is not at" in refused(zorse_("audit", "--task", task, *saw, "--wordnet", tmp_path / "nowhere"))
    assert "is no Parquet file" in refused(zorse_("audit", "--task", task, "--captions", tmp_path / "x.parquet"))
    assert "No such file" in refused(zorse_("audit", "--task", task, "--captions", tmp_path / "absent.txt"))
    code, _, err = zorse_("audit", "--task", task, *saw, "--clean", tmp_path / "c.npz")
    assert code == 2
    assert "none would be left" in err.splitlines()[-1]


def line(task, seed, labels):
    return {"status": "ok", "task": task, "seed": seed, "by_class": {"zsl": dict.fromkeys(labels, 0.5)}}


def test_a_benchmarks_table_is_marked(wordnet_folder, monkeypatch):
    lines = [
        line("tiny160", seed, ["n01443537", wnid, "n00000001"]) for seed, wnid in enumerate(("n01440764", "n00000002"))
    ]
    lines += [line("digits", 0, ["2", "5"]), line("FLO", 0, ["1", "2"]), line("awa19", 0, ["cat", "dog"])]
    lines += [{"status": "failed", "task": "awa19", "seed": 1}]
    found = marks.exposure_notes(lines)
    assert found["tiny160"] == "1 to 2 of 3 unseen classes were in imagenet-1k, which the encoder was trained on"
    assert found["FLO"].endswith("cannot be told by class numbers")
    assert found["awa19"].endswith("cannot be told without WordNet")
    assert "digits" not in found
    monkeypatch.setattr(wordnet_module, "FOLDERS", (str(wordnet_folder),))
    marks._wordnet.cache_clear()
    assert "awa19" not in marks.exposure_notes(lines)  # no cat or dog as such is in ImageNet-1k
    assert marks.exposure_hint(["digits", "toy"]) is None


def test_the_mark_is_shown(zorse_, tmp_path):
    from zorse.benchmark.cell import Cell, run_cell
    from zorse.benchmark.recipe import Recipe
    from zorse.benchmark.report import html
    from zorse.data import toy_zsl

    toy = toy_zsl()
    names = {label: f"n0144{i:04d}" for i, label in enumerate(toy.classes.labels)} | {toy.unseen[0]: "n01443537"}
    table = ClassTable(np.array([names[label] for label in toy.classes.labels]), toy.classes.vectors)
    split = {part: getattr(toy, part) for part in ("train_index", "test_seen_index", "test_unseen_index")}
    task = ZeroShotTask(toy.X, np.array([names[label] for label in toy.y]), table, **split, name="tiny160")
    told = run_cell(Cell.of("eszsl", "tiny160", 0, Recipe("r", {})), task)
    (tmp_path / "log.jsonl").write_text(json.dumps(told) + "\n")
    code, out, _ = zorse_("table", tmp_path / "log.jsonl")
    assert code == 0
    note = "1 of 3 unseen classes were in imagenet-1k, which the encoder was trained on"
    assert f"* tiny160: {note}" in out
    assert "tiny160 *" in out
    assert json.loads(zorse_("table", tmp_path / "log.jsonl", "--json")[1])[0]["exposure"] == note
    assert note in html([told])


def test_frequency_is_set_against_accuracy(zorse_, task, tmp_path):
    (tmp_path / "c.txt").write_text("a dog\n" * 100 + "two cats\n" * 10 + "a gnu\n")
    (tmp_path / "acc.json").write_text(json.dumps({"dog": 0.5, "cat": 0.4, "gnu": 0.3, "elk": 0.1}))
    audit = ["audit", "--task", task, "--frequency", tmp_path / "c.txt"]
    code, out, _ = zorse_(*audit, "--accuracy", tmp_path / "acc.json")
    assert code == 0
    assert "accuracy = 0.100 log10(captions) +0.300, correlation 1.00" in out
    assert "1 more are in no caption" in out
    told = json.loads(zorse_(*audit, "--json")[1])
    assert told["frequency"] == {"dog": 100, "cat": 10, "feline": 0, "gnu": 1, "elk": 0}
    assert told["fit"] is None
    (tmp_path / "acc.json").write_text("[1]")
    assert "should hold" in refused(zorse_(*audit, "--accuracy", tmp_path / "acc.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--at-least", "2", "--encoder-saw", "imagenet-1k"], "--captions FILE"),
        (["--frequency", "{tmp}/c.txt", "--at-least", "2"], "--at-least"),
        (["--frequency", "{tmp}/c.txt", "--clean", "{tmp}/clean.npz"], "--clean"),
        (["--frequency", "{tmp}/c.txt", "--encoder-saw", "imagenet-1k"], "--encoder-saw"),
    ],
)
def test_options_that_would_do_nothing_are_refused(zorse_, task, tmp_path, arguments, told):
    (tmp_path / "c.txt").write_text("a cat\n")
    assert told in refused(zorse_("audit", "--task", task, *(a.format(tmp=tmp_path) for a in arguments)))
