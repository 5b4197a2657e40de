import json

from zorse.jobs.demo import LABELS, OTHERS, PHOTOGRAPHS, photographs


def test_every_photograph_is_installed():
    found = photographs()
    assert len(found) == len(PHOTOGRAPHS) == 12
    assert set(found.values()) | set(OTHERS) == set(LABELS)
    assert not set(found.values()) & set(OTHERS)


def test_demo_prints_a_table_and_writes_a_page(zorse_, tmp_path):
    code, out, err = zorse_("demo", "--report", tmp_path / "demo.html")
    assert code == 0
    assert all(name in out for _, name, _ in PHOTOGRAPHS)
    assert "demo.html" in err
    page = (tmp_path / "demo.html").read_text()
    assert page.count("data:image/jpeg") == 12
    assert "fixed before any model saw them" in page


def test_demo_as_json(zorse_, tmp_path):
    code, out, _ = zorse_("demo", "--report", tmp_path / "demo.html", "--json")
    assert code == 0
    assert json.loads(out)["truth"]["scored"] == 12


def test_a_page_that_cannot_be_written_is_found_first(zorse_, tmp_path, colours):
    code, _, err = zorse_("demo", "--report", tmp_path / "no" / "demo.html")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert colours.encoded == 0
