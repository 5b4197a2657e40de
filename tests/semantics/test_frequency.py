from zorse.semantics.frequency import concept_frequency, frequent_names, mentions, synonyms_in
from zorse.semantics.wordnet import WordNet
from zorse.semantics.words import candidate_words, singular, words_of

TEXTS = ["Two cash machines.", "an ATM", "the cash machine, again", "a polar bear", "bears"]
NAMES = {"ATM": ["ATM", "cash machine"], "bear": ["bear"], "ghost": ["ghost"]}


def test_whole_words_in_singular_and_plural_count():
    assert mentions(TEXTS, NAMES)["ATM"] == {"ATM": [1], "cash machine": [0, 2]}
    assert concept_frequency(TEXTS, NAMES) == {"ATM": 3, "bear": 2, "ghost": 0}
    assert frequent_names(TEXTS, NAMES) == {"ATM": "cash machine", "bear": "bear", "ghost": "ghost"}


def test_synonyms_are_those_of_the_commonest_sense(wordnet_folder):
    wordnet = WordNet.read(wordnet_folder)
    assert synonyms_in(wordnet, ["dog", "unheard of"]) == {
        "dog": ("dog", "Canis familiaris"),
        "unheard of": ("unheard of",),
    }


def test_words_of_a_caption():
    text = "Photo of the 2 Berries, classes & a glass bus at www.example.com (img_1.jpg)"
    assert words_of(text) == ["berry", "class", "glass", "bus"]
    assert [singular(word) for word in ("foxes", "virus", "iris", "dogs", "bus")] == [
        "fox",
        "virus",
        "iris",
        "dog",
        "bus",
    ]


def test_candidates_are_what_several_captions_speak_of():
    assert candidate_words(["a cat sleeps", "a cat plays", "dogs play"]) == ["cat", "play"]
    assert candidate_words(["one cat", "dogs"]) == ["cat", "dog"]  # nothing occurs twice: the most frequent
    assert candidate_words(["a cat", "the cats"], known={"dog"}) == ["object"]
    assert candidate_words([]) == ["object"]
