import json
import warnings

import pytest

from zorse.core import InputError, UnknownNameError
from zorse.semantics import read_descriptions


@pytest.fixture
def read(tmp_path):
    def reader(value, labels=("hen", "polar bear"), **options):
        file = tmp_path / "d.json"
        file.write_text(value if isinstance(value, str) else json.dumps(value))
        return read_descriptions(file, list(labels), **options)

    return reader


def test_sentences_stand_as_they_are(read):
    file = {"Polar_Bear": ["A large white bear!", " Ice\nis where it lives. "], "hen": ["two hens in a yard"]}
    assert read(file) == {
        "hen": ["two hens in a yard"],
        "polar bear": ["A large white bear!", "Ice is where it lives."],
    }


def test_descriptors_are_joined_to_the_name_without_which_is_or_which_has(read):
    file = {"hen": ["antennae", "made of wood", "red, brown or white;"], "polar bear": ["white fur"]}
    assert read(file, ["hen", "polar_bear"]) == {
        "hen": [
            "a photo of a hen: antennae.",
            "a photo of a hen: made of wood.",
            "a photo of a hen: red, brown or white.",
        ],
        "polar_bear": ["a photo of a polar bear: white fur."],
    }


def test_only_the_whole_name_makes_a_sentence(read):
    assert read({"ant": ["antennae", "red ants"], "hen": ["then"]}, ["ant", "hen"]) == {
        "ant": ["a photo of a ant: antennae.", "red ants"],
        "hen": ["a photo of a hen: then."],
    }


def test_an_ontology_is_told_by_its_values(read):
    file = {"white animal on ice": "polar bear", "a hen": "HEN", "farm bird": "hen"}
    assert read(file) == {"hen": ["a hen", "farm bird"], "polar bear": ["white animal on ice"]}


def test_one_text_a_class(read):
    assert read({"hen": "A farm bird.", "polar bear": "white fur"}) == {
        "hen": ["A farm bird."],
        "polar bear": ["a photo of a polar bear: white fur."],
    }


def test_an_unknown_class_is_refused_with_the_nearest_or_left_out(read):
    file = {"hen": ["A bird."], "polar bears": ["White."]}
    with pytest.raises(UnknownNameError, match="'polar bears'; did you mean polar bear"):
        read(file)
    with pytest.warns(UserWarning, match="no description of polar bear"):
        assert read(file, unknown="ignore") == {"hen": ["A bird."]}


def test_classes_without_description_are_reported(read):
    with pytest.warns(UserWarning, match="no description of polar bear"):
        assert list(read({"hen": ["A bird."], "polar bear": []})) == ["hen"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read({"hen": ["A bird."], "polar bear": ["White."]})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("hen: a bird", "not JSON: .* line 1"),
        ('{"hen": ["a."], "hen": ["b."]}', "'hen' twice"),
        ([], "a list"),
        ({}, "no class"),
        ({"hen": 3}, "'hen' is a number"),
        ({"hen": ["A bird.", None]}, "'hen' contains null"),
        ({"hen": [" "]}, "'hen' contains a blank"),
        ({"hen": ["A bird."], "polar bear": "White."}, "'polar bear' is a text"),
        ({"birds": {"classes": ["hen"], "templates": ["a {}"]}}, "'birds' is an object.*--templates"),
        ({"hen": [], "polar bear": []}, "describes none of the labels"),
        ({" ": "hen"}, "prompt of 'hen' is blank"),
    ],
)
def test_a_bad_file_is_named_with_its_key(read, value, told):
    with pytest.raises(InputError, match=told) as raised:
        read(value)
    assert "d.json" in str(raised.value)


@pytest.mark.shared_data
def test_published_files_are_read_as_what_they_are(shared_data):
    for file in sorted((shared_data / "text" / "cupl").glob("*.json")):
        by_class = json.loads(file.read_text())
        assert read_descriptions(file, list(by_class)) == {
            name: [" ".join(text.split()) for text in texts] for name, texts in by_class.items()
        }
    file = shared_data / "text" / "gpt_descriptors" / "descriptors_imagenet.json"
    by_class = json.loads(file.read_text())
    prompts = [p for texts in read_descriptions(file, list(by_class)).values() for p in texts]
    assert sum(p.startswith("a photo of a ") for p in prompts) > 0.98 * len(prompts)
