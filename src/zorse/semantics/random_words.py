"""Texts that mean nothing, to see how much of a gain meaning is."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np

from zorse.core.errors import InputError

#: Common words of no particular subject.
WORDS = tuple(
    """
    able above across after again almost along already although always among amount answer appear around arrive
    aspect attempt average avoid aware basic because become before begin behind belong below beside better between
    beyond borrow bottom branch breath bridge brief bring broad build button calm carry catch cause centre certain
    chance change charge choice circle claim clear close collect colour common compare complete consider contain
    continue corner correct cotton count couple course cover create cross current custom daily damage decide deep
    degree demand depend desire detail develop differ direct distance divide double doubt during eager early earth
    easily edge effect effort either empty enough entire equal escape evening event every exact example except
    expect explain extra fabric factor famous fasten favour figure final finish follow forget formal former forward
    fresh friend future gather general gentle give glance global gradual ground group handle happen harvest heavy
    hidden hollow honest image indeed inside instead invite joint journey keep kind kitchen ladder large later leave
    length letter level light likely limit listen little local longer loose lucky machine manage margin matter
    measure member mention middle minute mirror modern moment motion narrow nature nearly needle never noise normal
    notice number object obvious offer often open option order other outer outside paper partly pattern pencil
    people perfect perhaps period piece plain plenty pocket point polite possible prefer present pretty print
    private promise proper public purpose quarter question quick quiet rather reach ready reason receive record
    regular remain remember repeat reply result return ribbon rough round sample scale season second section seldom
    select separate series settle several shadow shallow shape share sharp shelf short signal silent similar simple
    single slight smooth solid sound space special speed spread square stage stand steady still straight strange
    stretch string strong sudden supply surface sweet symbol table target term thick thin thread through ticket
    tight together toward travel trouble turn twice unless until upper useful usual value various vertical village
    visit voice volume wait wander warm weather weight welcome while whole wide window winter within without wonder
    wooden writing yellow yesterday young
    """.split()  # noqa: SIM905
)


def random_descriptors(
    names: Sequence[str], n_pairs: int = 15, *, words: Sequence[str] | None = None, random_state: int = 0
) -> list[str]:
    """Pairs of descriptors: random words, and random characters in the same shape.

    Parameters
    ----------
    names : sequence of str
        Class names; a descriptor has as many words as they have on average, of their average length.
    n_pairs : int
    words : sequence of str, optional
        Words to draw from, by default ``WORDS``.
    random_state : int

    Returns
    -------
    list of 2 n_pairs str
        Words, characters, words, ...

    Raises
    ------
    InputError
        If ``n_pairs`` is below 1 or there are no words.
    """
    pool = [word for word in (WORDS if words is None else words) if word.strip()]
    if n_pairs < 1 or not pool:
        raise InputError(f"random descriptors need at least one pair and one word; got {n_pairs} and {len(pool)} words")
    rng = np.random.default_rng(random_state)
    split = [name.split() for name in names]
    n_words = max(1, round(float(np.mean([len(of_name) for of_name in split]))))
    length = max(1, round(float(np.mean([np.mean([len(word) for word in of_name]) for of_name in split]))))
    descriptors = []
    for _ in range(n_pairs):
        drawn = rng.choice(len(pool), size=n_words)
        descriptors.append(" ".join(pool[i][:length] for i in drawn))
        letters = rng.choice(list(ascii_lowercase), size=(n_words, length))
        descriptors.append(", ".join("".join(word) for word in letters))
    return descriptors
