import numpy as np
import pytest
import torch

from zorse.data import pair_table, toy_compositional
from zorse.evaluation import evaluate_compositional
from zorse.methods.compositional.pbadv import PBadv, hard_pairs
from zorse.templates import words_of

TASK = toy_compositional(n_attributes=4, n_objects=4, n_unseen=4)
X, y = TASK.train
FEW = {"hidden": (12,), "embedding": 8, "word_hidden": 10, "dropout": 0.0, "batch_size": 999, "random_state": 0}
FEW |= {"lr": 0.01, "device": "cpu"}


def unit(v):
    return v / v.norm()


def cosines(model, x, words, pairs):
    """The four cosines of one image with each pair: base, attribute, object, compose; as the paper lists them."""
    part, x = model.networks_, torch.tensor(x).float()
    taken = {word: part[f"take_{word}"](x) for word in ("attribute", "object")}
    composed = part["compose"](unit(torch.cat([taken["attribute"], taken["object"]]))[None])[0]
    out = []
    for a, o in pairs:
        pair = unit(part["pair"](torch.cat([words[a], words[o]])))
        row = [unit(part["base"](x)) @ pair]
        for word, name in (("attribute", a), ("object", o)):
            row.append(unit(part[f"image_{word}"](taken[word])) @ unit(part[f"word_{word}"](words[name])))
        out.append([*row, unit(composed) @ pair])
    return np.array(out, dtype=float)


def vectors():
    graph = TASK.classes.graph
    return {node: unit(torch.tensor(v).float()) for node, v in zip(graph.nodes, graph.vectors, strict=True)}


def test_the_score_is_the_sum_of_four_cosines():
    model = PBadv(**FEW, epochs=4, start_synthesis=2).fit(X, y, classes=TASK.classes)
    pairs = [TASK.classes.parents[label] for label in TASK.classes.labels]
    for x, scores in zip(X[:3], model.scores(X[:3]), strict=True):
        np.testing.assert_allclose(scores, cosines(model, x, vectors(), pairs).sum(axis=1), atol=1e-3)


def test_without_attacks_the_loss_is_four_softmaxes():
    # With one whole batch and steps of size 0, the batch statistics of the composition are those of this one batch.
    model = PBadv(**FEW | {"lr": 0.0}, epochs=1, attack_weight=0.0, word_temperature=0.1).fit(
        X, y, classes=TASK.classes
    )
    part, words = model.networks_, vectors()
    part["compose"].train()
    seen = TASK.seen.tolist()
    pairs = [TASK.classes.parents[label] for label in seen]
    with torch.no_grad():
        x = torch.tensor(X).float()
        taken = torch.cat([part["take_attribute"](x), part["take_object"](x)], dim=1)
        composed = part["compose"](torch.nn.functional.normalize(taken))
        embedded = [unit(part["pair"](torch.cat([words[a], words[o]]))) for a, o in pairs]
        total = 0.0
        for i, label in enumerate(y):
            own = seen.index(label)
            alike = [j for j, pair in enumerate(pairs) if pair[0] == pairs[own][0] or pair[1] == pairs[own][1]]
            relatives = [j for j in alike if j != own]
            for image in (part["base"](x[i]), composed[i]):
                logits = torch.stack([unit(image) @ pair / 0.05 for pair in embedded])
                log_p = logits - logits.logsumexp(0)
                total -= 0.9 * log_p[own] + sum(0.1 / len(relatives) * log_p[j] for j in relatives)
            for k, word in enumerate(("attribute", "object")):
                names = sorted({pair[k] for pair in pairs})
                image = unit(part[f"image_{word}"](part[f"take_{word}"](x[i])))
                logits = torch.stack([image @ unit(part[f"word_{word}"](words[name])) / 0.1 for name in names])
                total -= (logits - logits.logsumexp(0))[names.index(pairs[own][k])]
    assert model.history_[0]["loss"] == pytest.approx(float(total) / len(y), rel=1e-3)


def test_attacks_and_composed_pairs_add_to_the_loss():
    def loss(**options):
        return PBadv(**FEW | {"lr": 0.0}, epochs=1, **options).fit(X, y, classes=TASK.classes).history_[0]["loss"]

    plain = loss(attack_weight=0.0, start_synthesis=None)
    assert loss(attack_weight=0.0, start_synthesis=0) > plain + 0.5
    assert loss(attack_weight=0.5, start_synthesis=None) > plain + 0.5
    near, far = (loss(attack_weight=0.5, epsilons=(eps,), start_synthesis=None) for eps in (0.0, 0.5))
    assert far > near


def test_hard_pairs_are_drawn_by_accuracy_and_likeness_and_have_the_right_words():
    words_ = {"wet": [1.0, 0], "dry": [0, 1.0], "dog": [1.0, 0], "wolf": [0.8, 0.6], "car": [-1.0, 0]}
    table = pair_table([("wet", "dog"), ("wet", "wolf"), ("wet", "car"), ("dry", "car"), ("dry", "dog")], words_)
    words = words_of(table)
    target = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4])
    draw = hard_pairs(target, words, torch.Generator().manual_seed(0))
    accuracy = torch.tensor([0.0, 1.0, 0.5, 0.2, 0.9])
    made, of_attribute, of_object = draw(accuracy, 60_000)
    expected = np.exp(1 - accuracy.numpy())
    np.testing.assert_allclose(made.bincount() / len(made), expected / expected.sum(), atol=0.01)
    assert torch.equal(words.attribute[target[of_attribute]], words.attribute[made])
    assert torch.equal(words.object[target[of_object]], words.object[made])
    # The wetness of "wet dog" comes from dogs, wolves and cars by exp of 1, 0.8 and -1.
    lender = target[of_attribute[made == 0]].bincount(minlength=5)[:3]
    weight = np.exp([1, 0.8, -1])
    np.testing.assert_allclose(lender / lender.sum(), weight / weight.sum(), atol=0.02)
    # Every sample of an object is as likely, whatever pair it is of: three of "dry car" to one of "wet car".
    of_cars = target[of_object[words.object[made] == 2]].bincount(minlength=5)
    assert float(of_cars[3] / of_cars.sum()) == pytest.approx(0.75, abs=0.02)


def test_unseen_pairs_of_known_words_are_recognised():
    model = PBadv(**PBadv.example_params()[0]).fit(X, y, classes=TASK.classes)
    assert evaluate_compositional(model, TASK).harmonic > 0.6
