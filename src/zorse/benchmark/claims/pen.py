"""PEN against the same ensemble without unlabelled samples."""

from sklearn.base import clone

from zorse.benchmark.tasks import thinned, with_unit_features, with_views
from zorse.benchmark.tune import accuracy_on_unseen, choose
from zorse.data import ZeroShotTask
from zorse.methods.transductive.pen import PEN

CLAIM = "Pseudo-labels given little by little carry an ensemble of projected label embeddings over to unseen classes."
BASELINE = "the ensemble, without unlabelled samples"
METRIC = "mean class accuracy over unseen classes, whose samples are known without labels"
TASKS = ("awa19", "tiny160")
SEEDS = 3
NOTE = (
    "The unlabelled samples are the test samples of the unseen classes, as the field does. Views: ConceptNet and "
    "word2vec vectors (tiny160), continuous and binary attributes (awa19), each turned twice. At most 40 training "
    "samples a class. The first stage's epochs are chosen on held-out training classes for the baseline, and the "
    "share that ends up pseudo-labelled for ours, from the same first stage. Features come from a network that was "
    "trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both from the same first stage."""
    task = with_views(thinned(with_unit_features(task), per_class=40))
    model = PEN(hidden=256, rounds=0, random_state=seed, device="cpu")
    plain = choose(model, {"first_epochs": [5, 15, 40]}, task, folds=2)
    model.set_params(**plain.params)
    ours = choose(clone(model).set_params(rounds=6, epochs=2), {"share": [0.4, 0.8]}, task, folds=2)
    fitted = [
        clone(m).fit(*task.train, classes=task.classes, unlabelled=task.test_unseen[0])
        for m in (clone(model).set_params(rounds=6, epochs=2, **ours.params), model)
    ]
    return accuracy_on_unseen(fitted[0], task), accuracy_on_unseen(fitted[1], task)
