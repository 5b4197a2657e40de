"""Losses of the autoencoding generators against loops over samples, from the papers alone."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import InputError, seeded
from zorse.data import toy_zsl
from zorse.methods.generative.cvaezsl import CVAEZSL
from zorse.methods.generative.fvaegand2 import FVAEGAND2
from zorse.methods.generative.gdan import GDAN
from zorse.methods.generative.tfvaegan import TFVAEGAN
from zorse.nn import wasserstein_critic_loss
from zorse.training import Clock


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def squared(p, q):
    return sum((u - v) ** 2 for u, v in zip(p, q))


def kl(mean, log_var):
    return 0.5 * sum(m**2 + math.exp(v) - 1 - v for m, v in zip(mean, log_var))


def cross_entropy(x, p):
    return -sum(u * math.log(v) + (1 - u) * math.log(1 - v) for u, v in zip(x, p))


def posterior(run, encoder, row, noise, latent, slope=0.2):
    out = run(encoder, row, slope)
    mean, log_var = out[:latent], out[latent:]
    return mean, log_var, [m + math.exp(v / 2) * e for m, v, e in zip(mean, log_var, noise)]


def test_cvae_loss_is_reconstruction_and_divergence(tiny, loss_of, drawn, run):
    case = tiny(CVAEZSL, latent=2)
    params = case.turns["vae"].params
    (noise,) = drawn((6, 2))
    total = 0.0
    for x, a, e in zip(*(t.tolist() for t in (*case.batch[:2], noise))):
        mean, log_var, z = posterior(run, params[:4], x + a, e, 2, slope=0)
        total += squared(x, run(params[4:], z + a, slope=0)) + kl(mean, log_var)
    assert loss_of(case.turns["vae"], case.batch).item() == pytest.approx(total / 6, rel=1e-4)


def test_fvaegan_is_a_vae_and_a_gan_with_one_network(tiny, loss_of, drawn, run):
    case = tiny(FVAEGAND2, gamma=3.0)
    encoder, generator = case.turns["generator"].params[:4], case.turns["generator"].params[4:]
    eps, noise = drawn((6, 3), (6, 3))
    total = 0.0
    for x, a, e, z in zip(*(t.tolist() for t in (*case.batch[:2], eps, noise))):
        mean, log_var, code = posterior(run, encoder, x + a, e, 3)
        total += cross_entropy(x, run(generator, code + a, out=sigmoid)) + kl(mean, log_var)
        total -= 3.0 * run(case.turns["critic"].params, run(generator, z + a, out=sigmoid) + a)[0]
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / 6, rel=1e-4)


def test_the_second_critic_compares_unlabelled_samples_with_unseen_classes_without_being_told_which(tiny, loss_of):
    unlabelled = torch.rand(9, 5, generator=torch.Generator().manual_seed(8))
    case = tiny(FVAEGAND2, transductive=True, unlabelled=unlabelled, penalty=2.0)
    free = nn.Sequential(nn.Linear(5, 7), nn.LeakyReLU(0.2), nn.Linear(7, 1))
    with torch.no_grad():
        for mine, theirs in zip(free.parameters(), case.turns["unlabelled"].params):
            mine.copy_(theirs)
    ours = loss_of(case.turns["unlabelled"], case.batch)
    with seeded(9):
        x = unlabelled[torch.randint(9, (6,))]
        a = case.data.unseen[torch.randint(2, (6,))]
        with torch.no_grad():
            fake = case.nets["generator"](torch.cat([torch.randn(6, 3), a], dim=1))
        expected = wasserstein_critic_loss(free, x, fake, None, 2.0)
    torch.testing.assert_close(ours, expected)
    assert FVAEGAND2.traits.needs_unlabelled is False
    assert FVAEGAND2(transductive=True).traits.needs_unlabelled is True


def decoded(case, run, x):
    hidden = [v if v > 0 else 0.2 * v for v in run(case.nets["decoder"].parameters(), x)]
    vector = run(case.nets["vector"].parameters(), hidden)
    length = math.sqrt(sum(v * v for v in vector))
    return hidden, [v / length for v in vector]


def unread(vector, a):
    length = math.sqrt(squared(vector, a))
    return sum(abs(u - v) ** 3 / length for u, v in zip(vector, a))


def fed_back(case, run, z, a, weight):
    w1, b1, w2, b2 = case.nets["generator"].parameters()
    hidden = [v if v > 0 else 0.2 * v for v in run([w1, b1], z + a)]
    seen, _ = decoded(case, run, run([w2, b2], hidden, out=sigmoid))
    back = [v if v > 0 else 0.2 * v for v in run(case.nets["feedback"].parameters(), seen)]
    return run([w2, b2], [h + weight * f for h, f in zip(hidden, back)], out=sigmoid)


@pytest.mark.parametrize("encoded_noise", [True, False])
@pytest.mark.parametrize("epoch", [0, 1])
def test_tfvaegan_generator_loss_without_and_with_feedback(tiny, drawn, run, epoch, encoded_noise):
    case = tiny(TFVAEGAN, gamma=3.0, reconstruction=0.6, feedback=0.4, encoded_noise=encoded_noise)
    encoder, generator = case.turns["generator"].params[:4], list(case.nets["generator"].parameters())
    eps, noise = drawn((6, 3), (6, 3))
    total = 0.0
    for x, a, e, z in zip(*(t.tolist() for t in (*case.batch[:2], eps, noise))):
        mean, log_var, code = posterior(run, encoder, x + a, e, 3)

        def made(z, a=a):
            return fed_back(case, run, z, a, 0.4) if epoch else run(generator, z + a, out=sigmoid)

        again = made(code)
        fake = again if encoded_noise else made(z)
        total += cross_entropy(x, again) + kl(mean, log_var) - 3.0 * run(case.turns["critic"].params, fake + a)[0]
        _, vector = decoded(case, run, fake)
        total += 0.6 * unread(vector, a)
    with seeded(9):
        ours = case.turns["generator"].loss(case.batch, Clock(epoch, 0, 0.0))
    assert ours.item() == pytest.approx(total / 6, rel=1e-3)


def test_tfvaegan_decoder_reads_real_features(tiny, loss_of, run):
    case = tiny(TFVAEGAN)
    total = sum(unread(decoded(case, run, x)[1], a) for x, a in zip(*(t.tolist() for t in case.batch[:2])))
    assert loss_of(case.turns["decoder"], case.batch).item() == pytest.approx(total / 6, rel=1e-3)


@pytest.mark.parametrize("encoded_noise", [True, False])
@pytest.mark.parametrize("epoch", [0, 1])
def test_tfvaegan_critic_judges_what_the_epoch_makes(tiny, drawn, run, epoch, encoded_noise):
    case = tiny(TFVAEGAN, feedback=0.4, encoded_noise=encoded_noise, penalty=0.0)
    critic, encoder = case.turns["critic"].params, case.turns["generator"].params[:4]
    (noise,) = drawn((6, 3))
    total = 0.0
    for x, a, e in zip(*(t.tolist() for t in (*case.batch[:2], noise))):
        z = posterior(run, encoder, x + a, e, 3)[2] if encoded_noise else e
        w = list(case.nets["generator"].parameters())
        fake = fed_back(case, run, z, a, 0.4) if epoch else run(w, z + a, out=sigmoid)
        total += run(critic, fake + a)[0] - run(critic, x + a)[0]
    with seeded(9):
        ours = case.turns["critic"].loss(case.batch, Clock(epoch, 0, 0.0))
    assert ours.item() == pytest.approx(total / 6, rel=1e-3)


def test_tfvaegan_turns_move_their_own_networks_and_feedback_teaches_no_decoder(tiny):
    def moved(turn, *networks):
        ids = {id(p) for p in turn.params}
        return [{id(p) for p in network.parameters()} <= ids for network in networks]

    for freeze in (False, True):
        case = tiny(TFVAEGAN, freeze_decoder=freeze, reconstruction=0.0)
        nets = case.nets
        parts = nets["generator"], nets["feedback"], nets["decoder"], nets["vector"]
        assert moved(case.turns["generator"], *parts) == [True, True, not freeze, not freeze]
        assert moved(case.turns["decoder"], *parts) == [False, False, True, True]
        assert moved(case.turns["critic"], *parts) == [False] * 4
    case.turns["generator"].loss(case.batch, Clock(1, 0, 0.0)).backward()
    assert nets["feedback"][0].weight.grad.abs().sum() > 0
    assert nets["decoder"][0].weight.grad.abs().sum() == 0  # reached through weight 0 of the reading alone


@pytest.mark.parametrize("cls", [FVAEGAND2, TFVAEGAN])
def test_features_outside_zero_and_one_are_refused(cls):
    task = toy_zsl()
    with pytest.raises(InputError, match="between 0 and 1"):
        cls(**cls.example_params()[0] | {"scale": None, "epochs": 1}).fit(*task.train, classes=task.classes)


def test_tfvaegan_classifies_features_hidden_layers_and_vectors_side_by_side(tiny, run):
    case = tiny(TFVAEGAN)
    seen = case.model._embed(case.batch[0].double())
    assert seen.shape == (6, 5 + 7 + 3)
    for row, x in zip(seen.tolist(), case.batch[0].tolist()):
        hidden, vector = decoded(case, run, x)
        assert row == pytest.approx(x + hidden + vector, rel=1e-4, abs=1e-5)
    torch.manual_seed(0)
    made = case.model._generate(case.data.unseen)
    torch.testing.assert_close(made, case.model._embed(made[:, :5].contiguous()))


def judged(case, run, x, a, real):
    return (run(case.turns["discriminator"].params, x + a, slope=0)[0] - real) ** 2


@pytest.mark.parametrize("released", [False, True])
def test_gdan_losses_agree_with_loops(tiny, loss_of, run, released):
    case = tiny(GDAN, hidden=6, latent=2, dropout=0.0, cycle=0.5, regression=0.7, dual=0.3, released=released,
                pretrain_epochs=0)  # fmt: skip
    params = case.turns["generator"].params
    encoder, decoder, regressor = params[:6], params[6:10], params[10:]
    x, a, y = case.batch

    def positive(v):
        return max(v, 0.0)

    def reads(x):
        return run(regressor, x, slope=0, out=positive)

    def again(x, a, noise):
        mean, log_var, z = posterior(run, encoder, x if released else x + a, noise, 2, slope=0)
        return run(decoder, z + a, slope=0, out=positive), mean, log_var

    draw = torch.rand if released else torch.randn
    with seeded(9):
        first, second = draw(6, 2).tolist(), draw(6, 2).tolist()
    total = 0.0
    for i, (row, own) in enumerate(zip(x.tolist(), a.tolist())):
        made, mean, log_var = again(row, own, first[i])
        read = reads(row)
        cycle = squared(reads(made), own) / 3 + squared(again(row, read, second[i])[0], row) / 5
        total += 0.5 * squared(row, made) + kl(mean, log_var) + judged(case, run, made, own, 1.0) + 0.5 * cycle
        total += 0.7 * squared(read, own) / 3 + 0.3 * judged(case, run, row, read, 1.0)
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / 6, rel=1e-3)
    with seeded(9):
        noise = draw(6, 2).tolist()
        others = [(int(c) + 1 + int(r)) % 3 for c, r in zip(y, torch.randint(2, (6,)))]
    assert not any(other == int(c) for other, c in zip(others, y))
    total = 0.0
    for i, (row, own) in enumerate(zip(x.tolist(), a.tolist())):
        total += judged(case, run, row, own, 1.0) + judged(case, run, again(row, own, noise[i])[0], own, 0.0)
        total += 0.3 * judged(case, run, row, reads(row), 0.0)
        total += judged(case, run, row, case.data.seen[others[i]].tolist(), 0.0)
    assert loss_of(case.turns["discriminator"], case.batch).item() == pytest.approx(total / 6, rel=1e-3)


def test_gdan_moves_the_regressor_drops_between_hidden_layers_and_makes_no_negative_feature(tiny):
    case = tiny(GDAN, hidden=6, latent=2, pretrain_epochs=0)
    assert [tuple(p.shape) for p in case.turns["generator"].params[-4:]] == [(6, 5), (6,), (3, 6), (3,)]
    assert (case.model._generate(case.data.unseen.repeat(50, 1)) >= 0).all()


def test_gdan_trains_the_autoencoder_alone_first():
    task = toy_zsl()
    weights = []
    for n in (0, 1):
        model = GDAN(**GDAN.example_params()[0] | {"epochs": 0, "pretrain_epochs": n})
        weights.append(model.fit(*task.train, classes=task.classes).networks_["decoder"][0].weight)
    assert not torch.equal(*weights)


def test_gdan_with_one_seen_class_has_no_other_to_be_mistaken_for():
    task = toy_zsl()
    X, y = task.train
    one = y == task.seen[0]
    model = GDAN(**GDAN.example_params()[0] | {"epochs": 1, "pretrain_epochs": 1})
    assert np.isfinite(model.fit(X[one], y[one], classes=task.classes).scores(X[:3])).all()
