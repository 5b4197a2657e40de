"""Training of GAN-type methods at AwA2's size, against loops written the way released code writes them.

``pytest benchmarks/test_training_loop.py`` checks losses and times f-CLSWGAN; run as a script, with names of methods or
without, it times each and writes ``benchmarks/results/training_loop.json``. Both sides take the same batches, noise and
initial weights, so the losses must agree; the times are then of the same work. CPU seconds are compared, because a busy
machine stretches the rest.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.nn.functional import leaky_relu, linear

from zorse.catalogue import method
from zorse.core import ClassTable, seeded
from zorse.templates import TrainingData
from zorse.training import Clock

PATH = Path(__file__).parent / "results" / "training_loop.json"
D, K, SEEN, UNSEEN = 2048, 85, 40, 10
METHODS = ("fclswgan", "cycle_clswgan", "lisgan", "lsrgan", "fvaegand2", "tfvaegan", "cegzsl")
# CE-GZSL's batch of 4,096 takes minutes a step on a CPU; the rest is as published.
PARAMS = {"cegzsl": {"batch_size": 256}}
# Timed without a loop to compare with.
ALONE = ("cvaezsl", "cadavae", "dascn", "sabr", "dsp", "av_ood", "grw", "ontozsl", "kg_gan")
CLOCK = Clock(1, 0, 0.0)


class Problem:
    """A method's turns at their start and the batches of every move; the same for the same arguments."""

    def __init__(self, name, steps, d=D, **params):
        model = method(name)(**{"device": "cpu", "classifier_epochs": 0} | PARAMS.get(name, {}) | params)
        size = model.batch_size
        with seeded(0) as generator:
            head = torch.nn.Linear(d, SEEN).requires_grad_(False)
            a = torch.nn.functional.normalize(torch.rand(SEEN + UNSEEN, K))
            x, y = torch.rand(10 * size, d), torch.arange(10 * size) % SEEN
            model._softmax = lambda *data: head
            table = ClassTable(range(SEEN + UNSEEN), a.numpy())
            self.turns = model._turns(TrainingData(x, y, a[:SEEN], a[SEEN:], None, table), generator)
            self.moves = steps * sum(turn.repeats for turn in self.turns)
            rows = [torch.randint(len(x), (size,), generator=generator) for _ in range(self.moves)]
        self.model, self.steps, self.stream = model, steps, iter([(x[r], a[y[r]], y[r]) for r in rows])

    def by_turns(self):
        """Losses of every move, as zorse.training.train plays them."""
        losses = []
        with seeded(1):
            for _ in range(self.steps):
                for turn in self.turns:
                    for _ in range(turn.repeats):
                        losses.append(turn.move(next(self.stream), CLOCK))
        return [float(loss) for loss in losses]

    def plainly(self):
        """The same in the usual manner: buffers, backward passes of their own, switched requires_grad, .item()."""
        optimizers = [torch.optim.Adam(turn.params, **self._adam(turn)) for turn in self.turns]
        buffers, losses = [torch.empty_like(t) for t in next(iter([self._first()]))], []
        everything = [p for turn in self.turns for p in turn.params]
        with seeded(1):
            for _ in range(self.steps):
                for turn, optimizer in zip(self.turns, optimizers):
                    mine = {id(p) for p in turn.params}
                    for p in everything:
                        p.requires_grad = id(p) in mine
                    for _ in range(turn.repeats):
                        for buffer, part in zip(buffers, next(self.stream)):
                            buffer.copy_(part)
                        for p in turn.params:
                            p.grad = None if p.grad is None else p.grad.zero_()
                        losses.append(self._move(turn, buffers))
                        optimizer.step()
        return losses

    def _move(self, turn, batch):
        if turn.name != "critic" or self.model.__class__.__name__ == "CEGZSL":
            loss = turn.loss(batch, CLOCK)
            loss.backward()
            return loss.item()
        x, a, _ = batch
        w1, b1, w2, b2 = turn.params

        def critic(rows):
            return linear(leaky_relu(linear(torch.cat([rows, a], 1), w1, b1), 0.2), w2, b2)

        fake = self._fake(x, a)
        real = critic(x).mean()
        (-real).backward()
        judged = critic(fake.detach()).mean()
        judged.backward()
        alpha = torch.rand(len(x), 1).expand(x.shape)
        mixed = (alpha * x + (1 - alpha) * fake.detach()).requires_grad_(True)
        out = critic(mixed)
        (slope,) = torch.autograd.grad(out, mixed, torch.ones(out.size()), create_graph=True, retain_graph=True)
        cost = ((slope.norm(2, dim=1) - 1) ** 2).mean() * self.model.penalty
        cost.backward()
        return (judged - real + cost).item()

    def _fake(self, x, a):
        if not getattr(self.model, "encoded_noise", False):
            return self.model._fake(a)
        (encoder,) = [turn.params[:4] for turn in self.turns if turn.name == "generator"]
        w1, b1, w2, b2 = encoder
        hidden = leaky_relu(linear(torch.cat([x, a], 1), w1, b1), 0.2)
        mean, log_var = linear(hidden, w2, b2).chunk(2, 1)
        return self.model._made(mean + (log_var / 2).exp() * torch.randn_like(mean), a, True)

    def _first(self):
        size, d = self.model.batch_size, self.model.networks_["generator"][2].out_features
        return torch.empty(size, d), torch.empty(size, K), torch.empty(size, dtype=torch.long)

    @staticmethod
    def _adam(turn):
        group = turn.opt.param_groups[0]
        return {"lr": group["lr"], "betas": group["betas"], "weight_decay": group["weight_decay"]}


