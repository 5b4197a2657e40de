from dataclasses import replace

import numpy as np
import pytest
import torch

from zorse.core import ClassTable, InputError
from zorse.data import open_world, pair_table
from zorse.templates import feasibility, words_of

RNG = np.random.RandomState(0)
WORDS = {word: RNG.randn(5) for word in ("wet", "dry", "old", "dog", "cat", "orange")} | {"lone": RNG.randn(5)}
TABLE = pair_table([("wet", "dog"), ("dry", "dog"), ("wet", "cat"), ("old", "orange"), ("orange", "cat")], WORDS)


def test_words_are_found_by_their_parents():
    words = words_of(TABLE)
    assert words.attributes == ("wet", "dry", "old", "orange")
    assert words.objects == ("dog", "cat", "orange (object)")
    for i, label in enumerate(TABLE.labels):
        a, o = TABLE.parents[label]
        assert (words.attributes[words.attribute[i]], words.objects[words.object[i]]) == (a, o)
        v = [WORDS[word.removesuffix(" (object)")] for word in (a, o)]
        expected = np.concatenate([u / np.linalg.norm(u) for u in v])
        np.testing.assert_allclose(words.pairs[i], expected, atol=1e-6)
    some = words.of(torch.tensor([3, 0]))
    torch.testing.assert_close(some.pairs, words.pairs[[3, 0]])


def test_a_class_that_is_no_pair_is_its_own_words():
    words = words_of(ClassTable(np.array([3, 5]), np.array([[2.0, 0], [0, 3]])))
    assert words.attributes == words.objects == ("3", "5")
    np.testing.assert_array_equal(words.pairs, [[1, 0, 1, 0], [0, 1, 0, 1]])


def test_missing_vectors_are_named():
    with pytest.raises(InputError, match=r"no graph.*'wet'"):
        words_of(replace(TABLE, graph=None))
    odd = replace(TABLE, parents={label: pair for label, pair in TABLE.parents.items() if label != "wet dog"})
    with pytest.raises(InputError, match=r"lengths \[5, 10\]"):
        words_of(odd)


def test_feasibility_by_its_definition():
    table = open_world(TABLE)
    seen = TABLE.labels
    pairs = [tuple(word.removesuffix(" (object)") for word in TABLE.parents[label]) for label in seen]
    cos = lambda p, q: WORDS[p] @ WORDS[q] / np.linalg.norm(WORDS[p]) / np.linalg.norm(WORDS[q])  # noqa: E731
    for label, value in zip(table.labels, feasibility(table, seen), strict=True):
        a, o = (word.removesuffix(" (object)") for word in table.parents[label])
        if (a, o) in pairs:
            assert value == 1
            continue
        by_object = max((cos(o, other) for b, other in pairs if b == a), default=-1)
        by_attribute = max((cos(a, other) for other, p in pairs if p == o), default=-1)
        assert value == pytest.approx((by_object + by_attribute) / 2)


def test_a_word_that_was_never_seen_is_unlikely():
    table = pair_table([("wet", "dog"), ("lone", "cat"), ("wet", "cat")], WORDS)
    cos = WORDS["cat"] @ WORDS["dog"] / np.linalg.norm(WORDS["cat"]) / np.linalg.norm(WORDS["dog"])
    values = dict(zip(table.labels, feasibility(table, ["wet dog"]), strict=True))
    assert values["lone cat"] == -1
    assert values["wet cat"] == pytest.approx((cos - 1) / 2)
