import json

import pytest

from zorse.core import InputError, UnknownNameError
from zorse.semantics import TEMPLATES, check_templates, read_templates


def test_every_built_in_set_is_sound():
    assert TEMPLATES["default"] == ("a photo of a {}.",)
    for name, templates in TEMPLATES.items():
        assert read_templates(name) == check_templates(templates) == list(templates)
        assert len(set(templates)) == len(templates), name


def test_both_placeholders_and_several_in_one():
    assert check_templates([" a {c}. ", "{} or {c}"]) == ["a {}.", "{} or {}"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("a photo.", "has no {}"),
        ("a photo of {name}", "'{name}'"),
        ("a photo of {0}", "'{0}'"),
        ("{:>10}", "'{:>10}'"),
        ("{!r} and {}", "'{!r}'"),
        ("{} and {", "'{'"),
        ("{{}}", "'{"),
        ("{} }", "'}'"),
        ("", "has no {}"),
    ],
)
def test_a_template_with_another_hole_or_none_is_quoted(template, told):
    with pytest.raises(InputError) as raised:
        check_templates(["a {}.", template])
    assert told in str(raised.value)
    assert "template 2" in str(raised.value)


def test_no_templates_or_a_text_in_place_of_a_list():
    with pytest.raises(InputError, match="no templates"):
        check_templates([])
    with pytest.raises(InputError, match="expected a list"):
        check_templates("a {}.")


def test_a_template_written_out():
    assert read_templates("a painting of {c}") == ["a painting of {}"]


def test_lines_with_the_number_of_a_bad_one(tmp_path):
    file = tmp_path / "t.txt"
    file.write_text("a {}.\n\n {} here\n")
    assert read_templates(file) == ["a {}.", "{} here"]
    file.write_text("a {}.\n\nhere\n")
    with pytest.raises(InputError, match=r"line 3 of .*t\.txt"):
        read_templates(file)
    file.write_text("{}")  # valid JSON, and the shortest of templates
    assert read_templates(file) == ["{}"]


def test_json_as_a_list_by_data_set_and_with_classes(tmp_path):
    file = tmp_path / "t.json"
    file.write_text(json.dumps(["a {}.", "{c}"]))
    assert read_templates(file) == ["a {}.", "{}"]
    file.write_text(json.dumps({"pets": ["a {c}."]}))
    assert read_templates(file) == ["a {}."]
    file.write_text(json.dumps({"pets": ["a {c}."], "food": {"classes": ["pie"], "templates": ["tasty {}"]}}))
    assert read_templates(f"{file}:food") == ["tasty {}"]
    with pytest.raises(InputError, match=r"2 data sets \(pets, food\)"):
        read_templates(file)
    with pytest.raises(UnknownNameError, match="food"):
        read_templates(f"{file}:foods")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ("{}", "no templates"),
        ("3", "a number"),
        ('{"pets": "a {}"}', "pets of .* a text"),
        ('["a {}", "a"]', "template 2 of"),
        ('["a {}", 5]', "template 2 of .* is a number"),
    ],
)
def test_bad_json_is_located(tmp_path, content, told):
    file = tmp_path / "t.json"
    file.write_text(content)
    with pytest.raises(InputError, match=told) as raised:
        read_templates(file)
    assert "t.json" in str(raised.value)


def test_an_unknown_set_offers_the_nearest_and_a_missing_file_is_named():
    with pytest.raises(UnknownNameError, match=r"did you mean.*ensemble"):
        read_templates("ensembel")
    with pytest.raises(InputError, match=r"no file nowhere/t\.txt"):
        read_templates("nowhere/t.txt")
