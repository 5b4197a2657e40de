"""GDAN against its conditional VAE alone."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.gdan import GDAN

CLAIM = "A regressor and a discriminator of pairs, trained on a cycle, improve on the conditional VAE they start from."
BASELINE = "its conditional VAE alone"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = (
    _generators.NOTE + " For GDAN that step size is of the pretraining, a fifth of the epochs, and a tenth of it of "
    "what follows; the VAE alone has as many epochs as both together, batches of 64. Answers are the nearest "
    "neighbour's."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    small = _generators.setting(task)
    epochs = 2 * small["epochs"]  # its moves are cheap beside those of a GAN with five critic moves
    first = max(1, epochs // 5)
    shape = {"batch_size": 64, "lr": small["lr"] / 10, "pretrain_lr": small["lr"]}
    ours = _generators.h_of(GDAN, task, seed, epochs=epochs, pretrain_epochs=first, **shape)
    return ours, _generators.h_of(GDAN, task, seed, epochs=0, pretrain_epochs=epochs + first, **shape)
