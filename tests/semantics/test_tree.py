import json

import numpy as np
import pytest

from zorse.core import InputError
from zorse.semantics import LabelTree, read_tree

LABELS = ["cat", "lion", "dog", "car"]
TREE = {"animal": {"feline": ["Cat", "lion"], "dog": {}}, "vehicle": {"car": {}, "bus": {}}}


def test_a_node_stands_for_the_labels_below_it_and_chains_are_one():
    tree = read_tree(TREE, LABELS)
    assert tree.nodes == ("cat", "lion", "dog", "car", "feline", "animal", "anything")
    p = np.array([0.4, 0.3, 0.2, 0.1])
    assert tree.probabilities(p) == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.7, 0.9, 1.0])


@pytest.mark.parametrize(("sure", "answer"), [(0.3, "cat"), (0.5, "feline"), (0.8, "animal"), (0.95, "anything")])
def test_the_answer_is_as_deep_as_the_evidence(sure, answer):
    tree = read_tree(TREE, LABELS)
    assert tree.nodes[tree.deepest(np.array([0.4, 0.3, 0.2, 0.1]), sure)] == answer


def test_the_smallest_node_around_a_set():
    tree = read_tree(TREE, LABELS)
    for inside, answer in (("1000", "cat"), ("1100", "feline"), ("1010", "animal"), ("1001", "anything")):
        assert tree.nodes[tree.covering(np.array([c == "1" for c in inside]))] == answer
    assert [tree.nodes[node] for node in tree.branch(0)] == ["anything", "animal", "feline", "cat"]


def test_two_ways_up_count_a_label_once():
    tree = LabelTree.of(
        ["puppy", "cat"], {"puppy": ["dog", "young"], "dog": ["animal"], "young": ["animal"], "cat": ["animal"]}
    )
    assert tree.nodes == ("puppy", "cat", "animal")
    assert tree.members.sum(axis=1).tolist() == [1, 1, 2]


def test_wordnet(wordnet_folder, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(wordnet_folder))
    with pytest.warns(UserWarning, match="not in WordNet.*spaceship"):
        tree = read_tree("wordnet", ["cat", "puppy", "Rex", "spaceship"])
    assert tree.nodes == ("cat", "puppy", "Rex", "spaceship", "dog", "animal", "anything")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "nested object"),
        ({"a": 3}, "a number"),
        ({"animal": ["cat"]}, "lion"),
        ({"x": {"y": [1]}}, "expected names"),
    ],
)
def test_a_tree_of_another_shape_is_refused(tmp_path, value, message):
    (tmp_path / "tree.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=message):
        read_tree(tmp_path / "tree.json", LABELS)


def test_a_circle_is_refused():
    with pytest.raises(InputError, match="above itself"):
        LabelTree.of(["a", "b"], {"a": ["x"], "x": ["y"], "y": ["x"]})


def test_a_label_without_a_place_is_named():
    with pytest.raises(InputError, match=r"no place for the label 'llama' and 1 more"):
        read_tree(TREE, [*LABELS, "llama", "yak"])
