import numpy as np
from scipy.ndimage import label

from zorse.data.dots import NUMBERS, counted_dots


def test_the_caption_counts_what_is_there():
    images, numbers, captions = counted_dots(18, random_state=1)
    for image, number, caption in zip(images, numbers.tolist(), captions, strict=True):
        pixels = np.asarray(image).astype(int)
        found = label(np.ptp(pixels, axis=2) > 20)[1]  # grey has one value in all channels
        assert NUMBERS[found - 2] == number == caption.split()[0]
