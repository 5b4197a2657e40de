"""The embedded dual encoder: two small towers and their weights, without transformers and without a hub."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy, deepcopy
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from zorse.core.device import resolve_device
from zorse.core.errors import InputError, NotAvailableError
from zorse.core.image import open_image
from zorse.encoders.checkpoint import (
    config_digest,
    forget,
    save_checkpoint,
    tensors_digest,
    tokenizer_digest,
    weights_digest,
)
from zorse.encoders.mini.towers import ImageTower, TextTower
from zorse.encoders.preprocessing import Preprocessing
from zorse.encoders.text import check_length, distinct

WEIGHTS = Path(__file__).parent / "weights"


class Mini:
    """A `DualEncoder` that ships inside the package: for trying, teaching and tests, not for serious work.

    Its model card (``weights/README.md``) has the measured figures and where it fails. For serious work load a large
    model by its hub id, such as ``google/siglip2-base-patch16-224`` or ``openai/clip-vit-base-patch16``.

    Parameters
    ----------
    folder : Path
        Weights in the hub's layout.
    device : str
        ``"auto"`` is CUDA, else MPS, else the CPU.

    Attributes
    ----------
    name : str
        ``"mini"``.
    dim : int
        Length of a vector.
    image_size : tuple of int
        Height and width after ``preprocess``.
    logit_scale : float
        What multiplies cosines before a softmax; fitted on images kept out of training.
    logit_bias : None
        The scores are meant for a softmax.
    token_dim : int
        Width of a word piece in ``encode_tokens``.
    """

    name = "mini"
    logit_bias = None

    def __init__(self, folder: Path = WEIGHTS, device: str | torch.device = "auto"):
        try:
            config = json.loads((folder / "config.json").read_text())
            state = load_file(folder / "model.safetensors")
        except OSError as error:
            raise NotAvailableError(f"the weights of mini are not in {folder}; reinstall the package") from error
        self.device = resolve_device(device)
        self._folder = folder
        if folder != WEIGHTS:
            self.name = str(folder)
        with torch.random.fork_rng(devices=[]):  # the weights replace the random numbers; the global state stays
            self.images, self.texts = ImageTower(**config["image"]), TextTower(**config["text"])
        for tower, prefix in ((self.images, "image."), (self.texts, "text.")):
            part = {k.removeprefix(prefix): v.float() for k, v in state.items() if k.startswith(prefix)}
            tower.load_state_dict(part, assign=True)
            tower.eval().requires_grad_(False).to(self.device)
        self.images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.centre = state["centre"].float().to(self.device)
        self.preprocess = _preprocessing(folder)
        self.image_size = self.preprocess.image_size
        self.dim: int = config["projection_dim"]
        self.logit_scale: float = config["logit_scale"]
        self.token_dim: int = config["text"]["width"]
        self._length: int = config["text"]["length"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __repr__(self) -> str:
        return f"Mini(dim={self.dim}, image_size={self.image_size})"

    def __sklearn_clone__(self) -> Self:
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of weights, architecture and image preprocessing."""
        return _digest("image", self._weights, repr(self.preprocess))

    @cached_property
    def text_fingerprint(self) -> str:
        """Hex digest of weights, architecture and tokenizer."""
        return _digest("text", self._weights, tokenizer_digest(self._folder))

    @cached_property
    def _weights(self) -> str:
        return weights_digest(self._folder) + config_digest(self._folder)

    @torch.inference_mode()
    def encode_pixels(self, pixels: Tensor) -> np.ndarray:
        """Preprocessed pixels (n, 3, h, w) -> unit vectors (n, dim), float32."""
        return _unit(self.images(pixels.to(self.device, memory_format=torch.channels_last)))

    def pixel_vectors(self, pixels: Tensor) -> Tensor:
        """What ``encode_pixels`` gives, as a tensor that gradients pass through."""
        return normalize(self.images(pixels.to(self.device, memory_format=torch.channels_last)).float(), dim=-1)

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """What ``encode_text`` gives, as a tensor that gradients pass through."""
        return self.encode_tokens(torch.empty(len(texts), 0, self.token_dim, device=self.device), texts)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """The towers, ``image`` and ``text``."""
        return {"image": self.images, "text": self.texts}

    def duplicate(self) -> Self:
        """The same encoder with weights of its own."""
        other = copy(self)
        other.images, other.texts = deepcopy(self.images), deepcopy(self.texts)
        return other

    def changed(self) -> None:
        """Say that weights have moved: the encoder is another one now, by its fingerprints."""
        state = {**self.images.state_dict(prefix="image."), **self.texts.state_dict(prefix="text.")}
        forget(self, tensors_digest(state))

    def save(self, folder: Path) -> None:
        """Write weights, architecture, tokenizer and preprocessing to a folder that ``load_encoder`` reads."""
        state = {**self.images.state_dict(prefix="image."), **self.texts.state_dict(prefix="text.")}
        save_checkpoint(self._folder, folder, state | {"centre": self.centre})

    def encode_images(self, images: Iterable, *, batch_size: int = 64) -> np.ndarray:
        """Images (PIL, array, path, bytes) -> unit vectors (n, dim), float32."""
        rows = [self.encode_pixels(pixels) for pixels in self._batches(images, batch_size)]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    @torch.inference_mode()
    def encode_patches(self, images: Iterable, *, batch_size: int = 64) -> np.ndarray:
        """Images -> unit vectors (n, grid_h, grid_w, dim), float32, of which an image's vector is the mean's direction.

        A patch of 16 x 16 pixels is a sixteenth of the image, and its vector sees well beyond it.
        """
        rows = []
        for pixels in self._batches(images, batch_size):
            grid = self.images.map(pixels.to(self.device, memory_format=torch.channels_last))
            rows.append(_unit(self.images.embed(grid.permute(0, 2, 3, 1))))
        height, width = (edge // 16 for edge in self.image_size)
        return np.concatenate(rows) if rows else np.empty((0, height, width, self.dim), np.float32)

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """n strings -> unit vectors (n, dim), float32. Equal texts are encoded once; a batch has texts of one length.

        Warns
        -----
        UserWarning
            Once, naming the first text that is longer than the tower takes.
        """
        once, rows = distinct(texts)
        tokens = self._tokens(once)
        vectors = np.empty((len(once), self.dim), np.float32)
        for length in sorted({len(ids) for ids in tokens}):
            where = np.array([i for i, ids in enumerate(tokens) if len(ids) == length])
            for start in range(0, len(where), batch_size):
                some = where[start : start + batch_size]
                ids = torch.tensor([tokens[i] for i in some], device=self.device)
                vectors[some] = self._centred(self.texts(ids)).cpu().numpy()
        return vectors[rows]

    def encode_tokens(self, context: Tensor | Sequence[Tensor], names: Sequence[str]) -> Tensor:
        """Context put before each class name -> unit vectors (n, dim), differentiable, in one trimmed batch.

        ``context`` is (n, length, token_dim), or n tensors of different lengths.

        Raises
        ------
        InputError
            If a context and its name are longer than the tower takes.
        """
        rows = []
        for own, pieces, name in zip(context, self._embedded(names), names, strict=True):
            rows.append(torch.cat([pieces[:1], own.to(pieces), pieces[1:]]))
            check_length(len(rows[-1]), self._length, len(own), name)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        x = pad_sequence(rows, batch_first=True)
        mask = torch.arange(x.shape[1], device=self.device) < lengths[:, None]
        return self._centred(self.texts.encode(x, None if mask.all() else mask))

    def token_vectors(self, texts: Sequence[str]) -> list[Tensor]:
        """Embedded word pieces (length, token_dim) of each text, without those of start and end."""
        return [pieces[1:-1] for pieces in self._embedded(texts)]

    def _embedded(self, texts: Sequence[str]) -> list[Tensor]:
        """Embedded word pieces of each text with start and end; looked up once for all of them."""
        tokens = self._tokens(list(texts))
        flat = torch.tensor([piece for ids in tokens for piece in ids], device=self.device)
        return list(self.texts.widen(self.texts.pieces(flat)).split([len(ids) for ids in tokens]))

    def _centred(self, texts: Tensor) -> Tensor:
        """Unit vectors less the mean of the names met in training, which all names share and which says nothing."""
        return normalize(normalize(texts, dim=1) - self.centre, dim=1)

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """Word pieces of each text, at most ``length`` of them."""
        encoded = self._tokenizer.encode_batch([text.replace("_", " ") for text in texts])
        tokens = [encoding.ids for encoding in encoded]
        long = [i for i, ids in enumerate(tokens) if len(ids) > self._length]
        for i in long:
            tokens[i] = tokens[i][: self._length - 1] + tokens[i][-1:]
        if long:
            more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
            warnings.warn(
                f"text {texts[long[0]]!r}{more} is longer than the {self._length} word pieces the text tower takes; "
                "the rest is cut",
                stacklevel=4,
            )
        return tokens

    def _batches(self, images: Iterable, batch_size: int) -> Iterator[Tensor]:
        if isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "convert"):
            raise InputError("expected several images, got one; put it into a list")
        sources = iter(images)
        while batch := list(islice(sources, batch_size)):
            yield torch.stack([self.preprocess(open_image(source, min_size=self.image_size)) for source in batch])


def _preprocessing(folder: Path) -> Preprocessing:
    """What ``preprocessor_config.json`` says, without transformers."""
    config = json.loads((folder / "preprocessor_config.json").read_text())
    mean, std = np.array(config["image_mean"]), np.array(config["image_std"])
    size = (config["size"]["height"], config["size"]["width"])
    scale, shift = config["rescale_factor"] / std, -mean / std
    return Preprocessing(size, None, config["resample"], tuple(map(float, scale)), tuple(map(float, shift)))


def _unit(rows: Tensor) -> np.ndarray:
    return normalize(rows.float(), dim=-1).cpu().numpy()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
