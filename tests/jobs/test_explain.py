import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from zorse.core import CapabilityError, ClassTable, InputError, save
from zorse.encoders.preprocessing import Preprocessing
from zorse.jobs import explain
from zorse.jobs.explain import draw, seen_part
from zorse.methods.compatibility.crest import CREST
from zorse.methods.compatibility.deep0tag import Deep0Tag
from zorse.methods.compatibility.eszsl import ESZSL

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


class Squares:
    """A patch encoder whose 4 x 4 patches are their mean colours."""

    name, image_size = "squares", (32, 32)

    def encode_patches(self, images, *, batch_size=32):
        small = [np.asarray(image.resize((4, 4), Image.Resampling.BOX), dtype=np.float32) / 255 for image in images]
        return np.stack(small)


def picture(colour, row, column, size=64):
    """Grey with one coloured patch of sixteen."""
    image = Image.new("RGB", (size, size), (120, 120, 120))
    q = size // 4
    image.paste(COLOURS[colour], (column * q, row * q, (column + 1) * q, (row + 1) * q))
    return image


@pytest.fixture(scope="module")
def method():
    rng = np.random.RandomState(0)
    y = np.repeat(list(COLOURS), 20)
    X = Squares().encode_patches([picture(label, *rng.randint(4, size=2)) for label in y])
    return CREST(hidden=16, epochs=60, batch_size=20, lr=0.01, calibration=0, random_state=0, device="cpu").fit(X, y)


def test_each_image_gets_a_label_and_a_map(method):
    rows = explain([picture("red", 0, 3), picture("blue", 2, 1)], method, Squares())
    assert [row.prediction.label for row in rows] == [row.label for row in rows] == ["red", "blue"]
    assert [int(row.shares.argmax()) for row in rows] == [3, 9]
    for row in rows:
        assert row.shares.sum() == pytest.approx(1)
        assert sum(p for _, p in row.prediction.top) == pytest.approx(1)


def test_a_label_may_be_chosen_and_must_be_known(method):
    (row,) = explain([picture("red", 0, 3)], method, Squares(), label="blue")
    assert (row.prediction.label, row.label) == ("red", "blue")
    with pytest.raises(InputError, match=r"'pink' is not among the candidates: blue, green, red"):
        explain([picture("red", 0, 3)], method, Squares(), label="pink")


def test_a_saved_method_and_files_make_a_page(method, tmp_path):
    save(method, tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    picture("green", 3, 0, size=200).save(tmp_path / "pictures" / "one.png")
    (tmp_path / "pictures" / "two.png").write_bytes(b"no image")
    done = []
    rows = explain(
        tmp_path / "pictures", tmp_path / "model", Squares(), report=tmp_path / "page.html", progress=done.append
    )
    assert done == [2]
    assert [row.prediction.error is None for row in rows] == [True, False]
    page = (tmp_path / "page.html").read_text()
    assert "two.png" in page
    (data,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), dtype=float).mean(axis=2)
    corner, rest = drawn[-40:, :40].mean(), drawn[:100, 100:].mean()
    assert corner != pytest.approx(rest, abs=10)  # the green patch stands out, the grey one where nobody looked is dark
    assert rest < 80


def test_a_tagger_is_explained_too():
    rng = np.random.RandomState(0)
    tags, grids = [], []
    for _ in range(60):
        own = rng.permutation(list(COLOURS))[:2]
        image = picture(own[0], 0, 0)
        image.paste(picture(own[1], 3, 3).crop((48, 48, 64, 64)), (48, 48))
        tags.append(own.tolist())
        grids.append(image)
    table = ClassTable(np.array(list(COLOURS)), np.eye(3))
    few = {"windows": (1,), "hidden": 32, "epochs": 60, "lr": 0.01, "random_state": 0, "device": "cpu"}
    method = Deep0Tag(**few).fit(Squares().encode_patches(grids), tags, table)
    one, other = (explain(grids[:1], method, Squares(), label=tag)[0] for tag in tags[0])
    assert (one.shares.argmax(), other.shares.argmax()) == (0, 15)
    told = dict(one.prediction.top)
    assert {tag for tag, p in told.items() if p >= 0.5} == set(tags[0])


def test_what_cannot_be_explained_is_refused(method):
    with pytest.raises(CapabilityError, match="ESZSL does not look at patches"):
        explain([picture("red", 0, 0)], ESZSL(), Squares())
    with pytest.raises(CapabilityError, match="gives no patches"):
        explain([picture("red", 0, 0)], method, object())


def test_a_drawing_is_bright_where_the_shares_are():
    shares = np.zeros((2, 2))
    shares[0, 1] = 1
    drawn = np.asarray(draw(Image.new("RGB", (80, 60), (200, 200, 200)), shares), dtype=float)
    assert drawn.shape == (60, 80, 3)
    assert drawn[:15, -20:].mean() > drawn[-15:, :20].mean() + 60
    assert drawn[5, -5, 0] > drawn[5, -5, 2] + 30  # and warm there


@pytest.mark.parametrize(
    ("size", "crop", "box"),
    [
        ((64, 64), None, (0, 0, 200, 100)),  # squeezed: all is seen
        (50, (50, 50), (50, 0, 150, 100)),  # shorter edge, then the centre
        (100, (50, 50), (75, 25, 125, 75)),
        ((100, 100), (50, 50), (50, 25, 150, 75)),
    ],
)
def test_the_map_covers_what_the_encoder_saw(size, crop, box):
    image = Image.fromarray(np.random.RandomState(0).randint(0, 255, (100, 200, 3), dtype=np.uint8))
    preprocess = Preprocessing(size, crop, 3, (1, 1, 1), (0, 0, 0))
    assert seen_part(image, preprocess).tobytes() == image.crop(box).tobytes()
