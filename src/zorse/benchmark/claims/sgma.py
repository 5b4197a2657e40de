"""SGMA against itself on mean patches."""

from zorse.benchmark.looking import looking_and_pooling
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.sgma import SGMA

CLAIM = "Parts that attention crops recognise unseen classes better than the whole image alone."
BASELINE = "SGMA on each image's mean patch"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny-patches", "tiny-scenes")
SEEDS = 3
NOTE = (
    "Patches are those of the embedded model, 4 x 4 a photograph, each of which sees beyond itself. tiny-patches are "
    "55 Tiny-ImageNet classes, 15 of them unseen, described by 48 axes of ConceptNet; tiny-scenes puts each photograph "
    "beside three of places, which is a procedural set. Both sides are tuned alike on held-out training classes."
)
GRID = {"epochs": [5, 20], "latent": [0.0, 10.0]}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on held-out training classes."""
    return looking_and_pooling(SGMA(random_state=seed, device="cpu"), GRID, task)
