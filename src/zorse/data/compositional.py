"""Attribute-object tasks: classes are pairs, and unseen ones are new pairs of known words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError, NotAvailableError
from zorse.core.graph import ClassGraph
from zorse.data.task import ZeroShotTask

Pair = tuple[str, str]
PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class CompositionalTask(ZeroShotTask):
    """A zero-shot task whose classes are pairs, as :func:`pair_table` makes them: ``parents`` holds the two words.

    Attributes
    ----------
    val_seen_index, val_unseen_index : ndarray of int
        Validation samples of seen pairs, and of pairs that occur neither in training nor in the test; may be empty.

    Raises
    ------
    InputError
        As a ZeroShotTask; also if a class is no pair, or a validation pair is in the wrong set.
    """

    val_seen_index: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    val_unseen_index: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def __post_init__(self):
        super().__post_init__()
        parents = self.classes.parents or {}
        odd = [label for label in map(str, self.classes.labels) if len(parents.get(label, ())) != 2]
        if odd:
            raise InputError(f"every class of a compositional task has an attribute and an object; not so {odd[0]!r}")
        used = np.concatenate([self.train_index, self.test_seen_index, self.test_unseen_index])
        for part in ("val_seen_index", "val_unseen_index"):
            index = np.asarray(getattr(self, part), dtype=np.intp)
            if len(index) and (index.min() < 0 or index.max() >= len(self.y)):
                raise InputError(f"{part} holds a row outside 0 to {len(self.y) - 1}")
            if np.isin(index, used).any():
                raise InputError(f"row {index[np.isin(index, used)][0]} is in {part} and in another index set")
            index.setflags(write=False)
            object.__setattr__(self, part, index)
            used = np.concatenate([used, index])
        strange = np.setdiff1d(self.y[self.val_seen_index], self.seen)
        leaked = np.intersect1d(self.y[self.val_unseen_index], self.seen)
        if len(strange) or len(leaked):
            which = f"{strange[0]} is" if len(strange) else f"{leaked[0]} is not"
            raise InputError(f"{which} validated as a seen pair, against what is in training")

    @property
    def val_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Validation samples of seen pairs."""
        return self.X[self.val_seen_index], self.y[self.val_seen_index]

    @property
    def val_unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """Validation samples of pairs that are not in training."""
        return self.X[self.val_unseen_index], self.y[self.val_unseen_index]


def pair_table(pairs: Iterable[Pair], word_vectors: Mapping[str, np.ndarray] | None = None) -> ClassTable:
    """A class for each attribute-object pair.

    Parameters
    ----------
    pairs : iterable of (attribute, object)
        Different ones.
    word_vectors : mapping of word to ndarray of shape (k,), optional
        Default: one dimension a word.

    Returns
    -------
    ClassTable
        Labels "attribute object"; ``vectors`` both words' vectors side by side; ``parents`` the two words; ``graph``
        words and pairs as nodes, a pair's vector the mean of its words', with edges between attribute and object and
        from both to the pair. An object that is also an attribute is called "word (object)" there.

    Raises
    ------
    InputError
        If a pair occurs twice, or a word has no vector.
    """
    pairs = [(str(a), str(o)) for a, o in pairs]
    attributes, objects = (sorted({pair[i] for pair in pairs}) for i in (0, 1))
    words = attributes + objects
    if word_vectors is None:
        unique = sorted(set(words))
        word_vectors = dict(zip(unique, np.eye(len(unique)), strict=True))
    missing = [word for word in words if word not in word_vectors]
    if missing:
        raise InputError(f"words without a vector: {', '.join(missing[:5])}" + (" and more" if missing[5:] else ""))
    labels = [f"{a} {o}" for a, o in pairs]
    called = {o: f"{o} (object)" if o in attributes else o for o in objects}
    nodes = (*attributes, *(called[o] for o in objects), *labels)
    if len(set(nodes)) != len(nodes):
        raise InputError(f"{max(nodes, key=nodes.count)!r} stands for two pairs, or for a pair and a word")
    place = {node: i for i, node in enumerate(nodes)}
    at = np.array([(place[a], place[called[o]]) for a, o in pairs]).reshape(-1, 2)
    V = np.array([word_vectors[word] for word in words], dtype=np.float64)
    own = len(words) + np.arange(len(pairs))
    edges = np.concatenate([at, np.stack([at[:, 0], own], 1), np.stack([at[:, 1], own], 1)])
    graph = ClassGraph(nodes, np.concatenate([V, V[at].mean(axis=1)]), edges)
    parents: dict[str, tuple[str, ...]] = {label: (a, called[o]) for label, (a, o) in zip(labels, pairs, strict=True)}
    return ClassTable(np.array(labels), V[at].reshape(len(pairs), -1), tuple(labels), parents=parents, graph=graph)


