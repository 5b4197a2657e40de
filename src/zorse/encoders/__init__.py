"""Encoders: images, and texts, as unit vectors."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from zorse.core.errors import UnknownNameError

if TYPE_CHECKING:
    from zorse.encoders.crops import encode_crops as encode_crops
    from zorse.encoders.known import KNOWN_MODELS as KNOWN_MODELS
    from zorse.encoders.known import KnownModel as KnownModel
    from zorse.encoders.protocols import DualEncoder as DualEncoder
    from zorse.encoders.protocols import ImageEncoder as ImageEncoder
    from zorse.encoders.protocols import PatchEncoder as PatchEncoder
    from zorse.encoders.protocols import PromptEncoder as PromptEncoder
    from zorse.encoders.protocols import TextEncoder as TextEncoder
    from zorse.encoders.protocols import TrainableEncoder as TrainableEncoder
    from zorse.encoders.store import EmbeddingStore as EmbeddingStore
    from zorse.encoders.store import content_digest as content_digest

_HOME = {
    "KNOWN_MODELS": "known",
    "KnownModel": "known",
    "DualEncoder": "protocols",
    "ImageEncoder": "protocols",
    "PatchEncoder": "protocols",
    "PromptEncoder": "protocols",
    "TextEncoder": "protocols",
    "TrainableEncoder": "protocols",
    "EmbeddingStore": "store",
    "encode_crops": "crops",
    "content_digest": "store",
}
__all__ = ["load_encoder", *sorted(_HOME)]


def load_encoder(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    revision: str | None = None,
    local_files_only: bool | None = None,
) -> ImageEncoder:
    """A frozen encoder by name.

    Parameters
    ----------
    name : str
        ``"mini"`` (inside the package), a hub id or a folder that transformers can read (CLIP, MetaCLIP, SigLIP,
        SigLIP 2, ALIGN, AltCLIP, Chinese-CLIP, vision-text dual encoders; ViT, DINOv2, ConvNeXt, ResNet and the like
        for features only), a folder that ``zorse export`` wrote (it runs through onnxruntime, without torch), or
        ``"open_clip:ARCHITECTURE/PRETRAINED"``, where PRETRAINED is a tag that open_clip knows or a safetensors file.
    device : str
        ``"auto"`` is CUDA, else MPS, else the CPU.
    dtype : {"float32", "bfloat16"}
        Precision of the weights; vectors are float32 always. On a CPU without bfloat16 units, bfloat16 is slower.
    revision : str, optional
        Branch, tag or commit on the hub.
    local_files_only : bool, optional
        Never ask the hub, only its cache (as does ``HF_HUB_OFFLINE=1``).

    Returns
    -------
    ImageEncoder
        A ``DualEncoder`` where there is a text tower; a ``PatchEncoder`` where there is a grid of patches.

    Raises
    ------
    UnknownNameError
        If a short name is not known; the nearest are offered.
    NotAvailableError
        If the hub cannot be reached or does not have it, or the checkpoint lacks a part.
    CapabilityError
        If the architecture cannot be used.
    MissingDependencyError
        If ``open_clip:`` is asked for and open_clip is not installed.
    """
    name = str(name)
    if name == "mini":
        return import_module("zorse.encoders.mini").load(device=device)
    if name.startswith("open_clip:"):
        return import_module("zorse.encoders.open_clip").load(name, device=device, dtype=dtype)
    if "/" not in name and not name.startswith((".", "~")) and not Path(name).is_dir():
        from zorse.encoders.known import KNOWN_MODELS

        raise UnknownNameError("model", name, [model.name for model in KNOWN_MODELS], hint="(or give a folder)")
    if (folder := Path(name).expanduser()).is_dir() and is_exported(folder):
        return import_module("zorse.encoders.exported").load(folder, device=device)
    if folder.is_dir() and is_mini(folder):
        return import_module("zorse.encoders.mini.model").Mini(folder, device=device)
    from zorse.encoders.huggingface import load

    return load(name, device=device, dtype=dtype, revision=revision, local_files_only=local_files_only)


def is_exported(model: object) -> bool:
    """Whether a model is a folder that ``zorse export`` wrote: it runs through onnxruntime, without torch."""
    return isinstance(model, str | Path) and (Path(model).expanduser() / "export.json").is_file()


def is_mini(folder: Path) -> bool:
    """Whether a folder holds an embedded encoder with other weights, as training leaves it."""
    try:
        return '"model_type": "zorse-mini"' in (folder / "config.json").read_text()
    except (OSError, UnicodeDecodeError):
        return False


def __getattr__(name: str):
    # Lazy: the command line lists models without paying for torch.
    if name in _HOME:
        return getattr(import_module(f"zorse.encoders.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.encoders' has no attribute {name!r}")
