"""Train the image tower: class texts as a fixed classifier, and a teacher's features to imitate.

The loss of an image has three parts. Cross-entropy over the targets of the classes of its own source (CIFAR-10's blur
must not become a word). One minus the cosine between the tower's averaged last map and the teacher's features, both
centred. One minus the cosine between the tower's vector and the vector that a ridge regression, fitted on the teacher's
features of the trained classes, gives the same image: it keeps the map from pixels to words as smooth as the closed
form, where cross-entropy alone would bend it to the trained names.
"""

from __future__ import annotations

import copy
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pixels import Data, augment
from prepare import SOURCES
from safetensors.torch import load_file, save_file
from splits import Classes
from targets import ridge, unit
from torch import Tensor, nn

from zorse.encoders.mini.towers import ImageTower
from zorse.training.batches import MiniBatches
from zorse.training.loop import Clock, Turn, train

SHAPE = {"stem": 32, "widths": [96, 192, 384], "depths": [2, 2, 1], "features": 1024, "dim": 256}


@dataclass
class Recipe:
    """One training run; ``sizes`` are (share of the run, pixels), ``repeats`` how often a source's image comes up."""

    name: str
    epochs: int
    unseen: bool = True
    start: str | None = None
    lr: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    batch: int = 256
    sizes: list[tuple[float, int]] = field(default_factory=lambda: [(0.42, 32), (0.85, 48), (1.0, 64)])
    repeats: dict[str, float] = field(
        default_factory=lambda: {"tiny-imagenet": 1, "caltech101": 2, "cifar10": 0.5, "pacs": 0.5}
    )
    teacher: float = 8.0
    meaning: float = 3.0
    smoothing: float = 0.1
    crop: float = 0.35
    average: float = 0.998
    seed: int = 0
    evaluate_every: int = 4
    shape: dict = field(default_factory=lambda: dict(SHAPE))


class Student(nn.Module):
    """The tower, a learned temperature and the teacher's mean; only the tower is shipped."""

    def __init__(self, shape: dict, centre: Tensor):
        super().__init__()
        self.tower = ImageTower(**shape, norm=True)
        self.log_scale = nn.Parameter(torch.tensor(math.log(12.0)))
        self.register_buffer("centre", centre)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Pixels to averaged features (n, features), float32."""
        return self.tower.map(x).float().mean((2, 3))


def replicas(student: Student, cores: int) -> list[Student]:
    """``cores`` views of a student: the same parameters, each its own normalisation statistics.

    Threads that each take a slice of the batch meet once a step; two threads inside every convolution meet hundreds of
    times, which costs dear as soon as the machine has other work.
    """
    out = [student]
    for _ in range(cores - 1):
        twin = copy.deepcopy(student)
        for mine, theirs in zip(twin.modules(), student.modules(), strict=True):
            mine._parameters.update(theirs._parameters)
        out.append(twin)
    return out


def training_rows(data: Data, classes: Classes, recipe: Recipe) -> Tensor:
    """Rows of the images to train on, ``(m, 2)``: a step takes either of the two, which halves a source's share."""
    keep = data.train & ~(classes.unseen[data.labels] & recipe.unseen)
    rng, pairs = np.random.default_rng(recipe.seed), []
    for number, source in enumerate(SOURCES):
        rows = rng.permutation(np.flatnonzero(keep & (classes.source[data.labels] == number)))
        repeats = recipe.repeats[source]
        if repeats < 1:
            half = len(rows) // 2
            pairs.append(np.stack([rows[:half], rows[half : 2 * half]], 1))
        else:
            pairs += [np.stack([rows, rows], 1)] * int(repeats)
    return torch.from_numpy(np.concatenate(pairs))


def learning_rate(recipe: Recipe, fraction: float) -> float:
    """A linear rise, then half a cosine."""
    if fraction < recipe.warmup:
        return recipe.lr * (fraction + 1e-3) / recipe.warmup
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (fraction - recipe.warmup) / (1 - recipe.warmup)))


