"""Words of captions that may name what an image shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

FALLBACK = "object"


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words about pictures, and words that carry grammar; neither names a thing.
_PICTURES = _listed(
    """
    image images photo photos photograph photography picture pictures pic pics stock vector illustration clip art
    clipart wallpaper background free download royalty editorial drawing painting view closeup close
    """
)
_GRAMMAR = _listed(
    """
    about above across after again against all along also although among and another any are around because been
    before behind being below beneath beside between both but can could did does doing down during each either
    else etc even ever every few for from get had has have having her here hers him his how into its itself just
    kind least less like many may might more most much must near neither nor not off often once one only onto
    other others our out over own part per same several shall she should since some such than that the their them
    then there these they thing things this those through toward towards two three under until upon used using
    usually various very was way were what when where whether which while who whom whose will with within without
    would you your
    """
)
_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S+\.(?:com|org|net|jpe?g|png|gif|webp|tiff?)\b", re.I)


def singular(word: str) -> str:
    """The singular of a regular English plural; anything else as it is."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def words_of(text: str) -> list[str]:
    """The distinct words of one caption that may name something: letters only, at least three, singular."""
    found = re.findall(r"[^\W\d_]{3,}", _ADDRESS.sub(" ", text).casefold())
    kept = (singular(word) for word in found if word not in _GRAMMAR and word not in _PICTURES)
    return list(dict.fromkeys(word for word in kept if word not in _GRAMMAR and word not in _PICTURES))


def candidate_words(captions: Iterable[str], at_least: int = 2, known: Collection[str] | None = None) -> list[str]:
    """Names for what several captions speak of.

    Parameters
    ----------
    captions : iterable of str
    at_least : int
        How many captions hold a word that is kept; where none is held by so many, those held by the most are.
    known : collection of str, optional
        Nothing else is kept, such as WordNet's nouns.

    Returns
    -------
    list of str
        The commonest first; ``["object"]`` where there is none.
    """
    counts = Counter(word for text in captions for word in words_of(text) if known is None or word in known)
    needed = min(at_least, max(counts.values(), default=0))
    return [word for word, n in counts.most_common() if n >= needed] or [FALLBACK]
