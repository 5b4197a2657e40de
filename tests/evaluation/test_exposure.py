"""Which unseen classes an encoder has been trained on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from zorse.core import ClassTable, InputError, NotAvailableError
from zorse.data import toy_zsl
from zorse.evaluation import KnownClasses, clean_split, exposed, exposed_in_captions
from zorse.evaluation.exposure import fold
from zorse.semantics import WordNet


@pytest.fixture(scope="module")
def whole_wordnet():
    try:
        return WordNet.read()
    except NotAvailableError:
        pytest.skip("WordNet is not installed")


@pytest.fixture
def wordnet(wordnet_folder):
    return WordNet.read(wordnet_folder)


@pytest.fixture
def listed(tmp_path):
    """A list of known classes with these lines, or this JSON value."""

    def write(*lines, name="known.txt", value=None):
        (tmp_path / name).write_text("\n".join(lines) if value is None else json.dumps(value), encoding="utf-8")
        return KnownClasses.read(tmp_path / name)

    return write


def table(*labels, names=None):
    return ClassTable(np.array(labels), np.eye(len(labels)), names)


def ways(report):
    return {exposure.label: exposure.how for exposure in report.exposures}


def test_by_id(listed, wordnet):
    known = listed("n02084071", "n02121620")
    report = exposed(table("n02121620", "n02083346", "n02120997"), known)
    assert ways(report) == {"n02121620": "id"}
    assert (report.exposed.tolist(), report.clean.tolist()) == (["n02121620"], ["n02083346", "n02120997"])
    assert report.note() == "1 of 3 unseen classes were in known.txt, which the encoder was trained on"
    # A kind of a class is told apart from it: the encoder has seen dogs, which are canines, but no canine as such.
    report = exposed(table("n02121620", "n02083346", "n01322221"), known, wordnet=wordnet)
    assert ways(report) == {"n02121620": "id"}
    assert report.kinds == {"n02083346": "n02084071 dog"}
    assert report.exposures[0].meaning == "it meows"


def test_by_name_and_synonym_of_a_listed_id(listed, wordnet):
    known = listed("n02084071")
    report = exposed(table("Canis_familiaris", "DOG", "cat", "gnu"), known, wordnet=wordnet)
    assert ways(report) == {"Canis_familiaris": "synonym", "DOG": "name"}
    assert report.exposures[1].known == "n02084071 dog"
    # Every sense of a name counts, and the one that was found is told.
    report = exposed(table("dog"), listed("n09886220"), wordnet=wordnet)
    assert (ways(report), report.exposures[0].meaning) == ({"dog": "synonym"}, "informal for a man")


def test_by_name_and_synonym_of_a_listed_name(listed, wordnet):
    known = listed("Canis familiaris", "Baird's Sparrow")
    classes = table("dog", "121.Baird_Sparrow", "cat", names=("dog", "Baird Sparrow", "cat"))
    assert ways(exposed(classes, known)) == {"121.Baird_Sparrow": "name"}
    assert ways(exposed(classes, known, wordnet=wordnet)) == {"dog": "synonym", "121.Baird_Sparrow": "name"}
    # A class with an id has the synonyms of that id alone.
    ids = table("n02084071", "n09886220", names=("dog", "lad"))
    assert ways(exposed(ids, known, wordnet=wordnet)) == {"n02084071": "synonym"}


def test_ids_decide_where_both_sides_have_them(listed, wordnet):
    known = listed("n09886220 chap, dog")
    assert ways(exposed(table("n02084071", names=("dog",)), known, wordnet=wordnet)) == {}
    assert ways(exposed(table("dog"), known)) == {"dog": "name"}  # without an id, the name beside the id serves


def test_to_find_nothing_is_no_clean_bill(listed):
    with pytest.raises(NotAvailableError, match=r"known\.txt lists WordNet ids and the classes have names"):
        exposed(table("dog"), listed("n02084071"))
    with pytest.raises(InputError, match="numbered and have no names"):
        exposed(table(1, 2), listed("dog"))
    with pytest.raises(InputError, match="gnu"):
        exposed(table("dog"), listed("dog"), labels=["gnu"])


def test_only_the_classes_asked_for_are_audited(listed):
    report = exposed(table("dog", "cat", "gnu"), listed("dog", "cat"), labels=["gnu", "cat"])
    assert (report.labels, ways(report)) == (("gnu", "cat"), {"cat": "name"})
    assert report.with_wordnet is False


@pytest.mark.parametrize(
    "value",
    [
        ["n02084071", "cat"],
        {"0": ["n02084071", "dog"], "1": ["cat"]},
        {"n02084071": "dog, domestic dog", "x": "cat"},
        [["n02084071", "dog"], "cat"],
    ],
)
def test_lists_come_in_several_forms(listed, value):
    known = listed(name="known.json", value=value)
    assert known.wnids == {"n02084071"}
    assert ways(exposed(table("n02084071", "cat"), known)) == {"n02084071": "id", "cat": "name"}


def test_lines_come_in_several_forms(listed):
    known = listed("n02084071: dog, domestic dog", "", "n02121620\tcat", "mixture, of two words", "  gnu ")
    assert known.wnids == {"n02084071", "n02121620"}
    assert set(known.names) == {"mixture of two words", "gnu"}
    assert set(known.id_names) == {"dog", "domestic dog", "cat"}
    both = known | listed("elk", name="other.txt")
    assert (both.name, len(both)) == ("known.txt + other.txt", 5)


def test_lists_that_are_none(listed, tmp_path):
    for lines, message in ((["", " "], "holds no class"), (["[1]"], "looks like JSON")):
        with pytest.raises(InputError, match=message):
            listed(*lines)
    for value, message in (
        (3, "holds a number"),
        ([3], "0 is a number"),
        ({"a": []}, "'a' is a list"),
        ([], "no class"),
    ):
        with pytest.raises(InputError, match=message):
            listed(name="known.json", value=value)
    with pytest.raises(InputError, match="imagenet-2k is no file and no known list"):
        KnownClasses.read("imagenet-2k")
    with pytest.raises(InputError, match="there is no file"):
        KnownClasses.read(tmp_path / "absent.txt")


def test_built_in_lists_are_whole():
    small, large = KnownClasses.read("imagenet-1k"), KnownClasses.read("imagenet-21k")
    assert (len(small), len(large)) == (1000, 21841)
    assert small.wnids - large.wnids == {"n04399382"}  # teddy is not in the release of autumn 2011
    assert len(small.wnids & large.wnids) == 999


def test_built_in_ids_are_wordnets_and_the_first_split_of_awa_is_exposed(whole_wordnet):
    small, large = KnownClasses.read("imagenet-1k"), KnownClasses.read("imagenet-21k")
    assert small.wnids | large.wnids <= set(whole_wordnet)
    # The unseen classes that AwA was first published with; the split that replaced them was made to have none.
    first = [
        "chimpanzee",
        "giant+panda",
        "leopard",
        "persian+cat",
        "pig",
        "hippopotamus",
        "humpback+whale",
        "raccoon",
        "rat",
        "seal",
    ]
    report = exposed(table(*first), small, wordnet=whole_wordnet)
    assert report.exposed.tolist() == first[:6]


def test_captions(wordnet):
    classes = table("dog", "n02121620", "gnu", "young_animal", names=("dog", "cat", "gnu", "young animal"))
    captions = ["Two DOGS, running", "a doghouse", "my Young-Animal's nest", "concatenate", "A Cat; a cat!", "cats"]
    report = exposed_in_captions(classes, iter(captions), wordnet=wordnet)
    assert ways(report) == dict.fromkeys(("dog", "n02121620", "young_animal"), "caption")
    assert report.exposures[1].known == "2 captions, such as: A Cat; a cat!"
    assert exposed_in_captions(classes, captions, at_least=2).exposed.tolist() == ["n02121620"]
    # A synonym names a class that has one meaning; "Canis familiaris" is not all that a dog can be.
    assert ways(exposed_in_captions(classes, ["Canis familiaris", "a beast"], wordnet=wordnet)) == {}
    animal = table("animal", "gnu")
    assert ways(exposed_in_captions(animal, ["a beast"], wordnet=wordnet)) == {"animal": "caption"}
    assert ways(exposed_in_captions(animal, ["a beast"])) == {}


def known_of(labels):
    return KnownClasses("list", frozenset(), {fold(label): label for label in labels}, {})


def test_a_clean_split_leaves_exposed_classes_out():
    task = toy_zsl()
    bad = task.unseen[:1]
    made = clean_split(task, exposed(task.classes, known_of(bad), labels=task.unseen))
    assert made.unseen.tolist() == task.unseen[1:].tolist()
    assert bad[0] not in made.classes.labels
    assert made.seen.tolist() == task.seen.tolist()
    for part in ("train", "test_seen"):
        for one, other in zip(getattr(made, part), getattr(task, part), strict=True):
            np.testing.assert_array_equal(one, other)
    kept = task.y[task.test_unseen_index] != bad[0]
    np.testing.assert_array_equal(made.test_unseen[0], task.test_unseen[0][kept])
    with pytest.raises(InputError, match="none would be left"):
        clean_split(task, exposed(task.classes, known_of(task.unseen), labels=task.unseen))


def test_a_clean_split_puts_clean_classes_in_their_place():
    task = toy_zsl()
    spoilt = [task.unseen[0], task.seen[0], task.seen[1]]
    report = exposed(task.classes, known_of(spoilt))
    made = clean_split(task, report, seed=0)
    assert len(made.unseen) == len(task.unseen)
    assert not set(made.unseen) & set(spoilt)
    assert set(task.unseen[1:]) < set(made.unseen)
    assert spoilt[0] in made.seen
    assert len(made.train_index) + len(made.test_seen_index) + len(made.test_unseen_index) == len(task.y)
    assert made.X is task.X or np.shares_memory(made.X, task.X)
    for label in set(made.seen) & set(task.seen):  # what stays seen keeps its samples in their places
        assert set(made.train_index[made.train[1] == label]) == set(task.train_index[task.train[1] == label])
    with pytest.raises(InputError, match="only 0 clean ones are seen"):
        clean_split(task, exposed(task.classes, known_of([*task.seen, task.unseen[0]])), seed=0)
    with pytest.raises(InputError, match="the report says nothing of class"):
        clean_split(task, exposed(task.classes, known_of(spoilt), labels=task.unseen), seed=0)


def test_numbers_as_labels_are_told_by_names():
    task = toy_zsl()
    numbers = task.classes.rows(task.y)
    classes = ClassTable(np.arange(task.classes.n_classes), task.classes.vectors, task.classes.names)
    task = replace(task, y=numbers, classes=classes)
    bad = task.classes.names[task.unseen[0]]
    report = exposed(task.classes, known_of([bad]), labels=task.unseen)
    assert report.exposed.tolist() == task.unseen[:1].tolist()
    assert clean_split(task, report).unseen.tolist() == task.unseen[1:].tolist()


@pytest.mark.shared_data
def test_every_unseen_class_of_tiny160_is_in_imagenet(shared_data):
    from zorse.data.pack import tiny160

    task = tiny160(shared_data)
    report = exposed(task.classes, KnownClasses.read("imagenet-1k"), labels=task.unseen)
    assert len(report.exposed) == len(task.unseen) == 40
    by_name = table(*task.unseen, names=task.classes.select(task.unseen).names)
    assert len(exposed(by_name, known_of(task.classes.names)).exposed) == 40


@pytest.mark.shared_data
@pytest.mark.parametrize(("dataset", "n_unseen"), [("AWA1", 10), ("AWA2", 10), ("CUB", 50), ("SUN", 72)])
def test_no_unseen_class_of_the_proposed_splits_is_in_imagenet_1k(
    shared_data, whole_wordnet, tmp_path, dataset, n_unseen
):
    """What the splits were made for."""
    from scipy.io import savemat

    from zorse.data import read_xlsa

    source = shared_data / "splits" / dataset
    for file in source.glob("*.mat"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    y = np.load(source / "xlsa17_labels.npz")["labels"].astype(float)
    savemat(tmp_path / "res101.mat", {"features": np.ones((1, len(y))), "labels": y[:, None] + 1})
    task = read_xlsa(tmp_path)
    report = exposed(task.classes, KnownClasses.read("imagenet-1k"), labels=task.unseen, wordnet=whole_wordnet)
    assert (len(report.labels), report.exposures) == (n_unseen, ())
