"""PODA against the same classifier of photographs alone, on styles that it knows as sentences."""

from typing import Any, cast

import numpy as np

from zorse.benchmark.photographs import embedded_model
from zorse.benchmark.shots import styled_shots
from zorse.encoders import load_encoder
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.poda import PODA

CLAIM = "Features moved towards the words for a style make a classifier of photographs better at that style."
BASELINE = "the same classifier of the photographs as they are"
METRIC = "mean class accuracy, averaged over sketches, cartoons and paintings; 16 photographs a class"
TASKS = ("pacs-names",)
SEEDS = 3
NOTE = (
    "The last feature map of the embedded model's image tower in place of CLIP's first layer; classification in place "
    "of segmentation. Settings were fixed before the first run."
)


inputs = embedded_model


def run(task: Any, seed: int) -> tuple[float, float]:
    """Moved to each style in turn, and not moved."""
    import torch

    encoder = cast(Any, load_encoder("mini", device="cpu"))
    shots = styled_shots(16, seed, 10)
    photos = [image for image, style in zip(shots.images, shots.style, strict=True) if style == "photo"]
    images, y, style = shots.test
    with torch.inference_mode():
        grids = [
            torch.cat([encoder.images.map(pixels) for pixels in encoder._batches(files, 64)])
            for files in (photos, images)
        ]
    known, asked = (grid.permute(0, 2, 3, 1).numpy() for grid in grids)
    last, own = encoder.images.embed, shots.y[shots.style == "photo"]
    head, offset = last.weight.numpy(), last.bias.numpy()
    plain = PODA(head=head, offset=offset, device="cpu", random_state=seed).fit(known, own)
    found = []
    for name, words in (("sketch", "a sketch"), ("cartoon", "a cartoon"), ("art painting", "a painting")):
        target = encoder.encode_text([words, f"{words} of something", f"{words} of an object"])
        model = PODA(target, head, offset, device="cpu", random_state=seed).fit(known, own)
        at = style == name
        found.append([mean_class_accuracy(y[at], m.predict(asked[at])) for m in (model, plain)])
    ours, theirs = np.mean(found, axis=0)
    return float(ours), float(theirs)
