"""What is wrong with the arrays of a task: everything, not only the first thing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Parts = dict[str, Any]
"""Arrays of a task by the names that :func:`zorse.data.save_bundle` gives them."""

SETS = ("train", "test_seen", "test_unseen")
_INDEX = ("train_index", "test_seen_index", "test_unseen_index")
_REQUIRED = ("features", "labels", "class_labels", "class_vectors", "train_index", "test_unseen_index")
_BLOCK = 4096


def defects(parts: Parts, unread: Sequence[str] = ()) -> list[str]:
    """Every reason why ``parts`` are no sound zero-shot task, one line each; rows are counted from 0.

    ``unread`` are the lines about parts that could not be read; they come first, and those parts are not missing.
    """
    told = {line.partition(":")[0] for line in unread}
    found = [*unread, *(f"{part}: is missing" for part in _REQUIRED if part not in parts and part not in told)]
    found += _wrong_shapes(parts)
    held = {key: value for key, value in parts.items() if not any(line.startswith(f"{key}: ") for line in found)}
    found += _samples(held)
    found += _classes(held)
    found += _split(held)
    found += _beside(held)
    return found


def remarks(parts: Parts) -> list[str]:
    """What is allowed but worth a look, of sound parts: one line each."""
    found = []
    X, y = parts["features"], parts["labels"]
    table, vectors = parts["class_labels"], parts["class_vectors"]
    without = table[~np.isin(table, y)]
    if len(without):
        found.append(f"classes: without a sample: {shown(without)}")
    zero = table[~vectors.any(axis=1)]
    if len(zero):
        found.append(f"class_vectors: all zero: {shown(zero)}")
    for group in _alike(vectors):
        found.append(f"class_vectors: the same for {shown(table[group])}")
    if "class_names" in parts:
        folded = np.array([" ".join(str(name).casefold().split()) for name in parts["class_names"]])
        for group in _alike(folded[:, None]):
            found.append(f"class_names: {shown(folded[group[:1]])} names {shown(table[group])}")
    used = np.zeros(len(y), dtype=np.int8)
    for number, part in enumerate(_INDEX, 1):
        used[parts.get(part, np.zeros(0, int))] = number
    if not used.all():
        found.append(f"split: {np.sum(used == 0):,} of {len(y):,} samples are in no set")
    for group in _alike(X):
        if len(set(used[group]) - {0}) > 1 and 1 in used[group]:
            found.append(f"features: the same in training and in test: rows {ranges(group)}")
        elif len(set(y[group].tolist())) > 1:
            found.append(f"features: the same under different labels: rows {ranges(group)}")
    return found


def ranges(rows: Iterable[int]) -> str:
    """``3, 17-20``: every row, in few words."""
    told: list[str] = []
    ordered = sorted({int(row) for row in rows})
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[i - 1] + 1:
            first, last = ordered[start], ordered[i - 1]
            told += [str(first)] if first == last else [f"{first}-{last}"] if last > first + 1 else [f"{first}, {last}"]
            start = i
    return ", ".join(told)


def shown(values: Any) -> str:
    """Labels as people write them."""
    return ", ".join(repr(v) if isinstance(v, str) else str(v) for v in np.asarray(values).tolist())


def views(parts: Parts) -> list[str]:
    """Names of the further class vectors, in order."""
    return sorted((key for key in parts if key.startswith("class_view_")), key=lambda key: (len(key), key))


def _wrong_shapes(parts: Parts) -> list[str]:
    wanted = {"features": (2, "biuf", "(n, d) or (n, gh, gw, d)"), "class_vectors": (2, "biuf", "(c, k)")}
    wanted |= {key: (2, "biuf", "(c, k)") for key in views(parts)}
    wanted |= {"labels": (1, "biufU", "(n,)"), "class_labels": (1, "biufU", "(c,)"), "class_names": (1, "U", "(c,)")}
    wanted |= {"class_prompts": (2, "biuf", "(p, k)"), "class_prompt_counts": (1, "iu", "(c,)")}
    wanted |= {"graph_nodes": (1, "U", "(m,)"), "graph_vectors": (2, "biuf", "(m, k)")}
    wanted |= {"graph_edges": (2, "iu", "(e, 2)"), "graph_relations": (1, "iu", "(e,)")}
    wanted |= {part: (1, "iu", "(m,) of row numbers") for part in _INDEX}
    found = []
    for key, (ndim, kinds, shape) in wanted.items():
        value = parts.get(key)
        if value is None:
            continue
        if not isinstance(value, np.ndarray) or value.ndim not in ((2, 4) if key == "features" else (ndim,)):
            found.append(f"{key}: expected an array {shape}; got shape {np.shape(value)}")
        elif value.dtype.kind not in kinds and not (value.size == 0 and ndim == 1):
            kind = "text" if kinds == "U" else "numbers or text" if "U" in kinds else "numbers"
            empty = " with empty rows" if value.dtype.kind == "O" and None in value.tolist() else ""
            found.append(f"{key}: expected {kind}; got {value.dtype}{empty}")
        elif value.ndim > 1 and 0 in value.shape and key != "graph_edges":
            found.append(f"{key}: is empty, {value.shape}")
    return found


def _samples(held: Parts) -> list[str]:
    found = []
    X, y, table = held.get("features"), held.get("labels"), held.get("class_labels")
    if X is not None and y is not None and len(X) != len(y):
        found.append(f"labels: {len(y):,} for {len(X):,} samples")
    if X is not None and len(bad := _not_finite(X)):
        found.append(f"features: NaN or infinite in {_rows(bad)}")
    if y is not None and table is not None and len(y):
        if (y.dtype.kind == "U") != (table.dtype.kind == "U"):
            found.append(f"labels: {y.dtype} in samples, {table.dtype} in classes; numbers and text never match")
        else:
            for label in np.unique(y[~np.isin(y, table)]):
                rows = np.flatnonzero(y == label) if label == label else np.flatnonzero(y != y)
                found.append(f"labels: {shown([label])} has no class row ({_rows(rows)})")
    return found


def _classes(held: Parts) -> list[str]:
    found: list[str] = []
    table = held.get("class_labels")
    if table is None:
        return found
    found += [f"class_labels: {label} occurs {n} times" for label, n in _repeated(table)]
    for key, value in held.items():
        if key in ("class_vectors", "class_names", "class_prompt_counts") or key.startswith("class_view_"):
            if len(value) != len(table):
                found.append(f"{key}: {len(value)} rows for {len(table)} classes")
            elif value.ndim == 2 and len(bad := _not_finite(value)):
                found.append(f"{key}: NaN or infinite for {shown(table[bad])}")
    counts, prompts = held.get("class_prompt_counts"), held.get("class_prompts")
    if (counts is None) != (prompts is None):
        found.append(f"class_prompt{'s' if prompts is None else '_counts'}: is missing or cannot be used")
    elif counts is not None and prompts is not None:
        if len(counts) == len(table) and (none := table[counts < 1]).size:
            found.append(f"class_prompts: none for {shown(none)}")
        if counts.sum() != len(prompts):
            found.append(f"class_prompts: {len(prompts)} rows, but the counts sum to {counts.sum()}")
        if len(bad := _not_finite(prompts)):
            found.append(f"class_prompts: NaN or infinite in {_rows(bad)}")
        if "class_vectors" in held and prompts.shape[1] != held["class_vectors"].shape[1]:
            found.append(f"class_prompts: {prompts.shape[1]} numbers, class vectors {held['class_vectors'].shape[1]}")
    return found


def _split(held: Parts) -> list[str]:
    found = []
    y = held.get("labels")
    n = len(y) if y is not None else len(held["features"]) if "features" in held else None
    inside: dict[str, np.ndarray] = {}
    for part in _INDEX:
        index = held.get(part)
        if index is None:
            continue
        if n is not None and len(out := index[(index < 0) | (index >= n)]):
            found.append(f"{part}: no such {_rows(out)}; there are {n:,} samples")
        rows, counts = np.unique(index, return_counts=True)
        if (counts > 1).any():
            found.append(f"{part}: more than once: {_rows(rows[counts > 1])}")
        if part != "test_seen_index" and not len(index):
            found.append(f"{part}: is empty")
        for other, known in inside.items():
            if len(both := np.intersect1d(known, index)):
                found.append(f"split: both in {other} and in {part}: {_rows(both)}")
        inside[part] = index
    if y is None or n is None:
        return found
    by_set = {part: y[index[(index >= 0) & (index < n)].astype(np.intp)] for part, index in inside.items()}
    if "train_index" not in by_set:
        return found
    train = by_set["train_index"]
    for label in np.intersect1d(train, by_set.get("test_unseen_index", train[:0])):
        found.append(f"split: {shown([label])} is tested as unseen and has {np.sum(train == label):,} training samples")
    for label in np.setdiff1d(by_set.get("test_seen_index", train[:0]), train):
        found.append(f"split: {shown([label])} is tested as seen and has no training sample")
    return found


def _beside(held: Parts) -> list[str]:
    """Graph and hierarchy."""
    found = []
    nodes, vectors, edges = (held.get(f"graph_{part}") for part in ("nodes", "vectors", "edges"))
    if nodes is not None:
        found += [f"graph_nodes: {node} occurs {k} times" for node, k in _repeated(nodes)]
        found += [f"graph_{part}: is missing" for part in ("vectors", "edges") if held.get(f"graph_{part}") is None]
    if vectors is not None:
        if nodes is not None and len(nodes) != len(vectors):
            found.append(f"graph_vectors: {len(vectors)} rows for {len(nodes)} nodes")
        if len(bad := _not_finite(vectors)):
            found.append(f"graph_vectors: NaN or infinite in {_rows(bad)}")
    if edges is not None and nodes is not None and edges.shape[1] != 2:
        found.append(f"graph_edges: expected (e, 2); got {edges.shape}")
    elif edges is not None and nodes is not None and len(out := edges[(edges < 0) | (edges >= len(nodes))]):
        found.append(f"graph_edges: no such node: {_rows(out)}; there are {len(nodes)}")
    relations = held.get("graph_relations")
    if relations is not None and edges is not None and len(relations) != len(edges):
        found.append(f"graph_relations: {len(relations)} for {len(edges)} edges")
    parents = held.get("parents")
    if parents is not None and not (
        isinstance(parents, dict)
        and all(isinstance(a, (list, tuple)) and all(isinstance(p, str) for p in a) for a in parents.values())
    ):
        found.append("parents: expected an object {node: [what it is a kind of, ...]}")
    return found


def _repeated(values: np.ndarray) -> list[tuple[str, int]]:
    unique, counts = np.unique(values, return_counts=True)
    return [(shown([value]), n) for value, n in zip(unique, counts) if n > 1]


def _not_finite(matrix: np.ndarray) -> np.ndarray:
    """Rows with NaN or infinity, without a mask of the whole."""
    if matrix.dtype.kind != "f":
        return np.zeros(0, dtype=np.intp)
    inner = tuple(range(1, matrix.ndim))
    bad = [np.zeros(0, dtype=np.intp)]
    for start in range(0, len(matrix), _BLOCK):
        bad.append(start + np.flatnonzero(~np.isfinite(matrix[start : start + _BLOCK]).all(axis=inner)))
    return np.concatenate(bad)


def _rows(rows: np.ndarray) -> str:
    return f"row{'' if len(set(rows.tolist())) == 1 else 's'} {ranges(rows)}"


def _alike(matrix: np.ndarray) -> list[np.ndarray]:
    """Groups of rows that are equal to the last bit."""
    groups: dict[bytes, list[int]] = {}
    for i, row in enumerate(matrix):
        groups.setdefault(hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest(), []).append(i)
    return [np.array(group) for group in groups.values() if len(group) > 1]
