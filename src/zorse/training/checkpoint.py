"""Where a training stands, as one safetensors file: tensors in the body, the rest as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from zorse.core.errors import InputError
from zorse.core.files import atomic_path

if TYPE_CHECKING:
    from zorse.training.loop import Turn
    from zorse.training.selection import KeepBest


def write_checkpoint(
    path: Path,
    turns: Sequence[Turn],
    batches: Any,
    history: list[dict],
    stopped: bool,
    select: KeepBest | None = None,
) -> None:
    """Write parameters, optimizers, the place in the data and torch's random state; whole or not at all."""
    tensors = {f"batches.{k}": v for k, v in batches.state().items()}
    tensors["random"] = torch.get_rng_state()
    groups = {}
    for turn in turns:
        for i, p in enumerate(turn.params):
            tensors[f"{turn.name}.params.{i}"] = p.detach()
        tensors |= {f"{turn.name}.keeps.{i}": kept.detach() for i, kept in enumerate(turn.keeps)}
        state = turn.opt.state_dict()
        groups[turn.name] = state["param_groups"]
        for i, slots in state["state"].items():
            tensors |= {f"{turn.name}.slots.{i}.{k}": v for k, v in slots.items() if isinstance(v, Tensor)}
    for turn, best in zip(turns, select.best if select else []):
        tensors |= {f"{turn.name}.best.{i}": p for i, p in enumerate(best)}
    # Players may share a tensor, and safetensors stores no tensor twice under two names.
    body = {k: v.cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    header = {"history": json.dumps(history), "groups": json.dumps(groups), "stopped": json.dumps(stopped)}
    with atomic_path(path) as scratch:
        save_file(body, scratch, metadata=header)


def read_checkpoint(
    path: Path, turns: Sequence[Turn], batches: Any, select: KeepBest | None = None
) -> tuple[list[dict], bool]:
    """Restore what :func:`write_checkpoint` wrote into ``turns`` and ``batches``; return history and whether it ended.

    Raises
    ------
    InputError
        If the checkpoint is of another model.
    """
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        groups, history = json.loads(header["groups"]), json.loads(header["history"])
        shapes = {k: tuple(file.get_slice(k).get_shape()) for k in file.keys()}  # noqa: SIM118
        expected = {f"{t.name}.params.{i}": tuple(p.shape) for t in turns for i, p in enumerate(t.params)}
        expected |= {f"{t.name}.keeps.{i}": tuple(kept.shape) for t in turns for i, kept in enumerate(t.keeps)}
        found = {k: v for k, v in shapes.items() if ".params." in k or ".keeps." in k}
        if expected != found:
            raise InputError(f"{path} is a checkpoint of another model: expected {expected}, found {found}")
        for turn in turns:
            with torch.no_grad():
                for i, p in enumerate(turn.params):
                    p.copy_(file.get_tensor(f"{turn.name}.params.{i}"))
                for i, kept in enumerate(turn.keeps):
                    kept.copy_(file.get_tensor(f"{turn.name}.keeps.{i}"))
            slots: dict[int, dict[str, Tensor]] = {}
            for key in shapes:
                if key.startswith(f"{turn.name}.slots."):
                    i, slot = key.removeprefix(f"{turn.name}.slots.").split(".", 1)
                    slots.setdefault(int(i), {})[slot] = file.get_tensor(key)
            turn.opt.load_state_dict({"state": slots, "param_groups": groups[turn.name]})
            best = [file.get_tensor(f"{turn.name}.best.{i}") for i, _ in enumerate(turn.params) if select and history]
            if best and select:
                select.best.append(best)
        prefix = "batches."
        batches.restore({k.removeprefix(prefix): file.get_tensor(k) for k in shapes if k.startswith(prefix)})
        torch.set_rng_state(file.get_tensor("random"))
    return history, json.loads(header["stopped"])
