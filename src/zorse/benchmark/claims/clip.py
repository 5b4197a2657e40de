"""CLIP's prompt ensemble against bare class names."""

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.reproduce import Agreement
from zorse.core import ClassTable, seeded
from zorse.methods.pretraining.clip import CLIP

CLAIM = "Prompt engineering and ensembling add almost five points over bare class names, averaged over 36 data sets."
BASELINE = "the class name alone"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 10
NOTE = (
    "CLIP's own templates for each data set (ImageNet's for Tiny-ImageNet), with the embedded model in place of CLIP. "
    "Its text tower was taught to give a name the same vector alone and in a template, so there is little to gain: the "
    "claim is about towers that read captions. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """The data set's templates, and the template that is only the name."""
    task = task.draw(seed)
    return task.accuracy(CLIP(), templates=task.templates), task.accuracy(CLIP(), templates=("{}",))


def compare() -> Agreement:
    """The logits of transformers' CLIP with random weights."""
    tower = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config=tower
        | {"vocab_size": 99, "max_position_embeddings": 12, "pad_token_id": 0, "bos_token_id": 97, "eos_token_id": 98},
        vision_config=tower | {"image_size": 16, "patch_size": 8},
        projection_dim=16,
        logit_scale_init_value=3.3,
    )
    with seeded(0), torch.no_grad():
        model = CLIPModel(config).eval()
        tokens, pixels = torch.randint(1, 98, (5, 12)), torch.randn(6, 3, 16, 16)
        tokens[:, -1] = 98
        image, text = model.vision_model(pixels).pooler_output, model.text_model(tokens).pooler_output
        X, vectors = model.visual_projection(image).numpy(), model.text_projection(text).numpy()
        logits = model(input_ids=tokens, pixel_values=pixels).logits_per_image.numpy()
    ours = CLIP(scale=model.logit_scale.exp().item()).fit(None, None, classes=ClassTable(np.arange(5), vectors))
    return Agreement(
        "transformers' CLIPModel, random weights",
        "logits of 6 images and 5 texts, from embeddings that are not unit",
        float(np.abs(ours.scores(X) - logits).max()),
        1e-4,
    )
