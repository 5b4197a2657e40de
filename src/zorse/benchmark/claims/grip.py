"""GRIP from unlabelled photographs against zero-shot CLIP."""
# mypy: disable-error-code="arg-type"

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.grip import GRIP
from zorse.methods.pretraining.clip import CLIP

CLAIM = "Prompts learned from iterated pseudo-labels, without any label, classify better than zero-shot."
BASELINE = "CLIP's templates for the data set"
METRIC = "mean class accuracy, no labels"
TASKS = ("cifar10-photos", "pacs-names", "pacs-styles")
SEEDS = 3
NOTE = (
    "A seed draws the shots from the training photographs, which the embedded model was made with; the test "
    "photographs are new to it. 16 photographs a class are given without their labels. 5 rounds; "
    "the context has 4 word pieces."
    " Pseudo-labels of a model that is right four times in five teach it its own mistakes; nothing else was tried."
)
# The embedded model's cosines are multiplied by 7, not 100, so steps are larger than the paper's.
SETTINGS = {"epochs": 6, "batch_size": 64, "lr": 0.1, "weight_decay": 5e-4, "device": "cpu"}


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Unsupervised: names and photographs."""
    shots = with_shots(task, 16, seed)
    X, y = shots.test
    model = GRIP(n_context=4, rounds=5, random_state=seed, **SETTINGS)
    ours = model.fit(None, None, classes=shots.table, unlabelled=shots.X)
    plain = CLIP().fit(None, None, classes=shots.table)
    return mean_class_accuracy(y, ours.predict(X)), mean_class_accuracy(y, plain.predict(X))
