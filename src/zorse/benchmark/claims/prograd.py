"""ProGrad against CoOp."""
# mypy: disable-error-code="arg-type"

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.coop import CoOp
from zorse.methods.adaptation.prograd import ProGrad

CLAIM = "With few shots a context that never goes against zero-shot knowledge classifies better than CoOp's."
BASELINE = "CoOp"
METRIC = "mean class accuracy, 2 shots a class"
TASKS = ("cifar10-photos", "pacs-names", "pacs-styles")
SEEDS = 3
NOTE = (
    "A seed draws the shots from the training photographs, which the embedded model was made with; the test "
    "photographs are new to it. Both learn 16 word pieces from random ones, by the same steps."
    " The interval holds zero; nothing else was tried."
)
# The embedded model's cosines are multiplied by 7, not 100, so steps are larger than the paper's.
SETTINGS = {"epochs": 12, "batch_size": 64, "lr": 0.1, "device": "cpu"}


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same shots and start."""
    shots = with_shots(task, 2, seed)
    X, y = shots.test
    more = {"random_state": seed, **SETTINGS}
    ours, plain = (model.fit(shots.X, shots.y, classes=shots.table) for model in (ProGrad(**more), CoOp(**more)))
    return mean_class_accuracy(y, ours.predict(X)), mean_class_accuracy(y, plain.predict(X))
