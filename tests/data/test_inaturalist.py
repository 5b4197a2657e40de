"""iNaturalist's annotation format."""

import json

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import read_inaturalist
from zorse.semantics import taxonomy_table

FILE = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}, {"id": 9, "file_name": "c.jpg"}],
    "annotations": [
        {"image_id": 9, "category_id": 2},
        {"image_id": 7, "category_id": 2},
        {"image_id": 8, "category_id": 0},
    ],
    "categories": [
        {"id": 0, "name": "Oenanthe crocata", "supercategory": "Plantae", "kingdom": "Plantae", "genus": "Oenanthe"},
        {"id": 1, "name": "Oenanthe fistulosa", "supercategory": "Plantae", "kingdom": "Plantae", "genus": "Oenanthe"},
        {"id": 2, "name": "Oenanthe oenanthe", "supercategory": "Aves", "kingdom": "Animalia", "genus": "Oenanthe"},
    ],
}


def write(tmp_path, content):
    (tmp_path / "train.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return tmp_path / "train.json"


def test_what_it_says(tmp_path):
    species = read_inaturalist(write(tmp_path, FILE))
    assert species.files == ("c.jpg", "a.jpg", "b.jpg")
    assert species.y.tolist() == [2, 2, 0]
    assert species.labels.tolist() == [0, 1, 2]
    assert species.counts == {0: 1, 1: 0, 2: 2}
    assert species.super_classes["2"] == ("Aves",)
    # The plants' genus and the birds' share a name alone.
    assert species.parents["0"] == species.parents["1"] == ("Plantae/Oenanthe",)
    assert species.parents["2"] == ("Animalia/Oenanthe",)
    assert species.parents["Plantae/Oenanthe"] == ("Plantae",)


def test_without_ranks_the_super_class_is_the_parent(tmp_path):
    plain = FILE | {"categories": [{k: c[k] for k in ("id", "name", "supercategory")} for c in FILE["categories"]]}
    assert read_inaturalist(write(tmp_path, plain)).parents["0"] == ("Plantae",)


def test_a_taxonomy_describes_its_classes(tmp_path):
    species = read_inaturalist(write(tmp_path, FILE))
    table = taxonomy_table(species.labels, species.parents, species.names)
    assert table.parents == species.parents
    shared = table.vectors @ table.vectors.T
    # Itself, genus and kingdom; the two plants share the latter two, plant and bird nothing.
    np.testing.assert_array_equal(shared, [[3, 2, 0], [2, 3, 0], [0, 0, 3]])
    # What all classes are tells nothing.
    rooted = taxonomy_table(["a", "b"], {"a": ["root"], "b": ["root"]})
    np.testing.assert_array_equal(rooted.vectors, np.eye(2))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "JSON"),
        ([], "no list 'images'"),
        (FILE | {"categories": [{"id": 0}]}, "categories has no 'name'"),
        (FILE | {"annotations": [{"image_id": 70, "category_id": 0}]}, "image 70"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        read_inaturalist(write(tmp_path, content))
    with pytest.raises(InputError, match="no file"):
        read_inaturalist(tmp_path / "none.json")
