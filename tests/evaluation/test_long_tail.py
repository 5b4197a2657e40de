"""The long-tail protocol, against loops."""

from dataclasses import replace

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.evaluation import evaluate_long_tail, long_tail_report
from zorse.methods.compatibility.eszsl import ESZSL

COUNTS = {"rare": 1, "some": 20, "more": 49, "common": 50, "huge": 99_999}
Y = np.repeat(["new", *COUNTS], [4, 4, 2, 8, 4, 2])
PARENTS = {"new": ["bird"], "rare": ["bird"], "some": ["bird"], "more": ["plant"], "common": ["plant"], "huge": ["x"]}


@pytest.fixture
def ranked():
    rng = np.random.default_rng(0)
    labels = np.unique(Y)
    return np.array([rng.permutation(labels) for _ in Y])


def accuracy(label, ranked):
    own = [row[0] == truth for row, truth in zip(ranked, Y, strict=True) if truth == label]
    return sum(own) / len(own)


def test_every_figure_is_its_loop(ranked):
    report = long_tail_report(Y, ranked, COUNTS, PARENTS, ["plant", "bird", "fish"])
    each = {label: accuracy(label, ranked) for label in np.unique(Y)}
    assert report.top1 == pytest.approx(np.mean([row[0] == t for row, t in zip(ranked, Y, strict=True)]))
    assert report.top5 == pytest.approx(np.mean([t in row[:5].tolist() for row, t in zip(ranked, Y, strict=True)]))
    assert report.mean_class == pytest.approx(np.mean(list(each.values())))
    assert report.worst_class == min(each.values()) == each[report.worst_label]
    assert [(g.name, g.n_classes, g.n_samples) for g in report.bins] == [
        ("0 images", 1, 4),  # never trained on
        ("1 images", 1, 4),
        ("20 to 49 images", 2, 10),
        ("50 to 99 images", 1, 4),
        ("10000 or more images", 1, 2),
    ]
    assert report.bins[2].accuracy == pytest.approx((each["some"] + each["more"]) / 2)
    plant, bird = report.super_classes
    assert (plant.name, plant.n_classes, plant.n_samples) == ("plant", 2, 12)
    assert plant.accuracy == pytest.approx((each["more"] + each["common"]) / 2)
    of_birds = [PARENTS[row[0]] == ["bird"] for row, t in zip(ranked, Y, strict=True) if t in ("new", "rare", "some")]
    assert bird.coarse == pytest.approx(np.mean(of_birds))


def test_the_bins_make_up_the_mean(ranked):
    report = long_tail_report(Y, ranked, COUNTS, edges=(0, 1, 1000))
    weighted = sum(g.accuracy * g.n_classes for g in report.bins) / sum(g.n_classes for g in report.bins)
    assert weighted == pytest.approx(report.mean_class)
    assert [g.name for g in report.bins] == ["0 images", "1 to 999 images", "1000 or more images"]


def test_answers_alone_have_no_top5():
    report = long_tail_report([1, 1, 2], [1, 2, 2])
    assert np.isnan(report.top5)
    assert report.top1 == pytest.approx(2 / 3)
    assert (report.worst_label, report.worst_class) == (1, 0.5)
    assert report.bins == report.super_classes == ()
    assert "worst class 0.500 (1)" in str(report)


def test_a_task_counts_its_own_training_images():
    task = toy_zsl(n_seen=5, n_unseen=3)
    keep = np.concatenate([task.train_index[task.train[1] == label][: 3 + i] for i, label in enumerate(task.seen)])
    parents = {label: ("low",) if label < "class04" else ("high",) for label in task.classes.labels.tolist()}
    task = replace(task, train_index=np.sort(keep), classes=replace(task.classes, parents=parents))
    model = ESZSL().fit(*task.train, classes=task.classes)
    report = evaluate_long_tail(model, task, supers=("low", "high"), edges=(0, 1, 5, 6))
    assert [(g.name, g.n_classes) for g in report.bins] == [
        ("0 images", 3),
        ("1 to 4 images", 2),
        ("5 images", 1),
        ("6 or more images", 2),
    ]
    X, y = (np.concatenate(pair) for pair in zip(task.test_seen, task.test_unseen, strict=True))
    assert report.top1 == pytest.approx(model.score(X, y))
    unseen = np.isin(y, task.unseen)
    each = [np.mean(model.predict(X[unseen & (y == label)]) == label) for label in task.unseen]
    assert report.bins[0].accuracy == pytest.approx(np.mean(each))
    assert sum(g.n_classes for g in report.super_classes) == 8


def test_what_is_wrong_is_said(ranked):
    with pytest.raises(InputError, match="ascend"):
        long_tail_report(Y, ranked, COUNTS, edges=(1, 10))
    with pytest.raises(InputError, match="parents="):
        long_tail_report(Y, ranked, supers=["bird"])
    with pytest.raises(InputError, match="expected answers"):
        long_tail_report(Y[:3], ranked)
