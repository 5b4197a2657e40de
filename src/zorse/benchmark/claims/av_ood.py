"""AV-OOD against its embedding without a detector."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.av_ood import AVOOD

CLAIM = "A detector of unseen classes with an expert on either side outperforms one audio-visual embedding of all."
BASELINE = "its own embedding, over all classes"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = (
    _generators.NOTE + " No audio: the two streams are the first and the second half of the features, which of digits "
    "are the upper and the lower half of the picture. Both have the same seed and so the same embedding. The threshold "
    "is the mean entropy of training samples, as in the paper."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(AVOOD, task, seed), _generators.h_of(AVOOD, task, seed, gate=False)
