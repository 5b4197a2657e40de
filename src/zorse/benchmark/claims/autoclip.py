"""AutoCLIP's weights against equal weights of the same templates."""

import numpy as np
import torch
from scipy.optimize import bisect

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.reproduce import Agreement
from zorse.core import ClassTable
from zorse.methods.prompting.autoclip import AutoCLIP

CLAIM = "Weighting templates anew for each image is better than averaging them."
BASELINE = "the mean over the same templates"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 5
NOTE = (
    "CLIP's templates for each data set, with the embedded model in place of CLIP. Its text tower was taught to give a "
    "name the same vector in any template. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """The tuned weights, and equal ones."""
    task = task.draw(seed)
    ours, mean = (task.accuracy(AutoCLIP(aggregation=how), templates=task.templates) for how in ("auto", "mean"))
    return ours, mean


def compare() -> Agreement:
    """The released algorithm's steps, one image at a time: autograd for the gradient, scipy for the bisection."""
    rng = np.random.default_rng(0)
    X, prompts = rng.normal(size=(30, 16)), rng.normal(size=(12, 8, 16))
    texts = torch.nn.functional.normalize(torch.from_numpy(prompts), dim=-1)
    expected = []
    for x in torch.nn.functional.normalize(torch.from_numpy(X), dim=-1):
        cosines = texts @ x
        rho = torch.zeros(8, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad((cosines @ rho.softmax(0)).logsumexp(0), rho)

        def missing(step: float, gradient: torch.Tensor = gradient) -> float:
            w = (step * gradient).softmax(0)
            return float(-(w * (w + 1e-30).log()).sum()) - 0.85 * np.log(8)

        expected.append(cosines @ (bisect(missing, 0, 1e7, xtol=1e-9, rtol=1e-12, maxiter=200) * gradient).softmax(0))
    table = ClassTable(np.arange(12), prompts.mean(axis=1), prompts=tuple(prompts))
    ours = AutoCLIP(scale=1.0).fit(None, None, classes=table).scores(X)
    return Agreement(
        "the released algorithm's steps with torch's autograd and scipy's bisection, an image at a time",
        "weighted cosines of 30 embeddings over 12 classes with 8 templates",
        float(np.abs(ours - torch.stack(expected).numpy()).max()),
        1e-6,
    )
