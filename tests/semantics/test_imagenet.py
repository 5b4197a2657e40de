"""ImageNet's label sets on a made hierarchy and, where it is installed, on the real WordNet."""

from pathlib import Path

import pytest

from zorse.core import InputError
from zorse.semantics import WordNet, imagenet_label_sets, read_counts, read_wnids

INSTALLED = Path("/usr/share/wordnet/data.noun").exists()
# animal > canine > dog > puppy, animal > feline > cat, entity > animal
PARENTS = {"dog": ["canine"], "puppy": ["dog"], "canine": ["animal"], "feline": ["animal"], "cat": ["feline"]}
PARENTS["animal"] = ["entity"]


def test_hops_are_edges_and_one():
    sets = imagenet_label_sets(PARENTS, ["dog"])
    assert set(sets["2-hop"]) == {"puppy", "canine"}
    assert set(sets["3-hop"]) == {"puppy", "canine", "animal"}
    assert set(sets["all"]) == {"puppy", "canine", "animal", "feline", "cat", "entity"}


def test_siblings_are_three_hops_apart():
    assert set(imagenet_label_sets({"a": ["p"], "b": ["p"]}, ["a"])["3-hop"]) == {"b", "p"}


def test_candidates_keep_their_order_and_lose_the_training_classes():
    sets = imagenet_label_sets(PARENTS, ["dog", "cat"], ["feline", "dog", "canine", "animal"])
    assert sets["2-hop"] == ["feline", "canine"]
    assert sets["all"] == sets["3-hop"] == ["feline", "canine", "animal"]


def test_the_path_may_lead_through_what_is_no_candidate():
    # From puppy to canine by dog, which has no images.
    assert imagenet_label_sets(PARENTS, ["puppy"], ["canine", "puppy"])["3-hop"] == ["canine"]


def test_populated_sets_are_sorted_and_skip_classes_without_images():
    counts = {"puppy": 3, "canine": 9, "animal": 9, "feline": 0, "cat": 1, "entity": 5, "dog": 100}
    sets = imagenet_label_sets(PARENTS, ["dog"], counts=counts, sizes=(1, 3))
    assert sets["most-1"] == ["animal"]
    assert sets["most-3"] == ["animal", "canine", "entity"]
    assert sets["least-3"] == ["cat", "puppy", "entity"]
    with pytest.raises(InputError, match="6 most populated of 5"):
        imagenet_label_sets(PARENTS, ["dog"], counts=counts, sizes=(6,))
    del counts["cat"]
    with pytest.raises(InputError, match="cat"):
        imagenet_label_sets(PARENTS, ["dog"], counts=counts, sizes=(1,))


def test_wordnet_serves_as_the_hierarchy(wordnet_folder):
    sets = imagenet_label_sets(WordNet.read(wordnet_folder), ["n02084071"])
    assert set(sets["2-hop"]) == {"n02083346", "n01322604", "n09999999"}
    with pytest.raises(InputError, match="n00000000"):
        imagenet_label_sets(WordNet.read(wordnet_folder), ["n00000000"])
    with pytest.raises(InputError, match="no training classes"):
        imagenet_label_sets(WordNet.read(wordnet_folder), [])


def test_lists_and_counts_are_read(tmp_path):
    path = tmp_path / "synsets.txt"
    path.write_text("n01440764 tench, Tinca tinca\n\nn01443537,12\nn02084071\t7\n")
    assert read_wnids(path) == ["n01440764", "n01443537", "n02084071"]
    path.write_text("n01443537,12\nn02084071\t7\nn01440764 0\n")
    assert read_counts(path) == {"n01443537": 12, "n02084071": 7, "n01440764": 0}
    (tmp_path / "counts.json").write_text('{"n01443537": 12}')
    assert read_counts(tmp_path / "counts.json") == {"n01443537": 12}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "n01443537 many", "n01443537 the count 'many'"),
        ("a.txt", "n01443537 -1", "count '-1'"),
        ("a.txt", "tench 12", "line 1: expected an id"),
        ("a.json", '{"n01443537": 1.5}', "count 1.5"),
        ("a.json", "[1]", "a list"),
    ],
)
def test_a_bad_count_is_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_counts(tmp_path / name)


@pytest.mark.skipif(not INSTALLED, reason="WordNet 3.0 is not in /usr/share/wordnet (Debian: wordnet-base)")
def test_the_real_wordnet():
    wordnet = WordNet.read("/usr/share/wordnet")
    dogs = {wnid for wnid in wordnet.descendants("n02084071") if not wordnet[wnid].hyponyms}
    sets = imagenet_label_sets(wordnet, dogs)
    # One edge from the leaves below dog: their parents alone.
    assert set(sets["2-hop"]) == {parent for wnid in dogs for parent in wordnet[wnid].hypernyms} - dogs
    assert set(sets["2-hop"]) < set(sets["3-hop"]) < set(sets["all"])
    assert len(sets["all"]) == 82_115 - len(dogs)
    assert set(sets["3-hop"]) == set(wordnet.within(dogs, 2))
