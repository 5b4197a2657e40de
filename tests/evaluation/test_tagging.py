import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation import mean_image_average_precision, precision_recall_f1_at

RNG = np.random.RandomState(0)
SCORES, Y = RNG.randn(30, 7), RNG.rand(30, 7) < 0.3


def test_average_precision_written_as_loops():
    per_image = []
    for scores, tags in zip(SCORES, Y, strict=True):
        if not tags.any():
            continue
        ranked = tags[np.argsort(-scores)]
        precisions = [ranked[: i + 1].mean() for i in range(len(ranked)) if ranked[i]]
        per_image.append(np.mean(precisions))
    assert len(per_image) < len(Y)  # an image without tags counts in neither
    assert mean_image_average_precision(Y, SCORES) == pytest.approx(np.mean(per_image))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_precision_and_recall_written_as_loops(k):
    hits = given = true = 0
    for scores, tags in zip(SCORES, Y, strict=True):
        if tags.any():
            hits += sum(tags[i] for i in np.argsort(-scores)[:k])
            given, true = given + k, true + tags.sum()
    precision, recall, f1 = precision_recall_f1_at(Y, SCORES, k)
    assert (precision, recall) == pytest.approx((hits / given, hits / true))
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(InputError, match="no image has a tag"):
        mean_image_average_precision(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"\(2, 3\) and \(2, 4\)"):
        precision_recall_f1_at(np.ones((2, 3)), np.zeros((2, 4)), 1)
    with pytest.raises(InputError, match="between 1 and the 3 tags"):
        precision_recall_f1_at(np.ones((2, 3)), np.zeros((2, 3)), 4)
