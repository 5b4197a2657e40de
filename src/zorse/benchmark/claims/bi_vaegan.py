"""Bi-VAEGAN against its inductive half."""

from zorse.benchmark import generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.bi_vaegan import BiVAEGAN

CLAIM = "Unlabelled samples of unseen classes, aligned in both directions, make a far better generalised classifier."
BASELINE = "the same networks, never shown the unlabelled samples"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = generators.TASKS
SEEDS = 3
NOTE = generators.NOTE + " The unlabelled samples are the test samples of unseen classes, as in the paper."


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    inductive = generators.small_h(BiVAEGAN, task, seed, inductive_epochs=10**6)
    return generators.small_h(BiVAEGAN, task, seed), inductive
