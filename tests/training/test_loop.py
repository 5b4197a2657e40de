"""The one loop against a hand-written GAN loop, and what an interruption must not change."""

import copy
import re
from functools import partial

import pytest
import torch
from torch import nn

from zorse.core import InputError, seeded
from zorse.nn import gradient_penalty, mlp
from zorse.training import MiniBatches, Turn, fit_softmax, train

ADAM = partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.999))
N, D, K, SIZE, EPOCHS, CRITIC_MOVES = 48, 6, 3, 8, 3, 5


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(N, D, generator=generator), torch.rand(N, K, generator=generator)


def players():
    with seeded(0):
        return mlp(2 * K, 16, D, out=nn.ReLU()), mlp(D + K, 16, 1, activation=lambda: nn.LeakyReLU(0.2))


def turns_of(generator, critic):
    def critic_loss(batch, clock):
        x, a = batch
        fake = generator(torch.cat([torch.randn_like(a), a], 1)).detach()
        gap = critic(torch.cat([fake, a], 1)).mean() - critic(torch.cat([x, a], 1)).mean()
        return gap + 10 * gradient_penalty(lambda v: critic(torch.cat([v, a], 1)), x, fake)

    def generator_loss(batch, clock):
        _, a = batch
        return -critic(torch.cat([generator(torch.cat([torch.randn_like(a), a], 1)), a], 1)).mean()

    return [
        Turn("critic", critic_loss, critic.parameters(), ADAM, repeats=CRITIC_MOVES),
        Turn("generator", generator_loss, generator.parameters(), ADAM),
    ]


