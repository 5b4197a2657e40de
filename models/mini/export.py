"""From checkpoints to what ships: choose the last map by measurement, fold, halve, calibrate, measure, write."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
from pathlib import Path

import numpy as np
import torch
from card import card
from curve import draw
from evaluate import groups, top1, wilson
from heads import CAPS, candidates, capped
from image import Recipe
from photographs import look
from pixels import MEAN, STD, Data, features_of, read_tower
from prepare import SIZE
from safetensors.torch import load_file, save_file
from splits import Classes
from targets import unit
from text import SHAPE as TEXT_SHAPE
from torch import nn

from zorse.encoders.mini.model import Mini
from zorse.encoders.mini.towers import Conv, ImageTower


def fold(tower: ImageTower, shape: dict) -> ImageTower:
    """The same tower with every batch normalisation folded into the convolution before it."""
    state = {}
    for name, module in tower.named_modules():
        if isinstance(module, Conv):
            fused = nn.utils.fuse_conv_bn_eval(module.conv, module.norm)
            state[f"{name}.conv.weight"], state[f"{name}.conv.bias"] = fused.weight.detach(), fused.bias.detach()
    state["embed.weight"], state["embed.bias"] = tower.embed.weight.detach(), tower.embed.bias.detach()
    folded = ImageTower(**shape, norm=False)
    folded.load_state_dict(state)
    return folded.eval()


def write_weights(
    out: Path, tower: ImageTower, recipe: Recipe, text: Path, cache: Path, centre: np.ndarray, scale: float
) -> None:
    """The hub folder: config, half-precision weights, tokenizer and preprocessing."""
    out.mkdir(parents=True, exist_ok=True)
    folded = fold(tower, recipe.shape)
    words = load_file(text)
    state = {f"image.{k}": v for k, v in folded.state_dict().items()} | {f"text.{k}": v for k, v in words.items()}
    state["centre"] = torch.from_numpy(centre)
    save_file({k: v.half().contiguous() for k, v in state.items()}, out / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "zorse-mini",
        "projection_dim": recipe.shape["dim"],
        "logit_scale": round(scale, 2),
        "image": recipe.shape,
        "text": {"vocabulary": len(words["pieces.weight"]), **TEXT_SHAPE},
    }
    pixels = {"do_resize": True, "size": {"height": SIZE, "width": SIZE}, "resample": 3, "do_rescale": True}
    pixels |= {"rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(pixels, indent=2) + "\n")
    shutil.copy(cache / "tokenizer.json", out / "tokenizer.json")


def measure(features: dict[str, np.ndarray], head: tuple, data: Data, classes: Classes, texts: np.ndarray) -> dict:
    """Top-1 of every test set with its Wilson interval, chance and mean accuracy over classes."""
    out = {}
    for name, (rows, competing) in groups(data, classes).items():
        truth = [classes.names[c] for c in data.labels[rows]]
        names = [classes.names[c] for c in competing]
        right = top1(features[name] @ head[0].T + head[1], truth, names, texts[competing])
        low, high = wilson(int(right.sum()), len(right))
        by_class = np.mean([right[np.array(truth) == n].mean() for n in names])
        out[name] = {
            "top1": round(float(right.mean()), 4),
            "interval": [round(low, 4), round(high, 4)],
            "mean_class": round(float(by_class), 4),
            "images": len(rows),
            "classes": len(names),
        }
    return out


def temperature(vectors: np.ndarray, labels: np.ndarray, texts: np.ndarray) -> float:
    """The factor on cosines whose softmax has the least cross-entropy; ``labels`` index ``texts``."""
    cosines = unit(vectors) @ texts.T

    def cost(scale: float) -> float:
        logits = scale * cosines
        top = logits.max(1, keepdims=True)
        return float((np.log(np.exp(logits - top).sum(1)) + top[:, 0] - logits[np.arange(len(labels)), labels]).mean())

    return float(min(np.geomspace(1, 100, 200), key=cost))


def test_features(tower: ImageTower, data: Data, classes: Classes) -> dict[str, np.ndarray]:
    """The tower's features of every test set; an image in two sets is computed once."""
    sets = {name: rows for name, (rows, _) in groups(data, classes).items()}
    rows = np.unique(np.concatenate(list(sets.values())))
    features = features_of(tower, data.images[rows])
    return {name: features[np.searchsorted(rows, mine)] for name, mine in sets.items()}


