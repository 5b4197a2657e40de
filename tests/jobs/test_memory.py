import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zorse.core import InputError
from zorse.jobs import classify
from zorse.jobs.memory import Caption, build_memory, read_captions
from zorse.semantics.memory import Memory

LINES = ["a red ball", "green grass", "the blue sea", "a red ball"]


def test_every_kind_of_corpus_is_read(tmp_path, paint):
    (tmp_path / "c.txt").write_text("\n".join([*LINES, "", " "]))
    assert [row.text for row in read_captions(tmp_path / "c.txt")] == LINES
    image = paint("pictures/red.png", "red")
    (tmp_path / "c.jsonl").write_text(
        json.dumps({"caption": ["a", "b"], "label": "x", "image": "pictures/red.png"}) + "\n" + '{"text": "c"}\n'
    )
    assert read_captions(tmp_path / "c.jsonl") == [Caption("a", "x", image), Caption("b", "x", image), Caption("c")]
    (tmp_path / "c.json").write_text(json.dumps({"cat": ["it purrs"], "dog": ["it barks", "a pet"]}))
    assert [row.label for row in read_captions(tmp_path / "c.json")] == ["cat", "dog", "dog"]
    pq.write_table(pa.table({"TEXT": ["a", None, "c"], "other": [1, 2, 3]}), tmp_path / "c.parquet")
    assert [row.text for row in read_captions(tmp_path / "c.parquet")] == ["a", "c"]
    image.with_suffix(".txt").write_text("one\ntwo\n")
    paint("pictures/sea_side/blue.png", "blue")
    assert [row.text for row in read_captions(tmp_path / "pictures")] == ["one", "two", "sea side"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("c.txt", "\n", "no caption"),
        ("c.jsonl", '{"text": "a"}\n{"text"', "line 2"),
        ("c.jsonl", '{"words": "a"}', "line 1"),
        ("c.jsonl", '{"text": "a", "image": "nowhere.png"}', "nowhere.png"),
        ("c.json", "[1]", "label"),
        ("c.csv", "a", "expected .txt"),
        ("c.parquet", "a", "no Parquet"),
    ],
)
def test_a_bad_corpus_is_told(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=told):
        read_captions(tmp_path / name)
    with pytest.raises(InputError, match="there is no"):
        read_captions(tmp_path / "nowhere.txt")


def test_images_and_captions_share_rows(tmp_path, paint, colours):
    rows = [Caption(f"a {c} thing", c, paint(f"{c}.png", c)) for c in ("red", "green", "blue", "red")]
    memory = build_memory(rows, tmp_path / "m", colours)
    assert colours.encoded == 3
    assert memory.image_vectors.argmax(axis=1).tolist() == memory.text_vectors.argmax(axis=1).tolist() == [0, 1, 2, 0]
    assert memory.check(colours).search(colours.encode_text(["green"]), 1)[0].item() == 1
    assert {file.suffix for file in (tmp_path / "m").iterdir()} == {".json", ".parquet", ".safetensors"}


def test_a_build_that_breaks_off_goes_on(tmp_path, colours, monkeypatch):
    rows = [Caption(f"red {i}") for i in range(1200)]
    monkeypatch.setattr("zorse.jobs.memory.BLOCK", 100)
    real, calls = colours.encode_text, []

    def failing(texts, **options):
        calls.append(len(texts))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(texts, **options)

    monkeypatch.setattr(colours, "encode_text", failing)
    with pytest.raises(KeyboardInterrupt):
        build_memory(rows, tmp_path / "m", colours)
    with pytest.raises(InputError, match="holds no memory"):
        Memory.open(tmp_path / "m")
    assert len(build_memory(rows, tmp_path / "m", colours)) == 1200
    assert sum(calls) == 1300  # only the block that broke off was encoded twice
    assert not (tmp_path / "m" / ".building").exists()


def test_an_unreadable_image_is_named(tmp_path, paint, colours):
    bad = paint("bad.png", "red")
    bad.write_bytes(b"no")
    with pytest.raises(InputError, match=r"bad\.png"):
        build_memory([Caption("x", "", bad)], tmp_path / "m", colours)
    assert np.size(list((tmp_path / "m").glob("memory*"))) == 0


def test_classify_looks_up_in_a_memory_of_the_same_model_only(tmp_path, paint, colours):
    rows = [Caption(f"{c} thing", c, paint(f"{c}.png", c)) for c in ("red", "green", "blue")]
    build_memory(rows, tmp_path / "m", colours)
    images = [row.image for row in rows]
    for name in ("tip_x", "caps_adapter", "x_more", "cased"):
        told = classify(images, ["red", "green", "blue"], colours, f"{name}:memory={tmp_path / 'm'}")
        assert told.labels == ["red", "green", "blue"], name
    colours.text_fingerprint = "another"
    with pytest.raises(InputError, match="built with the model"):
        classify(images, ["red", "green"], colours, f"tip_x:memory={tmp_path / 'm'}")
    with pytest.raises(InputError, match="holds no memory"):
        classify(images, ["red", "green"], colours, f"tip_x:memory={tmp_path}")
