"""f-CLSWGAN's training at AwA2's size, against a loop written the way released code writes it.

``pytest benchmarks/test_training_loop.py`` times both; ``python benchmarks/test_training_loop.py`` also writes
``benchmarks/results/training_loop.json``. Both sides take the same batches, noise and initial weights, so the losses
must agree; the times are then of the same work. CPU seconds are compared, because a busy machine stretches the rest.
"""

import json
import os
import platform
import time
from pathlib import Path

import pytest
import torch

from zorse.core import seeded
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.templates import TrainingData
from zorse.training import Clock

D, K, CLASSES, HIDDEN, BATCH, CRITIC_MOVES = 2048, 85, 40, 4096, 64, 5
STEPS = 2
CLOCK = Clock(0, 0, 0.0)


def problem(d=D, hidden=HIDDEN, moves=STEPS * (CRITIC_MOVES + 1), **params):
    """The two turns at their start, their frozen softmax and the batches of every move."""
    with seeded(0) as generator:
        head = torch.nn.Linear(d, CLASSES).requires_grad_(False)
        vectors = torch.nn.functional.normalize(torch.rand(CLASSES, K))
        x, y = torch.rand(10 * BATCH, d), torch.randint(CLASSES, (10 * BATCH,))
        model = FCLSWGAN(hidden=hidden, device="cpu", **params)
        model._softmax = lambda *data: head
        turns = model._turns(TrainingData.of(x, y, vectors), generator)
        rows = [torch.randint(len(x), (BATCH,), generator=generator) for _ in range(moves)]
    return turns, head, [(x[r], vectors[y[r]], y[r]) for r in rows]


def by_turns(turns, batches):
    """Losses of every move, as zorse.training.train plays them."""
    stream, losses = iter(batches), []
    with seeded(1):
        for _ in range(len(batches) // (CRITIC_MOVES + 1)):
            for turn in turns:
                for _ in range(turn.repeats):
                    losses.append(turn.move(next(stream), CLOCK))
    return [float(loss) for loss in losses]


def plainly(turns, head, batches, lr=1e-4, beta=0.01, penalty=10.0):
    """The same moves in the usual manner: buffers, three backward passes, switched requires_grad, .item()."""
    critic, generator = (players(turn) for turn in turns)
    opt_d = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.5, 0.999))
    opt_g = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999))
    d = batches[0][0].shape[1]
    input_x, input_a, noise = torch.empty(BATCH, d), torch.empty(BATCH, K), torch.empty(BATCH, K)
    input_y = torch.empty(BATCH, dtype=torch.long)
    one, minus_one = torch.tensor(1.0), torch.tensor(-1.0)
    stream, losses = iter(batches), []

    def sample():
        x, a, y = next(stream)
        input_x.copy_(x)
        input_a.copy_(a)
        input_y.copy_(y)

    with seeded(1):
        for _ in range(len(batches) // (CRITIC_MOVES + 1)):
            for p in critic.parameters():
                p.requires_grad = True
            for _ in range(CRITIC_MOVES):
                sample()
                critic.zero_grad()
                real = critic(torch.cat([input_x, input_a], 1)).mean()
                real.backward(minus_one)
                noise.normal_()
                fake = generator(torch.cat([noise, input_a], 1))
                judged = critic(torch.cat([fake.detach(), input_a], 1)).mean()
                judged.backward(one)
                alpha = torch.rand(BATCH, 1).expand(BATCH, d)
                mixed = (alpha * input_x + (1 - alpha) * fake.detach()).requires_grad_(True)
                out = critic(torch.cat([mixed, input_a], 1))
                (slope,) = torch.autograd.grad(out, mixed, torch.ones(out.size()), create_graph=True, retain_graph=True)
                gp = ((slope.norm(2, dim=1) - 1) ** 2).mean() * penalty
                gp.backward()
                opt_d.step()
                losses.append((judged - real + gp).item())
            for p in critic.parameters():
                p.requires_grad = False
            sample()
            generator.zero_grad()
            noise.normal_()
            fake = generator(torch.cat([noise, input_a], 1))
            fooled = -critic(torch.cat([fake, input_a], 1)).mean()
            recognised = torch.nn.functional.nll_loss(torch.log_softmax(head(fake), 1), input_y)
            loss = fooled + beta * recognised
            loss.backward()
            opt_g.step()
            losses.append(loss.item())
    return losses


def players(turn):
    """The network a turn moves, rebuilt as its own copy."""
    w1, _, w2, _ = turn.params
    net = torch.nn.Sequential(
        torch.nn.Linear(w1.shape[1], w1.shape[0]),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(w2.shape[1], w2.shape[0]),
        *([] if turn.name == "critic" else [torch.nn.ReLU()]),
    )
    with torch.no_grad():
        for mine, theirs in zip(net.parameters(), turn.params):
            mine.copy_(theirs)
    return net


def test_same_losses_over_fifty_steps():
    moves = 50 * (CRITIC_MOVES + 1)
    turns, head, batches = problem(d=256, hidden=256, moves=moves)
    expected = plainly(turns, head, batches)
    ours = by_turns(turns, batches)
    assert ours == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert abs(ours[-2] - ours[0]) > 0.1, "nothing was learnt"


@pytest.mark.parametrize("how", ["turns", "plain"])
def test_steps(benchmark, how):
    turns, head, batches = problem()
    play = (lambda: by_turns(turns, batches)) if how == "turns" else (lambda: plainly(turns, head, batches))
    benchmark.pedantic(play, rounds=2)


def main():
    import zorse

    torch.set_num_threads(1)
    seconds = {"turns": [], "plain": []}
    for _ in range(3):
        turns, head, batches = problem()
        start = time.process_time()
        expected = plainly(turns, head, batches)
        middle = time.process_time()
        ours = by_turns(turns, batches)
        seconds["plain"].append((middle - start) / STEPS)
        seconds["turns"].append((time.process_time() - middle) / STEPS)
    best = {how: min(times) for how, times in seconds.items()}
    result = {
        "what": "f-CLSWGAN, one step of 5 critic moves and 1 generator move, AwA2's size, one CPU thread",
        "note": f"d = {D}, k = {K}, hidden = {HIDDEN}, batch {BATCH}; same batches, noise and weights on both sides",
        "steps_per_cpu_second": {how: round(1 / s, 4) for how, s in best.items()},
        "cpu_seconds_per_step": {how: [round(s, 3) for s in times] for how, times in seconds.items()},
        "times_faster": round(best["plain"] / best["turns"], 2),
        "largest_loss_difference": max(abs(p - q) for p, q in zip(ours, expected)),
        "versions": {"zorse": zorse.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "training_loop.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
