"""Pictures that are made to be counted."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from sklearn.utils import check_random_state

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
COLOURS = {"red": (210, 40, 40), "green": (40, 160, 60), "blue": (50, 70, 210), "yellow": (230, 200, 40)}


def counted_dots(
    n: int, *, most: int = 10, size: int = 64, random_state: int | np.random.RandomState | None = 0
) -> tuple[list[Image.Image], np.ndarray, list[str]]:
    """Pictures of two to ten discs of one colour that do not touch, on grey.

    Parameters
    ----------
    n : int
        Pictures; numbers take turns, colours, places and radii are drawn.
    most : int
        The largest number.
    size : int
        Pixels a side.

    Returns
    -------
    images : list of n PIL images
    numbers : ndarray of str, shape (n,)
        "two", "three", ...
    captions : list of n str
        "three red circles".
    """
    rng = check_random_state(random_state)
    images, numbers, captions = [], [], []
    for i in range(n):
        count = 2 + i % (most - 1)
        colour = list(COLOURS)[rng.randint(len(COLOURS))]
        image = Image.new("RGB", (size, size), tuple(int(v) for v in np.full(3, rng.randint(150, 240))))
        draw, centres = ImageDraw.Draw(image), np.empty((0, 2))
        radius = rng.uniform(0.05, 0.08) * size
        while len(centres) < count:
            centre = rng.uniform(radius + 1, size - radius - 1, 2)
            if (np.linalg.norm(centres - centre, axis=1) > 2 * radius + 2).all():
                centres = np.vstack([centres, centre])
                draw.ellipse((*(centre - radius), *(centre + radius)), fill=COLOURS[colour])
        images.append(image)
        numbers.append(NUMBERS[count - 2])
        captions.append(f"{NUMBERS[count - 2]} {colour} circles")
    return images, np.array(numbers), captions
