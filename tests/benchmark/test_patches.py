"""Crops of scenes."""

import numpy as np

from zorse.benchmark.patches import _boxes


def test_random_crops_stay_inside_and_are_of_every_size():
    boxes = np.array(_boxes(np.random.default_rng(0), 128, 500))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert boxes.shape == (500, 4)
    assert boxes.min() == 0
    assert boxes.max() == 128
    area, ratio = width * height / 128**2, width / height
    assert 0.07 < area.min() < 0.1
    assert 0.9 < area.max() <= 1
    assert 0.72 < ratio.min() < 0.8 < 1.25 < ratio.max() < 1.37
