import json

import pytest

from zorse.core import InputError
from zorse.semantics import check_labels, parse_labels, read_labels


def test_labels_are_trimmed_and_keep_their_order():
    assert parse_labels(" polar bear,cat ,Dog,") == ["polar bear", "cat", "Dog"]


@pytest.mark.parametrize("text", ["", " , ,", "\n"])
def test_no_labels(text):
    with pytest.raises(InputError, match="no labels"):
        parse_labels(text)


def test_one_label_is_nothing_to_choose_from():
    with pytest.raises(InputError, match=r"only one label.*'cat'"):
        parse_labels("cat,")


@pytest.mark.parametrize("text", ["cat, dog, cat", "cat, dog, CAT ", "polar_bear, polar  bear", "stra\u00dfe, STRASSE"])
def test_duplicates_are_named(text):
    with pytest.raises(InputError, match=f"duplicate label.*{text.split(',')[-1].strip()}"):
        parse_labels(text)


def test_two_unicode_spellings_of_one_name_are_duplicates():
    with pytest.raises(InputError, match="duplicate"):
        check_labels(["caf\u00e9", "cafe\u0301"])


def test_a_blank_label_is_located():
    with pytest.raises(InputError, match="label 2"):
        check_labels(["cat", " ", "dog"])


def test_a_label_that_is_no_text_is_located():
    with pytest.raises(InputError, match=r"label 2 of the labels is a number \(7\)"):
        check_labels(["cat", 7])


def test_lines_may_hold_commas_blank_lines_and_a_byte_order_mark(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffcat\r\n\r\n  sofa, couch \r\n".encode())
    assert read_labels(file) == ["cat", "sofa, couch"]


def test_a_json_list(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(["cat", " dog"]))
    assert read_labels(file) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "", r"no labels in .*a\.txt"),
        ("a.txt", "cat, dog", "one label a line"),
        ("a.txt", '["cat", "dog"]', r"name it \.json"),
        ("a.json", "cat", "not JSON"),
        ("a.json", '{"cat": 1}', "an object"),
        ("a.json", '["cat", 7]', "label 2 of .* is a number"),
        ("a.json", "[]", "no labels"),
        ("a.txt", b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=told) as raised:
        read_labels(tmp_path / name)
    assert name in str(raised.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot read"):
        read_labels(tmp_path)
