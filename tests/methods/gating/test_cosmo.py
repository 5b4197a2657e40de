import numpy as np
import pytest

from zorse.core import CapabilityError, InputError
from zorse.data import toy_zsl
from zorse.evaluation import evaluate
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.gating.cosmo import (
    COSMO,
    confidences,
    gate_without_labels,
    join,
    likeliest_scale,
    smoothed_without_labels,
    to_probabilities,
)

TASK = toy_zsl(n_seen=12, n_unseen=5, n_per_class=20, noise=0.25)
X, y = TASK.train
RNG = np.random.default_rng(0)
P_SEEN, P_UNSEEN = RNG.dirichlet(np.ones(6), 8), RNG.dirichlet(np.ones(3), 8)


def fitted(**params):
    return COSMO(unseen_expert=ESZSL(), random_state=0, **params).fit(X, y, classes=TASK.classes)


def test_smoothing_by_the_papers_equations():
    pi = RNG.random(8)
    joined = join(P_SEEN, P_UNSEEN, pi)
    for i in range(8):
        for c in range(6):
            expected = (1 - pi[i]) * (P_SEEN[i, c] + pi[i] * (1 / 6))
            assert joined.seen[i, c] == pytest.approx(expected)
        for c in range(3):
            expected = pi[i] * (P_UNSEEN[i, c] + (1 - pi[i]) * (1 / 3))
            assert joined.unseen[i, c] == pytest.approx(expected)


def test_without_smoothing_it_is_the_law_of_total_probability():
    joined = join(P_SEEN, P_UNSEEN, RNG.random(8), smoothing=False)
    np.testing.assert_allclose(joined.seen.sum(axis=1) + joined.unseen.sum(axis=1), 1)


def test_a_sure_gate_leaves_one_expert_alone():
    joined = join(P_SEEN, P_UNSEEN, np.ones(8))
    np.testing.assert_allclose(joined.unseen, P_UNSEEN)
    assert not joined.seen.any()


def test_what_the_gate_sees_by_loops():
    features = confidences(P_SEEN, P_UNSEEN, 4, 3.0)
    for i, row in enumerate(features):
        softened = [p ** (1 / 3) for p in P_SEEN[i]]
        assert row[:4] == pytest.approx([*sorted(P_UNSEEN[i], reverse=True), 0])
        assert row[4:] == pytest.approx(sorted((p / sum(softened) for p in softened), reverse=True)[:4])


def test_probabilities_are_calibrated_by_their_likelihood():
    logits = RNG.standard_normal((4000, 5))
    target = np.array([RNG.choice(5, p=p) for p in to_probabilities(3 * logits)])
    assert likeliest_scale(logits, target) == pytest.approx(3, rel=0.3)
    assert likeliest_scale(100 * logits, target) == pytest.approx(0.03, rel=0.3)


class Biased(ESZSL):
    """ESZSL that gives every seen class three more than it earned."""

    def _scores(self, X, table):
        return super()._scores(X, table) + 3 * np.isin(table.labels, self.seen_)


def test_a_bias_towards_seen_classes_means_nothing():
    biased = COSMO(unseen_expert=Biased(), random_state=0).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(biased.scores(TASK.X), fitted().scores(TASK.X), atol=1e-6)
    alone = Biased().fit(X, y, classes=TASK.classes)
    assert evaluate(biased, TASK).unseen > evaluate(alone, TASK).unseen == 0


def test_the_gate_tells_unseen_samples_from_seen_ones():
    model = fitted()
    unseen, seen = model.gate(TASK.test_unseen[0]), model.gate(TASK.test_seen[0])
    assert np.mean(unseen[:, None] > seen) > 0.6
    with pytest.raises(InputError, match="both kinds"):
        model.with_candidates(TASK.unseen).gate(X)


def test_among_one_kind_of_candidates_an_expert_answers_alone():
    model = fitted()
    plain = ESZSL().fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    np.testing.assert_array_equal(model.with_candidates(TASK.unseen).predict(TASK.X), plain.predict(TASK.X))


def test_experts_are_asked_for():
    with pytest.raises(CapabilityError, match="None"):
        COSMO().fit(X, y, classes=TASK.classes)


def scores_of_two_kinds(n=300, s=6, u=4, seed=0):
    """Log-probabilities of samples whose own half, seen for the first ones, is a little more likely."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((2 * n, s + u))
    logits[:n, 0] += 4
    logits[n:, s] += 3
    logits[:, :s] += 1.5  # the bias towards seen classes
    seen = np.arange(s + u) < s
    return np.log(to_probabilities(logits)), seen, n


def test_the_gate_without_labels_finds_the_kinds():
    log_p, seen, n = scores_of_two_kinds()
    gate = gate_without_labels(log_p, seen)
    assert np.mean(gate[:n, None] > gate[n:]) > 0.9
    assert 0.3 < (gate > 0).mean() < 0.7


def test_halves_are_smoothed_by_that_gate():
    log_p, seen, _ = scores_of_two_kinds()
    pi = 1 / (1 + np.exp(gate_without_labels(log_p, seen)))
    halves = [np.exp(log_p[:, part]) for part in (seen, ~seen)]
    expected = join(*(half / half.sum(axis=1, keepdims=True) for half in halves), pi)
    ours = np.exp(smoothed_without_labels(log_p, seen))
    np.testing.assert_allclose(ours[:, seen], expected.seen)
    np.testing.assert_allclose(ours[:, ~seen], expected.unseen)


def test_the_bias_of_a_model_means_nothing_to_its_gate():
    log_p, seen, _ = scores_of_two_kinds()
    gate, moved = (gate_without_labels(log_p + b * seen, seen) for b in (0.0, 2.0))
    np.testing.assert_allclose(gate, moved, atol=1e-2)
