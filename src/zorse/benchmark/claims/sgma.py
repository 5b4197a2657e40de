"""SGMA against itself on mean patches."""

from zorse.benchmark.looking import looking_and_pooling
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.sgma import SGMA

CLAIM = "Parts that attention crops recognise unseen classes better than the whole image alone."
BASELINE = "SGMA on each image's mean patch"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny-patches", "tiny-scenes")
SEEDS = 3
NOTE = ""
GRID = {"epochs": [5, 20], "latent": [0.0, 10.0]}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on held-out training classes."""
    return looking_and_pooling(SGMA(random_state=seed, device="cpu"), GRID, task)
