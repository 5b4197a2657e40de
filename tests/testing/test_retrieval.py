"""Every promise of a retriever can be broken, and the check meant for it tells."""

import numpy as np
import pytest

from zorse.core import Paper, ZeroShotMethod
from zorse.nn.retriever import ExactRetriever
from zorse.testing import contract_of, retrieval


@pytest.mark.parametrize("check", list(contract_of(ExactRetriever())), ids=lambda check: check.__name__)
def test_exact_search_keeps_every_promise(check):
    check(ExactRetriever())


def test_exact_search_is_numpys():
    rows, queries = retrieval.gallery_and_queries()
    indices, scores = ExactRetriever().fit(rows).search(queries, 5)
    products = queries @ rows.T
    np.testing.assert_array_equal(indices, np.argsort(-products, axis=1)[:, :5])
    np.testing.assert_allclose(scores, -np.sort(-products, axis=1)[:, :5], atol=1e-6)


class Cited(ZeroShotMethod, ExactRetriever):
    """A method of a paper that retrieves.

    Parameters
    ----------
    None.

    Attributes
    ----------
    gallery_ : ndarray of shape (m, d)

    Notes
    -----
    Differs from the paper: nothing.
    Cost: O(q m d).

    References
    ----------
    None.
    """

    paper = Paper("Cited", "Nobody", "None", 2000, "https://example.org", ("cited",))

    def __init__(self):
        pass


@pytest.mark.parametrize("check", list(contract_of(Cited())), ids=lambda check: check.__name__)
def test_a_papers_retriever_has_a_card_and_is_saved(check):
    check(Cited())


def test_what_a_paper_adds_is_checked():
    added = {check.__name__ for check in contract_of(Cited())} - {c.__name__ for c in contract_of(ExactRetriever())}
    assert {"check_paper_card", "check_docstring", "check_saving_keeps_answers"} <= added


class SavesHalf(Cited):
    paper = Cited.paper

    def fit(self, gallery, y=None):
        super().fit(gallery)
        SavesHalf.owner, SavesHalf.whole = id(self), self.gallery_
        self.gallery_ = self.gallery_.astype(np.float16).astype(np.float32)
        return self

    def search(self, queries, k):
        gallery = SavesHalf.whole if id(self) == SavesHalf.owner else self.gallery_
        return ExactRetriever().fit(gallery).search(queries, k)


class WorstFirst(ExactRetriever):
    def search(self, queries, k):
        return tuple(part[:, ::-1] for part in super().search(queries, k))


class CountsFromOne(ExactRetriever):
    def search(self, queries, k):
        indices, scores = super().search(queries, k)
        return indices + 1, scores


class FillsUp(ExactRetriever):
    def search(self, queries, k):
        indices, scores = super().search(queries, k)
        more = ((0, 0), (0, k - indices.shape[1]))
        return np.pad(indices, more, constant_values=-1), np.pad(scores, more)


class Approximates(ExactRetriever):
    """Looks at fewer rows the fewer are asked for."""

    def search(self, queries, k):
        seen = ExactRetriever().fit(self.gallery_[: 8 * k])
        return seen.search(queries, k)


class Forgets(ExactRetriever):
    def search(self, queries, k):
        found = super().search(queries, k)
        self.gallery_ = np.roll(self.gallery_, 1, axis=0)
        return found


class FavoursTheFirst(ExactRetriever):
    def search(self, queries, k):
        rows = self.gallery_ * (1 + np.arange(len(self.gallery_))[::-1, None] / 400)
        return ExactRetriever().fit(rows.astype(np.float32)).search(queries, k)


class CentresQueries(ExactRetriever):
    def search(self, queries, k):
        return super().search(queries - np.mean(queries, axis=0) * (len(queries) > 1), k)


class WritesIntoQueries(ExactRetriever):
    def search(self, queries, k):
        queries *= 2
        return super().search(queries, k)


class CutsQueries(ExactRetriever):
    def search(self, queries, k):
        d = np.shape(queries)[1]
        return ExactRetriever().fit(self.gallery_[:, :d]).search(queries, k)


class FillsGaps(ExactRetriever):
    def fit(self, gallery, y=None):
        return super().fit(np.nan_to_num(gallery))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (WorstFirst, "best_come_first"),
        (CountsFromOne, "best_come_first"),
        (FillsUp, "more_than_there_are_is_all"),
        (Approximates, "fewer_are_the_first_of_more"),
        (Forgets, "same_question_same_answer"),
        (FavoursTheFirst, "permuting_the_gallery_permutes_indices"),
        (CentresQueries, "queries_are_answered_independently"),
        (WritesIntoQueries, "gallery_and_queries_are_left_alone"),
        (CutsQueries, "what_cannot_be_searched_is_refused"),
        (SavesHalf, "saving_keeps_answers"),
        (FillsGaps, "vectors_that_are_not_finite_are_located"),
    ],
)
def test_a_broken_promise_is_caught(broken, check):
    with pytest.raises(AssertionError):
        getattr(retrieval, f"check_{check}")(broken())
