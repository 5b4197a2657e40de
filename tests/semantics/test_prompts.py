import hashlib
import json

import numpy as np
import pytest

from zorse.core import InputError, UnknownNameError
from zorse.encoders.store import EmbeddingStore
from zorse.semantics import class_table


class HashingEncoder:
    """Every text has a direction of its own; rows are unit only if asked, and calls are counted."""

    dim = 6
    text_fingerprint = "0" * 64

    def __init__(self, unit=True):
        self.unit, self.calls = unit, []

    def encode_text(self, texts, *, batch_size=64):
        self.calls.append(list(texts))
        rows = [np.random.default_rng(list(hashlib.sha256(t.encode()).digest())).normal(size=self.dim) for t in texts]
        rows = np.array(rows, dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True) if self.unit else 3 * rows


def by_hand(encoder, prompts):
    """The definition, one prompt at a time: unit, mean, unit."""
    total = np.zeros(encoder.dim)
    for prompt in prompts:
        row = encoder.encode_text([prompt])[0].astype(np.float64)
        total += row / np.sqrt(sum(v * v for v in row))
    mean = total / len(prompts)
    return mean / np.sqrt(sum(v * v for v in mean))


@pytest.mark.parametrize("unit", [True, False])
def test_a_class_is_the_unit_mean_of_its_unit_prompts(unit):
    encoder = HashingEncoder(unit)
    table = class_table(["owl", "polar_bear"], encoder, templates=["a {}.", "the {c}!", "{}"])
    assert table.names == ("owl", "polar bear")
    assert table.labels.tolist() == ["owl", "polar_bear"]
    for row, name in zip(table.vectors, table.names, strict=True):
        expected = by_hand(encoder, [f"a {name}.", f"the {name}!", name])
        np.testing.assert_allclose(row, expected, atol=1e-6)
    assert [p.shape for p in table.prompts] == [(3, 6), (3, 6)]
    np.testing.assert_allclose(np.linalg.norm(np.concatenate(table.prompts), axis=1), 1, atol=1e-6)


def test_the_article_is_literal():
    encoder = HashingEncoder()
    class_table(["owl", "cat"], encoder)
    assert encoder.calls == [["a photo of a owl.", "a photo of a cat."]]


def test_one_call_with_every_prompt_once():
    encoder = HashingEncoder()
    told = {"cat": ["a pet", "furry"], "dog": ["a pet", "a pet", "loyal"]}
    table = class_table(["cat", "dog"], encoder, descriptions=told)
    assert encoder.calls == [["a pet", "furry", "loyal"]]
    assert [len(p) for p in table.prompts] == [2, 3]  # a prompt said twice weighs twice
    np.testing.assert_allclose(table.vectors[1], by_hand(encoder, told["dog"]), atol=1e-6)


def test_descriptions_replace_the_default_template_and_join_templates_that_are_given():
    encoder = HashingEncoder()
    told = {"Cat ": ["furry"]}
    alone = class_table(["cat", "dog"], encoder, descriptions=told)
    assert encoder.calls[-1] == ["furry", "a photo of a dog."]
    joint = class_table(["cat", "dog"], encoder, templates=["{}", "a {}"], descriptions=told)
    assert encoder.calls[-1] == ["cat", "a cat", "furry", "dog", "a dog"]
    np.testing.assert_allclose(joint.vectors[0], by_hand(encoder, ["cat", "a cat", "furry"]), atol=1e-6)
    np.testing.assert_allclose(alone.vectors[0], by_hand(encoder, ["furry"]), atol=1e-6)


def test_labels_need_not_be_names():
    encoder = HashingEncoder()
    table = class_table([7, 3], encoder, names=["cat", "big_dog"], descriptions={7: ["furry"]})
    assert encoder.calls[-1] == ["furry", "a photo of a big_dog."]
    assert table.labels.tolist() == [7, 3]
    assert table.rows([3, 7]).tolist() == [1, 0]


def test_braces_in_a_name_are_letters_like_others():
    encoder = HashingEncoder()
    class_table(["{0}", "{c}"], encoder, templates=["a {}."])
    assert encoder.calls[-1] == ["a {0}.", "a {c}."]


def test_files_are_read(tmp_path):
    (tmp_path / "t.txt").write_text("a {}\n")
    (tmp_path / "d.json").write_text(json.dumps({"cat": ["furry"], "dog": ["A dog."]}))
    encoder = HashingEncoder()
    class_table(["cat", "dog"], encoder, templates=tmp_path / "t.txt", descriptions=tmp_path / "d.json")
    assert encoder.calls[-1] == ["a cat", "a photo of a cat: furry.", "a dog", "A dog."]


def test_a_store_remembers_prompts(tmp_path):
    encoder = HashingEncoder()
    with EmbeddingStore(tmp_path) as store:
        first = class_table(["cat", "dog"], encoder, store=store)
        class_table(["dog", "owl"], encoder, store=store)
        again = class_table(["cat", "dog"], encoder, store=store)
    assert encoder.calls == [["a photo of a cat.", "a photo of a dog."], ["a photo of a owl."]]
    np.testing.assert_array_equal(first.vectors, again.vectors)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"names": ["cat"]}, "expected 2 names"),
        ({"names": ["cat", " "]}, "'dog' has a blank name"),
        ({"templates": ["a photo"]}, "has no {}"),
        ({"descriptions": {"cat": "furry"}}, "'cat' must be a list"),
        ({"descriptions": {"cat": [""]}}, "'cat' must be a list"),
    ],
)
def test_bad_input_is_named(options, told):
    with pytest.raises(InputError, match=told):
        class_table(["cat", "dog"], HashingEncoder(), **options)


def test_a_description_of_no_label_and_no_labels_at_all():
    with pytest.raises(UnknownNameError, match="'cats'; did you mean cat"):
        class_table(["cat", "dog"], HashingEncoder(), descriptions={"cats": ["furry"]})
    with pytest.raises(InputError, match="no labels"):
        class_table([], HashingEncoder())
