"""WCA and guided cropping against loops written from the papers, and the crops they ask for."""

import math

import numpy as np
import pytest
from PIL import Image

from zorse.core import ClassTable, InputError
from zorse.encoders import EmbeddingStore, encode_crops
from zorse.methods.prompting.guided_cropping import GuidedCropping
from zorse.methods.prompting.wca import WCA


def unit(v):
    return v / math.sqrt(sum(a * a for a in v))


def softmax(v):
    e = [math.exp(a) for a in v]
    return [a / sum(e) for a in e]


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    prompts = tuple(rng.normal(size=(size, 6)) for size in (1, 4, 2, 7))
    table = ClassTable([3, 1, 2, 0], rng.normal(size=(4, 6)), prompts=prompts)
    return rng.normal(size=(5, 3, 4, 6)), table


@pytest.mark.parametrize("whole", ["first", "mean"])
def test_wca_is_the_papers_double_sum(arrays, whole):
    X, table = arrays
    scores = WCA(image_scale=5.0, text_scale=3.0, whole=whole, scale=1.0).fit(None, None, classes=table).scores(X)
    for i, grid in enumerate(X.astype(np.float32).astype(float)):
        crops = [unit(crop) for row in grid for crop in row]
        image = crops[0] if whole == "first" else unit(sum(crops))
        w = softmax([5 * crop @ image for crop in crops])
        for c, texts in enumerate(table.prompts):
            v = softmax([3 * unit(text) @ unit(table.vectors[c]) for text in texts])
            total = sum(a * b * (crop @ unit(text)) for a, crop in zip(w, crops) for b, text in zip(v, texts))
            assert scores[i, c] == pytest.approx(total, abs=1e-6)


def test_wca_without_weights_is_the_mean_over_all_pairs(arrays):
    X, table = arrays
    model = WCA(image_scale=0.0, text_scale=0.0, scale=1.0).fit(None, None, classes=table)
    crops = np.array([[unit(crop) for crop in image.reshape(-1, 6)] for image in X])
    texts = np.array([np.mean([unit(t) for t in of], axis=0) for of in table.prompts])
    np.testing.assert_allclose(model.scores(X), crops.mean(axis=1) @ texts.T, atol=1e-6)


@pytest.mark.parametrize("proposals", ["best", "own"])
def test_guided_cropping_is_the_papers_loop(arrays, proposals):
    _, table = arrays
    X = np.random.default_rng(1).normal(size=(5, 5, 3, 6)).astype(np.float32)
    scores = GuidedCropping(k=2, proposals=proposals, scale=1.0).fit(None, None, classes=table).scores(X)
    for i, grid in enumerate(X.astype(float)):
        plain = [unit(grid[0, 0]) @ unit(t) for t in table.vectors]
        likely = sorted(range(4), key=lambda c, plain=plain: -plain[c])[:2]
        for c in likely:
            text = unit(table.vectors[c])
            tight = [unit(row[0]) @ text for row in grid]
            box = 1 + c if proposals == "own" else tight.index(max(tight))
            averaged = unit(sum(unit(crop) for crop in grid[box]))
            assert scores[i, c] == pytest.approx((plain[c] + averaged @ text) / 2, abs=1e-6)
        assert scores[i].argmax() in likely


def test_boxes_of_a_detector_stay_with_their_classes(arrays):
    _, table = arrays
    X = np.random.default_rng(1).normal(size=(5, 5, 3, 6)).astype(np.float32)
    model = GuidedCropping(k=4, proposals="own").fit(None, None, classes=table)
    np.testing.assert_allclose(model.with_candidates([2, 3]).scores(X), model.scores(X)[:, [2, 0]], atol=1e-9)
    with pytest.raises(InputError, match="class 9 has none"):
        model.with_candidates(ClassTable([9, 3], table.vectors[:2])).scores(X)
    with pytest.raises(InputError, match="has 4 rows"):
        model.scores(X[:, :4])


@pytest.mark.parametrize("size", [(64, 48), (1, 3), (500, 20)])
def test_boxes_lie_within_the_image(size):
    width, height = size
    for model in (WCA(), GuidedCropping()):
        boxes = model.boxes(width, height)
        assert boxes[0, 0].tolist() == [0, 0, width, height]
        left, top, right, bottom = np.moveaxis(boxes, -1, 0)
        assert (left >= 0).all()
        assert (top >= 0).all()
        assert (right <= width).all()
        assert (bottom <= height).all()
        assert (right > left).all()
        assert (bottom > top).all()
    assert GuidedCropping().boxes(width, height)[3, -1].tolist() == [0, 0, width, height]
    shares = np.diff(WCA(n_crops=500).boxes(1000, 2000)[0, 1:, [0, 2]], axis=0) / 1000
    assert 0.5 <= shares.min() < 0.51
    assert 0.89 < shares.max() <= 0.9


class Colours:
    """An encoder that gives the mean colour, and counts what it encodes."""

    name, fingerprint, dim, seen = "colours", "colours", 3, 0

    def encode_images(self, images):
        images = list(images)
        self.seen += len(images)
        return np.array([unit(1 + np.asarray(image, dtype=float).mean(axis=(0, 1))) for image in images], np.float32)


def test_a_crop_is_encoded_once_and_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    image, encoder = Image.fromarray(pixels), Colours()
    boxes = np.array([[[0, 0, 30, 20], [2, 3, 12, 13]], [[2, 3, 12, 13], [5, 5, 6, 9]]])
    with EmbeddingStore(tmp_path) as store:
        digest = "ab" * 32
        vectors = encode_crops(image, boxes, encoder, digest=digest, store=store)
        assert vectors.shape == (2, 2, 3)
        assert encoder.seen == 3
        np.testing.assert_allclose(vectors[0, 1], unit(1 + pixels[3:13, 2:12].mean(axis=(0, 1))), rtol=1e-5)
        np.testing.assert_array_equal(vectors[0, 1], vectors[1, 0])
        again = encode_crops(image, lambda width, height: boxes, encoder, digest=digest, store=store)
        np.testing.assert_array_equal(again, vectors)
        assert encoder.seen == 3
        # The whole image is the image itself, whoever put it there.
        np.testing.assert_array_equal(store.get([digest], encoder.fingerprint)[0][0], vectors[0, 0])
    np.testing.assert_array_equal(encode_crops(image, boxes, encoder), vectors)
