"""``zorse bound``."""

import json

import numpy as np
from PIL import Image


def test_prompts_are_bounded_from_folders_of_images(zorse_, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("red", "blue"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "in" / name / f"{i}.png")
    code, out, _ = zorse_("bound", tmp_path / "in", "--vocabulary", 1000, "--json")
    assert code == 0
    told = json.loads(out)
    together, best, searched = told["bounds"]
    assert together["nats"] == 0 < best["nats"] < searched["nats"]
    assert all(b["error"] <= b["bound"] <= 1 and b["n"] == 6 for b in told["bounds"])
    assert best["error"] <= 1
    code, out, err = zorse_("bound", tmp_path / "in")
    assert "6 images of 2 classes; each holds with probability 0.99" in out
    assert "without looking" in err


def test_images_without_classes_are_refused(zorse_, tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "one.png")
    code, out, err = zorse_("bound", tmp_path / "one.png")
    assert (code, out) == (2, "")
    assert "at least two folders" in err
