import numpy as np
import pytest

from zorse.core import InputError
from zorse.semantics import gaze_grid, gaze_histogram, gaze_sequence, gaze_table
from zorse.semantics.gaze import gaze_features

# Right, then down, then back to the start: x, y, duration, pupil.
LOOK = [[0.1, 0.1, 2.0, 3.0], [0.9, 0.1, 1.0, 3.5], [0.9, 0.8, 4.0, 2.5], [0.1, 0.1, 1.0, 3.0]]


def test_angles_are_those_of_the_steps():
    before, after = gaze_features(LOOK)[:, 3:5].T
    back = np.arctan2(-0.7, -0.8) / np.pi
    np.testing.assert_allclose(before, [0, 0, 0.5, back])
    np.testing.assert_allclose(after, [0, 0.5, back, 0])


def test_the_three_encodings_against_loops():
    features = gaze_features(LOOK)
    counts, means = np.zeros((2, 2)), np.zeros((2, 2, 6))
    for x, y, *_ in LOOK:
        counts[int(y * 2), int(x * 2)] += 1
    for row in range(2):
        for column in range(2):
            inside = [
                f for f, (x, y, *_) in zip(features, LOOK, strict=True) if (int(y * 2), int(x * 2)) == (row, column)
            ]
            means[row, column] = np.mean(inside, axis=0) if inside else 0
    np.testing.assert_array_equal(gaze_histogram(LOOK, (2, 2)), counts.ravel())
    np.testing.assert_allclose(gaze_grid(LOOK, (2, 2)), means.ravel())
    assert (means[1, 0] == 0).all()
    np.testing.assert_allclose(gaze_sequence(LOOK, 2), features[:2].ravel())
    np.testing.assert_allclose(gaze_sequence(LOOK, 6), np.append(features.ravel(), np.zeros(12)))


def test_the_edge_belongs_to_the_last_cell_and_no_fixation_to_none():
    assert gaze_histogram([[1.0, 1.0, 1.0, 1.0]], (2, 3)).tolist() == [0, 0, 0, 0, 0, 1]
    assert gaze_histogram(np.empty((0, 4)), (2, 3)).sum() == 0


def test_a_table_holds_the_mean_look_of_each_class_and_participant():
    other = [[0.5, 0.5, 1.0, 1.0]]
    looks = {"wren": [[LOOK, other], [other]], "owl": [[other], [LOOK]]}
    table = gaze_table(looks, gaze_histogram, grid=(2, 2))
    assert table.labels.tolist() == ["wren", "owl"]
    wren = (gaze_histogram(LOOK, (2, 2)) + gaze_histogram(other, (2, 2))) / 2
    np.testing.assert_array_equal(table.vectors[0], wren)
    (second,) = table.views
    np.testing.assert_array_equal(second, [gaze_histogram(other, (2, 2)), gaze_histogram(LOOK, (2, 2))])


def test_the_unit_of_time_means_nothing():
    slow = [[x, y, 1000 * t, p / 7] for x, y, t, p in LOOK]
    np.testing.assert_allclose(gaze_table({"a": [[LOOK]]}).vectors, gaze_table({"a": [[slow]]}).vectors)


def test_what_is_no_look_is_named():
    with pytest.raises(InputError, match="fixation 1 is"):
        gaze_histogram([LOOK[0], [1.2, 0.1, 1.0, 1.0]])
    with pytest.raises(InputError, match=r"got \(4, 3\)"):
        gaze_sequence(np.ones((4, 3)))
    with pytest.raises(InputError, match=r"every class; got \[1, 2\]"):
        gaze_table({"a": [[LOOK]], "b": [[LOOK], [LOOK]]})
    with pytest.raises(InputError, match="participant 1 looked at no image of class a"):
        gaze_table({"a": [[LOOK], []]})
    with pytest.raises(InputError, match="at least one class"):
        gaze_table({})
