import json

import pytest


def test_build_and_search(zorse_, photos, tmp_path):
    code, out, _ = zorse_("memory", "build", photos, "--out", tmp_path / "m", "--json")
    told = json.loads(out)
    assert (code, told["rows"], told["images"], told["labels"]) == (0, 4, True, 3)
    # The colour encoder of the tests goes by another name than the one it is loaded by.
    code, out, _ = zorse_("memory", "search", tmp_path / "m", "something green", "-k", "2", "-m", "mini", "--json")
    assert (code, json.loads(out)[0]["label"]) == (0, "green")
    code, out, _ = zorse_("memory", "search", tmp_path / "m", photos / "blue" / "one.png", "-m", "mini")
    assert code == 0
    assert "blue" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["build", "{tmp}/nowhere.txt", "--out", "{tmp}/m"], "nowhere.txt"),
        (["build", "{photos}", "--out", "{photos}/red/one.png"], "one.png"),
        (["search", "{tmp}", "cat"], "holds no memory"),
    ],
)
def test_bad_input_is_one_line(zorse_, photos, tmp_path, arguments, told):
    code, _, err = zorse_("memory", *(a.format(photos=photos, tmp=tmp_path) for a in arguments))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert told in err
