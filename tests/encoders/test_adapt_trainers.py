"""zorse adapt with trainers: the folder is an encoder, says what it came from, and takes up where a run stopped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zorse
from zorse.core import InputError
from zorse.encoders import load_encoder
from zorse.jobs.adapt_data import read_labelled
from zorse.jobs.adapted import CLASSES, load_adapted
from zorse.jobs.model import load_classifier
from zorse.templates import encoder_trainer

FAST = "epochs=1,batch_size=6,lr=1e-3"


@pytest.fixture
def adapt(zorse_, squares, tmp_path, capsys):
    """``adapt(base, method, *options)`` gives code, stdout, stderr and the folder."""

    def run(base, method, *options, out="m"):
        given = options or ("--labelled", "folder", "--shots", 4)
        asked = ("--method", method, "--model", base, "--device", "cpu", "--out", tmp_path / out)
        capsys.readouterr()  # what writing the checkpoint said
        return (*zorse_("adapt", squares, *given, *asked), tmp_path / out)

    return run


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *(("clip", name) for name in ("lp_ft", "clip_art", "adaptclipzs", "fit_clip", "mcip", "reclip_towers")),
        ("siglip2", "wise_ft"),
        ("clip", "streetclip:template=a photo from {0}"),
    ],
)
def test_the_result_is_an_encoder_with_a_record(adapt, checkpoint, zorse_, squares, tmp_path, family, method):
    base = load_encoder(str(checkpoint(family)), device="cpu")
    code, told, err, out = adapt(base.name, f"{method}{',' if ':' in method else ':'}{FAST}")
    assert code == 0, err
    record = json.loads((out / "adapted.json").read_text())
    moved = load_encoder(str(out), device="cpu")
    assert record["fingerprint"] == base.fingerprint != moved.fingerprint == record["encoder"]["fingerprint"]
    held = 18 if method == "reclip_towers" else 6
    assert f"{held} held-out images" in told
    pictures = sorted(squares.rglob("*.png"))
    kept = load_classifier(out / CLASSES)
    expected = kept.predict(moved.encode_images(pictures).astype(float)).tolist()
    answers = {row.path: row.label for row in zorse.classify(squares, None, model=str(out), device="cpu")}
    assert [answers[str(path)] for path in pictures] == expected
    code, _, err = zorse_("embed", squares, "--model", out, "--device", "cpu", "--out", tmp_path / "e.npz")
    assert code == 0, err
    np.testing.assert_allclose(np.load(tmp_path / "e.npz")["vectors"], moved.encode_images(pictures), atol=1e-5)
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(InputError, match="is another model"):
        load_adapted(out, base)


def test_a_learned_class_stands_beside_a_new_one(adapt, checkpoint, squares):
    *_, out = adapt(str(checkpoint("clip")), f"wise_ft:{FAST}")
    encoder = load_encoder(str(out), device="cpu")
    kept = load_classifier(out / CLASSES).candidates_
    model = zorse.jobs.Classifier(["zebra", "red"], str(out), device="cpu")
    np.testing.assert_array_equal(model.table.vectors[1], kept.vectors[kept.labels.tolist().index("red")])
    text = encoder.encode_text(["a photo of a zebra."])[0]
    np.testing.assert_allclose(model.table.vectors[0], text, atol=1e-6)
    plain = zorse.jobs.Classifier(["red", "blue"], str(out), templates=["{}"], device="cpu")
    np.testing.assert_allclose(plain.table.vectors, encoder.encode_text(["red", "blue"]), atol=1e-6)


def test_weights_put_in_from_elsewhere_are_refused(adapt, checkpoint, zorse_, squares):
    *_, out = adapt(str(checkpoint("clip")), f"wise_ft:{FAST}")
    shutil.copy(checkpoint("clip") / "model.safetensors", out)
    code, _, err = zorse_("classify", squares, "--model", out, "--device", "cpu")
    assert code == 2
    assert "is another model" in err


def test_worse_is_said_and_safe_keeps_the_weights(adapt, checkpoint, monkeypatch):
    monkeypatch.setattr(
        "zorse.jobs.adapt._compared",
        lambda y, before, after: (
            {"held_out": len(y), "names_alone": 1.0, "adapted": 0.5, "worse_classes": {}},
            "adaptation made known classes worse",
        ),
    )
    base = load_encoder(str(checkpoint("clip")), device="cpu")
    code, _, err, out = adapt(base.name, f"wise_ft:{FAST}", "--labelled", "folder", "--shots", 4, "--safe")
    assert code == 0
    assert "names alone are kept" in err
    image = Image.new("RGB", (20, 20), "red")
    np.testing.assert_array_equal(
        load_encoder(str(out), device="cpu").encode_images([image]), base.encode_images([image])
    )


def test_an_interrupted_training_goes_on(adapt, checkpoint, tmp_path, monkeypatch):
    base, method = str(checkpoint("clip")), "wise_ft:epochs=4,batch_size=6,lr=1e-3"
    *_, whole = adapt(base, method, out="whole")
    loss, steps = encoder_trainer.HeadTrainer._loss, []

    def stopping(self, lesson, rows):
        steps.append(len(rows))
        if len(steps) == 6:
            raise KeyboardInterrupt
        return loss(self, lesson, rows)

    monkeypatch.setattr(encoder_trainer.HeadTrainer, "_loss", stopping)
    code, _, err, out = adapt(base, method)
    assert code == 130
    assert "the same command goes on" in err
    assert (tmp_path / ".m.training").is_dir()
    assert not out.exists()
    steps[:] = [0] * 6
    assert adapt(base, method)[0] == 0
    assert len(steps) - 6 == 4  # two of four epochs of two steps were done
    assert not (tmp_path / ".m.training").exists()
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_what_is_left_of_another_training_is_not_gone_on_from(adapt, checkpoint, tmp_path):
    base = str(checkpoint("clip"))
    *_, whole = adapt(base, f"wise_ft:{FAST}", out="whole")
    left = tmp_path / ".m.training"
    left.mkdir()
    (left / "fit.json").write_text("{")
    (left / "training-00.safetensors").write_bytes(b"of something else")
    code, _, err, out = adapt(base, f"wise_ft:{FAST}")
    assert code == 0, err
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not left.exists()


def test_a_table_brings_captions(adapt, checkpoint, squares, tmp_path):
    rows = [(path, path.parent.name) for path in sorted(squares.rglob("*.png"))]
    table = tmp_path / "captions.csv"
    table.write_text("path,label,caption\n" + "".join(f"{p},{c},two {c} squares\n" for p, c in rows))
    options = ("--labels", "red, green, blue", "--labelled", table, "--shots", 4)
    code, _, err, _ = adapt(str(checkpoint("clip")), f"countclip:{FAST}", *options)
    assert code == 0, err
    assert set(read_labelled(table, squares).captions[str(rows[0][0])]) == {f"two {rows[0][1]} squares"}


@pytest.mark.parametrize(
    ("family", "method", "options", "told"),
    [
        ("clip", "countclip", (), "none of 3, such as 'a photo of a blue.', has a number from two to ten"),
        ("clip", "streetclip", (), "has fewer levels than"),
        ("vit", "wise_ft", (), "has no text tower"),
        ("clip", "wise_ft", ("--labels", "red, green"), "WiSEFT learns from labelled images, and none are given"),
        ("clip", "fit_clip", ("--labels", "red, green"), "FitCLIP learns from images with captions"),
        ("clip", "wise_ft:encoder=mini", (), "encoder is what --model says"),
        ("clip", "wise_ft:batch_size=0", (), "batch_size and parts of at least 1"),
        ("clip", "wise_ft:ensemble=5", (), "ensemble between 0 and 1"),
        ("clip", "wise_ft:epochs=3,lr=1e30,warmup=0", (), "the loss of turn 'wiseft' is nan"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(adapt, checkpoint, tmp_path, family, method, options, told):
    code, out, err, folder = adapt(str(checkpoint(family)), method, *options)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not folder.exists()


def _split(squares, root="", **changes) -> dict:
    number = {"blue": 0, "green": 1, "red": 2}
    entries = [[f"{root}{p.parent.name}/{p.name}", number[p.parent.name], p.parent.name] for p in _all(squares)]
    return {"train": entries[::2], "val": entries[1::4], "test": entries[3::4]} | changes


def _all(squares) -> list[Path]:
    return sorted(squares.rglob("*.png"))


def test_a_split_gives_its_training_images_alone(zorse_, squares, tmp_path):
    split = _split(squares)
    split["train"].append(["red/lost.png", 2, "red"])
    file = tmp_path / "split_zhou_Squares.json"
    file.write_text(json.dumps(split))
    code, _, err = zorse_("adapt", squares, "--labelled", file, "--shots", 1, "--out", tmp_path / "m", "--json")
    assert code == 0, err
    record = json.loads((tmp_path / "m" / "adapted.json").read_text())
    assert (record["learned_from"], record["figures"]["held_out"]) == (3, 6)
    assert (record["labels"], record["missing"]) == (["blue", "green", "red"], ["red/lost.png"])
    inside = tmp_path / "data"
    shutil.copytree(squares, inside / "images")
    assert set(read_labelled(file, [str(inside)]).source) == {str(inside / "images" / e[0]) for e in split["train"][:9]}
    file.write_text(json.dumps(_split(squares, root="elsewhere/")))
    code, _, err = zorse_("adapt", squares, "--labelled", file, "--out", tmp_path / "n")
    assert code == 2
    assert "none of its 9 training images is in" in err


def test_rows_that_contradict_each_other_or_say_nothing_are_refused(zorse_, squares, tmp_path):
    first, other = _all(squares)[:2]
    for rows, told in (((f"{first},red", f"{first},blue"), "line 3"), ((f"{first},", f"{other},red"), "has no label")):
        (tmp_path / "t.csv").write_text("\n".join(["path,label", *rows]))
        given = ("--labels", "red, blue", "--labelled", tmp_path / "t.csv", "--out", tmp_path / "m")
        code, _, err = zorse_("adapt", squares, *given)
        assert code == 2
        assert told in err


def test_fewer_pictures_than_shots_are_told(zorse_, squares, tmp_path):
    code, _, err = zorse_("adapt", squares, "--labelled", "folder", "--shots", 16, "--out", tmp_path / "m")
    assert code == 0
    assert "3 labels with fewer than 16 labelled images: blue, green, red" in err
