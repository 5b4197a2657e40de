"""Class vectors from where people look: encodings of fixation sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from zorse.core import ClassTable, InputError

FEATURES = ("x", "y", "duration", "angle from the last", "angle to the next", "pupil")


def gaze_features(fixations) -> np.ndarray:
    """What is known of each fixation of one look at one image: the six ``FEATURES``, shape (m, 6).

    Parameters
    ----------
    fixations : array-like of shape (m, 4)
        In the order of time: x and y from 0 to 1 across the image, duration and pupil diameter in any unit, not
        negative.

    Returns
    -------
    ndarray of shape (m, 6)
        Angles are those of the steps to a fixation and from it, in units of pi, 0 where there is no step.

    Raises
    ------
    InputError
        If a fixation lies outside the image or a value is negative or not finite; it names the fixation.
    """
    fixations = np.asarray(fixations, dtype=np.float64)
    if fixations.ndim != 2 or fixations.shape[1] != 4:
        raise InputError(f"expected fixations (m, 4): x, y, duration, pupil; got {fixations.shape}")
    bad = ~np.isfinite(fixations).all(axis=1) | (fixations < 0).any(axis=1) | (fixations[:, :2] > 1).any(axis=1)
    if bad.any():
        i = int(np.argmax(bad))
        raise InputError(
            f"fixation {i} is {fixations[i].tolist()}; expected x and y from 0 to 1, duration and pupil not negative"
        )
    steps = np.diff(fixations[:, :2], axis=0)
    angles = np.arctan2(steps[:, 1], steps[:, 0]) / np.pi
    before, after = np.zeros(len(fixations)), np.zeros(len(fixations))
    before[1:], after[:-1] = angles, angles
    x, y, duration, pupil = fixations.T
    return np.column_stack([x, y, duration, before, after, pupil])


def gaze_histogram(fixations, grid: tuple[int, int] = (3, 3)) -> np.ndarray:
    """GH: how many fixations fall into each cell of a grid (rows, columns) over the image, shape (rows * columns,)."""
    return np.bincount(_cells(gaze_features(fixations), grid), minlength=grid[0] * grid[1]).astype(np.float64)


def gaze_grid(fixations, grid: tuple[int, int] = (3, 3)) -> np.ndarray:
    """GFG: mean features of the fixations in each cell of a grid, shape (rows * columns * 6,); 0 where none is."""
    features = gaze_features(fixations)
    cells, n = _cells(features, grid), grid[0] * grid[1]
    total = np.zeros((n, features.shape[1]))
    np.add.at(total, cells, features)
    return (total / np.maximum(np.bincount(cells, minlength=n), 1)[:, None]).ravel()


def gaze_sequence(fixations, length: int = 8) -> np.ndarray:
    """GFS: features of the first ``length`` fixations one after another, shape (length * 6,); 0 after the last."""
    features = gaze_features(fixations)[:length]
    return np.pad(features, ((0, length - len(features)), (0, 0))).ravel()


def gaze_table(
    looks: Mapping[object, Sequence[Sequence]], encode: Callable[..., np.ndarray] = gaze_sequence, **settings
) -> ClassTable:
    """A class table whose vectors are the first participant's, and whose views are all the others'.

    A participant's vector of a class is the mean of the encodings of all looks at images of that class. Durations and
    pupils are first divided by the participant's mean.

    Parameters
    ----------
    looks : mapping
        From a label to what each participant did, in one order: a sequence of looks, one an image, each fixations
        (m, 4).
    encode : callable, default :func:`gaze_sequence`
        Or :func:`gaze_grid` or :func:`gaze_histogram`; ``settings`` are passed on to it.

    Raises
    ------
    InputError
        If there is no class, or classes were seen by different numbers of participants, or by one not at all.
    """
    labels = list(looks)
    if not labels:
        raise InputError("expected looks at images of at least one class; got none")
    numbers = {len(looks[label]) for label in labels}
    if len(numbers) != 1 or numbers == {0}:
        raise InputError(f"expected as many participants for every class; got {sorted(numbers)}")
    spaces = []
    for person in range(numbers.pop()):
        for label in labels:
            if not len(looks[label][person]):
                raise InputError(f"participant {person} looked at no image of class {label!s}")
        every = np.concatenate([np.asarray(look, np.float64) for label in labels for look in looks[label][person]])
        unit = np.array([1.0, 1.0, *(mean if mean > 0 else 1.0 for mean in every[:, 2:4].mean(axis=0))])
        of_class = ([encode(np.asarray(look) / unit, **settings) for look in looks[label][person]] for label in labels)
        spaces.append([np.mean(codes, axis=0) for codes in of_class])
    vectors, *others = (np.array(space) for space in spaces)
    return ClassTable(np.array(labels), vectors, views=tuple(others) or None)


def _cells(features: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    rows, columns = grid
    row = np.minimum((features[:, 1] * rows).astype(int), rows - 1)
    return row * columns + np.minimum((features[:, 0] * columns).astype(int), columns - 1)
