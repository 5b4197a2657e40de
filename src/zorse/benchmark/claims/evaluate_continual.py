"""Naming classes as they come, without training, against a probe that is trained on each step's photographs."""

import numpy as np
import torch

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.core import seeded
from zorse.evaluation import class_steps, evaluate_continual
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table
from zorse.training import MiniBatches, Turn, train

CLAIM = "A frozen dual encoder that is only told new names outperforms continual learners on photographs."
BASELINE = "linear probe, fine-tuned on each step"
METRIC = "average incremental accuracy"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 3
NOTE = (
    "Five steps, in an order that the seed draws. Half of each class's held-out photographs train the probe, the other "
    "half test both. The probe is the simplest learner there is: a softmax over all classes so far, trained with Adam "
    "on the photographs of the present step, without rehearsal. The embedded model stands in for CLIP; what it names "
    "poorly it names poorly at every step. It was distilled on other photographs of these sources."
)

inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Average incremental accuracy of both."""
    rng, names = np.random.default_rng(seed), np.unique(task.y)
    steps = class_steps(rng.permutation(names), -(-len(names) // 5))
    taught = np.zeros(len(task.y), dtype=bool)
    for name in names:
        own = rng.permutation(np.flatnonzero(task.y == name))
        taught[own[: len(own) // 2]] = True
    table = class_table(names, task.encoder, templates=task.templates, store=task.store)
    model = CLIP().fit(None, None, classes=table)
    X, y = task.X[~taught], task.y[~taught]
    probe = Probe(task.X[taught], task.y[taught], steps, seed)
    return evaluate_continual(model, X, y, steps).average, evaluate_continual(probe, X, y, steps).average


class Probe:
    """A linear softmax classifier that goes on training with each step's samples alone."""

    def __init__(self, X: np.ndarray, y: np.ndarray, steps: list[np.ndarray], seed: int):
        self.X, self.y, self.steps, self.seed = X, y, steps, seed
        self.labels = np.concatenate(steps)
        with seeded(seed):
            self.head = torch.nn.Linear(X.shape[1], len(self.labels))

    def __call__(self, t: int, known: np.ndarray) -> "Probe":
        """Train on the samples of step ``t``; ``known`` are the labels so far."""
        row = {label: i for i, label in enumerate(self.labels.tolist())}
        now = np.isin(self.y, self.steps[t])
        X = torch.as_tensor(self.X[now], dtype=torch.float32)
        target = torch.tensor([row[label] for label in self.y[now].tolist()])
        self.n_known = n_known = len(known)
        batches = MiniBatches(X, target, size=64, generator=torch.Generator().manual_seed(self.seed))

        def loss(batch, clock):
            return torch.nn.functional.cross_entropy(10 * self.head(batch[0])[:, :n_known], batch[1])

        turn = Turn("probe", loss, self.head.parameters())
        train([turn], batches, epochs=20)
        return self

    @torch.no_grad()
    def predict(self, X: np.ndarray) -> np.ndarray:
        """The best class so far."""
        logits = self.head(torch.as_tensor(X, dtype=torch.float32))[:, : self.n_known]
        return self.labels[logits.argmax(dim=1).numpy()]
