"""Top-1 accuracies from names alone, with Wilson intervals."""

from __future__ import annotations

import math

import numpy as np
from pixels import Data, features_of, read_tower
from splits import Classes
from targets import ridge, unit
from torch import Tensor


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion."""
    p, centre = right / n, (right / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def top1(vectors: np.ndarray, truth: list[str], names: list[str], texts: np.ndarray) -> np.ndarray:
    """Which images (n,) get their own name when ``names`` and their ``texts`` (c, dim) compete."""
    return np.array(names)[(vectors @ texts.T).argmax(1)] == np.array(truth)


def groups(data: Data, classes: Classes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Test sets: name -> (rows of images never trained on, candidate classes, each name once)."""
    out = {}
    for name, source, unseen in (
        ("tiny_unseen", "tiny-imagenet", True),
        ("caltech_unseen", "caltech101", True),
        ("tiny_seen", "tiny-imagenet", False),
        ("tiny_all", "tiny-imagenet", None),
        ("caltech_seen", "caltech101", False),
        ("caltech_all", "caltech101", None),
        ("cifar10", "cifar10", None),
        ("pacs", "pacs", None),
    ):
        members = classes.of(source, unseen)
        test = np.isin(data.labels, members) & (~data.train | (name == "caltech_unseen"))
        out[name] = (np.flatnonzero(test), np.array(list({classes.names[c]: c for c in members[::-1]}.values())[::-1]))
    return out


def curve(data: Data, classes: Classes, targets: np.ndarray, shape: dict, fit_every: int = 5, test_every: int = 3):
    """A function of the averaged student that gives quick accuracies: of its head, and of a ridge refitted to it."""
    seen = np.flatnonzero(data.train & ~classes.unseen[data.labels])[::fit_every]

    def evaluate(state: dict[str, Tensor]) -> dict[str, float]:
        tower = read_tower(state, shape)
        weight, bias = (p.detach().numpy() for p in (tower.embed.weight, tower.embed.bias))
        known = unit(features_of(tower, data.images[seen]))
        mean, offset, ridged = ridge(known, targets[data.labels[seen]], 3.0)
        out = {}
        for name, (rows, candidates) in groups(data, classes).items():
            rows = rows if name.endswith("unseen") else rows[::test_every]
            if name not in ("tiny_unseen", "caltech_unseen", "tiny_seen", "cifar10"):
                continue
            truth = [classes.names[c] for c in data.labels[rows]]
            names = [classes.names[c] for c in candidates]
            features = features_of(tower, data.images[rows])
            head = unit(features @ weight.T + bias)
            again = unit((unit(features) - mean) @ ridged + offset)
            for kind, vectors in (("head", head), ("ridge", again)):
                out[f"{name}.{kind}"] = round(float(top1(vectors, truth, names, targets[candidates]).mean()), 4)
        return out

    return evaluate
