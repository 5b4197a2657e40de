"""Models of the open_clip library, an extra: ``open_clip:ARCHITECTURE/PRETRAINED``."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zorse.core.device import resolve_device
from zorse.core.errors import CapabilityError, InputError, MissingDependencyError, NotAvailableError, UnknownNameError
from zorse.encoders.huggingface import VisionEncoder, _digest, _unit
from zorse.encoders.text import distinct

if TYPE_CHECKING:
    from PIL.Image import Image


class _Transform:
    """open_clip's own preprocessing of images, with the size it gives and a text that identifies it."""

    def __init__(self, transform: Any, settings: dict[str, Any]):
        self.transform = transform
        self.settings = settings
        size = settings["size"]
        self.image_size = (size, size) if isinstance(size, int) else tuple(size)

    def __call__(self, image: Image) -> torch.Tensor:
        return self.transform(image)

    def __repr__(self) -> str:
        return f"open_clip({sorted(self.settings.items())})"


class OpenCLIPEncoder(VisionEncoder):
    """A dual encoder of open_clip, behind the interface of all others.

    Attributes
    ----------
    logit_scale : float
        What multiplies cosines before a softmax (a sigmoid, where ``logit_bias`` is a number).
    logit_bias : float or None
        SigLIP's bias.
    """

    def __init__(self, name: str, model: Any, preprocess: _Transform, tokenizer: Any):
        with torch.inference_mode():
            device = next(model.parameters()).device
            dim = model.encode_text(tokenizer([""]).to(device)).shape[1]
        super().__init__(name, model, preprocess, dim=dim, folder=Path())
        self._tokenizer = tokenizer
        self.logit_scale = float(model.logit_scale.exp())
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias)
        # A causal tower that reads the end token does not see what follows it, so batches may end there.
        self._trims = (
            type(model).__name__ == "CLIP"
            and getattr(model, "text_pool_type", None) == "argmax"
            and getattr(model, "attn_mask", None) is not None
        )

    @cached_property
    def _weights(self) -> str:
        whole = hashlib.sha256(repr(self.model).encode())
        for name, weight in sorted(self.model.state_dict().items()):
            whole.update(name.encode())
            whole.update(weight.float().cpu().numpy().tobytes())
        return whole.hexdigest()

    @cached_property
    def text_fingerprint(self) -> str:
        """Hex digest of weights, architecture, tokenizer and precision."""
        probe = self._tokenizer(["a Photo of: two zebras!"]).tolist()
        return _digest("text", self._weights, type(self._tokenizer).__name__, str(probe), str(self.dtype))

    def encode_text(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """n strings -> unit vectors (n, dim), float32. Equal texts are encoded once.

        Warns
        -----
        UserWarning
            Once, naming the first text that is longer than the tower takes.
        """
        once, rows = distinct(texts)
        if not once:
            return np.empty((0, self.dim), np.float32)
        self._warn_of_cut(once)
        tokens = self._tokenizer(once)
        ends = tokens.argmax(1)  # CLIP's end token has the highest id
        order = torch.argsort(ends, stable=True) if self._trims else torch.arange(len(once))
        vectors = np.empty((len(once), self.dim), np.float32)
        with torch.inference_mode():
            for which in order.split(batch_size):
                batch = tokens[which].to(self.device)
                vectors[which.numpy()] = _unit(
                    self._trimmed(batch, ends[which].to(self.device)) if self._trims else self.model.encode_text(batch)
                )
        return vectors[rows]

    def _trimmed(self, tokens: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        model, length = self.model, int(ends.max()) + 1
        x = model.token_embedding(tokens[:, :length]).to(self.dtype) + model.positional_embedding[:length]
        x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
        x = x[torch.arange(len(x), device=x.device), ends]
        project = model.text_projection
        if project is None:
            return x
        return project(x) if isinstance(project, torch.nn.Module) else x @ project

    def _warn_of_cut(self, texts: Sequence[str]) -> None:
        takes = getattr(self._tokenizer, "context_length", None)
        encode = getattr(self._tokenizer, "encode", None)
        if takes is None or encode is None:
            return
        long = [text for text in texts if len(encode(text)) + 2 > takes]
        if long:
            more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
            warnings.warn(
                f"text {long[0]!r}{more} has more tokens than the text tower takes ({takes}); the rest is cut",
                stacklevel=3,
            )

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model.encode_image(pixels)

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        raise CapabilityError(
            f"patches of {self.name} are not available; load the model from a transformers checkpoint"
        )


def load(name: str, *, device: str = "auto", dtype: str = "float32") -> OpenCLIPEncoder:
    """A model of open_clip.

    Parameters
    ----------
    name : str
        ``"open_clip:ARCHITECTURE/PRETRAINED"``, such as ``open_clip:ViT-B-32/laion2b_s34b_b79k``; PRETRAINED is a tag
        that open_clip knows, or the path of a safetensors file. Without it: a folder or hub id in open_clip's format,
        as ``open_clip:local-dir:FOLDER`` and ``open_clip:hf-hub:ORG/NAME``.
    device : str
    dtype : {"float32", "bfloat16"}

    Raises
    ------
    MissingDependencyError
        If open_clip (or torchvision, which it needs) is not installed.
    UnknownNameError
        If the architecture or the tag is not known.
    InputError
        If a file of weights is not safetensors.
    NotAvailableError
        If the weights cannot be fetched or read.
    """
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:  # a torchvision built for another torch fails as RuntimeError
        package = "open_clip_torch with a torchvision built for your torch"
        raise MissingDependencyError(package, "open-clip", name) from error
    if dtype not in ("float32", "bfloat16"):
        raise InputError(f"dtype is float32 or bfloat16, not {dtype!r}")
    asked = name.removeprefix("open_clip:")
    if asked.startswith(("local-dir:", "hf-hub:")):
        architecture, weights = asked, None
    else:
        architecture, _, weights = asked.partition("/")
        if architecture not in open_clip.list_models():
            raise UnknownNameError("open_clip architecture", architecture, open_clip.list_models())
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        is_file = "/" in weights or weights.endswith((".safetensors", ".bin", ".pt", ".pth"))
        if is_file and not weights.endswith(".safetensors"):
            raise InputError(f"{weights} is not a .safetensors file; pickled weights can run code and are not read")
        if is_file and not Path(weights).is_file():
            raise InputError(f"no file {weights}")
        if not is_file and weights not in tags:
            raise UnknownNameError(f"weights of {architecture}", weights, tags or ["a .safetensors file"])
    on = resolve_device(device)
    try:
        model, _, transform = open_clip.create_model_and_transforms(
            architecture,
            pretrained=weights,
            precision="bf16" if dtype == "bfloat16" else "fp32",
            device=on,
            weights_only=True,
        )
        tokenizer = open_clip.get_tokenizer(architecture)
    except Exception as error:  # open_clip passes on what requests, the hub, torch and json raise
        raise NotAvailableError(f"{name} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    settings = dict(open_clip.get_model_preprocess_cfg(model))
    return OpenCLIPEncoder(name, model, _Transform(transform, settings), tokenizer)
