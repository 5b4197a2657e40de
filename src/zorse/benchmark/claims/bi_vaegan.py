"""Bi-VAEGAN against its inductive half."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.bi_vaegan import BiVAEGAN

CLAIM = "Unlabelled samples of unseen classes, aligned in both directions, make a far better generalised classifier."
BASELINE = "the same networks, never shown the unlabelled samples"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = (
    _generators.NOTE + " The unlabelled samples are the test samples of unseen classes, as in the paper; their class "
    "prior is estimated from clusters."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(BiVAEGAN, task, seed), _generators.h_of(
        BiVAEGAN, task, seed, inductive_epochs=_generators.setting(task)["epochs"]
    )
