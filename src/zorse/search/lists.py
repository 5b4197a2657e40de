"""Inverted lists for large tables, and how many of them a search has to look into."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from zorse.nn.retriever import ExactRetriever
from zorse.search.table import About, about, remember, vectors_of

EXACT_BELOW = 100_000  # rows; below that all are compared
TARGET = 0.96  # recall measured on a sample; of other questions .95 is promised
_GROWN = 4  # the lists are learned anew when the table has so many times the rows
_LOOSE = 0.05  # share of rows outside the lists, from which they are put in
_VERSIONS = 64  # commits, from which files are merged and old versions removed
_ROWS, _TEXTS, _NEAREST = 128, 64, 10
_TRAINING = 64  # rows for each list, from which the lists are learned


def arrange(table: Any, encoder: Any = None) -> About:
    """Merge small files, learn lists where a table has become large, put new rows in, and measure the probes needed.

    Safe to kill: each step is one commit, and what is in no list is compared one by one.
    """
    known, rows = about(table), table.count_rows()
    there = [index for index in table.list_indices() if list(index.columns) == ["embedding"]]
    loose = table.index_stats(there[0].name).num_unindexed_rows if there else 0
    if len(table.list_versions()) > _VERSIONS or loose > _LOOSE * rows:
        with warnings.catch_warnings():
            # It warns of readers of old versions; ours go on to the newest.
            warnings.simplefilter("ignore")
            table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    if rows < EXACT_BELOW:
        return known
    if not there or (known.trained and rows > _GROWN * known.trained):
        _learn(table, rows)
        known = replace(known, lists=0)
    if not known.lists:
        lists = _lists(rows)
        probes, recall = choose_probes(table, lists, encoder, TARGET)
        known = replace(known, lists=lists, probes=probes, trained=rows, recall=recall)
        remember(table, known)
    return known


def _lists(rows: int) -> int:
    return max(1, round(math.sqrt(rows)))


def _learn(table: Any, rows: int) -> None:
    from lancedb.index import IvfFlat

    # Flat: what the lists hold is the vectors themselves, so that only the number of probes costs recall.
    config = IvfFlat(distance_type="dot", num_partitions=_lists(rows), sample_rate=_TRAINING, max_iterations=20)
    table.create_index("embedding", config=config, replace=True)


def choose_probes(table: Any, lists: int, encoder: Any, target: float) -> tuple[int, dict[str, float]]:
    """The fewest lists (4, 8, 16, ...) that find ``target`` of the ten nearest, and what they find by kind of question.

    Questions are rows of the table, which do not count as their own neighbours, and texts where the encoder reads any:
    texts lie elsewhere in the space than images, and may need more lists.
    """
    questions = {name: asked for name, asked in _questions(table, encoder).items() if len(asked)}
    queries = np.concatenate(list(questions.values()))
    kind = np.repeat(list(questions), [len(asked) for asked in questions.values()])
    truth = exact(table, queries, _NEAREST + 1)[0]
    probes = 4
    while True:
        probes = min(probes, lists)
        shares = [
            _share(truth[i], _ids(table, query, probes), itself=kind[i] == "image") for i, query in enumerate(queries)
        ]
        recall = {name: round(float(np.mean(np.array(shares)[kind == name])), 4) for name in questions}
        if min(recall.values()) >= target or probes == lists:
            return probes, recall
        probes *= 2


def _share(truth: np.ndarray, found: np.ndarray, itself: bool) -> float:
    truth, found = (truth[1:], found[found != truth[0]]) if itself else (truth[:-1], found)
    return float(np.isin(truth, found[:_NEAREST]).mean())


def _ids(table: Any, query: np.ndarray, probes: int) -> np.ndarray:
    asked = table.search(query, vector_column_name="embedding").distance_type("dot").limit(_NEAREST + 1)
    asked = asked.minimum_nprobes(probes).maximum_nprobes(probes).select(["_distance"]).with_row_id(True)
    return np.asarray(asked.to_arrow()["_rowid"]).astype(np.int64)


def _questions(table: Any, encoder: Any) -> dict[str, np.ndarray]:
    rows = table.count_rows()
    drawn = np.sort(np.random.default_rng(0).choice(rows, min(rows, 8 * _ROWS), replace=False))
    some = table.take_offsets(drawn.tolist()).select(["embedding", "labels", "caption"]).to_arrow()
    asked = {"image": vectors_of(some)[:: max(1, len(drawn) // _ROWS)][:_ROWS]}
    if hasattr(encoder, "encode_text"):
        captions = [text for text in some["caption"].to_pylist() if text]
        labels = [f"a photo of {label}" for labels in some["labels"].to_pylist() for label in labels or ()]
        if texts := list(dict.fromkeys(captions + labels))[:_TEXTS]:
            asked["text"] = encoder.encode_text(texts)
    return asked


def exact(table: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Row ids and similarities of the ``k`` nearest of each query, by going through the table once."""
    ids, best = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for at, vectors in blocks(table):
        index, similarity = ExactRetriever().fit(vectors).search(queries, k)
        ids, best = np.concatenate([ids, at[index]], 1), np.concatenate([best, similarity], 1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        ids, best = np.take_along_axis(ids, order, 1), np.take_along_axis(best, order, 1)
    return ids, best


def blocks(table: Any, size: int = 16384) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row ids and vectors of a whole table, a block at a time."""
    import pyarrow as pa

    for batch in table.search().select(["embedding"]).with_row_id(True).to_batches(size):
        block = pa.Table.from_batches([batch])
        yield np.asarray(block["_rowid"]).astype(np.int64), vectors_of(block)
