"""Bi-VAEGAN against its inductive half."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.bi_vaegan import BiVAEGAN

CLAIM = "Unlabelled samples of unseen classes, aligned in both directions, make a far better generalised classifier."
BASELINE = "the same networks, never shown the unlabelled samples"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; widths, steps and step size as in the claim of f-CLSWGAN. The unlabelled "
    "samples are the test samples of unseen classes, as in the paper; their class prior is estimated from clusters. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    ours, inductive = (
        fclswgan.measured(BiVAEGAN(epochs=epochs, inductive_epochs=n, **fclswgan.SMALL), task, seed)
        for n in (3, epochs)
    )
    return ours, inductive
