from itertools import permutations

import numpy as np
import pytest

from zorse.evaluation import cluster_accuracy, semantic_iou


def test_names_are_matched_as_well_as_possible():
    rng = np.random.default_rng(0)
    y, named = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    best = max(np.mean(np.array(order)[named] == y) for order in permutations(range(4)))
    assert cluster_accuracy(y, named) == pytest.approx(best)
    assert cluster_accuracy(["cat", "cat", "dog"], ["feline", "feline", "feline"]) == pytest.approx(2 / 3)
    assert cluster_accuracy(["cat", "dog"], ["dog", "cat"]) == 1


def test_words_in_common():
    assert semantic_iou(["polar bear", "cat"], ["Bear", "dog"]) == pytest.approx((1 / 2 + 0) / 2)
    assert semantic_iou(["polar_bear"], ["bear, polar"]) == 1
