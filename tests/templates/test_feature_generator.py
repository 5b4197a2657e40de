"""What the template promises, on a generator whose every sample is known in advance."""

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import ClassTable, InputError, load, save
from zorse.core.persist import digest
from zorse.data import toy_zsl
from zorse.methods.generative.cadavae import CADAVAE
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.templates import FeatureGenerator
from zorse.training import Turn


class Spread(FeatureGenerator):
    """Learns a linear map from class vectors to features; a sample is its image plus a little noise."""

    def __init__(
        self, n_seen=None, n_synthetic=20, scale="min-max", noise=0.05, classifier_epochs=20, random_state=0, epochs=40
    ):
        self.n_seen, self.n_synthetic, self.scale, self.noise = n_seen, n_synthetic, scale, noise
        self.classifier_epochs, self.random_state, self.epochs = classifier_epochs, random_state, epochs
        self.batch_size, self.classifier_lr, self.classifier_batch_size, self.device = 32, 0.05, 32, "cpu"

    def _turns(self, x, a, y, generator):
        self.x, self.a, self.y = x, a, y
        self.networks_ = nn.ModuleDict({"map": nn.Linear(a.shape[1], x.shape[1])})
        net = self.networks_["map"]
        loss = lambda batch, clock: (net(batch[1]) - batch[0]).square().mean()  # noqa: E731
        return [Turn("map", loss, net.parameters(), lambda p: torch.optim.Adam(p, lr=0.05))]

    def _generate(self, a):
        centre = self.networks_["map"](a)
        return centre + self.noise * torch.randn_like(centre)


@pytest.fixture(scope="module")
def task():
    return toy_zsl(random_state=4)


@pytest.fixture(scope="module")
def model(task):
    return Spread().fit(*task.train, classes=task.classes)


def rows_of(model, labels):
    table = model.candidates_.select(labels)
    return [model._samples_of(label, vector) for label, vector in zip(table.labels, table.vectors)]


def test_scale_is_learnt_from_training_data_alone(task):
    X, y = task.train
    model = Spread(epochs=1).fit(X, y, classes=task.classes)
    expected = (X - X.min(0)) / (X.max(0) - X.min(0))
    np.testing.assert_allclose(model.x.numpy(), expected, rtol=1e-5, atol=1e-6)
    far = model._scaled(np.concatenate([X, 100 * X]))
    np.testing.assert_allclose(far[: len(X)].numpy(), expected, err_msg="test data moved the scale")


def test_min_max_does_not_care_for_units(task):
    X, y = task.train
    shift, unit = np.linspace(-3, 3, X.shape[1]), np.linspace(0.5, 20, X.shape[1])
    model = Spread(epochs=2).fit(X, y, classes=task.classes)
    moved = Spread(epochs=2).fit(X * unit + shift, y, classes=task.classes)
    np.testing.assert_allclose(model.scores(task.X), moved.scores(task.X * unit + shift), rtol=1e-3, atol=1e-3)


