"""The boundary-based gate against calibrated stacking of the same zero-shot expert."""

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import evaluate
from zorse.methods.gating.boundary_ood import BoundaryOOD
from zorse.methods.gating.calibrated_stacking import CalibratedStacking

CLAIM = "Asking first whether a sample lies inside the boundary of a seen class beats a penalty on seen classes."
BASELINE = "calibrated stacking"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160", "digits")
SEEDS = 3
NOTE = (
    "The zero-shot expert is ESZSL with labels 0 and 1, its penalties chosen on held-out training classes; at most 40 "
    "training samples a class. Boundaries are read from a fifth of the samples that is kept back, and how many of them "
    "they enclose, like the stack's gamma, is chosen on training classes that play unseen. The features of awa19 and "
    "tiny160 come from a network that was trained on ImageNet. The gate tells seen from unseen worse than the largest "
    "probability of a softmax regression on the same features (AUROC .63 and .61 beside .69 and .73 on two draws of "
    "awa19). The authors' code trains on train_loc and val_loc of the published split files, which hold the test "
    "samples of seen classes too; here none are trained on."
)
STEPS = 800  # of training, whatever the number of samples


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both over the same expert."""
    task = thinned(with_unit_features(task), per_class=40)
    expert = tuned_eszsl(task, negative=0.0)
    gate = BoundaryOOD(expert, coverage="auto", held_out=0.2, random_state=seed, device="cpu")
    gate.set_params(hidden=128, n_draws=4, epochs=max(20, STEPS * gate.batch_size // len(task.train_index)), lr=1e-3)
    ours = gate.fit(*task.train, classes=task.classes)
    stack = CalibratedStacking(expert, random_state=seed).fit(*task.train, classes=task.classes)
    return evaluate(ours, task).harmonic, evaluate(stack, task).harmonic
