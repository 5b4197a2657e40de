"""DCLIP, WaffleCLIP, CHiLS and FuDD against loops written from the papers, and the texts they ask for."""

import json
import math

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.core.graph import ClassGraph
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.chils import CHiLS
from zorse.methods.prompting.cupl import CuPL
from zorse.methods.prompting.dclip import DCLIP
from zorse.methods.prompting.fudd import FuDD
from zorse.methods.prompting.perceptionclip import PerceptionCLIP
from zorse.methods.prompting.waffleclip import WaffleCLIP
from zorse.semantics import CONTEXTS, difference_table, random_descriptors, subclass_table


def unit(v):
    return v / math.sqrt(sum(a * a for a in v))


class Letters:
    """A text tower that counts letters; and remembers what it read."""

    name, fingerprint, text_fingerprint, dim = "letters", "letters", "letters", 27

    def __init__(self):
        self.read = []

    def encode_text(self, texts):
        self.read += texts
        counts = [[1 + text.lower().count(chr(97 + i)) for i in range(26)] + [len(text)] for text in texts]
        return np.array(counts, dtype=np.float32)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    prompts = tuple(rng.normal(size=(size, 6)) for size in (1, 4, 2, 7))
    return rng.normal(size=(9, 6)), ClassTable([3, 1, 2, 0], rng.normal(size=(4, 6)), prompts=prompts)


@pytest.mark.parametrize("cls", [DCLIP, WaffleCLIP])
def test_score_is_the_mean_cosine(arrays, cls):
    X, table = arrays
    model = cls(scale=1.0).fit(None, None, classes=table)
    expected = [[sum(unit(x) @ unit(p) for p in of) / len(of) for of in table.prompts] for x in X]
    np.testing.assert_allclose(model.scores(X), expected, atol=1e-9)


def test_cosines_explain_the_score(arrays):
    X, table = arrays
    model = DCLIP(scale=1.0).fit(None, None, classes=table)
    assert model.cosines(X[0], 2).mean() == pytest.approx(model.scores(X)[0, 2])


def test_merged_waffles_are_a_prompt_ensemble(arrays):
    X, table = arrays
    np.testing.assert_allclose(
        WaffleCLIP(merge=True).fit(None, None, classes=table).scores(X), CuPL().fit(None, None, classes=table).scores(X)
    )


def test_random_descriptors_have_the_shape_of_the_names():
    names = ["polar bear", "cat", "great white shark"]  # two words of 4.4 letters
    texts = random_descriptors(names, 4, random_state=1)
    assert len(texts) == 8
    assert texts == random_descriptors(names, 4, random_state=1) != random_descriptors(names, 4, random_state=2)
    for words, letters in zip(texts[::2], texts[1::2], strict=True):
        assert [len(word) <= 4 for word in words.split(" ")] == [True, True]
        assert [len(word) for word in letters.split(", ")] == [4, 4]
    with pytest.raises(InputError, match="one pair"):
        random_descriptors(names, 0)


def test_waffles_are_the_same_for_every_class():
    encoder = Letters()
    table = WaffleCLIP(n_pairs=3, concept="animal", random_state=4).describe(["polar bear", "cat"], encoder)
    bears, cats = encoder.read[:6], encoder.read[6:]
    assert [text.replace("polar bear", "cat") for text in bears] == cats
    assert cats[0].startswith("A photo of a animal: a cat, which has ")
    assert [len(p) for p in table.prompts] == [6, 6]


@pytest.mark.parametrize("reweight", ["super", "hat", "supagg", "none"])
def test_chils_is_the_papers_loop(arrays, reweight):
    X, table = arrays
    model = CHiLS(reweight, scale=10.0).fit(None, None, classes=table)
    for i, x in enumerate(X):
        sub = [(c, math.exp(10 * unit(x) @ unit(p))) for c, of in enumerate(table.prompts) for p in of]
        sup = np.array([math.exp(10 * unit(x) @ unit(v)) for v in table.vectors])
        total = sum(p for _, p in sub)
        product = np.zeros(4)
        for c in range(4):
            own = [p / total for parent, p in sub if parent == c]
            product[c] = {
                "super": max(own) * sup[c] / sup.sum(),
                "hat": max(own) * sum(own),
                "supagg": sum(own) * sup[c] / sup.sum(),
                "none": max(own),
            }[reweight]
        np.testing.assert_allclose(model.predict_proba(X)[i], product / product.sum(), atol=1e-6)


