import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.icis import ICIS

TASK = toy_zsl()
X, y = TASK.train
SMALL = {"latent": 32, "epochs": 40, "lr": 0.01, "tolerance": 0.0, "random_state": 0, "device": "cpu"}
BASE = LogisticRegression(max_iter=1000).fit(X, y)


def test_weights_alone_give_what_samples_give():
    ours = ICIS(**SMALL).fit(X, y, classes=TASK.classes)
    order = np.random.RandomState(0).permutation(len(BASE.classes_))
    alone = ICIS(**SMALL).fit_weights(
        BASE.coef_[order], BASE.intercept_[order], BASE.classes_[order], classes=TASK.classes
    )
    np.testing.assert_array_equal(alone.seen_, ours.seen_)
    np.testing.assert_allclose(alone.scores(X), ours.scores(X), atol=1e-3)


def test_seen_classes_keep_their_classifiers_and_unseen_ones_get_the_decoded_direction():
    model = ICIS(**SMALL).fit_weights(BASE.coef_, BASE.intercept_, BASE.classes_, classes=TASK.classes)
    seen = model.with_candidates(TASK.seen)
    np.testing.assert_allclose(seen.scores(X), BASE.decision_function(X))
    unseen = model.with_candidates(TASK.unseen)
    a = torch.tensor(TASK.classes.select(TASK.unseen).vectors)
    nets = model.networks_.double()
    decoded = nets["decode_weights"](nets["encode_class"](a)).numpy()
    made = np.column_stack([unseen.coef_, unseen.intercept_])
    lengths = np.linalg.norm(np.column_stack([BASE.coef_, BASE.intercept_]), axis=1)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), lengths.mean())
    np.testing.assert_allclose(
        made / lengths.mean(), decoded / np.linalg.norm(decoded, axis=1, keepdims=True), atol=1e-5
    )


def test_training_stops_on_a_plateau():
    model = ICIS(**SMALL | {"epochs": 500, "tolerance": 2e-3}).fit(X, y, classes=TASK.classes)
    losses = [epoch["loss"] for epoch in model.history_]
    assert 25 <= len(losses) < 500
    for end in range(len(losses) - 4, len(losses) + 1):
        assert (np.mean(losses[end - 20 : end - 10]) - np.mean(losses[end - 10 : end])) / 10 < 2e-3


def test_weights_and_labels_have_to_fit_together():
    with pytest.raises(InputError, match=r"got \(8, 16\), \(8,\) and \(7,\)"):
        ICIS().fit_weights(BASE.coef_, BASE.intercept_, BASE.classes_[1:], classes=TASK.classes)
    with pytest.raises(InputError, match="must be unique"):
        ICIS().fit_weights(BASE.coef_, BASE.intercept_, ["class00"] * 8, classes=TASK.classes)
    with pytest.raises(InputError, match="zebra"):
        ICIS().fit_weights(BASE.coef_[:2], BASE.intercept_[:2], ["class00", "zebra"], classes=TASK.classes)
