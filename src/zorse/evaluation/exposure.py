"""Which "unseen" classes an encoder has been trained on: unseen by the zero-shot method, but not by its features."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from zorse.core import ClassTable, InputError, NotAvailableError
from zorse.data import ZeroShotTask
from zorse.semantics.files import kind_of, read_json, read_lines
from zorse.semantics.wordnet import WordNet

BUILT_IN = ("imagenet-1k", "imagenet-21k")
_ID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class KnownClasses:
    """What an encoder has been trained on.

    Attributes
    ----------
    name : str
        Shown in reports.
    wnids : frozenset of str
        WordNet 3.0 ids.
    names : dict of str to str
        Names that are listed without an id, by their folded form (:func:`fold`).
    id_names : dict of str to str
        Names that are listed beside an id, by their folded form: the id and the name.
    """

    name: str
    wnids: frozenset[str]
    names: Mapping[str, str]
    id_names: Mapping[str, str]

    @classmethod
    def read(cls, source: str | Path) -> KnownClasses:
        """A built-in list or a file.

        Parameters
        ----------
        source : str or path
            "imagenet-1k" (1,000 classes) or "imagenet-21k" (21,841, of autumn 2011), which are lists of ids; or a file
            with a class a line: an id, a name, or an id and its names (``n01440764 tench, Tinca tinca``); or JSON, a
            list of these or an object whose values are names or ``[id, name]``.

        Raises
        ------
        InputError
            If the file cannot be read or holds no class.
        """
        if str(source) in BUILT_IN:
            text = files("zorse.evaluation").joinpath("known", f"{source}.txt").read_text("ascii")
            return cls(str(source), frozenset(text.split()), {}, {})
        path = Path(source).expanduser()
        if not path.is_file() and path.suffix == "" and path.parent == Path():
            raise InputError(f"{source} is no file and no known list ({', '.join(BUILT_IN)})")
        entries = _json_entries(path) if path.suffix.lower() == ".json" else [line for _, line in read_lines(path)]
        wnids: set[str] = set()
        names: dict[str, str] = {}
        id_names: dict[str, str] = {}
        for entry in entries:
            found = _ID.match(entry)
            rest = entry[found.end() :].lstrip(" \t,:") if found else entry
            wnids |= {found[0]} if found else set()
            # Synonyms are told apart by commas only beside an id; a name alone may hold one.
            for name in re.split(r",\s*", rest) if found else [rest]:
                if fold(name) and found:
                    id_names.setdefault(fold(name), f"{found[0]} {name.strip()}")
                elif fold(name):
                    names.setdefault(fold(name), name.strip())
        if not wnids and not names:
            raise InputError(f"{path} holds no class")
        return cls(path.name, frozenset(wnids), names, id_names)

    def __or__(self, other: KnownClasses) -> KnownClasses:
        both = f"{self.name} + {other.name}", self.wnids | other.wnids
        return KnownClasses(*both, {**self.names, **other.names}, {**self.id_names, **other.id_names})

    def __len__(self) -> int:
        return len(self.wnids) + len(self.names)


@dataclass(frozen=True)
class Exposure:
    """One class that the encoder has been trained on.

    Attributes
    ----------
    label, name : str
        The class of the task.
    how : str
        "id" (the same WordNet id), "name" (its name is one of a known class), "synonym" (another name of it is) or
        "caption".
    known : str
        What it was found as.
    meaning : str
        WordNet's definition of that, to judge whether the same is meant; "" where it is not known.
    """

    label: str
    name: str
    how: str
    known: str
    meaning: str = ""


@dataclass(frozen=True)
class ExposureReport:
    """What an audit has found.

    Attributes
    ----------
    known : str
        Name of the list.
    labels : tuple
        The audited classes, as the class table labels them.
    exposures : tuple of Exposure
        One a class, in the order of ``labels``.
    kinds : dict of str to str
        Classes that are not exposed themselves, but of which a kind is (a sorrel is a horse), and that kind.
    with_wordnet : bool
        Whether names were looked up in WordNet; without it synonyms are not found.
    """

    known: str
    labels: tuple
    exposures: tuple[Exposure, ...]
    kinds: Mapping[str, str]
    with_wordnet: bool

    @property
    def exposed(self) -> np.ndarray:
        """Labels of the exposed classes."""
        told = {exposure.label for exposure in self.exposures}
        return np.array([label for label in self.labels if str(label) in told])

    @property
    def clean(self) -> np.ndarray:
        """Labels of the other audited classes."""
        told = {exposure.label for exposure in self.exposures}
        return np.array([label for label in self.labels if str(label) not in told])

    def note(self) -> str:
        """One line to set below a table of results."""
        what = "unseen class was" if len(self.labels) == 1 else "unseen classes were"
        return f"{len(self.exposures)} of {len(self.labels)} {what} in {self.known}, which the encoder was trained on"

    def as_dict(self) -> dict:
        """For JSON."""
        return {
            "known": self.known,
            "classes": len(self.labels),
            "exposed": len(self.exposures),
            "with_wordnet": self.with_wordnet,
            "exposures": [vars(exposure) for exposure in self.exposures],
            "kinds": dict(self.kinds),
        }


def exposed(
    classes: ClassTable, known: KnownClasses, *, labels: Iterable | None = None, wordnet: WordNet | None = None
) -> ExposureReport:
    """Which of ``classes`` are among those that an encoder has been trained on.

    A class whose label is a WordNet id is looked for by it; any other by its name. A name counts in every sense that
    WordNet knows, since nothing says which is meant: the report tells the meaning that was found.

    Parameters
    ----------
    classes : ClassTable
    known : KnownClasses
    labels : sequence, optional
        The classes to audit, the unseen ones as a rule; all by default.
    wordnet : WordNet, optional
        For synonyms, and for names where ``known`` is a list of ids.

    Raises
    ------
    InputError
        If a label is not in the table.
    NotAvailableError
        If classes are told by names, ``known`` by ids, and there is no ``wordnet`` to join them: to find nothing would
        look like a clean bill.
    """
    table = classes if labels is None else classes.select(np.asarray(labels))
    names = table.names or tuple(str(label) for label in table.labels)
    by_id = [bool(_ID.fullmatch(str(label))) for label in table.labels]
    if table.names is None and table.labels.dtype.kind in "iuf":
        raise InputError("classes are numbered and have no names; there is nothing to look for")
    if wordnet is None and not known.names and not known.id_names and not all(by_id):
        raise NotAvailableError(
            f"{known.name} lists WordNet ids and the classes have names: WordNet is needed to join them "
            "(Debian, Ubuntu: apt install wordnet-base; or name its folder)"
        )
    senses = {} if wordnet is None else _senses(wordnet)
    exposures, kinds = [], {}
    for label, name, is_id in zip(table.labels, names, by_id, strict=True):
        wnids = (str(label),) if is_id else senses.get(fold(name), ())
        found = _found(str(label), name, is_id, wnids, known, wordnet)
        if found is not None:
            exposures.append(found)
        elif wordnet is not None:
            below = (wnid for sense in wnids if sense in wordnet for wnid in wordnet.descendants(sense))
            kind = next((wnid for wnid in below if wnid in known.wnids), None)
            if kind is not None:
                kinds[str(label)] = f"{kind} {wordnet[kind].names[0]}"
    return ExposureReport(known.name, tuple(table.labels.tolist()), tuple(exposures), kinds, wordnet is not None)


def exposed_in_captions(
    classes: ClassTable,
    captions: Iterable[str],
    *,
    labels: Iterable | None = None,
    wordnet: WordNet | None = None,
    at_least: int = 1,
    name: str = "captions",
) -> ExposureReport:
    """Which of ``classes`` are named in the texts that an encoder has been trained on (LAION and its like).

    A class is named by its own name, and with ``wordnet`` by its synonyms if it has but one sense or an id, each as
    whole words, in singular or regular plural. ``captions`` is gone through once. ``at_least`` captions must name it.
    """
    table = classes if labels is None else classes.select(np.asarray(labels))
    names = table.names or tuple(str(label) for label in table.labels)
    senses = {} if wordnet is None else _senses(wordnet)
    wanted: dict[str, list[int]] = {}
    for i, (label, own) in enumerate(zip(table.labels, names, strict=True)):
        wnids = (str(label),) if _ID.fullmatch(str(label)) else senses.get(fold(own), ())
        more = wordnet[wnids[0]].names if wordnet is not None and len(wnids) == 1 and wnids[0] in wordnet else ()
        for folded in {fold(one) for one in (own, *more)} - {""}:
            for form in (folded, f"{folded}s", f"{folded}es"):
                wanted.setdefault(form, []).append(i)
    longest = max((form.count(" ") + 1 for form in wanted), default=0)
    counts = np.zeros(table.n_classes, dtype=int)
    first: dict[int, str] = {}
    for caption in captions:
        words = re.findall(r"\w+", fold(caption))
        grams = {" ".join(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1)}
        for i in {i for gram in grams & wanted.keys() for i in wanted[gram]}:
            counts[i] += 1
            first.setdefault(i, caption.strip())
    exposures = tuple(
        Exposure(str(table.labels[i]), names[i], "caption", f"{counts[i]:,} captions, such as: {first[i][:80]}")
        for i in np.flatnonzero(counts >= at_least).tolist()
    )
    return ExposureReport(name, tuple(table.labels.tolist()), exposures, {}, wordnet is not None)


def clean_split(task: ZeroShotTask, report: ExposureReport, *, seed: int | None = None) -> ZeroShotTask:
    """A task whose unseen classes the encoder has not been trained on.

    Parameters
    ----------
    task : ZeroShotTask
    report : ExposureReport
        Of the unseen classes; of all of them if ``seed`` is given.
    seed : int, optional
        Without it, exposed unseen classes and their samples are left out. With it they become seen classes, a fifth of
        their samples held out, and as many clean classes, drawn by it, become unseen in their place.

    Raises
    ------
    InputError
        If no unseen class is left, or too few clean classes are there to take their place.
    """
    audited = {str(label) for label in report.labels}
    wanted = np.union1d(task.seen, task.unseen) if seed is not None else task.unseen
    if missing := [str(label) for label in wanted if str(label) not in audited]:
        raise InputError(f"the report says nothing of {', '.join(missing[:5])}")
    bad = np.isin(task.unseen.astype(str), [exposure.label for exposure in report.exposures])
    name = f"{task.name}, clean of {report.known}"
    if seed is None:
        if bad.all():
            raise InputError(f"every unseen class of {task.name!r} is in {report.known}; none would be left")
        kept = np.flatnonzero(~np.isin(task.y, task.unseen[bad]))
        index = {
            part: np.searchsorted(kept, getattr(task, part)[np.isin(getattr(task, part), kept)])
            for part in ("train_index", "test_seen_index", "test_unseen_index")
        }
        classes = task.classes.without(task.unseen[bad])
        return replace(task, X=task.X[kept], y=task.y[kept], classes=classes, name=name, **index)
    rng = np.random.default_rng(seed)
    pool = task.seen[np.isin(task.seen, report.clean)]
    if len(pool) < bad.sum():
        raise InputError(f"{bad.sum()} exposed classes must give way, but only {len(pool)} clean ones are seen")
    unseen = np.concatenate([task.unseen[~bad], rng.permutation(pool)[: bad.sum()]])
    train, test_seen, test_unseen = [], [], []
    used = np.concatenate([task.train_index, task.test_seen_index, task.test_unseen_index])
    for label in np.unique(task.y[used]):
        rows = used[task.y[used] == label]
        if label in unseen:
            test_unseen.append(rows)
        elif label in task.unseen:
            rows = rng.permutation(rows)
            test_seen.append(rows[: len(rows) // 5])
            train.append(rows[len(rows) // 5 :])
        else:
            test_seen.append(task.test_seen_index[task.y[task.test_seen_index] == label])
            train.append(task.train_index[task.y[task.train_index] == label])
    parts = {"train_index": train, "test_seen_index": test_seen, "test_unseen_index": test_unseen}
    index = {part: np.sort(np.concatenate(rows)) for part, rows in parts.items()}
    return replace(task, name=name, **index)


def fold(name: str) -> str:
    """A name without what writers do differently: ``Henslow's_Sparrow`` and ``henslow sparrow`` are the same."""
    text = re.sub(r"['\N{RIGHT SINGLE QUOTATION MARK}]s\b", "", name.casefold())
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


