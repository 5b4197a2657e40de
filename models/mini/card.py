"""Write the model card from the measured results, so that no figure in it is typed by hand."""

from __future__ import annotations

SETS = {
    "tiny_unseen": ("Tiny-ImageNet, 30 classes never trained on", "20 %"),
    "caltech_unseen": ("Caltech-101, 15 classes never trained on", "35 %"),
    "tiny_all": ("Tiny-ImageNet, 160 trained classes", "40 %"),
    "cifar10": ("CIFAR-10, trained classes", "75 %"),
    "caltech_all": ("Caltech-101, trained classes", ""),
    "pacs": ("PACS, 7 trained classes", ""),
}
UNSEEN = ("tiny_unseen", "caltech_unseen")

HEAD = """---
license: other
license_name: research-use
library_name: zorse
pipeline_tag: zero-shot-image-classification
language: en
tags: [zero-shot, dual-encoder, tiny]
---

# mini: the encoder inside the package

A dual encoder of {million:.1f} million parameters ({megabytes} MB) for **trying, teaching and tests**: it makes every
command of Zorse work offline, on any machine, in seconds. It sees 64 x 64 pixels and was trained for about an hour and
a half on two CPU cores. **Do not use it for serious work**: load `google/siglip2-base-patch16-224`, or
`openai/clip-vit-base-patch16` and larger, by hub id.

## Figures

Top-1 from bare names, no test-time tricks, 95 % Wilson intervals. "Never trained on" is measured with the development
model, which never saw an image of those classes; the shipped model goes on from it with every class of the training
split, so only images, not classes, are new to it in the other rows.

| test set | model | names | images | chance | top-1 | interval | aimed at | reached |
|---|---|---|---|---|---|---|---|---|
"""

TAIL = """
The last linear map was chosen among {variants} candidates by accuracy on the never-trained classes, on seen
Tiny-ImageNet classes and on CIFAR-10's test images, so these figures are a little kind. The held-out classes follow a
rule fixed beforehand (`models/mini/splits.py`).
The text tower has read every WordNet noun, the names of the held-out classes among them: what is held out is their
images.

{photographs}

## How it was made

- **Image tower**: residual network, dense 3 x 3 convolutions, total stride 16; cross-entropy over the vectors of the
  class names, and imitation of a teacher's features.
- **Text tower**: 3 transformer layers over a pruned, factorised word-piece vocabulary, started from MiniLM's weights;
  it maps every name of WordNet's 82,115 noun senses, alone and in photo templates, and every gloss, to a vector made of
  hypernyms, gloss, ancestors and predicted CLIP text vectors.
- **Probabilities**: `logit_scale` {scale} is fitted on images of classes the development model never saw.

| data | terms as stated by their makers |
|---|---|
| Tiny-ImageNet, 160 classes, 22,400 images | ImageNet: non-commercial research |
| Caltech-101, 81 classes, 5,237 images | research use |
| CIFAR-10, 12,000 images | none stated |
| PACS, 7,993 images | none stated; research use |
| MobileNetV1 features of those images (teacher) | model Apache-2.0; **trained on ImageNet-1k** |
| all-MiniLM-L6-v2 (start of the text tower, sentence vectors) | Apache-2.0 |
| CLIP ViT-B/32 text vectors of 2,148 concept names (Detic) | Apache-2.0 |
| WordNet 3.0 | WordNet licence |

The code is Apache-2.0. The weights are ours, learned from images whose terms are above: take them as for research and
teaching. The teacher saw ImageNet-1k, which contains every Tiny-ImageNet class: "never trained on" holds for this
model's images and labels, while the teacher's features of *other* images were shaped by those classes too.

## What it knows, and where it fails

- It knows common animals, vehicles, food and household things as small, centred photographs, and WordNet's sense of a
  name: an ambiguous name means the sense a photograph is likeliest to show ("crane" is mostly a bird).
- It fails on detail (64 x 64 pixels), breeds and species, text in images, people's attributes, counting, relations,
  actions, scenes with many things, medical, aerial and industrial images, and languages other than English.
- A phrase works through its words: "a striped horse" lies between horse and stripe, not surely at zebra.
- Probabilities are calibrated for about 30 candidate names; with very few or unrelated names they are too sure or too
  flat, and there is no "none of these".
- It carries the biases of its sources and must not be used to judge people.
"""


def card(results: dict, million: float) -> str:
    """The text of ``README.md``."""
    last = "final" if "final" in results else "develop"
    text = HEAD.format(million=million, megabytes=results["made"]["megabytes"])
    for key, (title, aim) in SETS.items():
        model = "develop" if key in UNSEEN else last
        m = results[model][key]
        reached = "" if not aim else ("yes" if m["top1"] >= float(aim.split()[0]) / 100 else "**no**")
        text += (
            f"| {title} | {'development' if model == 'develop' else 'shipped'} | {m['classes']} | {m['images']:,} | "
            f"{100 / m['classes']:.1f} % | {100 * m['top1']:.1f} % | {100 * m['interval'][0]:.1f}-"
            f"{100 * m['interval'][1]:.1f} | {aim} | {reached} |\n"
        )
    photographs = []
    for name, found in results.get("photographs", {}).items():
        wrong = [f"{truth} as {answer}" for truth, answer in found["seen as"].items() if truth != answer]
        photographs.append(f"- {name}: {found['right']} of {found['of']} right. Taken for others: {', '.join(wrong)}.")
    if photographs:
        photographs.insert(0, "Real photographs, none of them trained on:\n")
    return text + TAIL.format(
        variants=len(results["heads"]),
        photographs="\n".join(photographs),
        scale=results["chosen"]["logit_scale"],
    )
