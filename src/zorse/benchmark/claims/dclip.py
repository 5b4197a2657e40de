"""Descriptors from a language model against a plain prompt."""

import os
import warnings
from pathlib import Path

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.dclip import DCLIP
from zorse.semantics import read_descriptions

CLAIM = "Descriptors that a language model lists for a class classify better than its name in a plain prompt."
BASELINE = '"a photo of a {}."'
METRIC = "mean class accuracy, names only"
TASKS = ("tiny-imagenet-photos",)
SEEDS = 10
NOTE = (
    "The published descriptors of the ImageNet classes, for those of Tiny-ImageNet that have them, with the embedded "
    "model in place of CLIP: its text tower knows names and glosses and has hardly read sentences. A seed draws half "
    "of the classes. Texts are the released code's; with the library's colon, run first: -.033."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Descriptors, and the plain prompt, over the classes that have descriptors."""
    task, told = described(task.draw(seed))
    return task.accuracy(DCLIP(), descriptions=told), task.accuracy(CLIP())


def described(task: PhotoTask) -> tuple[PhotoTask, dict[str, list[str]]]:
    """The photographs of the classes that GPT's descriptors of ImageNet speak of, and the prompts made of them."""
    path = Path(os.environ.get("ZORSE_DATA") or "../shared/data") / "text" / "gpt_descriptors"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without descriptors, which are left out
        told = read_descriptions(path / "descriptors_imagenet.json", np.unique(task.y).tolist(), unknown="ignore")
    return task.among(told), {name: [_as_published(name, text) for text in texts] for name, texts in told.items()}


def _as_published(name: str, prompt: str) -> str:
    """The released code's "heron, which has long legs" of "a photo of a heron: long legs."; a sentence as it is."""
    feature = prompt.removeprefix(f"a photo of a {name}: ")
    if feature == prompt:
        return prompt
    feature = feature.removesuffix(".")
    if feature.startswith(("has", "often", "typically", "may", "can")):
        return f"{name}, which {feature}"
    return f"{name}, which {'is' if feature.startswith(('a', 'used')) else 'has'} {feature}"