def test_sub_classes_get_the_name_of_their_class(tmp_path):
    encoder = Letters()
    told = {"fish": ["salmon", "catfish"], "Dog": ["poodle"]}
    path = tmp_path / "kinds.json"
    path.write_text(json.dumps(told))
    table = CHiLS().describe(["fish", "dog"], encoder, descriptions=path)
    assert [len(p) for p in table.prompts] == [3, 2]
    assert {f"a photo of a {n}." for n in ("fish", "salmon fish", "catfish", "dog", "poodle dog")} == set(encoder.read)
    np.testing.assert_allclose(table.prompts[0][0], table.vectors[0], atol=1e-6)
    again = subclass_table(["fish", "dog"], Letters(), subclasses=told)
    np.testing.assert_array_equal(again.prompts[1], table.prompts[1])
    with pytest.raises(InputError, match="list of texts"):
        subclass_table(["fish", "dog"], Letters(), subclasses={"fish": "salmon"})


@pytest.fixture
def differences():
    """Texts between most pairs; one of them tells class 0 from two others."""
    rng = np.random.default_rng(5)
    c, d = 6, 8
    vectors, texts = rng.normal(size=(c, d)), rng.normal(size=(40, d))
    told = {(a, b): [] for a in range(c) for b in range(c) if a != b}
    for t, (a, b) in enumerate([pair for pair in told if pair != (2, 3)]):
        told[a, b] = [t, t + 1]
    edges = [(a, c + t) for (a, b), of in told.items() for t in of]
    relations = [b for (a, b), of in told.items() for _ in of]
    graph = ClassGraph(
        [*map(str, range(c)), *(f"text {t}" for t in range(40))], np.concatenate([vectors, texts]), edges, relations
    )
    return rng.normal(size=(20, d)), ClassTable(np.arange(c), vectors, graph=graph), texts, told


@pytest.mark.parametrize("k", [1, 2, 3, 0])
def test_fudd_is_the_papers_loop(differences, k):
    X, table, texts, told = differences
    model = FuDD(k=k, scale=1.0).fit(None, None, classes=table)
    scores = model.scores(X)
    for i, x in enumerate(X):
        plain = np.array([unit(x) @ unit(v) for v in table.vectors])
        ambiguous = np.argsort(-plain)[: k or 6]
        for a in ambiguous:
            of = sorted({t for b in ambiguous if b != a for t in told[a, b]})
            vector = unit(sum(unit(texts[t]) for t in of)) if of else unit(table.vectors[a])
            assert scores[i, a] == pytest.approx(unit(x) @ vector, abs=1e-6)
        assert scores[i].argmax() in ambiguous
        others = np.setdiff1d(np.arange(6), ambiguous)
        assert all(scores[i, o] <= scores[i, ambiguous].min() + 1e-12 for o in others)
        np.testing.assert_array_equal(np.argsort(scores[i, others]), np.argsort(plain[others]))


def test_fudd_of_some_candidates_hears_of_no_others(differences):
    X, table, _, _ = differences
    some = FuDD(k=0).fit(None, None, classes=table).with_candidates([4, 1, 2])
    np.testing.assert_allclose(some.scores(X), FuDD(k=0).fit(None, None, classes=table.select([4, 1, 2])).scores(X))
    bare = ClassTable(table.labels, table.vectors)
    np.testing.assert_allclose(
        FuDD(k=3).fit(None, None, classes=bare).scores(X), CLIP().fit(None, None, classes=bare).scores(X)
    )


def test_a_table_of_differences():
    told = {
        "Hen": {"owl": ["a hen with a comb."], "emu": ["a hen with a comb.", "a small hen."]},
        "owl": {"hen": ["x."]},
    }
    table = difference_table(["hen", "owl"], Letters(), told)
    assert table.graph.nodes == ("hen", "owl", "a hen with a comb.", "x.")
    assert table.graph.edges.tolist() == [[0, 2], [1, 3]]
    assert table.graph.relations.tolist() == [1, 0]
    for wrong, what in (({"hen": ["x"]}, "other class"), ({"hen": {"owl": "x"}}, "list of texts"), ({}, "tell no two")):
        with pytest.raises(InputError, match=what):
            difference_table(["hen", "owl"], Letters(), wrong)
    with pytest.raises(InputError, match="--descriptions"):
        FuDD().describe(["hen", "owl"], Letters())


def test_every_class_stands_in_every_context():
    encoder = Letters()
    table = PerceptionCLIP().describe(["hen", "owl"], encoder)
    assert [len(p) for p in table.prompts] == [len(CONTEXTS)] * 2
    assert encoder.read[: len(CONTEXTS)] == [context.format("hen") for context in CONTEXTS]
    with pytest.raises(InputError, match="contexts"):
        PerceptionCLIP().describe(["hen", "owl"], encoder, descriptions={"hen": ["x"]})
