"""Fitted models on disk as JSON and safetensors; never pickle.

``model.json`` holds parameters and structure, ``model.safetensors`` every array. Loading builds only
classes that are zero-shot methods or plain ``torch.nn`` layers; nothing else in the file is executed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors
from torch import nn

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import atomic_path
from zorse.core.graph import ClassGraph
from zorse.core.method import ZeroShotMethod

FORMAT = 1
# Layers that can be rebuilt from these constructor arguments.
LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.LeakyReLU: ("negative_slope",),
    nn.ReLU: (),
    nn.Sigmoid: (),
    nn.Tanh: (),
    nn.GELU: (),
    nn.Identity: (),
    nn.Dropout: ("p",),
    nn.LayerNorm: ("normalized_shape",),
    nn.BatchNorm1d: ("num_features",),
}
DATA: dict[str, type] = {"classes": ClassTable, "graph": ClassGraph}
CONTAINERS = {"Sequential": nn.Sequential, "ModuleList": nn.ModuleList, "ModuleDict": nn.ModuleDict}


def save(model: ZeroShotMethod, folder: str | Path) -> None:
    """Write a fitted model to ``folder``, which is made if absent; a crash leaves the old model or the new one.

    Raises
    ------
    InputError
        If an attribute is of a kind that cannot be written without pickle; it names the attribute.
    NotAvailableError
        If the folder can't be written.
    """
    folder = Path(folder)
    structure, tensors = _dump(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotAvailableError(f"cannot write {folder}: {error.strerror or error}") from error
    digest = hashlib.sha256(tensors).hexdigest()
    # The tensors carry their hash in their name, and the JSON, written last, names them: the pair is never mixed.
    name = f"model-{digest[:16]}.safetensors"
    with atomic_path(folder / name) as path:
        path.write_bytes(tensors)
    with atomic_path(folder / "model.json") as path:
        header = {"format": FORMAT, "tensors": name, "sha256": digest, "model": structure}
        path.write_text(json.dumps(header, indent=1))
    for old in folder.glob("model-*.safetensors"):
        if old.name != name:
            old.unlink()


def load(folder: str | Path) -> Any:
    """Read a model that :func:`save` wrote.

    Raises
    ------
    InputError
        If the folder holds no model, or files that do not belong together.
    """
    folder = Path(folder)
    try:
        header = json.loads((folder / "model.json").read_text())
        name = Path(header["tensors"]).name
        tensors = (folder / name).read_bytes()
        structure, digest, version = header["model"], header["sha256"], header["format"]
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no saved model: {Path(error.filename).name} is missing") from error
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / 'model.json'} is not a saved model: {error}") from error
    if version != FORMAT:
        raise InputError(f"{folder} has format {version}; this version of zorse reads {FORMAT}")
    if hashlib.sha256(tensors).hexdigest() != digest:
        raise InputError(f"{folder / name} does not match model.json; the model is damaged")
    return _unpack(structure, load_tensors(tensors))


def digest(model: ZeroShotMethod) -> str:
    """Hex digest of everything a saved model would hold; equal digests, equal models."""
    structure, tensors = _dump(model)
    return hashlib.sha256(json.dumps(structure).encode() + tensors).hexdigest()


def duplicate(model: ZeroShotMethod) -> Any:
    """A copy that shares no memory, made by writing and reading."""
    structure, tensors = _dump(model)
    return _unpack(json.loads(json.dumps(structure)), load_tensors(tensors))


def _dump(model: ZeroShotMethod) -> tuple[dict, bytes]:
    tensors: dict[str, np.ndarray] = {}
    return _pack(model, type(model).__name__, tensors), dump_tensors(tensors)


def _pack(value: Any, where: str, tensors: dict[str, np.ndarray]) -> Any:
    """Reduce ``value`` to JSON; arrays go to ``tensors`` under the name of the attribute they came from."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return {"scalar": value.item(), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "UO":
            if not all(isinstance(v, str) for v in value.ravel()):
                raise InputError(f"{where} is an array of objects; only strings and numbers can be saved")
            return {"strings": value.tolist(), "dtype": value.dtype.str}
        tensors[where] = np.ascontiguousarray(value)
        return {"array": where}
    if isinstance(value, torch.Tensor):
        tensors[where] = value.detach().cpu().contiguous().numpy()
        return {"tensor": where}
    if isinstance(value, list | tuple):
        items = [_pack(v, f"{where}.{i}", tensors) for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else {"list": items}
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: _pack(v, f"{where}.{k}", tensors) for k, v in value.items()}}
    for kind, cls in DATA.items():
        if isinstance(value, cls):
            return {kind: {k: _pack(v, f"{where}.{k}", tensors) for k, v in vars(value).items()}}
    if isinstance(value, nn.Module):
        return _pack_module(value, where, tensors)
    if isinstance(value, ZeroShotMethod):
        params = value.get_params(deep=False)  # type: ignore[attr-defined]
        state = {k: v for k, v in vars(value).items() if k not in params}
        return {
            "method": f"{type(value).__module__}:{type(value).__qualname__}",
            "params": {k: _pack(v, f"{where}.{k}", tensors) for k, v in params.items()},
            "state": {k: _pack(v, f"{where}.{k}", tensors) for k, v in state.items()},
        }
    raise InputError(f"{where} is a {type(value).__name__}, which cannot be saved without pickle")


