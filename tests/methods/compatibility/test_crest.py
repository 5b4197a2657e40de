import numpy as np
import torch

from zorse.data import toy_patches
from zorse.methods.compatibility.crest import CREST
from zorse.nn.evidence import opinion

TASK, _ = toy_patches(random_state=1)
FEW = {"hidden": 16, "epochs": 20, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}
MODEL = CREST(**FEW).fit(*TASK.train, classes=TASK.classes)


def softmax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


def naive_branches(model, x):
    """Attribute scores of one image in both branches, patch by patch and attribute by attribute."""
    net = {name: layer.weight.double().numpy() for name, layer in model.networks_.items()}
    h = model.hidden
    patches, keys = (
        [
            net[name] @ ((p - model.mean_) / model.spread_) + model.networks_[name].bias.double().numpy()
            for p in x.reshape(-1, x.shape[-1])
        ]
        for name in ("patch", "show")
    )
    tokens = [t * h**0.5 for t in net["tokens"].T]
    first = []
    for t in tokens:
        look = softmax(np.array([t @ p / h**0.5 for p in keys]))
        found = sum(a * p for a, p in zip(look, patches, strict=True))
        first.append(t @ net["found"] @ found / h**0.5)
    second = np.zeros(len(tokens))
    for p, key in zip(patches, keys, strict=True):
        look = softmax(np.array([key @ t / h**0.5 for t in tokens]))
        enriched = p + sum(b * t for b, t in zip(look, tokens, strict=True))
        second += [t @ net["region"] @ enriched / h**0.5 / len(patches) for t in tokens]
    return np.array(first), second


def test_scores_written_as_loops():
    vectors = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)
    for x in TASK.X[:3]:
        opinions = []
        levels = MODEL.networks_["level"].weight.double().numpy()[:, 0]
        for attributes, level in zip(naive_branches(MODEL, x.astype(np.float64)), levels, strict=True):
            evidence = np.log1p(np.exp(vectors @ attributes + level))
            S = evidence.sum() + len(evidence)
            opinions.append((evidence / S, len(evidence) / S))
        (b1, u1), (b2, u2) = opinions
        rest = 1 - (b1.sum() * b2.sum() - (b1 * b2).sum())
        belief, doubt = (b1 * b2 + b1 * u2 + b2 * u1) / rest, u1 * u2 / rest
        np.testing.assert_allclose(MODEL.scores(x[None])[0], np.log(belief), rtol=1e-4)
        np.testing.assert_allclose(MODEL.uncertainty(x[None]), [doubt], rtol=1e-4)


def test_probabilities_are_belief_without_what_is_uncertain():
    belief = np.exp(MODEL.scores(TASK.X[:5]))
    np.testing.assert_allclose(belief.sum(axis=1) + MODEL.uncertainty(TASK.X[:5]), 1, rtol=1e-6)
    np.testing.assert_allclose(MODEL.predict_proba(TASK.X[:5]), belief / belief.sum(axis=1, keepdims=True), rtol=1e-6)


def test_next_to_no_evidence_still_ranks():
    # Far from everything it was trained on, all logits are low, and candidates must not tie.
    model = CREST(**FEW | {"epochs": 60}, calibration=0.0).fit(*TASK.train, classes=TASK.classes)
    scores = model.with_candidates(TASK.unseen).scores(TASK.test_unseen[0])
    assert (np.diff(np.sort(scores, axis=1), axis=1) > 0).all()


def test_an_image_of_nothing_is_less_certain_than_one_of_a_class():
    background = TASK.X[:40].copy()
    background[:] = TASK.X.mean(axis=(0, 1, 2))
    assert MODEL.uncertainty(background).mean() > MODEL.uncertainty(TASK.test_seen[0]).mean()
    assert ((MODEL.uncertainty(TASK.X) > 0) & (MODEL.uncertainty(TASK.X) < 1)).all()


def test_joining_two_branches_leaves_less_doubt_than_either():
    phi = torch.tensor(TASK.classes.vectors, dtype=torch.float32)
    (_, x), *_ = MODEL._blocks(TASK.X[:20])
    single = [opinion(torch.nn.functional.softplus(logits))[1] for logits in MODEL._opinions(x, phi)]
    assert (MODEL._joined(x, phi)[1] <= torch.minimum(*single) + 1e-6).all()


def test_calibration_leaves_probability_to_unseen_classes():
    X = TASK.test_unseen[0]
    unseen = np.isin(TASK.classes.labels, TASK.unseen)

    def left(calibration):
        model = CREST(**FEW, calibration=calibration).fit(*TASK.train, classes=TASK.classes)
        return model.predict_proba(X)[:, unseen].sum(axis=1).mean()

    assert left(1.0) > left(0.0)
