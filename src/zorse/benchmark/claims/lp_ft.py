"""LP-FT against fine-tuning from a random classifier, on styles that were not trained on."""

from typing import Any

from zorse.benchmark.photographs import embedded_model
from zorse.benchmark.shots import styled_shots
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.lp_ft import LPFT
from zorse.methods.pretraining.clip import CLIP

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
    shots = styled_shots(8, seed, 10)
    photos = [image for image, style in zip(shots.images, shots.style, strict=True) if style == "photo"]
    images, y, style = shots.test
    found = []
    for epochs in (50, 0):
        model = LPFT(probe_epochs=epochs, lr=1e-4, batch_size=28, epochs=5, device="cpu", random_state=seed)
        model.fit(photos, shots.y[shots.style == "photo"])
        X = model.encoder_.encode_images([image for image, s in zip(images, style, strict=True) if s != "photo"])
        head = CLIP().fit(None, None, classes=model.table_)
        found.append(mean_class_accuracy(y[style != "photo"], head.predict(X)))
    return found[0], found[1]
