import numpy as np
import pytest
import torch

from zorse.core import CapabilityError, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.gating.boundary_ood import BoundaryOOD, direction, inside_without_labels
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(n_seen=8, n_unseen=4, n_per_class=24, noise=0.1)
X, y = TASK.train
SMALL = {"latent": 8, "hidden": 32, "epochs": 30, "lr": 0.01, "batch_size": 64, "n_draws": 2, "device": "cpu"}


def fitted(**params):
    return BoundaryOOD(ESZSL(), random_state=0, **SMALL | params).fit(X, y, classes=TASK.classes)


MODEL = fitted()


def codes(model, samples):
    encoder = model.networks_["encoder_x"]
    return direction(encoder(torch.as_tensor(unit_rows(samples), dtype=torch.float32)))[0].double().numpy()


def test_boundaries_enclose_what_they_should():
    z = codes(MODEL, X)
    for c, label in enumerate(MODEL.seen_):
        cosines = z[y == label] @ MODEL.anchors_[c]
        inside = np.mean(cosines >= MODEL.boundaries_[c] - 1e-5)
        assert inside + 1e-9 >= 0.95
        assert np.mean(cosines > MODEL.boundaries_[c] + 1e-5) < 0.95  # and no more than asked for


def test_the_gate_by_loops():
    z = codes(MODEL, TASK.X)
    expected = [max(v @ a - b for a, b in zip(MODEL.anchors_, MODEL.boundaries_, strict=True)) for v in z]
    np.testing.assert_allclose(MODEL.inside(TASK.X), expected, atol=1e-5)


def test_the_gate_decides_the_side_and_an_expert_the_class():
    is_seen = MODEL.inside(TASK.X) >= 0
    answer = MODEL.predict(TASK.X)
    np.testing.assert_array_equal(np.isin(answer, TASK.seen), is_seen)
    plain = ESZSL().fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    np.testing.assert_array_equal(answer[~is_seen], plain.predict(TASK.X)[~is_seen])


def test_unseen_samples_lie_outside_more_often():
    seen, unseen = MODEL.inside(TASK.test_seen[0]), MODEL.inside(TASK.test_unseen[0])
    assert np.mean(seen[:, None] > unseen) > 0.7


def test_one_boundary_for_all_is_a_quantile_of_the_best_cosines():
    model = fitted(boundary="single", coverage=0.8, epochs=3)
    best = (codes(model, X) @ model.anchors_.T).max(axis=1)
    assert len(np.unique(model.boundaries_)) == 1
    assert np.mean(best >= model.boundaries_[0] - 1e-6) == pytest.approx(0.8, abs=1 / len(best) + 1e-9)


def test_more_coverage_means_fewer_outside():
    wide, narrow = (fitted(coverage=c, epochs=3).inside(TASK.X) for c in (1.0, 0.5))
    assert (wide >= narrow).all()


def test_coverage_is_chosen_where_seen_classes_play_unseen():
    model = fitted(coverage="auto", epochs=5)
    reached = [np.mean(model.cosines_[model.cosine_rows_ == c] >= b) for c, b in enumerate(model.boundaries_)]
    assert np.ptp(reached) < 0.15  # one share for all
    again = fitted(coverage="auto", epochs=5)
    np.testing.assert_array_equal(model.boundaries_, again.boundaries_)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="boundary"):
        fitted(boundary="none")
    with pytest.raises(InputError, match="coverage"):
        fitted(coverage=0.0)
    with pytest.raises(CapabilityError, match="None"):
        BoundaryOOD(**SMALL | {"epochs": 1}).fit(X, y, classes=TASK.classes)


def test_scores_in_the_place_of_cosines_by_loops():
    rng = np.random.default_rng(0)
    log_p, seen = rng.standard_normal((200, 7)), np.arange(7) < 4
    margins = np.array([[row[c] - row[4:].max() for c in range(4)] for row in log_p])
    divide = np.mean(np.quantile(margins.max(axis=1), [0.1, 0.9]))
    boundaries = []
    for c in range(4):
        own = sorted(m[c] for m in margins if m.argmax() == c and m.max() >= divide)
        boundaries.append(own[int(0.2 * (len(own) - 1))])
    expected = [max(m[c] - boundaries[c] for c in range(4)) for m in margins]
    np.testing.assert_allclose(inside_without_labels(log_p, seen, coverage=0.8), expected)
    # Enclosing all that are believed leaves the dividing point, or a little more, for every class.
    single = inside_without_labels(log_p, seen, coverage=1.0, boundary="single")
    np.testing.assert_array_equal(single >= 0, margins.max(axis=1) >= divide)