def _pack_module(module: nn.Module, where: str, tensors: dict[str, np.ndarray]) -> dict:
    for name, kind in CONTAINERS.items():
        if type(module) is kind:
            return {
                "layers": name,
                "of": {k: _pack_module(m, f"{where}.{k}", tensors) for k, m in module.named_children()},
            }
    if type(module) not in LAYERS:
        raise InputError(f"{where} is a {type(module).__name__}; build it from {', '.join(k.__name__ for k in LAYERS)}")
    options = {k: getattr(module, k) for k in LAYERS[type(module)]}
    state = {k: _pack(v, f"{where}.{k}", tensors) for k, v in module.state_dict().items()}
    return {"layer": type(module).__name__, "options": options, "weights": state, "training": module.training}


def _unpack(value: Any, tensors: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    inner = value[kind]
    if kind == "scalar":
        return np.dtype(value["dtype"]).type(inner)
    if kind == "array":
        return tensors[inner]
    if kind == "strings":
        return np.array(inner, dtype=object if value["dtype"] == "|O" else value["dtype"])
    if kind == "tensor":
        return torch.from_numpy(tensors[inner].copy())
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(_unpack(v, tensors) for v in inner)
    if kind == "dict":
        return {k: _unpack(v, tensors) for k, v in inner.items()}
    if kind in DATA:
        return DATA[kind](**{k: _unpack(v, tensors) for k, v in inner.items()})
    if kind == "method":
        model = _class_of(inner)(**{k: _unpack(v, tensors) for k, v in value["params"].items()})
        vars(model).update({k: _unpack(v, tensors) for k, v in value["state"].items()})
        return model
    if kind == "layers":
        parts = {k: _unpack(m, tensors) for k, m in value["of"].items()}
        if inner == "ModuleDict":
            return nn.ModuleDict(parts)
        return nn.Sequential(*parts.values()) if inner == "Sequential" else nn.ModuleList(parts.values())
    if kind == "layer":
        layer = next(cls for cls in LAYERS if cls.__name__ == inner)
        state = {k: _unpack(v, tensors) for k, v in value["weights"].items()}
        options = value["options"] | ({"bias": "bias" in state} if layer is nn.Linear else {})
        module = layer(**options)
        module.load_state_dict(state)
        return module.requires_grad_(False).train(value["training"])
    raise InputError(f"not a saved model: unknown entry {kind!r}")


def _class_of(name: str) -> type:
    module, _, attribute = name.partition(":")
    # A file may not make us import (and so execute) whatever is installed: ours, or what the caller imported already.
    if not module.startswith("zorse.") and module not in sys.modules:
        raise InputError(f"the saved model is a {name}; import {module} before loading it")
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(f"the saved model is a {name}, which is not installed") from error
    if not (isinstance(found, type) and issubclass(found, ZeroShotMethod)):
        raise InputError(f"the saved model names {name}, which is not a zero-shot method")
    return found
