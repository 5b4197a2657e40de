"""Identification and poisoning, against loops."""

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.evaluation import evaluate_faces, nearest_labels, poison


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 8))
    y = np.repeat([f"p{i:02d}" for i in range(12)], 5)
    return centres[np.arange(60) // 5] + 0.7 * rng.normal(size=(60, 8)), y, ClassTable(np.unique(y), centres)


def cos(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_vote(people, k):
    X, y, _ = people
    expected = []
    for i in range(60):
        near = sorted((j for j in range(60) if j != i), key=lambda j, i=i: -cos(X[i], X[j]))[:k]
        votes = {
            label: (sum(y[j] == label for j in near), sum(cos(X[i], X[j]) for j in near if y[j] == label))
            for label in y[near]
        }
        expected.append(max(votes, key=votes.get))
    np.testing.assert_array_equal(nearest_labels(X, y, X, k, own_row=True), expected)


def test_a_gallery_names_its_own_images(people):
    X, y, _ = people
    np.testing.assert_array_equal(nearest_labels(X, y, 3 * X), y)


def test_the_report_is_its_parts(people):
    X, y, names = people
    report = evaluate_faces(X, y, names, folds=4, shares=(0.4,), k=3)
    ranks = [[names.labels[c] for c in sorted(range(12), key=lambda c, x=x: -cos(x, names.vectors[c]))] for x in X]
    assert report.text_top1 == pytest.approx(np.mean([r[0] == t for r, t in zip(ranks, y, strict=True)]))
    assert report.text_top5 == pytest.approx(np.mean([t in r[:5] for r, t in zip(ranks, y, strict=True)]))
    assert report.knn == pytest.approx(np.mean(nearest_labels(X, y, X, 3, own_row=True) == y))
    assert report.poisoned[0.4] < report.knn
    assert report.verification.accuracy > 0.6
    assert "EER" in str(report)


def test_people_with_one_image_are_not_asked_for(people):
    X, y, _ = people
    X, y, several = np.vstack([X, X[:1] + 9]), np.append(y, "alone"), np.arange(61) < 60
    alone = evaluate_faces(X, y, folds=4)
    assert alone.knn == np.mean((nearest_labels(X, y, X, own_row=True) == y)[several])
    assert np.isnan(alone.text_top1)
    with pytest.raises(InputError, match="nobody has two"):
        evaluate_faces(
            X[:60:5], y[:60:5], pairs=(np.array([[0, 1], [1, 2]]), np.array([True, False]), np.array([0, 1]))
        )


def test_pairs_may_be_given(people):
    X, y, _ = people
    rows = np.array([[0, 1], [0, 30], [5, 6], [5, 40]])
    report = evaluate_faces(X, y, pairs=(rows, y[rows[:, 0]] == y[rows[:, 1]], np.array([0, 0, 1, 1])))
    sims = [cos(X[a], X[b]) for a, b in rows]
    assert report.verification.auc == np.mean([sims[i] > sims[j] for i in (0, 2) for j in (1, 3)])
    with pytest.raises(InputError, match="from 0 to 59"):
        evaluate_faces(X, y, pairs=(np.array([[0, 60]]), np.array([True])))


@pytest.mark.parametrize(("share", "replaced"), [(0, 0), (0.1, 1), (0.4, 2), (1, 5)])
def test_a_share_of_everybody_is_poisoned(people, share, replaced):
    X, y, _ = people
    changed = (poison(X, y, share) != X).any(axis=1)
    assert all(changed[y == label].sum() == replaced for label in np.unique(y))
    for row in poison(X, y, share)[changed]:
        original = np.flatnonzero((row == X).all(axis=1))
        assert len(original) == 1  # somebody's image as it was
    cloaked = poison(X, y, share, cloaked=-X)
    np.testing.assert_array_equal(cloaked, np.where(changed[:, None], -X, X))


def test_a_replacement_is_somebody_elses(people):
    X, y, _ = people
    poisoned = poison(X, y, 1.0)
    source = np.array([np.flatnonzero((row == X).all(axis=1))[0] for row in poisoned])
    assert (y[source] != y).all()


def test_what_is_wrong_is_said(people):
    X, y, names = people
    with pytest.raises(InputError, match="p00"):
        evaluate_faces(X, y, names.without(["p00"]), folds=4)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        poison(X, y, 1.5)
    with pytest.raises(InputError, match="cloaked embedding"):
        poison(X, y, 0.5, cloaked=X[:3])
    with pytest.raises(InputError, match="nobody else"):
        poison(X[:5], y[:5], 0.5)
    with pytest.raises(InputError, match="from 1 to 59"):
        nearest_labels(X, y, X, 60, own_row=True)
