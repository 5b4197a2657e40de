"""The reader of WordNet's files, on a small database of the same format and, where it is installed, on the real one."""

from pathlib import Path

import numpy as np
import pytest

from zorse.core import ClassTable, InputError, NotAvailableError
from zorse.semantics import WordNet

DOG, PUPPY, CAT, REX = "n02084071", "n01322604", "n02121620", "n09999999"
INSTALLED = Path("/usr/share/wordnet/data.noun").exists()


@pytest.fixture
def wordnet(wordnet_folder) -> WordNet:
    return WordNet.read(wordnet_folder)


def test_a_synset_is_found_by_id_and_by_any_name(wordnet):
    assert wordnet[DOG].names == ("dog", "Canis familiaris")
    assert [synset.wnid for synset in wordnet.find("Canis_Familiaris")] == [DOG]
    assert [synset.wnid for synset in wordnet.find("dog")] == [DOG, "n09886220"]
    assert wordnet.find("unicorn") == ()
    assert len(wordnet) == 10


def test_gloss_and_definition(wordnet):
    canine = wordnet["n02083346"]
    assert canine.gloss == 'a mammal with claws; "wolves are canines"'
    assert canine.definition == "a mammal with claws"


def test_hypernyms_and_hyponyms_mirror_each_other(wordnet):
    assert wordnet[PUPPY].hypernyms == (DOG, "n01322221")
    assert wordnet[REX].hypernyms == (DOG,)  # an instance
    for wnid, synset in wordnet.items():
        assert all(wnid in wordnet[parent].hyponyms for parent in synset.hypernyms)
        assert all(wnid in wordnet[child].hypernyms for child in synset.hyponyms)


def test_steps_up_and_down(wordnet):
    assert wordnet.ancestors(PUPPY) == {DOG: 1, "n01322221": 1, "n02083346": 2, "n00015388": 2, "n00001740": 3}
    assert wordnet.descendants("n02083346") == {DOG: 1, PUPPY: 2, REX: 2}
    # dog, canine, animal, feline, cat; by young animal a puppy is as far.
    assert wordnet.distance(DOG, CAT) == wordnet.distance(CAT, DOG) == 4
    assert wordnet.distance(PUPPY, CAT) == 4
    assert wordnet.distance(DOG, DOG) == 0
    assert wordnet.within([DOG], 1) == {"n02083346": 1, PUPPY: 1, REX: 1}
    assert wordnet.within([DOG, PUPPY], 1) == {"n02083346": 1, "n01322221": 1, REX: 1}


def test_parents_are_those_of_a_class_table(wordnet):
    parents = wordnet.parents([PUPPY, CAT])
    assert set(parents) == {PUPPY, CAT, *wordnet.ancestors(PUPPY), *wordnet.ancestors(CAT)}
    assert parents["n00001740"] == ()
    assert ClassTable([PUPPY, CAT], np.eye(2), parents=parents).parents[PUPPY] == (DOG, "n01322221")


def test_an_unknown_id_is_named(wordnet):
    with pytest.raises(InputError, match="n12345678"):
        wordnet.within([DOG, "n12345678"], 1)


def test_absence_says_how_to_install(tmp_path, monkeypatch, wordnet_folder):
    with pytest.raises(NotAvailableError, match="apt install wordnet-base"):
        WordNet.read(tmp_path)
    monkeypatch.setenv("WNSEARCHDIR", str(wordnet_folder))
    assert DOG in WordNet.read()


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("data.noun", "WordNet 3.0", "WordNet 3.1", "WordNet 3.1"),
        ("data.noun", "02121620 05 n 01 cat 0 002", "02121620 05 n 01 cat 0 009", "line 9 is no WordNet synset"),
        ("data.noun", "00001740 05", "00001741 05", "n00001740 is a hypernym"),
        ("index.noun", "cat n 1", "cat n one", "line 6"),
        ("index.noun", "cat n 1", "cat n 2", "line 6"),
        ("index.noun", "02121620", "02121621", "does not belong"),
    ],
)
def test_a_damaged_file_is_named(wordnet_folder, file, old, new, said):
    path = wordnet_folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        WordNet.read(wordnet_folder)


@pytest.mark.skipif(not INSTALLED, reason="WordNet 3.0 is not in /usr/share/wordnet (Debian: wordnet-base)")
def test_the_real_database():
    wordnet = WordNet.read("/usr/share/wordnet")
    assert len(wordnet) == 82_115  # the number of noun synsets that wnstats(7WN) gives
    assert wordnet.find("dog")[0].wnid == DOG
    assert wordnet["n02123159"].names[0] == "tiger cat"
    assert "n00001740" in wordnet.ancestors(DOG)
    assert [wnid for wnid, synset in wordnet.items() if not synset.hypernyms] == ["n00001740"]
