"""ALE against direct attribute prediction."""

import numpy as np
import torch

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.ale import ALE
from zorse.methods.compatibility.dap import DAP
from zorse.nn.ranking import hinges, sampled_weighted_ranking

CLAIM = "Embedding labels by attributes and learning to rank outperforms direct attribute prediction on unseen classes."
BASELINE = "DAP"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "digits")
NOTE = (
    "No difference in either direction here: with 14 animals or 7 digits to learn from the splits vary far more than "
    "the methods differ. "
    "Features of unit length, at most 100 training samples a class; "
    "ALE's step and length of training and DAP's C are chosen on held-out training classes. "
    "The features of awa19 come from a network trained on ImageNet, where the paper takes Fisher vectors."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on training classes."""
    task = thinned(with_unit_features(task), per_class=100)
    grid = {"lr": [0.1, 1.0], "epochs": [10, 50]}
    ours = tune(ALE(random_state=seed, device="cpu"), grid, task, per_class=50)
    baseline = tune(DAP(), {"C": [0.1, 10.0]}, task, per_class=50)
    return accuracy_on_unseen(ours, task), accuracy_on_unseen(baseline, task)


def compare() -> Agreement:
    """The paper's update, one sample and one draw at a time, against the gradient of the vectorised loss."""
    rng = np.random.RandomState(0)
    n, d, k, s, seed = 30, 7, 5, 6, 0
    X, phi, W, y = rng.randn(n, d), rng.randn(s, k), rng.randn(d, k), rng.randint(s, size=n)
    draws = torch.randint(s - 1, (n, s - 1), generator=torch.Generator().manual_seed(seed)).numpy()
    step = np.zeros_like(W)
    for x, target, row in zip(X, y, draws, strict=True):
        wrong = [c for c in range(s) if c != target]
        for trial, draw in enumerate(row, start=1):
            other = wrong[draw]
            if 1 + x @ W @ phi[other] - x @ W @ phi[target] > 0:
                beta = sum(1 / j for j in range(1, (s - 1) // trial + 1))
                step += beta * np.outer(x, phi[target] - phi[other]) / n
                break
    map_ = torch.tensor(W, requires_grad=True)
    l = hinges(torch.tensor(X) @ map_ @ torch.tensor(phi).T, torch.tensor(y))
    sampled_weighted_ranking(l, torch.tensor(y), torch.Generator().manual_seed(seed)).backward()
    assert map_.grad is not None
    difference = np.abs(-map_.grad.numpy() - step).max()
    return Agreement("the paper's update as loops", "step of W on the same draws", float(difference), 1e-6)
