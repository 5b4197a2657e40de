import numpy as np
import pytest
import torch

from zorse.core import ClassTable, InputError
from zorse.data import toy_tags
from zorse.methods.compatibility.deep0tag import Deep0Tag

TASK, EVIDENCE = toy_tags(random_state=1)
FEW = {"hidden": 32, "epochs": 15, "lr": 0.005, "random_state": 0, "device": "cpu"}
MODEL = Deep0Tag(**FEW).fit(*TASK.train, classes=TASK.classes)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_scores_written_as_loops(pooling):
    model = Deep0Tag(pooling=pooling, windows=(1, 3, 9), hidden=5, epochs=1, random_state=0, device="cpu")
    X, Y = TASK.train
    model.fit(X, Y, classes=TASK.classes)
    first, _, second = model.networks_["map"]
    W1, b1, W2, b2 = (p.double().numpy() for p in (first.weight, first.bias, second.weight, second.bias))
    tags = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)
    for x in TASK.test[0][:3]:
        bag = []
        for s in (1, 3, 4):  # nine patches a side are the whole grid of four
            bag += [x[i : i + s, j : j + s].mean(axis=(0, 1)) for i in range(5 - s) for j in range(5 - s)]
        mapped = [W2 @ np.maximum(W1 @ ((z - model.mean_) / model.spread_) + b1, 0) + b2 for z in bag]
        of_windows = np.array([[g @ v for v in tags] for g in mapped])
        expected = of_windows.max(axis=0) if pooling == "max" else of_windows.mean(axis=0)
        np.testing.assert_allclose(model.scores(x[None])[0], expected, rtol=1e-4, atol=1e-5)


def test_an_image_has_a_tag_where_one_patch_has_it():
    # Where patches lie means nothing to single-patch windows, and patches that speak less than the best say nothing.
    model = Deep0Tag(windows=(1,), **FEW).fit(*TASK.train, classes=TASK.classes)
    x = TASK.test[0][:1]
    shuffled = x.reshape(1, 16, -1)[:, np.random.RandomState(0).permutation(16)].reshape(x.shape)
    np.testing.assert_allclose(model.scores(shuffled), model.scores(x), rtol=1e-5)
    np.testing.assert_allclose(
        model.scores(x), np.max([model.scores(p[None, None, None]) for p in x.reshape(16, -1)], axis=0), rtol=1e-5
    )


def test_boxes_hold_what_shows_the_tag():
    samples, rows = np.nonzero(TASK.Y)
    boxes = MODEL.boxes(TASK.X[samples], TASK.classes.labels[rows]) * 4
    hits = []
    for i, row, (left, top, right, bottom) in zip(samples, rows, boxes.round().astype(int), strict=True):
        assert 0 <= left < right <= 4
        assert 0 <= top < bottom <= 4
        hits.append((EVIDENCE[i, top:bottom, left:right] == row).any())
    assert np.mean(hits) > 0.8  # a window of four patches at random holds one of the two in about a third of images


def test_a_box_is_told_from_left_and_top():
    patch = ClassTable(["a", "b"], [[1.0, 0], [0, 1]])
    X = np.random.RandomState(0).randn(40, 2, 3, 2).astype(np.float32) * 0.1
    X[::2, 1, 2, 0] += 5
    X[1::2, 0, 0, 1] += 5
    model = Deep0Tag(windows=(1,), **FEW | {"epochs": 60}).fit(X, [["a"], ["b"]] * 20, patch)
    np.testing.assert_allclose(model.boxes(X[:2], ["a", "b"]), [[2 / 3, 1 / 2, 1, 1], [0, 0, 1 / 3, 1 / 2]], rtol=1e-6)
    assert model.explain(X[:2], ["a", "b"])[0].argmax() == 5


def test_bad_parameters_are_named():
    for changed, message in (({"pooling": "sum"}, "'sum'"), ({"windows": (0, 2)}, r"\(0, 2\)")):
        with pytest.raises(InputError, match=message):
            Deep0Tag(**FEW | changed).fit(*TASK.train, classes=TASK.classes)
    with pytest.raises(InputError, match="nothing of the kind"):
        MODEL.boxes(TASK.X[:1], "nothing of the kind")


def test_training_brings_the_loss_down():
    assert MODEL.history_[-1]["loss"] < MODEL.history_[0]["loss"] / 2
    assert not any(p.requires_grad for p in MODEL.networks_.parameters())
    assert torch.is_grad_enabled()
