"""What the template promises, on a generator whose every sample is known in advance."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import ClassTable, InputError, load, save
from zorse.core.persist import digest
from zorse.data import toy_zsl
from zorse.methods.generative.cadavae import CADAVAE
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.templates import FeatureGenerator, synthetic
from zorse.training import Turn, streamed


@dataclass(eq=False, repr=False, kw_only=True)
class Spread(FeatureGenerator):
    """Learns a linear map from class vectors to features; a sample is its image plus a little noise."""

    noise: float = 0.05
    n_synthetic: int = 20
    classifier_epochs: int = 20
    classifier_lr: float = 0.05
    classifier_batch_size: int = 32
    epochs: int = 40
    batch_size: int = 32
    random_state: int = 0
    device: str = "cpu"

    def _turns(self, data, generator):
        self.x, self.a, self.y = data.x, data.a, data.y
        self.networks_ = nn.ModuleDict({"map": nn.Linear(data.a.shape[1], data.x.shape[1])})
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
    return list(model._samples_of(model.candidates_.select(labels)))


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
    alone = task.classes.select([label])
    (first,) = again.synthesise(alone)
    assert torch.equal(first, model.synthesise(alone)[0])
    assert torch.equal(first, again.synthesise(alone)[0])
    (other,) = again.synthesise(ClassTable(alone.labels, -alone.vectors))
    assert not torch.equal(first, other), "a new description of a class was ignored"
    (fewer,) = again.set_params(n_synthetic=3).synthesise(alone)
    assert len(fewer) == 3


def test_another_seed_is_other_noise(task):
    X, y = task.train
    one, two = (Spread(epochs=0, noise=1.0, random_state=s).fit(X, y, classes=task.classes) for s in (0, 1))
    two.networks_ = one.networks_
    alone = task.classes.select(task.unseen[:1])
    assert not torch.equal(one.synthesise(alone)[0], two.synthesise(alone)[0])


def test_what_is_remembered_stays_out_of_the_saved_model(model, task):
    before = digest(model)
    model.synthesise(ClassTable(["a new class"], np.ones((1, task.classes.n_semantics))))
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


def test_nearest_neighbour_agrees_with_a_loop_over_samples(task):
    model = Spread(classifier="1-nn").fit(*task.train, classes=task.classes)
    x = model._scaled(task.X[:7]).numpy()
    samples = dict(zip(task.classes.labels, rows_of(model, task.classes.labels)))
    for i, row in enumerate(model.scores(task.X[:7])):
        for score, label in zip(row, task.classes.labels):
            nearest = min(np.linalg.norm(x[i] - s) for s in samples[label].numpy())
            assert score == pytest.approx(-nearest, abs=1e-6)
    X, y = task.test_unseen
    assert model.with_candidates(task.unseen).score(X, y) > 0.8
    # A class's score is its own affair, as it is not with a softmax.
    columns = task.classes.rows(task.unseen)
    narrow = model.with_candidates(task.unseen).scores(X)
    np.testing.assert_allclose(narrow, model.scores(X)[:, columns], atol=1e-6)


def test_the_sure_part_of_a_call_teaches_the_second_stage_of_a_cascade(task):
    """Noise is so wide that the softmax learns little; what the test samples show of themselves mends it."""
    X, y = task.test_unseen
    single = Spread(noise=0.5, n_synthetic=5).fit(*task.train, classes=task.classes).with_candidates(task.unseen)
    double = Spread(noise=0.5, n_synthetic=5, cascade=0.5).fit(*task.train, classes=task.classes)
    double = double.with_candidates(task.unseen)
    first, second = single.scores(X), double.scores(X)
    p = np.exp(first) / np.exp(first).sum(1, keepdims=True)
    doubt = -(p * np.log(p)).sum(1)
    sure = np.argsort(doubt)[: len(X) // 2]
    rest = np.setdiff1d(np.arange(len(X)), sure)
    np.testing.assert_allclose(second[sure], first[sure])
    assert not np.allclose(second[rest], first[rest])
    np.testing.assert_array_equal(double.scores(X[:1]), single.scores(X[:1]))  # half of one sample is none
    assert double.score(X, y) >= single.score(X, y)


@pytest.mark.parametrize("wrong", [{"classifier": "svm"}, {"classifier": "1-nn", "cascade": 0.5}])
def test_an_unknown_final_classifier_is_refused(task, wrong):
    with pytest.raises(InputError, match="classifier must be"):
        Spread(epochs=1, **wrong).fit(*task.train, classes=task.classes)


def test_a_label_space_too_large_for_memory_is_streamed(model, task, monkeypatch):
    """Nothing larger than a batch is ever made, nothing is remembered, and the answers are as good."""
    whole = model.with_candidates(task.classes)
    rows = []
    make = Spread._generate
    monkeypatch.setattr(synthetic, "MEMORY_BYTES", 0)
    monkeypatch.setattr(Spread, "_generate", lambda self, a: rows.append(len(a)) or make(self, a))
    model.forget()
    streamed = model.with_candidates(task.classes)
    assert rows
    assert max(rows) <= model.classifier_batch_size
    assert model.networks_ not in synthetic._synthesised
    assert (streamed.predict(task.X) == whole.predict(task.X)).mean() > 0.9
    turned = model.with_candidates(task.classes.select(task.classes.labels[::-1]))
    np.testing.assert_array_equal(turned.scores(task.X), streamed.scores(task.X)[:, ::-1])


def test_streamed_batches_hold_each_real_sample_and_its_share_of_each_class_once():
    x, y = torch.arange(4.0)[:, None], torch.tensor([0, 0, 1, 1])
    a, labels = torch.tensor([[10.0], [20.0]]), torch.tensor([2, 3])
    batches = streamed((x, y), a, labels, 3, lambda a: a + 1, size=5, generator=torch.Generator().manual_seed(0))
    drawn = [next(batches) for _ in range(2)]
    pairs = sorted((*row.tolist(), int(label)) for b in drawn for row, label in zip(*b))
    assert pairs == [(0, 0), (1, 0), (2, 1), (3, 1), *[(11, 2)] * 3, *[(21, 3)] * 3]


def test_few_labelled_samples_of_unseen_classes_join_training_through_the_same_fit(task):
    """Any-shot: they are seen classes with few samples; with ``few_shot`` synthetic ones stand beside these."""
    X, y = task.train
    X_new, y_new = task.test_unseen
    shots = np.concatenate([np.flatnonzero(y_new == label)[:2] for label in task.unseen])
    X, y = np.concatenate([X, X_new[shots]]), np.concatenate([y, y_new[shots]])
    rest = np.setdiff1d(np.arange(len(y_new)), shots)
    alone = Spread().fit(X, y, classes=task.classes)
    both = Spread(few_shot=2).fit(X, y, classes=task.classes)
    assert set(alone.seen_) == set(task.classes.labels)
    assert [len(rows) for rows in rows_of(alone, task.unseen)] == [2, 2, 2]
    assert [len(rows) for rows in rows_of(both, task.unseen)] == [2 + 20] * 3
    assert {len(rows) for rows in rows_of(both, task.seen)} == {9}
    for model in (alone, both):
        assert model.with_candidates(task.unseen).score(X_new[rest], y_new[rest]) > 0.8


def test_the_epoch_is_chosen_on_held_out_training_classes(task):
    """The third of six epochs is made the best by spoiling the rest; its networks are the ones that stay."""
    seen = []

    class Spoilt(Spread):
        def _accuracy(self, X, rows, table):
            seen.append((set(table.labels[rows]), {k: v.clone() for k, v in self.networks_.state_dict().items()}))
            return super()._accuracy(X, rows, table) + (len(seen) == 3)

    held = list(task.seen[:3])
    model = Spoilt(validation_classes=held, epochs=6).fit(*task.train, classes=task.classes)
    assert len(seen) == len(model.history_) == 6
    assert all(labels == set(held) for labels, _ in seen)
    for name, kept in model.networks_.state_dict().items():
        assert torch.equal(kept, seen[2][1][name])
        assert not torch.equal(kept, seen[5][1][name])
    assert len(model.x) == 5 * 9, "samples of held-out classes were trained on"
    assert set(model.seen_) == set(task.seen), "held-out classes are seen when it comes to classifying"
    assert 0 <= model.history_[0]["validation"] <= 1
    seen.clear()
    assert len(Spoilt(validation_classes=3, patience=2, epochs=50).fit(*task.train, classes=task.classes).history_) == 5


def test_choosing_the_epoch_changes_nothing_else(task):
    """Judging draws no random number of the training's and leaves no spoilt class behind."""
    X, y = task.train
    held = np.isin(y, task.seen[:2])
    chosen = Spread(validation_classes=list(task.seen[:2]), epochs=8, scale=None).fit(X, y, classes=task.classes)
    plain = Spread(epochs=8, scale=None).fit(X[~held], y[~held], classes=task.classes)
    for mine, theirs in zip(chosen.history_, plain.history_):
        assert mine["map"] == theirs["map"]


@pytest.mark.parametrize(("asked", "told"), [(["nobody"], "nobody"), (1, "holds out 1 of 8"), (0.9, "holds out 7")])
def test_impossible_validation_classes_are_refused(task, asked, told):
    with pytest.raises(InputError, match=told):
        Spread(validation_classes=asked).fit(*task.train, classes=task.classes)
