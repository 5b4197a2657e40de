"""LP-FT against fine-tuning from a random classifier, on styles that were not trained on."""

from typing import Any

from zorse.benchmark.photographs import embedded_model
from zorse.benchmark.shots import on_other_styles
from zorse.methods.adaptation.lp_ft import LPFT

CLAIM = "Fine-tuning that starts from a linear probe recognises other styles better than from a random classifier."
BASELINE = "fine-tuning from random rows"
METRIC = "mean class accuracy on sketches, cartoons and paintings; 8 photographs a class trained on"
TASKS = ("pacs-names",)
SEEDS = 3
NOTE = (
    "The embedded model in place of a self-supervised one, whose training held the photographs; 5 epochs of "
    "fine-tuning for both. Settings were fixed before the first run."
)


inputs = embedded_model


def run(task: Any, seed: int) -> tuple[float, float]:
    """With the probe, and without."""
    same: dict[str, Any] = {"lr": 1e-4, "batch_size": 28, "epochs": 5, "device": "cpu", "random_state": seed}
    ours, theirs = on_other_styles((LPFT(probe_epochs=epochs, **same) for epochs in (50, 0)), seed)
    return ours, theirs
