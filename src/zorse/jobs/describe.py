"""Descriptions of classes by a language model, in the files that methods read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.semantics.descriptions import spoken

_AGAIN = 3  # questions until an answer has the right form
_LONGEST = 400  # characters of one description
_JSON = 'Answer with JSON only, of the form {{"{key}": [{what}, ...]}}.'

#: Style -> (question, what the list holds). ``{a}`` is the class, ``{b}`` another one, ``{n}`` how many.
STYLES: dict[str, tuple[str, Any]] = {
    "cupl": (
        "Write {n} different sentences that each say what a photo of a {a} shows: its shape, colours, parts, and where "
        "it is usually seen. Every sentence names the {a} and ends in a full stop. " + _JSON,
        "sentence",
    ),
    "dclip": (
        "Name {n} visible features by which a {a} is recognised in a photo, each in two to six words, without the "
        "name itself. " + _JSON,
        "feature",
    ),
    "chils": ("Name {n} common kinds of {a} that look different from one another. " + _JSON, "kind"),
    "fudd": (
        "A photo shows either a {a} or a {b}. Write {n} sentences about the {a} that begin with 'a photo of a {a}' and "
        "name something visible by which it differs from a {b}. " + _JSON,
        "sentence",
    ),
    "roboshot": (
        "Name {n} {kind} between photos of a {a} and photos of a {b}, each as two short phrases: what is seen of the "
        "{a}, and what is seen of the {b} instead. " + _JSON,
        ["phrase about the first", "phrase about the second"],
    ),
}

#: What RoboShot asks for of each two classes, by what it does with the answers.
KINDS = {
    "harmful": "misleading differences, such as the usual background, that do not make the one or the other,",
    "helpful": "true visible differences",
}


@dataclass
class Descriptions:
    """What a run has brought.

    Attributes
    ----------
    style : str
    texts : dict
        ``{class: [text, ...]}``; of "fudd" ``{class: {other class: [text, ...]}}``; of "roboshot" ``{"harmful":
        [[text, other text], ...], "helpful": ...}``.
    failed : dict of str to str
        Classes, or pairs "a|b", without a usable answer, and why.
    asked : int
        Questions that were sent; the others were known already.
    """

    style: str
    texts: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    asked: int = 0


def describe(
    labels: Sequence[str],
    ask: Callable[[str], str],
    style: str = "cupl",
    *,
    out: str | Path | None = None,
    n: int = 8,
    pairs: Sequence[tuple[str, str]] | None = None,
    progress: Callable[[int], Any] | None = None,
) -> Descriptions:
    """Ask a language model about every class, or every pair of classes.

    Parameters
    ----------
    labels : sequence of str
    ask : callable
        Question -> answer, such as :class:`zorse.jobs.chat.ChatServer` or :class:`zorse.jobs.local_chat.LocalChat`.
    style : {"cupl", "dclip", "chils", "fudd", "roboshot"}
    out : path, optional
        ``.json`` for the texts. Answers are kept beside it as they come (``.cache.jsonl``), by question and model, so
        that a run that breaks off, or has failures, goes on from there.
    n : int
        Texts asked for, of each class.
    pairs : sequence of (class, other class), optional
        For "fudd" and "roboshot"; by default all of them, for "roboshot" each two classes once.

    Raises
    ------
    InputError
        If there is no such style.
    NotAvailableError
        If the model can't be reached; what was answered before is kept.
    """
    if style not in STYLES:
        raise InputError(f"style is one of {', '.join(STYLES)}; got {style!r}")
    if n < 1:
        raise InputError(f"at least one text a class; got {n}")
    question, what = STYLES[style]
    cache = _Cache(None if out is None else Path(out).with_suffix(".cache.jsonl"), str(getattr(ask, "model", "")))
    found = Descriptions(style)
    for done, (a, b, kind) in enumerate(_work(labels, style, pairs), 1):
        asked = {"a": spoken(a), "b": spoken(b), "kind": KINDS.get(kind, "")}
        text = question.format(**asked, n=n, key="texts", what=json.dumps(what))
        texts, why = cache.get(text), ""
        for _ in range(_AGAIN if texts is None else 0):
            found.asked += 1
            try:
                texts = read_answer(ask(text), n, in_pairs=style == "roboshot")
                cache.put(text, texts)
                break
            except ValueError as error:
                why = str(error)
        if texts is None:
            found.failed["|".join(filter(None, (a, b, kind)))] = why
        elif kind:
            found.texts.setdefault(kind, []).extend(texts)
        elif b:
            found.texts.setdefault(a, {})[b] = texts
        else:
            found.texts[a] = [text.rstrip(" .;,") for text in texts] if style in ("dclip", "chils") else texts
        if progress is not None:
            progress(done)
    if out is not None and found.texts:
        with atomic_path(out) as scratch:
            scratch.write_text(json.dumps(found.texts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def questions(labels: Sequence[str], style: str) -> int:
    """How many questions a style asks about some classes."""
    return len(labels) * (len(labels) - 1 if style in ("fudd", "roboshot") else 1)


def _work(labels: Sequence[str], style: str, pairs: Sequence[tuple[str, str]] | None) -> list[tuple[str, str, str]]:
    """Class, other class and kind of what each question is about."""
    if style == "fudd":
        return [(a, b, "") for a, b in pairs or permutations(labels, 2)]
    if style == "roboshot":
        return [(a, b, kind) for a, b in pairs or combinations(labels, 2) for kind in KINDS]
    return [(label, "", "") for label in labels]


def read_answer(text: str, most: int, *, in_pairs: bool = False) -> list[Any]:
    """The texts in a model's answer: JSON ``{"texts": [text, ...]}`` or a list, also between other words or in a fence.

    With ``in_pairs`` each is a list of two texts that differ.

    Raises
    ------
    ValueError
        If there are none, or one is no text, blank, too long, or holds control characters.
    """
    start = re.search(r"[\[{]", text)
    if start is None:
        raise ValueError("the answer holds no JSON")
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start.start() :])
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the answer is broken JSON ({str(error)[:60]})") from error
    if isinstance(value, Mapping):
        value = next((v for v in value.values() if isinstance(v, list)), None)
    if not isinstance(value, list) or not value:
        raise ValueError("the answer holds no list of texts")
    texts: list[Any] = []
    for one in value:
        if in_pairs and not (isinstance(one, list) and len(one) == 2):
            raise ValueError(f"{str(one)[:40]!r} in the answer is no pair of texts")
        joined: Any = [_description(text) for text in one] if in_pairs else _description(one)
        if in_pairs and joined[0] == joined[1]:
            raise ValueError(f"{joined[0][:40]!r} stands on both sides of a difference in the answer")
        if joined not in texts:
            texts.append(joined)
    return texts[:most]


def _description(text: Any) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"{str(text)[:40]!r} in the answer is no description")
    return " ".join(text.split())


class _Cache:
    """Answers by model and question; a line each, so that a killed run loses at most the last."""

    def __init__(self, path: Path | None, model: str):
        self.path, self.model = path, model
        self.known: dict[str, list[Any]] = {}
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    in_pairs = isinstance(row["texts"][0], list)
                    self.known[row["key"]] = read_answer(json.dumps(row["texts"]), 1000, in_pairs=in_pairs)
                except (ValueError, LookupError, TypeError):
                    continue  # a line cut short by a crash is asked for again

    def _of(self, question: str) -> str:
        return hashlib.sha256(f"{self.model}\n{question}".encode()).hexdigest()

    def get(self, question: str) -> list[Any] | None:
        return self.known.get(self._of(question))

    def put(self, question: str, texts: list[Any]) -> None:
        self.known[self._of(question)] = texts
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": self._of(question), "texts": texts}, ensure_ascii=False) + "\n")