def test_l2_and_no_scale(task):
    X, y = task.train
    unit = Spread(epochs=1, scale="l2").fit(X, y, classes=task.classes)
    np.testing.assert_allclose(unit.x.norm(dim=1).numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(unit.scores(3 * X), unit.scores(X))
    plain = Spread(epochs=1, scale=None).fit(X, y, classes=task.classes)
    np.testing.assert_allclose(plain.x.numpy(), X, rtol=1e-6)
    with pytest.raises(InputError, match="'max'"):
        Spread(scale="max").fit(X, y, classes=task.classes)


def test_a_constant_feature_and_a_zero_class_vector_do_no_harm(task):
    X, y = task.train
    X = X.copy()
    X[:, 0] = 7.0
    vectors = task.classes.vectors.copy()
    vectors[task.classes.rows(task.unseen[:1])] = 0
    model = Spread(epochs=1).fit(X, y, classes=ClassTable(task.classes.labels, vectors))
    assert np.isfinite(model.scores(X)).all()


def test_class_vectors_reach_the_networks_at_unit_length_beside_their_own_samples(task):
    X, y = task.train
    table = ClassTable(task.classes.labels, 50 * task.classes.vectors)
    model = Spread(epochs=1).fit(X, y, classes=table)
    own = table.vectors[table.rows(y)]
    np.testing.assert_allclose(model.a.numpy(), own / np.linalg.norm(own, axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(task.seen[model.y.numpy()], y)


def test_a_synthetic_class_does_not_depend_on_the_other_candidates_or_their_order(model, task):
    a, b, c = task.unseen
    wide = model.with_candidates(task.classes)
    narrow = model.with_candidates(task.classes.select([c, a]))
    turned = model.with_candidates(task.classes.select(task.classes.labels[::-1]))
    for other in (narrow, turned):
        for label in (a, c):
            torch.testing.assert_close(rows_of(other, [label])[0], rows_of(wide, [label])[0], rtol=0, atol=0)
    assert not torch.equal(rows_of(wide, [a])[0], rows_of(wide, [b])[0])
    # And so the order of the candidates changes nothing in the classifier but the order of its columns.
    np.testing.assert_array_equal(turned.scores(task.X), wide.scores(task.X)[:, ::-1])


def test_synthesis_is_the_same_anew_from_the_cache_and_after_saving(model, task, tmp_path):
    save(model, tmp_path)
    again = load(tmp_path)  # other networks, hence nothing remembered
    label = task.unseen[0]
    vector = task.classes.select([label]).vectors[0]
    first = again.synthesise(label, vector)
    assert torch.equal(first, model.synthesise(label, vector))
    assert torch.equal(first, again.synthesise(label, vector))
    assert not torch.equal(first, again.synthesise(label, -vector)), "a new description of a class was ignored"
    fewer = again.set_params(n_synthetic=3).synthesise(label, vector)
    assert len(fewer) == 3


def test_another_seed_is_other_noise(task):
    X, y = task.train
    one, two = (Spread(epochs=0, noise=1.0, random_state=s).fit(X, y, classes=task.classes) for s in (0, 1))
    two.networks_ = one.networks_
    label, vector = task.unseen[0], task.classes.select(task.unseen[:1]).vectors[0]
    assert not torch.equal(one.synthesise(label, vector), two.synthesise(label, vector))


def test_what_is_remembered_stays_out_of_the_saved_model(model, task):
    before = digest(model)
    model.synthesise("a new class", np.ones(task.classes.n_semantics))
    assert digest(model) == before


def test_seen_candidates_bring_real_samples_and_unseen_ones_synthetic(model, task):
    X, y = task.train
    label = task.seen[2]
    real = torch.as_tensor((X[y == label] - X.min(0)) / (X.max(0) - X.min(0)), dtype=torch.float32)
    (kept,) = rows_of(model, [label])
    assert torch.equal(torch.sort(kept, dim=0).values, torch.sort(real, dim=0).values)
    (made,) = rows_of(model, task.unseen[:1])
    assert made.shape == (20, X.shape[1])


@pytest.mark.parametrize(("n_seen", "lengths"), [(None, 9), (4, 4), (100, 9), (0, 20)])
def test_n_seen_bounds_what_is_kept(task, n_seen, lengths):
    model = Spread(n_seen=n_seen, epochs=1).fit(*task.train, classes=task.classes)
    assert {len(rows) for rows in rows_of(model, task.seen)} == {lengths}
    assert len(model.seen_features_) == (0 if n_seen == 0 else len(task.seen) * min(lengths, 9))


def test_unseen_candidates_alone_are_told_apart_by_synthetic_samples_only(model, task):
    """Real seen features may be swapped for rubbish without a trace in the answers over unseen classes."""
    zsl = model.with_candidates(task.unseen)
    spoilt = model.with_candidates(task.unseen)
    spoilt.seen_features_ = torch.full_like(spoilt.seen_features_, 1e6)
    X, y = task.test_unseen
    np.testing.assert_array_equal(spoilt.with_candidates(task.unseen).scores(X), zsl.scores(X))
    assert zsl.score(X, y) > 0.8
    gzsl = spoilt.with_candidates(task.classes)
    assert not np.array_equal(gzsl.scores(X), model.scores(X)), "real features are not used for seen candidates"


def test_one_candidate_is_answered_and_none_is_refused(model, task):
    alone = model.with_candidates(task.unseen[:1])
    assert set(alone.predict(task.X)) == {task.unseen[0]}
    with pytest.raises(InputError, match="at least one"):
        model.with_candidates([])


@pytest.mark.parametrize("cls", [FCLSWGAN, CADAVAE])
def test_a_loss_that_diverges_names_its_turn(cls, task):
    params = cls.example_params()[0] | {"lr": 1e12, "epochs": 20}
    with pytest.raises(FloatingPointError, match=r"turn '(critic|generator|vae)' is (nan|inf)"):
        cls(**params).fit(*task.train, classes=task.classes)
