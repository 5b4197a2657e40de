"""The promises of a :class:`zorse.nn.retriever.Retriever`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from zorse.core import InputError, ZeroShotMethod, load, save

ROWS, QUERIES, DIM, K = 40, 6, 8, 5


def gallery_and_queries() -> tuple[np.ndarray, np.ndarray]:
    """Unit rows (40, 8) without structure, and six queries that are rows 3, 7, ... of them, a little off."""
    draw = np.random.default_rng(0)
    rows, near = draw.normal(size=(ROWS, DIM)), 0.05 * draw.normal(size=(QUERIES, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    asked = rows[wanted()] + near
    return rows.astype(np.float32), (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)


def wanted() -> np.ndarray:
    """The row that each query resembles."""
    return 3 + 4 * np.arange(QUERIES)


def retriever_checks(model: Any) -> Iterator[Callable[[Any], None]]:
    """The checks that apply to an unfitted ``model``."""
    yield check_best_come_first
    yield check_more_than_there_are_is_all
    yield check_fewer_are_the_first_of_more
    yield check_same_question_same_answer
    yield check_permuting_the_gallery_permutes_indices
    yield check_queries_are_answered_independently
    yield check_gallery_and_queries_are_left_alone
    yield check_what_cannot_be_searched_is_refused
    yield check_vectors_that_are_not_finite_are_located
    if isinstance(model, ZeroShotMethod):
        yield check_saving_keeps_answers


def _fitted(model: Any) -> Any:
    return clone(model, safe=False).fit(gallery_and_queries()[0].copy())


def _search(model: Any, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    return model.search(gallery_and_queries()[1].copy(), k)


def _refusal(call: Callable[[], object], what: str) -> str:
    try:
        call()
    except InputError as error:
        return str(error)
    raise AssertionError(f"{what} was accepted")


def check_best_come_first(model):
    """Indices are rows of the gallery, none twice; scores fall; a row a little off is found before all others."""
    indices, scores = _search(_fitted(model))
    assert indices.shape == scores.shape == (QUERIES, K), f"{indices.shape} indices and {scores.shape} scores"
    assert np.issubdtype(indices.dtype, np.integer), f"indices are {indices.dtype}"
    assert indices.min() >= 0, "an index is negative"
    assert indices.max() < ROWS, "an index is beyond the gallery"
    assert all(len(set(row)) == K for row in indices.tolist()), "a row is found twice by one query"
    assert np.isfinite(scores).all(), "a score is not finite"
    assert (np.diff(scores, axis=1) <= 0).all(), "scores rise along the ranks"
    found = (indices[:, 0] == wanted()).mean()
    assert found > 0.9, f"only {found:.0%} of queries find the row they resemble"


def check_more_than_there_are_is_all(model):
    """A ``k`` beyond the gallery gives each of its rows once."""
    indices, scores = _search(_fitted(model), ROWS + 3)
    assert indices.shape == scores.shape == (QUERIES, ROWS), f"of {ROWS} rows {indices.shape[1]} are given"
    np.testing.assert_array_equal(np.sort(indices, axis=1), np.tile(np.arange(ROWS), (QUERIES, 1)))


def check_fewer_are_the_first_of_more(model):
    """The best two are the first two of the best five."""
    fitted = _fitted(model)
    np.testing.assert_array_equal(_search(fitted, 2)[0], _search(fitted)[0][:, :2])


def check_same_question_same_answer(model):
    """Two searches, another between them, and two fits agree to the last bit."""
    fitted = _fitted(model)
    first = _search(fitted)
    fitted.search(gallery_and_queries()[0][:2], 3)
    for again in (_search(fitted), _search(_fitted(model))):
        np.testing.assert_array_equal(again[0], first[0])
        np.testing.assert_array_equal(again[1], first[1])


def check_permuting_the_gallery_permutes_indices(model):
    """The order of the gallery means nothing."""
    rows, _ = gallery_and_queries()
    order = np.random.default_rng(1).permutation(ROWS)
    indices, scores = _search(_fitted(model))
    others, theirs = _search(clone(model, safe=False).fit(rows[order]))
    np.testing.assert_array_equal(order[others], indices)
    np.testing.assert_allclose(theirs, scores, rtol=1e-4, atol=1e-5)


def check_queries_are_answered_independently(model):
    """One query at a time gives the same answers."""
    fitted, (_, queries) = _fitted(model), gallery_and_queries()
    indices, scores = fitted.search(queries, K)
    for i, query in enumerate(queries):
        alone = fitted.search(query[None], K)
        np.testing.assert_array_equal(alone[0][0], indices[i])
        np.testing.assert_allclose(alone[1][0], scores[i], rtol=1e-4, atol=1e-5)


def check_gallery_and_queries_are_left_alone(model):
    """Neither is written to."""
    rows, queries = gallery_and_queries()
    gallery, asked = rows.copy(), queries.copy()
    fitted = clone(model, safe=False).fit(gallery)
    fitted.search(asked, K)
    np.testing.assert_array_equal(gallery, rows)
    np.testing.assert_array_equal(asked, queries)


def check_what_cannot_be_searched_is_refused(model):
    """Queries of another length are refused with both lengths, and ``k`` below 1 with ``k``."""
    fitted, (_, queries) = _fitted(model), gallery_and_queries()
    told = _refusal(lambda: fitted.search(queries[:, 1:], K), "a query of another length")
    assert all(str(d) in told for d in (DIM, DIM - 1)), f"the error does not say both lengths: {told}"
    told = _refusal(lambda: fitted.search(queries, 0), "a search for nothing")
    assert "0" in told, f"the error does not say k: {told}"


def check_vectors_that_are_not_finite_are_located(model):
    """NaN or infinity is refused, in fit and search, by kind, row and column."""
    rows, queries = gallery_and_queries()
    fitted, unfitted = _fitted(model), clone(model, safe=False)
    for value, kind in ((np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")):
        for call, good in ((unfitted.fit, rows), (partial(fitted.search, k=K), queries)):
            bad = good.copy()
            bad[3, 2] = value
            told = _refusal(partial(call, bad), kind)
            assert all(part in told for part in (kind, "row 3", "column 2")), f"the error does not say where: {told}"


def check_saving_keeps_answers(model):
    """A model read back from disk gives the same answers, bit for bit."""
    fitted = _fitted(model)
    with tempfile.TemporaryDirectory() as folder:
        save(fitted, Path(folder) / "model")
        again = load(Path(folder) / "model")
    for ours, theirs in zip(_search(again), _search(fitted), strict=True):
        np.testing.assert_array_equal(ours, theirs)
