"""How a training is run must not change what comes out of it."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import NotAvailableError, load, seeded
from zorse.data import toy_zsl
from zorse.methods.compatibility.ale import ALE
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.training import KeepBest, MiniBatches, Turn, running, train

TASK = toy_zsl()
SMALL = {"epochs": 6, "hidden": 16, "classifier_epochs": 3, "device": "cpu", "random_state": 0}


def fit(**more):
    return FCLSWGAN(**SMALL | more).fit(*TASK.train, classes=TASK.classes)


def linear(steps=4, epochs=3, loss=None, **options):
    p = nn.Parameter(torch.ones(2))
    turn = Turn("only", loss or (lambda batch, clock: (p * batch[0]).sum().square()), [p])
    batches = MiniBatches(torch.ones(2 * steps, 2), size=2, generator=torch.Generator().manual_seed(0))
    history = train([turn], batches, epochs=epochs, **options)
    return history, p.detach()


def test_progress_tells_losses_and_remaining_time_and_changes_nothing():
    told = []
    with running(progress=told.append):
        watched = fit()
    plain = fit()
    np.testing.assert_array_equal(watched.scores(TASK.X), plain.scores(TASK.X))
    assert [p.training for p in told] == sorted(p.training for p in told)
    last = {p.training: p for p in told}
    assert sorted(last) == [0, 1, 2]  # softmax over seen classes, the GAN, the final softmax
    assert set(last[1].losses) == {"critic", "generator"}
    assert all(p.epoch == p.epochs and p.fraction == 1 and p.remaining == 0 for p in last.values())
    assert last[1].losses == pytest.approx(plain.history_[-1])


def test_remaining_time_follows_the_rate_and_calls_are_not_more_than_two_a_second(monkeypatch):
    told = []

    def slow(batch, clock):
        time.sleep(0.03)
        return torch.zeros((), requires_grad=True)

    p = nn.Parameter(torch.zeros(1))
    with running(progress=told.append):
        linear(steps=10, epochs=4, loss=lambda batch, clock: slow(batch, clock) + p.sum())
    assert 2 <= len(told) <= 5
    for now in told[:-1]:
        expected = now.seconds * (1 - now.fraction) / now.fraction
        assert now.remaining == pytest.approx(expected, rel=0.01)
        assert 0 < now.fraction < 1


def test_trainings_are_silent_without_a_run(capfd):
    fit()
    assert capfd.readouterr() == ("", "")


SCRIPT = """
import sys
import time
import torch
from zorse.core import save
from zorse.data import toy_zsl
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.training import running
torch.set_num_threads(1)
task = toy_zsl()
judge = FCLSWGAN._accuracy
FCLSWGAN._accuracy = lambda *of: time.sleep(0.05) or judge(*of)  # so that there is time to kill it
model = FCLSWGAN(epochs=30, hidden=16, classifier_epochs=3, device="cpu", random_state=0, validation_classes=2)
with running(checkpoint=sys.argv[1]):
    save(model.fit(*task.train, classes=task.classes), sys.argv[2])
"""


def test_a_fit_goes_on_after_a_kill_and_ends_bit_identical(tmp_path):
    def start(checkpoint, out):
        return subprocess.Popen([sys.executable, "-c", SCRIPT, tmp_path / checkpoint, tmp_path / out])

    process = start("killed", "resumed")
    state = tmp_path / "killed" / "training-01.safetensors"  # the GAN; 00 is its softmax
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "resumed").exists(), "the process had ended before it was killed"
    assert start("killed", "resumed").wait() == 0
    resumed = load(tmp_path / "resumed")
    whole = fit(epochs=30, validation_classes=2)
    assert resumed.history_ == whole.history_
    assert len(whole.history_) == 30
    np.testing.assert_array_equal(resumed.scores(TASK.X), whole.scores(TASK.X))
    for p, q in zip(resumed.networks_.parameters(), whole.networks_.parameters()):
        assert torch.equal(p, q)


def test_a_finished_fit_is_read_from_its_checkpoints(tmp_path):
    with running(checkpoint=tmp_path / "c"):
        first = ALE(epochs=5, device="cpu", random_state=0).fit(*TASK.train, classes=TASK.classes)
    calls = []
    with running(checkpoint=tmp_path / "c", progress=calls.append):
        again = ALE(epochs=5, device="cpu", random_state=0).fit(*TASK.train, classes=TASK.classes)
    np.testing.assert_array_equal(first.scores(TASK.X), again.scores(TASK.X))
    assert len(calls) == 1, "epochs were gone through again"


def test_a_checkpoint_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAvailableError, match="file"), running(checkpoint=tmp_path / "file"):
        pass


def test_mixed_precision_computes_losses_in_bfloat16_and_keeps_parameters_in_single():
    seen = []
    net = nn.Linear(4, 1)

    def loss(batch, clock):
        out = net(batch[0])
        seen.append(out.dtype)
        return out.square().mean()

    turn = Turn("net", loss, net.parameters())
    batches = MiniBatches(torch.randn(8, 4), size=4, generator=torch.Generator().manual_seed(0))
    with running(amp=True):
        train([turn], batches, epochs=2)
    assert set(seen) == {torch.bfloat16}
    assert net.weight.dtype == torch.float32
    with running(amp=True), seeded(0):
        rough = fit(**FCLSWGAN.example_params()[0] | {"classifier_epochs": 25})
    X, y = TASK.test_seen
    assert rough.with_candidates(TASK.seen).score(X, y) > 0.5


def test_compiled_losses_are_the_same(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f: torch._dynamo.optimize("aot_eager")(f))
    plain, p = linear()
    with running(compile=True):
        compiled, q = linear()
    assert [losses["only"] for losses in compiled] == pytest.approx([losses["only"] for losses in plain])
    torch.testing.assert_close(p, q)


def test_keep_best_restores_the_best_state_and_is_part_of_a_checkpoint(tmp_path):
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3])

    def once(epochs, checkpoint=None):
        p = nn.Parameter(torch.zeros(1))
        turn = Turn("only", lambda batch, clock: -p.sum(), [p], lambda q: torch.optim.SGD(q, lr=1.0))
        batches = MiniBatches(torch.zeros(2, 1), size=2, generator=torch.Generator().manual_seed(0))
        select = KeepBest(lambda: next(scores), patience=3)
        return train([turn], batches, epochs=epochs, select=select, checkpoint=checkpoint), p.item()

    assert once(3, tmp_path / "c")[1] == 2.0
    history, best = once(10, tmp_path / "c")
    assert best == 2.0, "the best state of before the interruption was lost"
    assert [losses["validation"] for losses in history] == [0.1, 0.9, 0.5, 0.4, 0.3]