def open_world(table: ClassTable) -> ClassTable:
    """The table of every attribute with every object that occur in ``table``, which :func:`pair_table` made.

    Raises
    ------
    InputError
        If a class of the table is no pair, or the table has no graph.
    """
    parents = [(table.parents or {}).get(str(label), ()) for label in table.labels]
    odd = [label for label, pair in zip(table.labels, parents, strict=True) if len(pair) != 2]
    if odd or table.graph is None:
        told = f"{odd[0]!s} has no attribute and object" if odd else "there is no graph, which holds the words"
        raise InputError(f"an open world is made of a table as pair_table makes it; {told}")
    attributes, objects = (sorted({pair[i] for pair in parents}) for i in (0, 1))
    plain = {o: o.removesuffix(" (object)") for o in objects}
    vectors = table.graph.vectors[table.graph.rows([*attributes, *objects])]
    words = dict(zip([*attributes, *plain.values()], vectors, strict=True))
    return pair_table([(a, plain[o]) for a in attributes for o in objects], words)


def read_pairs(folder: str | Path, split: str = "compositional-split-natural") -> dict[str, list[Pair]]:
    """The pairs of ``folder/split/{train,val,test}_pairs.txt``, one "attribute object" a line, by part.

    Raises
    ------
    NotAvailableError
        If a file is missing.
    InputError
        If a line does not hold two words; it names file and line.
    """
    pairs: dict[str, list[Pair]] = {}
    for part in PARTS:
        path = Path(folder) / split / f"{part}_pairs.txt"
        if not path.is_file():
            raise NotAvailableError(f"{path} is not there; expected the layout FOLDER/{split}/{part}_pairs.txt")
        pairs[part] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split()
            if len(words) != 2:
                raise InputError(f"{path}, line {number}: expected an attribute and an object; got {line!r}")
            pairs[part].append((words[0], words[1]))
    return pairs


def compositional_task(
    folder: str | Path,
    features: Mapping[str, np.ndarray] | str | Path,
    *,
    word_vectors: Mapping[str, np.ndarray] | None = None,
    split: str = "compositional-split-natural",
    name: str = "",
) -> CompositionalTask:
    """Join the field's lists of pairs (MIT-States, UT-Zappos, C-GQA) with features.

    Parameters
    ----------
    folder : path
        Holds ``split/{train,val,test}_pairs.txt``.
    features : mapping or path of an .npz
        Arrays ``features`` (n, d), ``attributes`` (n,), ``objects`` (n,) and ``set`` (n,), which is "train", "val" or
        "test" for each image.
    word_vectors : mapping of word to vector, optional
    split, name : str

    Raises
    ------
    InputError
        If sizes disagree, or an image's pair is not in the list of its set; it names row and pair.
    NotAvailableError
        If a file is missing.
    """
    if isinstance(features, str | Path):
        if not Path(features).is_file():
            raise NotAvailableError(f"{features} is not there")
        with np.load(features, allow_pickle=False) as z:
            features = dict(z)
    absent = [key for key in ("features", "attributes", "objects", "set") if key not in features]
    if absent:
        raise InputError(f"features hold no array {absent[0]!r}; expected features, attributes, objects and set")
    X, (A, O, parts) = features["features"], (features[key].astype(str) for key in ("attributes", "objects", "set"))
    if not len(X) == len(A) == len(O) == len(parts):
        raise InputError(f"features of {len(X)} images, but {len(A)} attributes, {len(O)} objects, {len(parts)} sets")
    listed = read_pairs(folder, split)
    known = {part: set(pairs) for part, pairs in listed.items()}
    for row, (a, o, part) in enumerate(zip(A, O, parts, strict=True)):
        if part not in known:
            raise InputError(f"set of row {row} is '{part}'; expected train, val or test")
        if (a, o) not in known[part]:
            raise InputError(f"row {row} is in {part}, but its pair '{a} {o}' is not in {part}_pairs.txt")
    table = pair_table(dict.fromkeys(pair for part in PARTS for pair in listed[part]), word_vectors)
    y = np.array([f"{a} {o}" for a, o in zip(A, O, strict=True)])
    seen = np.array([pair in known["train"] for pair in zip(A, O, strict=True)])
    train, val, test = (parts == part for part in PARTS)
    at = np.arange(len(y))
    return CompositionalTask(
        X,
        y,
        table,
        at[train],
        at[test & seen],
        at[test & ~seen],
        name or Path(folder).name,
        val_seen_index=at[val & seen],
        val_unseen_index=at[val & ~seen],
    )


