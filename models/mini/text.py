"""Train the text tower: every text of the corpus to its target vector, starting from MiniLM's weights."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from corpus import SHARES
from safetensors.torch import load_file, save_file
from torch import Tensor

from zorse.encoders.mini.towers import TextTower
from zorse.training.loop import Clock, Turn, train

SHAPE = {"factor": 160, "width": 384, "layers": 3, "heads": 12, "hidden": 768, "length": 32, "dim": 256}
COPIED = (0, 2, 4)


def from_minilm(minilm: Path, kept: np.ndarray) -> TextTower:
    """A tower with MiniLM's embedding (kept rows, factorised), every second layer, and the strongest hidden units."""
    weights = load_file(minilm / "model.safetensors")
    weights = {name.removeprefix("bert."): value.float() for name, value in weights.items()}
    tower = TextTower(vocabulary=len(kept), **SHAPE)
    table = weights["embeddings.word_embeddings.weight"][torch.from_numpy(kept)]
    left, singular, right = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    n = SHAPE["factor"]
    state = {
        "pieces.weight": left[:, :n] * singular[:n],
        "widen.weight": right[:n].T.contiguous(),
        "widen.bias": table.mean(0) + weights["embeddings.token_type_embeddings.weight"][0],
        "places": weights["embeddings.position_embeddings.weight"][: SHAPE["length"]],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    for new, old in enumerate(COPIED):
        part = {k.removeprefix(f"encoder.layer.{old}."): v for k, v in weights.items() if f"layer.{old}." in k}
        wide, narrow = part["intermediate.dense.weight"], part["output.dense.weight"]
        strong = (wide.norm(dim=1) * narrow.norm(dim=0)).topk(SHAPE["hidden"]).indices.sort().values
        for kind in ("weight", "bias"):
            qkv = [part[f"attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            state[f"layers.{new}.mix.{kind}"] = torch.cat(qkv)
            state[f"layers.{new}.join.{kind}"] = part[f"attention.output.dense.{kind}"]
            state[f"layers.{new}.first.{kind}"] = part[f"attention.output.LayerNorm.{kind}"]
            state[f"layers.{new}.second.{kind}"] = part[f"output.LayerNorm.{kind}"]
        state[f"layers.{new}.wide.weight"], state[f"layers.{new}.narrow.weight"] = wide[strong], narrow[:, strong]
        state[f"layers.{new}.wide.bias"] = part["intermediate.dense.bias"][strong]
        state[f"layers.{new}.narrow.bias"] = part["output.dense.bias"]
    tower.load_state_dict(state, strict=False)
    return tower


class EqualLengths:
    """Endless batches of texts of one length, so that none is padded; drawn by weight, kinds by their share."""

    def __init__(self, corpus: dict[str, np.ndarray], size: int, generator: torch.Generator):
        self.size, self.generator = size, generator
        lengths = np.diff(corpus["offsets"])
        chance = corpus["weights"].astype(np.float64)
        for kind, share in enumerate(SHARES.values()):
            mine = corpus["kinds"] == kind
            chance[mine] *= share / chance[mine].sum()
        self.rows, self.chance, masses = [], [], []
        for length in np.unique(lengths):
            rows = np.flatnonzero((lengths == length) & (chance > 0))
            if len(rows) >= size:
                self.rows.append(rows)
                self.chance.append(torch.from_numpy(np.cumsum(chance[rows] / chance[rows].sum())))
                masses.append(chance[rows].sum())
        self.masses = torch.tensor(masses)
        self.pieces = torch.from_numpy(corpus["pieces"].astype(np.int32))
        self.offsets, self.targets = corpus["offsets"], torch.from_numpy(corpus["targets"])
        self.lengths = lengths

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        bucket = int(torch.multinomial(self.masses, 1, generator=self.generator))
        draw = torch.rand(self.size, generator=self.generator, dtype=torch.float64)
        at = torch.searchsorted(self.chance[bucket], draw).clamp(max=len(self.rows[bucket]) - 1)
        return self.take(np.unique(self.rows[bucket][at.numpy()]))

    def take(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Word pieces (n, length) and targets (n, dim) of rows of one length."""
        places = self.offsets[rows][:, None] + np.arange(self.lengths[rows[0]])
        return self.pieces[torch.from_numpy(places)].long(), self.targets[torch.from_numpy(rows)].float()

    def state(self) -> dict[str, Tensor]:
        return {"generator": self.generator.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.generator.set_state(state["generator"])


@torch.no_grad()
def agreement(tower: TextTower, batches: EqualLengths, rows: np.ndarray) -> float:
    """Mean cosine between the tower's vectors and the targets of ``rows``."""
    total = 0.0
    for length in np.unique(batches.lengths[rows]):
        ids, targets = batches.take(rows[batches.lengths[rows] == length])
        total += float((F.normalize(tower(ids), dim=1) * targets).sum())
    return total / len(rows)


def run(cache: Path, minilm: Path, folder: Path, device: str, epochs: int = 14, steps: int = 200, **options) -> None:
    """Train, resuming ``folder`` if it was begun; leaves ``text.safetensors``."""
    size, lr, seed = options.get("size", 256), options.get("lr", 7e-4), options.get("seed", 0)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    corpus = dict(np.load(cache / "corpus.npz"))
    tower = from_minilm(minilm, corpus["kept"]).to(device)
    batches = EqualLengths(corpus, size, torch.Generator().manual_seed(seed))
    rng = np.random.default_rng(seed)
    told = rng.choice(np.flatnonzero((corpus["weights"] >= 1) & (corpus["kinds"] == 0)), 2000, replace=False)
    kept_back = np.flatnonzero((corpus["weights"] == 0) & (corpus["kinds"] == 0))
    started = time.time()

    def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
        warm = min(1.0, clock.fraction / 0.04 + 1e-3)
        for group in turn.opt.param_groups:
            group["lr"] = lr * warm * 0.5 * (1 + math.cos(math.pi * clock.fraction))
        ids, targets = (x.to(device) for x in batch)
        with torch.autocast(ids.device.type, torch.bfloat16):
            vectors = tower(ids)
        vectors = F.normalize(vectors.float(), dim=1)
        similar = vectors @ targets.T
        same = targets @ targets.T > 0.98
        logits = (similar / 0.07).masked_fill(same & ~torch.eye(len(ids), dtype=torch.bool, device=device), -1e4)
        contrast = F.cross_entropy(logits, torch.arange(len(ids), device=device))
        return (1 - similar.diagonal()).mean() * 4 + 0.25 * contrast

    def after_epoch(clock: Clock, losses: dict[str, float]) -> None:
        save_file(tower.state_dict(), folder / "text.safetensors")
        line = {"run": folder.name, "epoch": clock.epoch + 1, "loss": round(losses["text"], 4)}
        line["minutes"] = round((time.time() - started) / 60, 2)
        if clock.epoch % 3 == 2 or clock.epoch + 1 == epochs:
            line["told"] = round(agreement(tower, batches, told), 4)
            line["untold"] = round(agreement(tower, batches, kept_back), 4)
        with (folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    turn = Turn("text", loss, tower.parameters(), lambda p: torch.optim.AdamW(p, lr, weight_decay=0.01, fused=True))
    checkpoint = folder / "checkpoint.safetensors"
    train([turn], batches, epochs=epochs, steps_per_epoch=steps, after_epoch=after_epoch, checkpoint=checkpoint)