def by_hand(generator, critic, x, a):
    """A WGAN-GP loop as it is usually written: freeze and thaw the critic, clear gradients, five moves to one."""
    opt_d, opt_g = ADAM(critic.parameters()), ADAM(generator.parameters())
    source = torch.Generator().manual_seed(2)
    order, at, history = None, N, []

    def next_batch():
        nonlocal order, at
        if at + SIZE > N:
            order, at = torch.randperm(N, generator=source), 0
        rows = order[at : at + SIZE]
        at += SIZE
        return x[rows], a[rows]

    for _ in range(EPOCHS):
        d_loss = g_loss = 0.0
        for _ in range(N // SIZE):
            for p in critic.parameters():
                p.requires_grad = True
            for _ in range(CRITIC_MOVES):
                real, att = next_batch()
                critic.zero_grad()
                fake = generator(torch.cat([torch.randn(SIZE, K), att], 1)).detach()
                loss = critic(torch.cat([fake, att], 1)).mean() - critic(torch.cat([real, att], 1)).mean()
                alpha = torch.rand(SIZE, 1)
                mixed = torch.lerp(fake, real, alpha).requires_grad_(True)
                out = critic(torch.cat([mixed, att], 1))
                (slope,) = torch.autograd.grad(out, mixed, torch.ones_like(out), create_graph=True)
                loss = loss + 10 * (slope.norm(2, dim=1) - 1).square().mean()
                loss.backward()
                opt_d.step()
                d_loss += loss.item()
            for p in critic.parameters():
                p.requires_grad = False
            _, att = next_batch()
            generator.zero_grad()
            loss = -critic(torch.cat([generator(torch.cat([torch.randn(SIZE, K), att], 1)), att], 1)).mean()
            loss.backward()
            opt_g.step()
            g_loss += loss.item()
        steps = N // SIZE
        history.append({"critic": d_loss / steps / CRITIC_MOVES, "generator": g_loss / steps})
    return history


def test_turns_are_bit_identical_to_a_hand_written_wgan_loop(data):
    ours, theirs = players(), players()
    with seeded(5):
        batches = MiniBatches(*data, size=SIZE, generator=torch.Generator().manual_seed(2))
        history = train(turns_of(*ours), batches, epochs=EPOCHS)
    with seeded(5):
        expected = by_hand(*theirs, *data)
    for net, other in zip(ours, theirs):
        for p, q in zip(net.parameters(), other.parameters()):
            assert torch.equal(p, q)
    start = players()
    assert not any(torch.equal(p, q) for p, q in zip(ours[0].parameters(), start[0].parameters())), "nothing moved"
    for mine, hers in zip(history, expected):
        assert mine == pytest.approx(hers, rel=1e-5)


def test_a_turn_moves_and_touches_its_own_parameters_only():
    mine, other = nn.Linear(2, 1), nn.Linear(2, 1)
    kept = copy.deepcopy(other)
    before = mine.weight.clone()
    turn = Turn("mine", lambda batch, clock: (mine(batch) + other(batch)).square().mean(), mine.parameters())
    train([turn], iter(lambda: torch.ones(4, 2), None), epochs=1, steps_per_epoch=2)
    assert not torch.equal(mine.weight, before)
    assert torch.equal(other.weight, kept.weight)
    assert other.weight.grad is None


def test_the_clock_counts_epochs_steps_and_the_part_done():
    seen = []
    p = nn.Parameter(torch.zeros(1))

    def loss(batch, clock):
        seen.append((clock.epoch, clock.step, clock.fraction))
        return p.sum()

    train([Turn("only", loss, [p], repeats=2)], iter(int, 1), epochs=2, steps_per_epoch=2)
    steps = [(0, 0, 0.0), (0, 1, 0.25), (1, 2, 0.5), (1, 3, 0.75)]
    assert seen == [s for s in steps for _ in range(2)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_turn_epoch_and_step(bad):
    p = nn.Parameter(torch.zeros(1))
    turns = [
        Turn("calm", lambda batch, clock: p.sum(), [p]),
        Turn("wild", lambda batch, clock: p.sum() + (bad if clock.step == 5 else 0), [p]),
    ]
    with pytest.raises(FloatingPointError, match=re.escape(f"turn 'wild' is {bad} in epoch 1, step 5")):
        train(turns, iter(int, 1), epochs=3, steps_per_epoch=4)


class Interrupted(Exception):
    pass


def run(data, checkpoint=None, stop_in=None, epochs=EPOCHS):
    """Train from the same start; ``stop_in`` is the epoch in the middle of which the process dies."""
    generator, critic = players()
    turns = turns_of(generator, critic)
    if stop_in is not None:
        loss = turns[1].loss

        def dying(batch, clock):
            if clock.epoch == stop_in and clock.step % 6 == 3:
                raise Interrupted
            return loss(batch, clock)

        turns[1].loss = dying
    with seeded(5):
        batches = MiniBatches(*data, size=SIZE, generator=torch.Generator().manual_seed(2))
        history = train(turns, batches, epochs=epochs, checkpoint=checkpoint)
        after = torch.rand(3)
    return history, [p.detach().clone() for p in (*generator.parameters(), *critic.parameters())], after


@pytest.mark.parametrize("stop_in", [1, 2])
def test_resuming_after_an_interruption_is_bit_identical(data, tmp_path, stop_in):
    history, params, after = run(data)
    with pytest.raises(Interrupted):
        run(data, tmp_path / "c", stop_in)
    again, resumed, later = run(data, tmp_path / "c")
    assert again == history
    assert all(torch.equal(p, q) for p, q in zip(params, resumed))
    assert torch.equal(after, later), "torch's random state was not restored"
    # A training that has ended is not gone through again, and answers the same.
    finished, same, _ = run(data, tmp_path / "c")
    assert finished == history
    assert all(torch.equal(p, q) for p, q in zip(params, same))


def test_early_stopping_is_remembered_by_the_checkpoint(tmp_path):
    def once(calls):
        p = nn.Parameter(torch.ones(1))
        turn = Turn("only", lambda batch, clock: p.square().sum(), [p])
        batches = MiniBatches(torch.zeros(4, 1), size=2, generator=torch.Generator().manual_seed(0))

        def after_epoch(clock, losses):
            calls.append(losses)
            return clock.epoch == 1

        return train([turn], batches, epochs=5, after_epoch=after_epoch, checkpoint=tmp_path / "c"), p

    first, second = [], []
    history, p = once(first)
    assert len(history) == len(first) == 2
    again, q = once(second)
    assert again == history
    assert second == []
    assert torch.equal(p, q)


def test_a_checkpoint_of_another_model_is_refused(data, tmp_path):
    run(data, tmp_path / "c", epochs=1)
    net = nn.Linear(D, 1)
    turn = Turn("critic", lambda batch, clock: net(batch[0]).mean(), net.parameters())
    batches = MiniBatches(*data, size=SIZE, generator=torch.Generator().manual_seed(2))
    with pytest.raises(InputError, match="another model"):
        train([turn], batches, epochs=1, checkpoint=tmp_path / "c")


@pytest.mark.parametrize("drawn", [0, 1, 3, 4, 6])
def test_mini_batches_go_on_where_their_state_was_taken(drawn):
    x = torch.arange(22).reshape(11, 2)
    stream = MiniBatches(x, size=3, generator=torch.Generator().manual_seed(4))
    for _ in range(drawn):
        next(stream)
    state = stream.state()
    expected = [next(stream)[0] for _ in range(7)]
    other = MiniBatches(x, size=3, generator=torch.Generator().manual_seed(99))
    next(other)
    other.restore(state)
    assert all(torch.equal(b, next(other)[0]) for b in expected)
    stream.restore(state)
    assert all(torch.equal(b, next(stream)[0]) for b in expected)


def test_a_pass_of_mini_batches_shows_each_sample_once_and_keeps_rows_together():
    x = torch.arange(12)
    stream = MiniBatches(x, -x, size=4, generator=torch.Generator().manual_seed(0))
    first, second = ([next(stream) for _ in range(3)] for _ in range(2))
    for batches in (first, second):
        assert torch.equal(torch.cat([b[0] for b in batches]).sort().values, x)
        assert all(torch.equal(a, -b) for a, b in batches)
    assert not torch.equal(torch.cat([b[0] for b in first]), torch.cat([b[0] for b in second]))


def test_mini_batches_of_unequal_tensors_are_refused():
    with pytest.raises(InputError, match=r"\[3, 2\]"):
        MiniBatches(torch.zeros(3), torch.zeros(2), size=1, generator=torch.Generator())


def test_fit_softmax_finds_the_direction_that_separates():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(3).repeat(40)
    x = torch.eye(3)[y] + 0.1 * torch.randn(120, 3, generator=generator)
    with seeded(0):
        head = fit_softmax(x, y, 3, epochs=30, lr=0.05, batch_size=20, generator=generator)
    assert (head(x).argmax(1) == y).float().mean() == 1
    assert head.weight.argmax(1).tolist() == [0, 1, 2]
