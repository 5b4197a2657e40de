"""Prompt-level methods on embeddings of the packaged encoder's texts, which stand for images of their classes."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from zorse.core import CapabilityError, ClassTable, InputError, load, save
from zorse.encoders import load_encoder
from zorse.evaluation import pseudo_label_report
from zorse.methods.adaptation.cocoop import CoCoOp
from zorse.methods.adaptation.coop import CoOp
from zorse.methods.adaptation.eco import ECO
from zorse.methods.adaptation.grip import GRIP
from zorse.methods.adaptation.learning_to_name import LearningToName
from zorse.methods.adaptation.prograd import ProGrad
from zorse.training.unlabelled import best_of_each_class

NAMES = ("dog", "car", "sunflower", "violin", "teapot", "owl")
FAST = {"epochs": 2, "batch_size": 6, "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module")
def table(encoder):
    labels = np.arange(len(NAMES)) * 10
    return ClassTable(labels, encoder.encode_text([f"a photo of a {name}" for name in NAMES]), names=NAMES)


@pytest.fixture(scope="module")
def samples(encoder, table):
    rng = np.random.default_rng(0)
    X = np.repeat(encoder.encode_text(list(NAMES)), 6, axis=0)
    return X + 0.05 * rng.normal(size=X.shape), np.repeat(table.labels, 6)


def of_seen(samples, n):
    X, y = samples
    keep = y < 10 * n
    return X[keep], y[keep]


def test_no_training_gives_the_prompts_own_classifier(encoder, table, samples):
    X, y = of_seen(samples, 4)
    model = CoOp(init="a photo of a", epochs=1, lr=0.0, device="cpu").fit(X, y, classes=table)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(X), encoder.logit_scale * unit @ table.vectors.T, atol=1e-4)


def test_new_classes_get_the_learned_context_before_their_names(encoder, table, samples):
    model = CoOp(n_context=3, **FAST).fit(*of_seen(samples, 4), classes=table)
    new = ClassTable(["x", "y"], encoder.encode_text(["zebra", "boat"]), names=("zebra", "boat"))
    with torch.no_grad():
        texts = encoder.encode_tokens(model.learned_["context"].expand(2, -1, -1), ["zebra", "boat"])
    np.testing.assert_allclose(model.with_candidates(new).weights_, texts.numpy(), atol=1e-6)


def test_one_step_of_coop_is_gradient_descent(encoder, table, samples):
    X, y = of_seen(samples, 3)
    more = {"n_context": 2, "epochs": 1, "batch_size": len(X), "random_state": 3, "device": "cpu", "weight_decay": 0.0}
    start = CoOp(lr=0.0, **more).fit(X, y, classes=table).learned_["context"]
    moved = CoOp(lr=0.5, **more).fit(X, y, classes=table).learned_["context"]
    context = start.clone().requires_grad_()
    texts = torch.cat([encoder.encode_tokens(context[None], [name]) for name in NAMES[:3]])
    loss = 0.0
    for x, label in zip(torch.tensor(X, dtype=torch.float32), y, strict=True):
        logits = [encoder.logit_scale * (x / x.norm()) @ text for text in texts]
        loss = loss - torch.log_softmax(torch.stack(logits), dim=0)[label // 10] / len(X)
    loss.backward()
    np.testing.assert_allclose(moved.numpy(), (start - 0.5 * context.grad).numpy(), atol=1e-5)


def test_eco_of_one_prompt_is_coop(table, samples):
    X, y = of_seen(samples, 4)
    one = ECO(n_prompts=1, n_context=3, **FAST).fit(X, y, classes=table)
    np.testing.assert_allclose(one.scores(X), CoOp(n_context=3, **FAST).fit(X, y, classes=table).scores(X), atol=1e-5)


def test_eco_averages_unit_texts(encoder, table, samples):
    model = ECO(n_prompts=3, n_context=2, **FAST).fit(*of_seen(samples, 4), classes=table)
    for w, name in zip(model.weights_, NAMES, strict=True):
        with torch.no_grad():
            mean = sum(encoder.encode_tokens(one[None], [name])[0] for one in model.learned_["context"]) / 3
        np.testing.assert_allclose(w, (mean / mean.norm()).numpy(), atol=1e-5)


def test_prograd_steps_by_the_projected_gradient(encoder, table, samples):
    X, y = of_seen(samples, 3)
    y = 10 * ((y // 10 + 1) % 3)  # labels that contradict what the model knows
    more = {"n_context": 2, "epochs": 1, "batch_size": len(X), "random_state": 3, "device": "cpu", "weight_decay": 0.0}
    start = ProGrad(lr=0.0, **more).fit(X, y, classes=table).learned_["context"]
    moved = ProGrad(lr=0.5, **more).fit(X, y, classes=table).learned_["context"]
    context = start.clone().requires_grad_()
    unit = torch.nn.functional.normalize(torch.tensor(X, dtype=torch.float32), dim=1)
    logits = encoder.logit_scale * unit @ encoder.encode_tokens(context.expand(3, -1, -1), NAMES[:3]).T
    taught = encoder.logit_scale * unit @ torch.tensor(table.vectors[:3], dtype=torch.float32).T
    labels = -sum(logits[i].log_softmax(0)[c // 10] for i, c in enumerate(y)) / len(y)
    known = -sum((taught[i].softmax(0) * logits[i].log_softmax(0)).sum() for i in range(len(y))) / len(y)
    (a,) = torch.autograd.grad(labels, context, retain_graph=True)
    (b,) = torch.autograd.grad(known, context)
    assert (a * b).sum() < 0
    step = a - (a * b).sum() / b.norm() * (b / b.norm())
    np.testing.assert_allclose(moved.numpy(), (start - 0.5 * step).numpy(), atol=1e-6)
    free = ProGrad(lr=0.5, strength=0.0, **more).fit(X, y, classes=table).learned_["context"]
    plain = CoOp(lr=0.5, **more).fit(X, y, classes=table).learned_["context"]
    np.testing.assert_allclose(free.numpy(), plain.numpy(), atol=1e-6)


def test_cocoop_reads_a_text_of_its_own_for_every_image(encoder, table, samples):
    X, y = of_seen(samples, 3)
    model = CoCoOp(epochs=1, batch_size=9, lr=0.1, device="cpu", random_state=0).fit(X, y, classes=table)
    w = {name: value.numpy() for name, value in model.learned_.items()}
    scores = model.scores(X[:3])
    for i, x in enumerate(X[:3] / np.linalg.norm(X[:3], axis=1, keepdims=True)):
        shift = w["outer"] @ np.maximum(w["inner"] @ x + w["inner_bias"], 0) + w["outer_bias"]
        context = torch.tensor(w["context"] + shift, dtype=torch.float32)
        with torch.no_grad():
            texts = [encoder.encode_tokens(context[None], [name])[0].numpy() for name in NAMES]
        np.testing.assert_allclose(scores[i], [encoder.logit_scale * x @ text for text in texts], atol=1e-4)


def test_a_learned_name_leaves_other_names_alone(encoder, table, samples):
    X, y = of_seen(samples, 3)
    model = LearningToName(epochs=8, batch_size=9, lr=1.0, device="cpu", random_state=0).fit(X, y, classes=table)
    np.testing.assert_allclose(model.weights_[3:], table.vectors[3:], atol=1e-5)
    assert np.abs(model.weights_[:3] - table.vectors[:3]).max() > 1e-3
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_a_learned_name_says_what_its_pictures_show(encoder, table, samples):
    X, y = samples
    wrong = ClassTable([0, 10], table.vectors[:2], names=("dog", "car"))
    shown = np.concatenate([X[y == 0], X[y == 30]])  # the pictures of "car" show violins
    model = LearningToName(epochs=60, batch_size=12, lr=2.0, device="cpu", random_state=0)
    model.fit(shown, np.repeat([0, 10], 6), classes=wrong)
    assert model.nearest(list(NAMES), k=1)["10"] == ["violin"]


def test_a_class_takes_the_samples_that_are_most_probable_for_it():
    rng = np.random.default_rng(0)
    scores = 3 * rng.normal(size=(20, 4))
    samples, classes = best_of_each_class(softmax(scores, axis=1), scores.shape[1], 3)
    for c in range(4):
        proba = [np.exp(row[c]) / sum(np.exp(v) for v in row) for row in scores]
        best = sorted(range(20), key=lambda i: -proba[i])[:3]
        assert samples[classes == c].tolist() == best


@pytest.mark.parametrize("kind", ["unsupervised", "transductive", "semi-supervised"])
def test_grip_labels_the_classes_that_have_no_labels(table, samples, kind):
    X, y = samples
    more = {"n_context": 2, "rounds": 2, "lr": 0.01, **FAST}
    labelled = {"unsupervised": np.zeros(len(y), bool), "transductive": y < 30, "semi-supervised": y >= 0}[kind]
    targets = [30, 40, 50] if kind == "transductive" else table.labels
    Z, truth = X[np.isin(y, targets)], y[np.isin(y, targets)]
    given = (X[labelled], y[labelled]) if labelled.any() else (None, None)
    model = GRIP(**more).fit(*given, classes=table, unlabelled=Z)
    for number, (rows, labels) in enumerate(zip(model.pseudo_samples_, model.pseudo_labels_, strict=True), 1):
        assert np.unique(labels).tolist() == list(targets)
        assert len(rows) == len(targets) * (number * len(Z) // (2 * len(targets)))
    report = pseudo_label_report(model.pseudo_samples_[0], model.pseudo_labels_[0], truth)
    assert report.precision > 0.8
    assert model.score(X, y) > 0.8


def test_a_model_says_what_its_encoder_cannot_do(table, samples):
    X, y = of_seen(samples, 3)

    class Sight:
        name, dim = "sight", 256

    with pytest.raises(CapabilityError, match="sight has no text tower"):
        CoOp(encoder=Sight()).fit(X, y, classes=table)
    with pytest.raises(InputError, match="gives 256 numbers"):
        CoOp().fit(X[:, :9], y, classes=ClassTable(table.labels, table.vectors[:, :9]))


def test_a_saved_model_takes_new_names_and_refuses_another_encoder(encoder, table, samples, tmp_path):
    X, y = of_seen(samples, 3)
    model = CoOp(n_context=2, **FAST).fit(X, y, classes=table)
    save(model, tmp_path)
    again = load(tmp_path)
    np.testing.assert_array_equal(again.scores(X), model.scores(X))
    again.encoder_digest_ = "other"
    with pytest.raises(InputError, match="another encoder"):
        again.with_candidates(table.labels[:2])
