import json

import pytest

from zorse.core.errors import InputError, NotAvailableError
from zorse.data.coop_split import read_coop_split
from zorse.evaluation import draw_shots

SPLIT = {
    "train": [["cat/1.jpg", 1, "cat"], ["ant/1.jpg", 0, "ant"], ["ant/2.jpg", 0, "ant"]],
    "val": [["cat/2.jpg", 1, "cat"]],
    "test": [["cat/3.jpg", 1, "cat"], ["ant/3.jpg", 0, "ant"]],
}


def written(tmp_path, split):
    path = tmp_path / "split_zhou_Pets.json"
    path.write_text(split if isinstance(split, str) else json.dumps(split))
    return path


def test_parts_classes_and_paths(tmp_path):
    split = read_coop_split(written(tmp_path, SPLIT), tmp_path / "images")
    assert split.classes == ("ant", "cat")
    assert split.train.y.tolist() == ["cat", "ant", "ant"]
    assert split.test.images == (tmp_path / "images" / "cat/3.jpg", tmp_path / "images" / "ant/3.jpg")
    assert read_coop_split(written(tmp_path, SPLIT)).val.images == (tmp_path / "cat/2.jpg",)
    assert sorted(split.train.y[draw_shots(split.train.y, 1, 0, split.train.keys)]) == ["ant", "cat"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"val": None}, "expected lists called train, val, test"),
        ({"val": [["a.jpg", "1", "cat"]]}, "val, entry 0: expected"),
        ({"val": [["../a.jpg", 1, "cat"]]}, "leads out"),
        ({"val": [["a.jpg", 1, "dog"]]}, "number 1 is 'dog', and 'cat' before"),
        ({"val": [["a.jpg", 2, "cat"]]}, "'cat' has number 2, and 1 before"),
        ({"val": [["cat/1.jpg", 1, "cat"]]}, "is in train as well"),
    ],
)
def test_what_is_no_split_is_refused(tmp_path, change, told):
    with pytest.raises(InputError, match=told):
        read_coop_split(written(tmp_path, SPLIT | change))


def test_files_that_are_missing_or_broken(tmp_path):
    with pytest.raises(NotAvailableError, match="no file"):
        read_coop_split(tmp_path / "absent.json")
    with pytest.raises(InputError, match="not a JSON file"):
        read_coop_split(written(tmp_path, "{"))
    with pytest.raises(InputError, match="no split"):
        read_coop_split(written(tmp_path, []))
