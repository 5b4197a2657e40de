import json
import os
import signal

import pytest


@pytest.fixture
def index(zorse_, photos, tmp_path):
    code, out, _ = zorse_("index", photos, "--index", tmp_path / "i", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 4)
    return tmp_path / "i"


def test_index_search_and_duplicates(zorse_, index, photos, tmp_path):
    asked = ("search", "--index", index, "-m", "mini")  # the tests' encoder goes by another name than it is loaded by
    code, out, _ = zorse_(*asked, "something green", "-k", "2", "--json")
    told = json.loads(out)
    assert (code, told["hits"][0]["folder"], len(told["hits"])) == (0, "green", 2)
    code, out, err = zorse_(*asked, "--image", photos / "red/one.png", "--text", "blue", "--html", tmp_path / "r.html")
    assert (code, "red" in out) == (0, True)
    page = (tmp_path / "r.html").read_text()
    assert page.count('class="shot"') == 4
    assert page.count("data:image/jpeg") == 5  # the hits, and the image asked with
    assert "<script" not in page
    code, out, err = zorse_(*asked, "red", "--where", "folder = 'nowhere'")
    assert (code, out) == (0, "")
    assert "nothing found" in err
    code, out, _ = zorse_("duplicates", "--index", index, "--json")
    assert [[m["path"].rsplit("photos/")[1] for m in g] for g in json.loads(out)["groups"]] == [
        ["blue/two.png", "blue/one.png"]
    ]
    (photos / "red/one.png").unlink()
    code, _, err = zorse_("index", photos, "--index", index)
    assert (code, "3 images" in err, "1 removed" in err) == (0, True, True)


def test_names_in_a_page_are_escaped(zorse_, photos, tmp_path):
    (photos / "red/one.png").rename(photos / "red/<b onclick=x>.png")
    zorse_("index", photos, "--index", tmp_path / "i")
    zorse_("search", "--index", tmp_path / "i", "-m", "mini", "<i>red", "--html", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<b onclick" not in page
    assert "<i>red" not in page
    assert "&lt;i&gt;red" in page


def test_unreadable_images_give_exit_code_1(zorse_, photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"x")
    code, _, err = zorse_("index", photos, "--index", tmp_path / "i")
    assert code == 1
    assert "broken.jpg" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "--index", "{tmp}/none", "red"], "holds no index"),
        (["duplicates", "--index", "{tmp}/none"], "holds no index"),
        (["duplicates", "--index", "{tmp}/i", "-t", "0"], "threshold"),
        (["index", "--index", "{tmp}/x"], "give one of"),
        (["index", "{tmp}/none", "--index", "{tmp}/x"], "does not exist"),
        (["index", "{tmp}", "--index", "{photos}/red/one.png"], "one.png"),
        (["search", "--index", "{tmp}/i", "-m", "mini"], "needs a text or an image"),
        (["search", "--index", "{tmp}/i", "-m", "mini", "red", "--text", "red"], "once"),
        (["search", "--index", "{tmp}/i", "-m", "mini", "red", "--where", "nothing = 1"], "nothing"),
        (["search", "--index", "{tmp}/i", "-m", "mini", "red", "--html", "{tmp}/r.txt"], ".html"),
        (["search", "--index", "{tmp}/i", "-m", "mini", "--image", "{tmp}/none.jpg"], "no such file"),
    ],
)
def test_bad_input_is_one_line(zorse_, index, photos, tmp_path, arguments, told):
    code, _, err = zorse_(*(a.format(photos=photos, tmp=tmp_path) for a in arguments))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert told in err


def test_ctrl_c_keeps_what_is_done(zorse_, paint, tmp_path, colours, monkeypatch):
    for at in range(12):
        photos = paint(f"photos/{at:02d}.png", (at, 200, 90)).parent
    encode, sent = colours.encode_pixels, []

    def interrupted(pixels):
        if not sent:  # a second one stops at once
            sent.append(os.kill(os.getpid(), signal.SIGINT))
        return encode(pixels)

    asked = ("index", photos, "--index", tmp_path / "i", "--json", "-b", "2", "-j", "1")
    with monkeypatch.context() as patch:
        patch.setattr(colours, "encode_pixels", interrupted)
        code, out, err = zorse_(*asked)
    told = json.loads(out)
    assert (code, told["stopped"], "goes on from there" in err) == (130, True, True)
    assert 0 < told["rows"] < 12
    code, out, _ = zorse_(*asked)
    again = json.loads(out)
    assert (code, again["rows"], again["unchanged"]) == (0, 12, told["rows"])


def test_check_import_and_export(zorse_, index, photos, tmp_path):
    code, _, err = zorse_("index", "--index", index, "--check")
    assert (code, "sound" in err, "every row is compared" in err) == (0, True, True)
    code, out, _ = zorse_("index", "--index", index, "--export", tmp_path / "out", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 4)
    code, out, _ = zorse_("index", "--index", tmp_path / "j", "--import", tmp_path / "out", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 4)
    code, out, _ = zorse_("search", "--index", tmp_path / "j", "-m", "mini", "green", "-k", "1", "--json")
    assert json.loads(out)["hits"][0]["path"] == str(photos / "green" / "one.png")
    (photos / "red/one.png").unlink()
    code, _, err = zorse_("index", "--index", index, "--check")
    assert (code, "gone since" in err) == (1, True)
    code, out, _ = zorse_("index", "--index", index, "--check", "--json")
    assert (code, len(json.loads(out)["missing"])) == (1, 1)
    assert zorse_("index", "--index", tmp_path / "nowhere", "--check")[0] == 2
