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
from evaluate import groups, top1, wilson
from image import Recipe
from photographs import look
from pixels import MEAN, STD, Data, features_of, read_tower
from prepare import SIZE
from safetensors.torch import load_file, save_file
from splits import Classes
from targets import ridge, unit
from text import SHAPE as TEXT_SHAPE
from torch import nn

from zorse.encoders.mini.model import Mini
from zorse.encoders.mini.towers import Conv, ImageTower

PENALTIES = (0.3, 3.0, 30.0)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


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


def heads(tower: ImageTower, features: np.ndarray, meant: np.ndarray) -> dict[tuple[float, float], tuple]:
    """Candidates for the last linear map, ``(share, penalty) -> (weight, bias)``.

    The trained map and a ridge regression from the tower's features of the training images to their classes' vectors
    are mixed, after both are scaled to vectors of mean length one; ``share`` is the ridge regression's.
    """
    scale = np.linalg.norm(features, axis=1).mean()
    trained = [p.detach().numpy() for p in (tower.embed.weight, tower.embed.bias)]
    trained = [p / np.linalg.norm(features @ trained[0].T + trained[1], axis=1).mean() for p in trained]
    out = {(0.0, 0.0): tuple(trained)}
    for penalty in PENALTIES:
        mean, offset, weights = ridge(features / scale, meant, penalty)
        weight, bias = weights.T / scale, offset - mean @ weights
        length = np.linalg.norm(features @ weight.T + bias, axis=1).mean()
        for share in SHARES[1:]:
            mixed = [(1 - share) * a + share * b / length for a, b in zip(trained, (weight, bias), strict=True)]
            out[share, penalty] = tuple(p.astype(np.float32) for p in mixed)
    return out


def write_weights(out: Path, tower: ImageTower, recipe: Recipe, text: Path, cache: Path, scale: float) -> None:
    """The hub folder: config, half-precision weights, tokenizer and preprocessing."""
    out.mkdir(parents=True, exist_ok=True)
    folded = fold(tower, recipe.shape)
    words = load_file(text)
    state = {f"image.{k}": v for k, v in folded.state_dict().items()} | {f"text.{k}": v for k, v in words.items()}
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
    for name, (rows, candidates) in groups(data, classes).items():
        truth = [classes.names[c] for c in data.labels[rows]]
        names = [classes.names[c] for c in candidates]
        right = top1(features[name] @ head[0].T + head[1], truth, names, texts[candidates])
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


def export(
    data: Data, classes: Classes, vectors: np.ndarray, pack: Path, cache: Path, out: Path, recipes: dict
) -> None:
    """Write the weights and ``results.json`` beside this file; ships the last run there is."""
    text = cache / "text" / "text.safetensors"
    runs = [name for name in recipes if (cache / name / "average.safetensors").exists()]
    rng = np.random.default_rng(0)
    results: dict = {"variants": {}}
    chosen = scale = None
    for name in runs:
        recipe = recipes[name]
        tower = read_tower(cache / name / "average.safetensors", recipe.shape)
        write_weights(out, tower, recipe, text, cache, 20.0)
        texts = Mini(out, "cpu").encode_text(classes.names)
        known = np.flatnonzero(data.train & ~(classes.unseen[data.labels] & recipe.unseen))
        known = rng.permutation(known)[:16000]
        features = features_of(tower, data.images[known])
        tests = {g: features_of(tower, data.images[rows]) for g, (rows, _) in groups(data, classes).items()}
        candidates = heads(tower, features, vectors[data.labels[known]])
        if chosen is None:  # the development run chooses, on its held-out classes
            for key, head in candidates.items():
                results["variants"][f"{name} ridge share {key[0]} penalty {key[1]}"] = {
                    g: m["top1"] for g, m in measure(tests, head, data, classes, texts).items()
                }
            chosen = max(candidates, key=lambda key: score(results, f"{name} ridge share {key[0]} penalty {key[1]}"))
            held = np.flatnonzero(data.train & np.isin(data.labels, classes.of("tiny-imagenet", True)))
            members = classes.of("tiny-imagenet", True)
            held_vectors = features_of(tower, data.images[held]) @ candidates[chosen][0].T + candidates[chosen][1]
            scale = temperature(held_vectors, np.searchsorted(members, data.labels[held]), texts[members])
        head = candidates[chosen]
        results[name] = measure(tests, head, data, classes, texts)
        results[f"{name}, exact senses"] = measure(tests, head, data, classes, vectors)
        photo = Mini(out, "cpu").encode_text([f"a photo of a {n}" for n in classes.names])
        results[f"{name}, a photo of a NAME"] = measure(tests, head, data, classes, photo)
        tower.embed.weight.data, tower.embed.bias.data = (torch.from_numpy(p) for p in head)
        write_weights(out, tower, recipe, text, cache, scale)
    results["chosen"] = {"ridge share": chosen[0], "penalty": chosen[1], "logit_scale": round(scale, 2)}
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
        "seeds": {name: recipes[name].seed for name in runs},
        "megabytes": round(sum(f.stat().st_size for f in out.iterdir()) / 1e6, 2),
    }
    shipped = Mini(out, "cpu")
    results["photographs"] = look(shipped, pack)
    million = sum(p.numel() for tower in (shipped.images, shipped.texts) for p in tower.parameters()) / 1e6
    (out / "README.md").write_text(card(results, million))
    here = Path(__file__).parent
    (here / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = [line for run in ("text", *runs) for line in (cache / run / "log.jsonl").read_text().splitlines()]
    (here / "log.jsonl").write_text("\n".join(lines) + "\n")


def score(results: dict, variant: str) -> float:
    """What the choice of the last map maximises: unseen classes first, with half the weight on seen ones."""
    found = results["variants"][variant]
    return found["tiny_unseen"] + 0.5 * found["caltech_unseen"] + 0.25 * (found["tiny_seen"] + found["cifar10"])