def _senses(wordnet: WordNet) -> dict[str, tuple[str, ...]]:
    """Ids by folded name."""
    found: dict[str, dict[str, None]] = {}
    for wnid, synset in wordnet.items():
        for name in synset.names:
            found.setdefault(fold(name), {})[wnid] = None
    return {name: tuple(wnids) for name, wnids in found.items()}


def _found(
    label: str, name: str, is_id: bool, wnids: tuple[str, ...], known: KnownClasses, wordnet: WordNet | None
) -> Exposure | None:
    def meant(wnid: str) -> tuple[str, str]:
        synset = None if wordnet is None else wordnet.get(wnid)
        return (f"{wnid} {synset.names[0]}", synset.definition) if synset else (wnid, "")

    def is_first(wnid: str) -> bool:
        return wordnet is not None and wnid in wordnet and fold(wordnet[wnid].names[0]) == fold(name)

    if match := next((wnid for wnid in wnids if wnid in known.wnids), None):
        return Exposure(label, name, "id" if is_id else "name" if is_first(match) else "synonym", *meant(match))
    # Two classes with ids are compared by these alone: a crane that flies is none that lifts.
    listed = known.names if is_id else {**known.id_names, **known.names}
    if fold(name) in listed:
        return Exposure(label, name, "name", listed[fold(name)])
    for wnid in wnids:
        for synonym in () if wordnet is None or wnid not in wordnet else wordnet[wnid].names:
            if fold(synonym) in listed:
                return Exposure(label, name, "synonym", listed[fold(synonym)], meant(wnid)[1])
    return None


def _json_entries(path: Path) -> Iterator[str]:
    held = read_json(path)
    if not isinstance(held, (list, dict)):
        raise InputError(f"{path} holds {kind_of(held)}; expected a list or an object of classes")
    for key, value in held.items() if isinstance(held, dict) else enumerate(held):
        parts = value if isinstance(value, list) else [value]
        if not parts or not all(isinstance(part, str) for part in parts):
            raise InputError(f"{path}: {key!r} is {kind_of(value)}; expected a name, or an id and names")
        id_first = _ID.fullmatch(str(key)) and not _ID.match(parts[0])
        yield (f"{key} " if id_first else "") + (f"{parts[0]} {', '.join(parts[1:])}" if len(parts) > 1 else parts[0])