def toy_compositional(
    *,
    n_attributes: int = 6,
    n_objects: int = 7,
    n_unseen: int = 10,
    n_per_pair: int = 12,
    dim: int = 24,
    n_semantics: int = 8,
    interaction: float = 0.5,
    noise: float = 0.2,
    random_state: int | np.random.RandomState | None = 0,
) -> CompositionalTask:
    """A world in which a feature is an attribute part, an object part and their interaction, plus noise.

    With word vectors a and o, a feature is P a + Q o + ``interaction`` R (a * o) + noise, with P, Q and R drawn once.
    Every attribute and every object is in training, as far as it occurs in two pairs; every fourth sample of a seen
    pair is held out.
    """
    rng = check_random_state(random_state)
    A, O = (rng.randn(n, n_semantics) / n_semantics**0.5 for n in (n_attributes, n_objects))
    P, Q, R = (rng.randn(n_semantics, dim) for _ in range(3))
    pairs = [(i, j) for i in range(n_attributes) for j in range(n_objects)]
    seen = seen_pairs(pairs, n_unseen, rng)
    rows = np.repeat(np.arange(len(pairs)), n_per_pair)
    a, o = np.array(pairs)[rows].T
    mixed = n_semantics**0.5 * A[a] * O[o]
    X = A[a] @ P + O[o] @ Q + interaction * mixed @ R + noise * rng.randn(len(rows), dim)
    words = {f"attribute{i}": v for i, v in enumerate(A)} | {f"object{j}": v for j, v in enumerate(O)}
    table = pair_table([(f"attribute{i}", f"object{j}") for i, j in pairs], words)
    at = np.arange(len(rows))
    held_out = at % n_per_pair % 4 == 0
    return CompositionalTask(
        X,
        table.labels[rows],
        table,
        at[seen[rows] & ~held_out],
        at[seen[rows] & held_out],
        at[~seen[rows]],
        "toy, compositional",
    )


def seen_pairs(pairs: Sequence[tuple], n_unseen: int, rng: np.random.RandomState | np.random.Generator) -> np.ndarray:
    """Which of ``pairs`` stay seen, shape (p,), when ``n_unseen`` drawn ones leave and no word leaves with them.

    Raises
    ------
    InputError
        If so many can't leave.
    """
    firsts, seconds = (np.unique([pair[i] for pair in pairs], return_inverse=True)[1] for i in (0, 1))
    left = [np.bincount(firsts), np.bincount(seconds)]
    seen = np.ones(len(pairs), dtype=bool)
    for i in rng.permutation(len(pairs)):
        if (~seen).sum() < n_unseen and left[0][firsts[i]] > 1 and left[1][seconds[i]] > 1:
            seen[i] = False
            left[0][firsts[i]] -= 1
            left[1][seconds[i]] -= 1
    if (~seen).sum() < n_unseen:
        raise InputError(f"only {(~seen).sum()} pairs can be unseen while every word is seen; asked for {n_unseen}")
    return seen