def small(name):
    return {"d": 64, "hidden": 64, "batch_size": 32} | ({"embedding": 32, "comparator": 16} if name == "cegzsl" else {})


@pytest.mark.parametrize("name", METHODS)
def test_same_losses_over_fifty_steps(name):
    """In double precision, where rounding has no time to grow; in single it does, for any two orders of summation."""
    torch.set_default_dtype(torch.float64)
    try:
        ours = Problem(name, 50, **small(name)).by_turns()
        expected = Problem(name, 50, **small(name)).plainly()
    finally:
        torch.set_default_dtype(torch.float32)
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert max(ours) - min(ours) > 0.1, "nothing was learnt"


def test_same_losses_over_fifty_steps_in_single_precision():
    ours, expected = (Problem("fclswgan", 50, d=256, hidden=256) for _ in range(2))
    off = [abs(p - q) for p, q in zip(ours.by_turns(), expected.plainly(), strict=True)]
    assert sum(off) / len(off) < 1e-4
    assert max(off) < 1e-3


@pytest.mark.parametrize("how", ["by_turns", "plainly"])
def test_steps(benchmark, how):
    benchmark.pedantic(lambda problem: getattr(problem, how)(), setup=lambda: ((Problem("fclswgan", 2),), {}), rounds=2)


def main(names):
    import zorse

    torch.set_num_threads(1)
    found = json.loads(PATH.read_text()).get("methods", {}) if PATH.exists() else {}
    for name in names:
        sides = {"turns": "by_turns"} | ({} if name in ALONE else {"plain": "plainly"})
        steps, seconds, losses = 1 if name == "cegzsl" else 2, {how: [] for how in sides}, {}
        for _ in range(3):
            for how, play in sides.items():
                problem = Problem(name, steps)
                start = time.process_time()
                losses[how] = getattr(problem, play)()
                seconds[how].append((time.process_time() - start) / steps)
        best = {how: min(times) for how, times in seconds.items()}
        found[name] = {
            "batch": problem.model.batch_size,
            "steps_per_cpu_second": {how: round(1 / s, 4) for how, s in best.items()},
            "cpu_seconds_per_step": {how: [round(s, 3) for s in times] for how, times in seconds.items()},
        }
        if "plain" in best:
            found[name] |= {
                "times_faster": round(best["plain"] / best["turns"], 2),
                "largest_loss_difference": max(abs(p - q) for p, q in zip(losses["turns"], losses["plain"])),
            }
        print(name, found[name], flush=True)
        result = {
            "what": "one step (all critic moves and the others) at AwA2's size, one CPU thread",
            "note": f"d = {D}, k = {K}, published widths; same batches, noise and weights on both sides",
            "methods": found,
            "versions": {"zorse": zorse.__version__, "torch": torch.__version__, "python": platform.python_version()},
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        }
        PATH.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or METHODS + ALONE)