def finish(
    recipe: Recipe, data: Data, classes: Classes, vectors: np.ndarray, cache: Path, out: Path, choice: dict
) -> dict:
    """Fit the last map of one run, write its weights to ``out`` and measure them.

    An empty ``choice`` is filled: with the best of the candidates on this run's held-out classes, and with the
    temperature fitted to training images of those classes, which the run never saw.
    """
    text = cache / "text" / "text.safetensors"
    tower = read_tower(cache / recipe.name / "average.safetensors", recipe.shape)
    trained = np.flatnonzero(~(classes.unseen & recipe.unseen))
    write_weights(out, tower, recipe, text, cache, np.zeros(vectors.shape[1]), 1.0)
    raw = Mini(out, "cpu").encode_text(classes.names)
    centre = raw[trained].mean(0)
    write_weights(out, tower, recipe, text, cache, centre, 1.0)
    told = Mini(out, "cpu").encode_text(classes.names)
    photo = Mini(out, "cpu").encode_text([f"a photo of a {n}" for n in classes.names])
    exact = unit(vectors - vectors[trained].mean(0)).astype(np.float32)
    known = np.flatnonzero(data.train & np.isin(data.labels, trained))
    known = known[capped(data.labels[known], max(CAPS))]
    features, tests = features_of(tower, data.images[known]), test_features(tower, data, classes)
    own = tuple(p.detach().numpy() for p in (tower.embed.weight, tower.embed.bias))
    labels = np.searchsorted(trained, data.labels[known])
    teacher = data.teacher[known].astype(np.float32)
    texts = exact[trained], told[trained], classes.source[trained]
    found = candidates(own, features, teacher, labels, *texts, only=choice.get("head"))
    results: dict = {}
    if not choice:
        results["heads"] = {
            key: {g: m["top1"] for g, m in measure(tests, head, data, classes, told).items()}
            for key, head in found.items()
        }
        choice["head"] = max(found, key=lambda key: score(results["heads"][key]))
        members = classes.of("tiny-imagenet", True)
        held = np.flatnonzero(data.train & np.isin(data.labels, members))[::2]
        weight, bias = found[choice["head"]]
        seen_as = features_of(tower, data.images[held]) @ weight.T + bias
        choice["logit_scale"] = round(
            temperature(seen_as, np.searchsorted(members, data.labels[held]), told[members]), 2
        )
    head = found[choice["head"]]
    results[recipe.name] = measure(tests, head, data, classes, told)
    results[f"{recipe.name}, exact senses"] = measure(tests, head, data, classes, exact)
    results[f"{recipe.name}, a photo of a NAME"] = measure(tests, head, data, classes, photo)
    tower.embed.weight.data, tower.embed.bias.data = (torch.from_numpy(p) for p in head)
    write_weights(out, tower, recipe, text, cache, centre, choice["logit_scale"])
    return results


def choose(data: Data, classes: Classes, vectors: np.ndarray, cache: Path, recipe: Recipe) -> None:
    """Choose map and temperature on the development run; ``choice.json`` and its weights stay in the cache."""
    choice: dict = {}
    results = finish(recipe, data, classes, vectors, cache, cache / "development-weights", choice)
    (cache / "choice.json").write_text(json.dumps({"chosen": choice, **results}, indent=1))


def export(
    data: Data, classes: Classes, vectors: np.ndarray, pack: Path, cache: Path, out: Path, recipe: Recipe
) -> None:
    """Write the shipped weights of ``recipe``, the model card, and results, log and curve beside this file."""
    results = json.loads((cache / "choice.json").read_text())
    results |= finish(recipe, data, classes, vectors, cache, out, results["chosen"])
    results["unseen classes"] = {
        s: [classes.names[c] for c in classes.of(s, True)] for s in ("tiny-imagenet", "caltech101")
    }
    results["made"] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": "python models/mini/train.py --pack ../shared/data",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seed": recipe.seed,
        "megabytes": round(sum(f.stat().st_size for f in out.iterdir()) / 1e6, 2),
    }
    shipped = Mini(out, "cpu")
    results["photographs"] = look(shipped, pack)
    million = sum(p.numel() for tower in (shipped.images, shipped.texts) for p in tower.parameters()) / 1e6
    (out / "README.md").write_text(card(results, million))
    here = Path(__file__).parent
    (here / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    runs = ("text", *dict.fromkeys(("develop", recipe.name)))
    lines = [line for run in runs for line in (cache / run / "log.jsonl").read_text().splitlines()]
    (here / "log.jsonl").write_text("\n".join(lines) + "\n")
    draw(here)


def score(found: dict[str, float]) -> float:
    """What the choice of the last map maximises: unseen classes first, then seen ones."""
    return found["tiny_unseen"] + 0.5 * found["caltech_unseen"] + 0.5 * found["tiny_seen"] + 0.25 * found["cifar10"]
