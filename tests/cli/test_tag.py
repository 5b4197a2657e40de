import json

import pytest

import zorse.encoders


@pytest.fixture
def corpus(zorse_, colours, tmp_path, monkeypatch):
    """A memory of captions; the tests' encoder is found by the name that the memory remembers."""
    (tmp_path / "captions.txt").write_text(
        "a red rose\nthe red roses of summer\na blue sea\nblue sea and sand\ngreen grass\nthe green grass\n"
    )
    (tmp_path / "words.txt").write_text("rose\nsea\ngrass\nsummer\nred\n")
    assert zorse_("memory", "build", tmp_path / "captions.txt", "--out", tmp_path / "m")[0] == 0
    monkeypatch.setattr(zorse.encoders, "load_encoder", lambda name, **options: colours)
    return tmp_path / "m"


def test_images_are_named_without_labels(zorse_, corpus, photos, tmp_path):
    options = ("--memory", corpus, "--captions", "2", "--words", tmp_path / "words.txt")
    code, out, _ = zorse_("tag", photos, *options)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["label"] for row in rows] == ["sea", "sea", "grass", "red"]
    assert dict(rows[3]["top"]).keys() == {"red", "rose"}
    (photos / "blue" / "broken.png").write_bytes(b"")
    code, out, _ = zorse_("tag", photos, *options, "--output", tmp_path / "t.jsonl", "--json")
    assert (code, json.loads(out)["failed"]) == (1, 1)
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 5


def test_the_caption_behind_a_name_is_told(zorse_, corpus, paint, tmp_path):
    (tmp_path / "two.txt").write_text("red\ngreen\n")
    options = ("--memory", corpus, "--captions", "6", "--words", tmp_path / "two.txt", "--explain")
    code, out, _ = zorse_("tag", paint("orange.png", "#ff8020"), *options)
    row = json.loads(out)
    assert (code, row["label"]) == (0, "red")
    told = [text for text, _ in row["because"] if text != "the whole image"]
    assert set(told[:2]) == {"caption: a red rose", "caption: the red roses of summer"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{photos}"], "--memory"),
        (["{photos}", "--memory", "{tmp}"], "holds no memory"),
        (["{tmp}/nowhere", "--memory", "{corpus}"], "nowhere"),
        (["{photos}", "--memory", "{corpus}", "--words", "{tmp}/none.txt"], "none.txt"),
    ],
)
def test_bad_input_is_one_line(zorse_, corpus, photos, tmp_path, arguments, told):
    code, _, err = zorse_("tag", *(a.format(photos=photos, tmp=tmp_path, corpus=corpus) for a in arguments))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert told in err
