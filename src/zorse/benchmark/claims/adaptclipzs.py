"""AdaptCLIPZS against the encoder as it was, on classes without images."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import base_and_new, mean_class_accuracy
from zorse.methods.adaptation.adaptclipzs import AdaptCLIPZS
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table

CLAIM = "Trained on images and descriptions of half of the classes, an encoder recognises the other half better."
BASELINE = "the encoder as it was, with the same descriptions"
METRIC = "mean class accuracy on the new half of the classes, 4 images of each base class"
TASKS = ("caltech101-photos",)
SEEDS = 3
NOTE = (
    "The embedded model in place of CLIP, whose training held the shots; CuPL's sentences in place of GPT-4's, 10 a "
    "class. A seed draws halves and shots. Settings were fixed before the first run."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Adapted, and not."""
    shots = with_shots(task, 4, seed)
    told = {name: sentences[:10] for name, sentences in task.descriptions.items()}
    base, new = base_and_new([name for name in shots.table.labels.tolist() if told.get(name)], seed)
    known, test = np.isin(shots.y, base), task.among(new)
    images = [image for image, keep in zip(shots.contents, known, strict=True) if keep]
    model = AdaptCLIPZS(epochs=3, batch_size=64, lr=1e-5, device="cpu", random_state=seed)
    encoder = model.fit(images, shots.y[known], told).encoder_
    found = []
    for tower, X in ((encoder, encoder.encode_images(test.contents)), (task.encoder, test.X)):
        table = class_table(new, tower, descriptions={name: told[name] for name in new.tolist()})
        found.append(mean_class_accuracy(test.y, CLIP().fit(None, None, classes=table).predict(X)))
    return found[0], found[1]
