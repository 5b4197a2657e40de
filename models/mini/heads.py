"""Candidates for the image tower's last linear map, fitted to a trained tower's features of the training images.

The trained map met moving features and exact senses, and CIFAR-10's thousands of images a class; what ships meets the
text tower's reading of a bare name. Three things lift it, most of all on unseen classes (README.md has the table): no
class has more than ``CAPS`` images, texts are centred on the trained names, and the map is multiplied by the inverse
covariance of the class texts, as in the closed form of bilinear compatibility. A cross-entropy over the class texts,
held to that start, then sharpens it. export.py measures all candidates and takes one.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from targets import ridge

Head = tuple[np.ndarray, np.ndarray]
CAPS = (300, 600)
PENALTY = 1.0
SPREAD = 3.0
SCALE = 6.0
PULL = 1e-3
STEPS = 250
MEANS = {
    "mean of two": ("ridge to told, spread, refit, cap 300", "trained, refit, cap 600"),
    "mean of three": (
        "ridge to told, spread, refit, cap 300",
        "trained, refit, cap 600",
        "teacher's ridge, spread, refit, cap 300",
    ),
}


def capped(labels: np.ndarray, cap: int, seed: int = 0) -> np.ndarray:
    """Positions of at most ``cap`` images of each label, drawn without replacement."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:cap] for c in np.unique(labels)])


def normal(head: Head, features: np.ndarray) -> Head:
    """The same map, scaled so that its vectors have length one on average."""
    length = np.linalg.norm(features @ head[0].T + head[1], axis=1).mean()
    return (head[0] / length).astype(np.float32), (head[1] / length).astype(np.float32)


def ridge_head(features: np.ndarray, meant: np.ndarray) -> Head:
    """Ridge regression from features, scaled to mean length one, to the vectors ``meant`` (n, dim)."""
    scale = np.linalg.norm(features, axis=1).mean()
    mean, offset, weights = ridge(features / scale, meant, PENALTY)
    return normal((weights.T / scale, offset - mean @ weights), features)


def spread(head: Head, texts: np.ndarray, features: np.ndarray) -> Head:
    """The map times the inverse covariance of the class ``texts`` (c, dim), which tells siblings apart."""
    covariance = texts.T @ texts / len(texts)
    ridged = covariance + SPREAD * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse = np.linalg.inv(ridged)
    return normal((inverse @ head[0], inverse @ head[1]), features)


def refit(
    head: Head, features: np.ndarray, labels: np.ndarray, texts: np.ndarray, source: np.ndarray, pull: float
) -> Head:
    """Cross-entropy over the class texts of an image's own source, held to the starting map by a quadratic ``pull``."""
    torch.manual_seed(0)
    size = np.linalg.norm(features, axis=1).mean()
    x, y = torch.from_numpy(features / size), torch.from_numpy(labels)
    t, s = torch.from_numpy(texts), torch.from_numpy(source)
    start = [torch.from_numpy(head[0] * size), torch.from_numpy(head[1])]
    params = [p.clone().requires_grad_() for p in start]
    optimizer = torch.optim.Adam(params, 3e-3)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / STEPS)
        rows = torch.randint(len(x), (1024,))
        vectors = F.normalize(F.linear(x[rows], *params), dim=1)
        logits = (SCALE * vectors @ t.T).masked_fill(s[y[rows]][:, None] != s, -1e4)
        away = sum(((p - q) ** 2).sum() for p, q in zip(params, start, strict=True))
        loss = F.cross_entropy(logits, y[rows]) + pull * away
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weight, bias = (p.detach().numpy() for p in params)
    return normal((weight / size, bias), features)


def teacher_head(features: np.ndarray, teacher: np.ndarray, texts: np.ndarray, labels: np.ndarray) -> Head:
    """The spread ridge regression on the teacher's features, carried over to the tower that imitates them."""
    weight, bias = spread(ridge_head(teacher, texts[labels]), texts, teacher)
    scale = teacher.std() / features.std()
    return normal((scale * weight, bias + weight @ (teacher.mean(0) - scale * features.mean(0))), features)


def candidates(
    trained: Head,
    features: np.ndarray,
    teacher: np.ndarray,
    labels: np.ndarray,
    exact: np.ndarray,
    told: np.ndarray,
    source: np.ndarray,
    only: str | None = None,
) -> dict[str, Head]:
    """All of them by name; ``exact`` and ``told`` (c, dim) are the centred targets and text vectors of the classes.

    ``labels`` index the trained classes, to which ``exact``, ``told`` and ``source`` are restricted; ``only`` spares
    the refitting of maps that it does not need.
    """
    out = {"trained": normal(trained, features)}
    for cap in CAPS:
        rows = capped(labels, cap)
        x, y = features[rows], labels[rows]
        starts = {"trained": out["trained"], "teacher's ridge, spread": teacher_head(x, teacher[rows], told, y)}
        out[f"teacher's ridge, spread, cap {cap}"] = starts["teacher's ridge, spread"]
        for aim, texts in (("exact", exact), ("told", told)):
            begun = ridge_head(x, texts[y])
            starts[f"ridge to {aim}, spread"] = spread(begun, texts, x)
            out[f"ridge to {aim}, cap {cap}"] = begun
            out[f"ridge to {aim}, spread, cap {cap}"] = starts[f"ridge to {aim}, spread"]
        for start, head in starts.items():
            name = f"{start}, refit, cap {cap}"
            if only in (None, name) or any(only == mean and name in parts for mean, parts in MEANS.items()):
                out[name] = refit(head, x, y, told, source, PULL)
    for mean, parts in MEANS.items():
        if only in (None, mean):
            weights, biases = zip(*(out[part] for part in parts), strict=True)
            out[mean] = normal((sum(weights), sum(biases)), features)
    return out