def run(
    recipe: Recipe,
    data: Data,
    classes: Classes,
    targets: np.ndarray,
    folder: Path,
    evaluate,
    device: str = "cpu",
    cores: int = 2,
) -> None:
    """Train, resuming ``folder`` if it was begun; leaves ``average.safetensors``, the averaged student."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    rows = training_rows(data, classes, recipe)
    used = np.unique(rows.numpy())
    normal = unit(data.teacher[used].astype(np.float32))
    mean, offset, weights = ridge(normal, targets[data.labels[used]], 10.0)
    meaning = torch.zeros(len(data.labels), targets.shape[1])
    meaning[used] = torch.from_numpy(unit((normal - mean) @ weights + offset)).float()
    teacher = torch.from_numpy(data.teacher)
    centre = teacher[used].float().mean(0)
    trained = np.flatnonzero(~(classes.unseen & recipe.unseen))
    place = torch.full((len(classes.names),), -1)
    place[trained] = torch.arange(len(trained))
    texts = torch.from_numpy(targets[trained]).to(device)
    source = torch.from_numpy(classes.source[trained]).to(device)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)

    student = Student(recipe.shape, centre).to(device, memory_format=torch.channels_last)
    if recipe.start:
        student.load_state_dict(load_file(folder.parent / recipe.start / "average.safetensors"))
    average = {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in student.state_dict().items()
    }
    if (folder / "average.safetensors").exists():
        average = load_file(folder / "average.safetensors", device=device)
        student.load_state_dict(load_file(folder / "student.safetensors", device=device))

    twins = replicas(student, cores if device == "cpu" else 1)
    params = list(student.parameters())
    pool = ThreadPoolExecutor(len(twins))

    def slice_loss(twin: Student, x: Tensor, chosen: Tensor) -> tuple[list[Tensor], Tensor]:
        with torch.autocast(x.device.type, torch.bfloat16):
            features = twin(x)
        vectors = F.normalize(twin.tower.embed(features), dim=1)
        y = place[labels[chosen]].to(device)
        logits = twin.log_scale.exp() * vectors @ texts.T
        allowed = source[y][:, None] == source
        log_p = logits.masked_fill(~allowed, -1e4).log_softmax(1)
        smooth = (log_p * allowed).sum(1) / allowed.sum(1)
        truth = log_p.gather(1, y[:, None]).squeeze(1)
        entropy = -((1 - recipe.smoothing) * truth + recipe.smoothing * smooth).mean()
        away = 1 - F.cosine_similarity(features - twin.centre, teacher[chosen].to(device).float() - twin.centre).mean()
        lost = 1 - (vectors * meaning[chosen].to(device)).sum(1).mean()
        total = entropy + recipe.teacher * away + recipe.meaning * lost
        return torch.autograd.grad(total, params), torch.stack([total, entropy, away, lost]).detach()

    def loss(batch: tuple[Tensor, ...], clock: Clock) -> Tensor:
        for group in turn.opt.param_groups:
            group["lr"] = learning_rate(recipe, clock.fraction)
        follow(min(recipe.average, (clock.step + 1) / (clock.step + 10)))
        size = next(size for share, size in recipe.sizes if clock.fraction < share)
        chosen = torch.where(torch.rand(len(batch[0])) < 0.5, batch[0][:, 0], batch[0][:, 1])
        x = augment(images[chosen].to(device), size, recipe.crop)
        slices = zip(twins, x.chunk(len(twins)), chosen.chunk(len(twins)), strict=True)
        results = list(pool.map(lambda part: slice_loss(*part), slices))
        values = torch.stack([value for _, value in results]).mean(0)
        parts[:] = [p + v for p, v in zip(parts, values[1:].tolist(), strict=True)]
        # A scalar whose value is the loss and whose gradient is the mean of the slices' gradients.
        grads = [torch.stack(column).mean(0) for column in zip(*(grad for grad, _ in results), strict=True)]
        linear = sum((p * g).sum() for p, g in zip(params, grads, strict=True))
        return linear - linear.detach() + values[0]

    @torch.no_grad()
    def follow(keep: float) -> None:
        state = student.state_dict()
        floats = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([average[name] for name in floats], [state[name] for name in floats], 1 - keep)

    def after_epoch(clock: Clock, losses: dict[str, float]) -> None:
        line = {"run": recipe.name, "epoch": clock.epoch + 1, "loss": round(losses["image"], 4)}
        steps = batches.steps_per_pass
        line |= {k: round(p / steps, 4) for k, p in zip(("entropy", "teacher", "meaning"), parts, strict=True)}
        parts[:] = [0.0] * 3
        line["minutes"] = round((time.time() - started) / 60, 2)
        save_file(average, folder / "average.safetensors")
        save_file({k: v.contiguous() for k, v in student.state_dict().items()}, folder / "student.safetensors")
        if (clock.epoch + 1) % recipe.evaluate_every == 0 or clock.epoch + 1 == recipe.epochs:
            line |= evaluate(average)
        with (folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def adamw(params: list[Tensor]) -> torch.optim.Optimizer:
        groups = [
            {"params": [p for p in params if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)

    started, parts = time.time(), [0.0] * 3
    turn = Turn("image", loss, params, adamw)
    batches = MiniBatches(rows, size=recipe.batch, generator=torch.Generator().manual_seed(recipe.seed))
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1))
    train([turn], batches, epochs=recipe.epochs, after_epoch=after_epoch, checkpoint=folder / "checkpoint.safetensors")
