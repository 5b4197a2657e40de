"""adapt, and classify with what it wrote: which methods apply, what is measured, kept and refused."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from zorse.core import persist
from zorse.core.errors import InputError
from zorse.jobs.adapt import methods_for
from zorse.jobs.adapted import load_adapted

LABELS = ["--labels", "red, green, blue"]


@pytest.fixture
def pictures(paint):
    """Five pictures a colour, each of another size, so that no two files are the same."""
    for colour in ("red", "green", "blue"):
        for i in range(5):
            last = paint(f"pictures/{colour}/{i}.png", colour, (16 + i, 16))
    return last.parent.parent


def test_shots_adapt_and_classify_goes_on_from_there(zorse_, pictures, tmp_path):
    out = tmp_path / "model"
    code, told, err = zorse_("adapt", pictures, "--labelled", "folder", "--shots", 2, "--out", out)
    assert code == 0
    assert "9 held-out images: names alone 100.0 %, adapted 100.0 %" in told
    assert "GDA, since labels are given" in err
    record = json.loads((out / "adapted.json").read_text())
    assert record["fingerprint"] == "colours-image"
    assert (record["base"], record["learned_from"], record["labels"]) == ("mini", 6, ["blue", "green", "red"])
    assert sorted(p.suffix for p in out.iterdir()) == [".json", ".json", ".safetensors"]
    code, told, err = zorse_("classify", pictures, "--model", out, "--truth", "folder", "--json")
    assert (code, err) == (0, "")
    assert json.loads(told)["truth"]["top1"] == 1.0
    code, told, _ = zorse_("classify", pictures, "--model", out, "--labels", "red, yellow", "--json")
    assert code == 0
    assert json.loads(told)["labels"] == 2


def test_the_draw_follows_content_not_names(zorse_, pictures, tmp_path):
    moved = tmp_path / "elsewhere"
    for path in pictures.rglob("*.png"):
        target = moved / path.parent.name / f"{9 - int(path.stem)}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for folder, out in ((pictures, "a"), (moved, "b")):
        assert zorse_("adapt", folder, "--labelled", "folder", "--shots", 1, "--out", tmp_path / out)[0] == 0
    same = [next((tmp_path / out).glob("*.safetensors")).name for out in "ab"]
    assert same[0] == same[1]


@pytest.mark.parametrize("safe", [True, False])
def test_worse_is_said_and_safe_keeps_names(zorse_, pictures, tmp_path, safe):
    away = "tip_adapter:alpha=-1000,beta=5"  # from whatever looks like the shots
    options = ["--labelled", "folder", "--shots", 1, "--method", away, "--out", tmp_path / "m"]
    code, told, err = zorse_("adapt", pictures, *options, *(["--safe"] if safe else []))
    assert code == 0
    assert "warning: adaptation made known classes worse: 100.0 % -> 0.0 %" in err
    assert ("names alone are kept" in err) == safe
    record = json.loads((tmp_path / "m" / "adapted.json").read_text())
    assert record["method"] == ("CLIP" if safe else "TipAdapter")
    code, told, _ = zorse_("classify", pictures, "--model", tmp_path / "m", "--truth", "folder", "--json")
    assert (json.loads(told)["truth"]["top1"] == 1.0) == safe


@pytest.mark.parametrize("method", ["gda_em", "pouf:epochs=1", "dpa:epochs=1", "reclip", "zlap"])
def test_no_labels_are_needed(zorse_, pictures, tmp_path, method):
    out = tmp_path / "m"
    code, told, _ = zorse_("adapt", pictures, *LABELS, "--method", method, "--out", out)
    assert code == 0
    assert "not measured" in told
    assert json.loads((out / "adapted.json").read_text())["unlabelled"] == 15
    code, told, _ = zorse_("classify", pictures, "--model", out, "--truth", "folder", "--json")
    assert code == 0
    assert json.loads(told)["truth"]["top1"] >= 2 / 3


def test_another_base_is_refused(zorse_, pictures, tmp_path, colours):
    zorse_("adapt", pictures, "--labelled", "folder", "--out", tmp_path / "m")
    colours.fingerprint = "colours of another kind"
    with pytest.raises(InputError, match="was adapted over colours"):
        load_adapted(tmp_path / "m", colours)
    code, _, err = zorse_("classify", pictures, "--model", tmp_path / "m")
    assert code == 2
    assert "is another model" in err


def test_an_adapted_folder_is_no_encoder(zorse_, pictures, tmp_path):
    zorse_("adapt", pictures, "--labelled", "folder", "--out", tmp_path / "m")
    code, _, err = zorse_("embed", pictures, "--model", tmp_path / "m", "--out", tmp_path / "e.npz")
    assert code == 2
    assert "zorse classify and zorse serve take it" in err


def test_a_failed_write_leaves_the_old_model(zorse_, pictures, tmp_path, monkeypatch):
    out = tmp_path / "m"
    zorse_("adapt", pictures, "--labelled", "folder", "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(persist, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    code, _, err = zorse_("adapt", pictures, "--labelled", "folder", "--shots", 1, "--out", out)
    assert code == 2
    assert "No space left" in err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([*LABELS, "--method", "gda"], "none are given; give --labelled, or take a method that needs no labels: dpa"),
        ([*LABELS, "--method", "clip"], "learns nothing from pictures"),
        ([*LABELS, "--method", "eszsl"], "does not work on stored embeddings"),
        ([*LABELS, "--shots", "2"], "give --labelled as well"),
        (["--labelled", "folder", "--shots", "0"], "at least 1; got 0"),
        (["--labelled", "folder", "--labels", "red, cyan"], "which is no label"),
        ([], "no labels; give --labels"),
        (["--labelled", "folder", "--method", "gda:alfa=1"], "has no parameter 'alfa'"),
        (["--labelled", "folder", "--method", "gda:prior=even"], "prior must be"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(zorse_, pictures, tmp_path, arguments, told):
    code, out, err = zorse_("adapt", pictures, *arguments, "--out", tmp_path / "m")
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_a_folder_of_something_else_is_left_alone(zorse_, pictures):
    code, _, err = zorse_("adapt", pictures, "--labelled", "folder", "--out", pictures)
    assert code == 2
    assert "holds something else" in err


def test_copies_with_two_labels_are_refused(zorse_, pictures, tmp_path):
    shutil.copy(pictures / "red" / "0.png", pictures / "blue" / "copy.png")
    code, _, err = zorse_("adapt", pictures, "--labelled", "folder", "--out", tmp_path / "m")
    assert code == 2
    assert "its copy" in err


def test_a_table_of_labels_and_methods_by_what_they_need(zorse_, pictures, tmp_path):
    rows = "".join(f"pictures/{c}/{i}.png,{c}\n" for c in ("red", "green", "blue") for i in range(5))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    code, told, _ = zorse_(
        *("adapt", pictures, *LABELS, "--labelled", tmp_path / "labels.csv", "--shots", 3, "--out", tmp_path / "m")
    )
    assert code == 0
    assert "6 held-out images" in told
    assert {"gda", "tip_adapter", "clip_adapter", "linear_probe"} <= set(methods_for(True))
    assert {"gda_em", "pouf", "dpa", "reclip"} <= set(methods_for(False))
    assert np.intersect1d(methods_for(True), methods_for(False)).size == 0


def test_a_model_that_can_not_be_trained_is_refused(zorse_, pictures, tmp_path):
    code, _, err = zorse_("adapt", pictures, "--labelled", "folder", "--method", "wise_ft", "--out", tmp_path / "m")
    assert code == 2
    assert "WiSEFT can't train colours" in err


def test_what_a_killed_run_left_is_put_in_order(zorse_, pictures, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f".m.{gone.pid}.partial", ".m.1.partial", f".mm.{gone.pid}.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / f".m.{gone.pid}.old").mkdir()
    assert zorse_("adapt", pictures, "--labelled", "folder", "--out", tmp_path / "m")[0] == 0
    left = sorted(path.name for path in tmp_path.glob(".m*"))
    assert left == [".m.1.partial", f".mm.{gone.pid}.partial"]  # of a process that runs, and of another folder
