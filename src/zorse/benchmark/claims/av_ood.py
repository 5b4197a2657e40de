"""AV-OOD against its embedding without a detector."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.av_ood import AVOOD

CLAIM = "A detector of unseen classes with an expert on either side outperforms one audio-visual embedding of all."
BASELINE = "its own embedding, over all classes"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "No audio: the two streams are the first and the second half of the features, which of digits are the upper and "
    "the lower half of the picture. At most 100 training samples a class; widths, steps and step size as in the claim "
    "of f-CLSWGAN, both with the same seed and so the same embedding. The threshold is the mean entropy of training "
    "samples, as in the paper. The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    ours, alone = (
        fclswgan.measured(AVOOD(epochs=epochs, gate=gate, **fclswgan.SMALL), task, seed) for gate in (True, False)
    )
    return ours, alone
