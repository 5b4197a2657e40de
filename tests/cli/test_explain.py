import json

import numpy as np
import pytest

from zorse.cli import main
from zorse.core import save
from zorse.encoders import load_encoder
from zorse.methods.compatibility.crest import CREST
from zorse.methods.compatibility.eszsl import ESZSL


@pytest.fixture
def run(capsys):
    """Run the command line in this process, with the embedded model itself: code, stdout, stderr."""

    def run(*arguments):
        code = main([str(a) for a in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def model(tmp_path, paint):
    paths = [paint(f"train/{colour}{i}.png", colour) for colour in ("red", "blue") for i in range(3)]
    X = load_encoder("mini").encode_patches(paths)
    few = {"hidden": 8, "epochs": 20, "lr": 0.01, "random_state": 0, "device": "cpu"}
    save(CREST(**few).fit(X, np.repeat(["red", "blue"], 3)), tmp_path / "model")
    return tmp_path / "model"


def test_a_page_is_written(run, model, tmp_path, paint):
    paint("new/one.png", "red")
    (tmp_path / "new" / "broken.png").write_bytes(b"")
    code, out, err = run("explain", model, tmp_path / "new", "--report", tmp_path / "page.html", "--json")
    assert code == 1  # one image could not be read
    assert "1 of 2 images could not be read" in err
    told = {row["path"].rpartition("/")[2]: row for row in json.loads(out)["images"]}
    assert told["one.png"]["label"] == told["one.png"]["explained"] == "red"
    assert told["broken.png"]["error"]
    assert "data:image/jpeg" in (tmp_path / "page.html").read_text()


def test_bad_requests_are_one_line(run, model, tmp_path, paint):
    image = paint("new/one.png", "red")
    save(ESZSL().fit(np.eye(4), [0, 0, 1, 1]), tmp_path / "flat")
    for arguments, message in [
        ((tmp_path / "flat", image, "--report", tmp_path / "p.html"), "ESZSL does not look at patches"),
        ((model, image, "--report", tmp_path / "p.txt"), "expected a name that ends in .html"),
        ((model, image, "--report", tmp_path / "p.html", "--label", "pink"), "'pink' is not among"),
        ((tmp_path / "nowhere", image, "--report", tmp_path / "p.html"), "holds no saved model"),
    ]:
        code, _, err = run("explain", *arguments)
        assert code == 2
        assert message in err
        assert len(err.strip().splitlines()) == 1
