"""Dual encoders and plain vision backbones that transformers knows, from a hub id or a folder."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch.nn.functional import normalize

from zorse.core.device import resolve_device
from zorse.core.errors import CapabilityError, InputError, MissingDependencyError, NotAvailableError
from zorse.encoders.checkpoint import (
    config_digest,
    find_checkpoint,
    forget,
    save_checkpoint,
    tensors_digest,
    tokenizer_digest,
    weights_digest,
)
from zorse.encoders.preprocessing import read_preprocessing
from zorse.encoders.text import Padding, TextBatches, canonical, check_length, distinct, lower_case

if TYPE_CHECKING:
    from PIL.Image import Image

# How each family's text tower was trained to see the end of a text (see TextBatches).
_FAMILIES: dict[str, Padding] = {
    "clip": "causal",
    "metaclip_2": "causal",
    "siglip": "full",
    "align": "masked",
    "altclip": "masked",
    "chinese_clip": "masked",
    "vision-text-dual-encoder": "masked",
}
# How the parts of a model are called, by tower.
_TOWERS = {"image": ("vision", "visual"), "text": ("text",)}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class VisionEncoder:
    """A frozen vision backbone: images to unit vectors, features only.

    Made by ``load_encoder``; shared, not copied, by scikit-learn's ``clone``.

    Attributes
    ----------
    name : str
        What ``load_encoder`` was asked for.
    dim : int
        Length of a vector.
    image_size : tuple of int
        Height and width in pixels after ``preprocess``.
    preprocess : callable
        One RGB image -> float32 pixels (3, h, w); threads may share it.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        preprocess: Callable[[Image], torch.Tensor],
        *,
        dim: int,
        folder: Path,
        first_token: bool = False,
    ):
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.preprocess = preprocess
        self.image_size: tuple[int, int] = preprocess.image_size  # type: ignore[attr-defined]
        self.dim = dim
        self._folder = folder
        self._first_token = first_token
        weight = next(model.parameters())
        self.device, self.dtype = weight.device, weight.dtype

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim}, image_size={self.image_size})"

    def __sklearn_clone__(self) -> VisionEncoder:
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of weights, architecture, preprocessing and precision."""
        return _digest("image", self._weights, repr(self.preprocess), str(self.dtype))

    @cached_property
    def _weights(self) -> str:
        # Computed on demand: only a store needs it, and reading a large local checkpoint again takes seconds.
        return weights_digest(self._folder) + config_digest(self._folder)

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Preprocessed pixels (n, 3, h, w) -> unit vectors (n, dim), float32."""
        with torch.inference_mode():
            return _unit(self._pooled(pixels.to(self.device, self.dtype)))

    def encode_images(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """Images (PIL, array, path, bytes) -> unit vectors (n, dim), float32.

        Raises
        ------
        InputError
            If a single image was given for several, or one cannot be opened.
        """
        rows = [self.encode_pixels(pixels) for pixels in self._batches(images, batch_size)]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def pixel_vectors(self, pixels: torch.Tensor) -> torch.Tensor:
        """What ``encode_pixels`` gives, as a tensor that gradients pass through."""
        return normalize(self._pooled(pixels.to(self.device, self.dtype)).float(), dim=-1)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """Parts with weights, by the tower they belong to: ``image``, ``text`` and what both share."""
        out: dict[str, torch.nn.Module] = {}
        for name, part in self.model.named_children():
            tower = next((t for t, kinds in _TOWERS.items() if name.startswith(kinds)), "both")
            out[f"{tower}.{name}"] = part
        return out

    def duplicate(self) -> Self:
        """The same encoder with weights of its own."""
        other = copy(self)
        other.model = deepcopy(self.model)
        return other

    def changed(self) -> None:
        """Say that weights have moved: the encoder is another one now, by its fingerprints."""
        forget(self, tensors_digest(self.model.state_dict()))

    def save(self, folder: Path) -> None:
        """Write weights, architecture, tokenizer and preprocessing to a folder that ``load_encoder`` reads."""
        save_checkpoint(self._folder, folder, self.model.state_dict())

    def encode_patches(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """Images -> unit vectors of their patches (n, grid_h, grid_w, dim), float32.

        In a dual encoder each patch takes the way the pooled vector takes, so it lands in the space of the texts:
        through CLIP's last layer norm and projection; through SigLIP's pooling head as if it were alone; from ALIGN's
        feature map, of which the pooled vector is the mean; through a pooler and the projection otherwise. A plain
        backbone gives its normalised last tokens or feature map.

        Raises
        ------
        CapabilityError
            If the architecture has no grid of patches.
        """
        with torch.inference_mode():
            rows = [
                _unit(self._patches(pixels.to(self.device, self.dtype))) for pixels in self._batches(images, batch_size)
            ]
        return np.concatenate(rows) if rows else np.empty((0, 0, 0, self.dim), np.float32)

    def encode_text(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Not available.

        Raises
        ------
        CapabilityError
            Always: there is no text tower.
        """
        raise CapabilityError(
            f"{self.name} has no text tower, so names cannot be compared with images; use a dual encoder such as "
            "'mini' or google/siglip2-base-patch16-224, or fit a method on its features with attributes or word vectors"
        )

    def _batches(self, images: Iterable, batch_size: int) -> Iterator[torch.Tensor]:
        from zorse.core.image import open_image

        if isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "convert"):
            raise InputError("expected several images, got one; put it into a list")
        sources = iter(images)
        while batch := list(islice(sources, batch_size)):
            yield torch.stack([self.preprocess(open_image(source)) for source in batch])

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        out = self.model(pixel_values=pixels)
        return out.last_hidden_state[:, 0] if self._first_token else out.pooler_output.flatten(1)

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        out = self.model(pixel_values=pixels).last_hidden_state
        if out.ndim == 4:
            grid = out.permute(0, 2, 3, 1)
            norm = getattr(self.model, "layernorm", None)  # ConvNeXt norms after pooling
            return norm(grid) if norm is not None else grid
        return self._grid(out, pixels, self.model.config)

    def _grid(self, tokens: torch.Tensor, pixels: torch.Tensor, config: Any) -> torch.Tensor:
        """Tokens (n, t, d) -> (n, grid_h, grid_w, d), without class and register tokens."""
        size = getattr(config, "patch_size", None)
        height, width = (edge // size for edge in pixels.shape[-2:]) if isinstance(size, int) else (0, 0)
        if not 0 < height * width <= tokens.shape[1]:  # Swin: windows merge, what is left is a square
            height = width = math.isqrt(tokens.shape[1])
            if height * width != tokens.shape[1]:
                raise CapabilityError(f"{self.name} has no grid of patches")
        return tokens[:, tokens.shape[1] - height * width :].unflatten(1, (height, width))


class DualEncoder(VisionEncoder):
    """Images and texts as unit vectors in one space.

    Attributes
    ----------
    logit_scale : float
        What multiplies cosines before a softmax (a sigmoid, where ``logit_bias`` is a number).
    logit_bias : float or None
        SigLIP's bias.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        preprocess: Callable[[Image], torch.Tensor],
        *,
        dim: int,
        folder: Path,
        texts: TextBatches,
    ):
        super().__init__(name, model, preprocess, dim=dim, folder=folder)
        self._texts = texts
        temperature = getattr(model, "temperature", None)
        scale = 1 / temperature if temperature is not None else model.logit_scale.exp()
        self.logit_scale = float(scale)
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias)

    @cached_property
    def text_fingerprint(self) -> str:
        """Hex digest of weights, architecture, tokenizer, padding and precision."""
        return _digest("text", self._weights, tokenizer_digest(self._folder), repr(self._texts), str(self.dtype))

    def encode_text(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """n strings -> unit vectors (n, dim), float32. Equal texts are encoded once.

        Warns
        -----
        UserWarning
            Once, naming the first text that is longer than the tower takes.
        """
        once, rows = distinct(texts)
        vectors = np.empty((len(once), self.dim), np.float32)
        if once:
            with torch.inference_mode():
                for where, inputs in self._texts(once, batch_size):
                    inputs = {key: value.to(self.device) for key, value in inputs.items()}
                    vectors[where] = _unit(_pooler_output(self.model.get_text_features(**inputs)))
        return vectors[rows]

    def text_vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """What ``encode_text`` gives, as a tensor that gradients pass through."""
        inputs = {key: value.to(self.device) for key, value in self._texts.padded(self._texts.tokens(texts)).items()}
        return normalize(_pooler_output(self.model.get_text_features(**inputs)).float(), dim=-1)

    @property
    def token_dim(self) -> int:
        """Length of a word piece's embedding in ``encode_tokens``."""
        return self._embedding.embedding_dim

    @property
    def _embedding(self) -> torch.nn.Embedding:
        return self.model.text_model.get_input_embeddings()

    def token_vectors(self, texts: Sequence[str]) -> list[torch.Tensor]:
        """Embedded word pieces (length, token_dim) of each text, without those of start and end."""
        start, _ = self._affixes
        return [
            self._embedding(torch.tensor(ids[start:-1], dtype=torch.long, device=self.device))
            for ids in self._texts.tokens(texts)
        ]

    def encode_tokens(self, context: torch.Tensor | Sequence[torch.Tensor], names: Sequence[str]) -> torch.Tensor:
        """Context put before each class name -> unit vectors (n, dim), differentiable, in one trimmed batch.

        Parameters
        ----------
        context : Tensor of shape (n, length, token_dim), or n Tensors of different lengths
            Stands after the token of the start, where there is one.
        names : sequence of n str
            May be empty strings.

        Raises
        ------
        InputError
            If a context and its name are longer than the tower takes.
        """
        start, filler = self._affixes
        rows = []
        # Some tokenizers know a word by the space before it.
        spaced = [f" {name}" if name and len(own) else name for own, name in zip(context, names, strict=True)]
        for own, ids, name in zip(context, self._texts.tokens(spaced), names, strict=True):
            # The ids of a context are never looked up; they are there to be counted, and are neither end nor padding.
            rows.append([*ids[:start], *[filler] * len(own), *ids[start:]])
            check_length(len(rows[-1]), self._texts.length, len(own), name)
        inputs = {key: value.to(self.device) for key, value in self._texts.padded(rows).items()}
        places = torch.arange(inputs["input_ids"].shape[1]) - start
        lengths = torch.tensor([len(own) for own in context])
        learned = ((places >= 0) & (places < lengths[:, None])).to(self.device)
        values = torch.cat(list(context))

        def put(module: Any, args: Any, embedded: torch.Tensor) -> torch.Tensor:
            return embedded.index_put(torch.where(learned), values.to(embedded))

        hook = self._embedding.register_forward_hook(put)
        try:
            vectors = _pooler_output(self.model.get_text_features(**inputs))
        finally:
            hook.remove()
        return normalize(vectors.float(), dim=-1)

    @cached_property
    def _affixes(self) -> tuple[int, int]:
        """How many tokens stand before a text, and the id of an ordinary one."""
        nothing, letter = self._texts.tokens(["", "a"])
        return len(nothing) - 1, letter[len(nothing) - 1]

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        return _pooler_output(self.model.get_image_features(pixel_values=pixels))

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        model = self.model
        tower = model.vision_model
        tokens = tower(pixel_values=pixels).last_hidden_state
        if tokens.ndim == 4:
            if hasattr(model, "visual_projection"):
                raise CapabilityError(f"{self.name} has no patches in the space of the texts")
            return tokens.permute(0, 2, 3, 1)
        grid = self._grid(tokens, pixels, tower.config)
        if hasattr(tower, "post_layernorm") and hasattr(model, "visual_projection"):
            return model.visual_projection(tower.post_layernorm(grid))
        pool = getattr(tower, "head", None) or getattr(tower, "pooler", None)
        if pool is None:
            raise CapabilityError(f"{self.name} has no patches in the space of the texts")
        alone = pool(grid.reshape(-1, 1, grid.shape[-1])).reshape(*grid.shape[:3], -1)
        return model.visual_projection(alone) if hasattr(model, "visual_projection") else alone


def load(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    revision: str | None = None,
    local_files_only: bool | None = None,
) -> VisionEncoder:
    """A `DualEncoder`, or a `VisionEncoder` where the checkpoint has no text tower.

    Parameters
    ----------
    name : str
        Folder in the hub's format, or hub id.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    dtype : {"float32", "bfloat16"}
        Precision of the weights; vectors leave as float32.
    revision : str, optional
        Branch, tag or commit on the hub.
    local_files_only : bool, optional
        Never ask the hub, only its cache.

    Raises
    ------
    NotAvailableError, InputError
        If there is no such checkpoint or a part of it is missing.
    CapabilityError
        If transformers does not know the architecture, or it does not encode images.
    """
    from transformers import AutoConfig

    if dtype not in _DTYPES:
        raise InputError(f"dtype is float32 or bfloat16, not {dtype!r}")
    on = resolve_device(device)
    folder = find_checkpoint(name, revision, local_files_only)
    with _quiet():
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except (ValueError, OSError, KeyError) as error:
            raise CapabilityError(
                f"transformers does not know the architecture of {name}; code that comes with a checkpoint is never run"
            ) from error
        dual = hasattr(config, "text_config") and hasattr(config, "vision_config")
        if dual and config.model_type not in {*_FAMILIES, "siglip2"}:
            raise CapabilityError(f"{name} is a {config.model_type} model; dual encoders are: {', '.join(_FAMILIES)}")
        if config.model_type == "siglip2":
            read_preprocessing(folder, name)  # says what to use instead of NaFlex
        model, missing = _model(folder, name, config, _DTYPES[dtype])
        model.to(on)
        preprocess = read_preprocessing(folder, name)
        if not dual:
            pooler = [key for key in missing if key.startswith("pooler.")]
            _refuse_missing(name, [key for key in missing if key not in pooler])
            dim = _backbone_dim(config, model, bool(pooler))
            return VisionEncoder(name, model, preprocess, dim=dim, folder=folder, first_token=bool(pooler))
        _refuse_missing(name, missing)
        _check_image_size(name, config, preprocess)
        texts = _text_batches(folder, name, config)
    return DualEncoder(name, model, preprocess, dim=_dual_dim(config), folder=folder, texts=texts)


def _model(folder: Path, name: str, config: Any, dtype: torch.dtype) -> tuple[Any, list[str]]:
    """The model and the names of weights that its checkpoint lacks."""
    from transformers import MODEL_MAPPING, AutoModel

    if type(config) not in MODEL_MAPPING:
        raise CapabilityError(f"{name} is a {config.model_type} model, which gives no embeddings")
    kind = MODEL_MAPPING[type(config)]
    if getattr(kind, "main_input_name", "") != "pixel_values" and not hasattr(kind, "get_image_features"):
        raise CapabilityError(f"{name} is a {config.model_type} model, which does not encode images")
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors and torch raise their own kinds for a file that is cut or of other shapes
        told = str(error).strip().splitlines()[0]
        raise NotAvailableError(f"the weights of {name} cannot be read: {told}; fetch or save them again") from error
    return model, sorted(report["missing_keys"])


def _refuse_missing(name: str, missing: list[str]) -> None:
    # transformers fills missing weights with random numbers, whose embeddings look like any others.
    if missing:
        raise NotAvailableError(
            f"{name} lacks {len(missing)} weights of its architecture ({missing[0]}, ...): it was saved from another"
        )


def _check_image_size(name: str, config: Any, preprocess: Any) -> None:
    size = getattr(config.vision_config, "image_size", None)
    if config.model_type != "align" and isinstance(size, int) and preprocess.image_size != (size, size):
        height, width = preprocess.image_size
        raise InputError(f"{name}: its preprocessing gives {height} x {width} pixels, its image tower takes {size}")


def _dual_dim(config: Any) -> int:
    return config.vision_config.hidden_size if config.model_type == "siglip" else config.projection_dim


def _backbone_dim(config: Any, model: Any, first_token: bool) -> int:
    dense = getattr(getattr(model, "pooler", None), "dense", None)
    if dense is not None and not first_token:
        return dense.out_features
    for attribute in ("hidden_size", "hidden_dim"):
        if isinstance(width := getattr(config, attribute, None), int):
            return width
    return config.hidden_sizes[-1]


def _text_batches(folder: Path, name: str, config: Any) -> TextBatches:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, config=config, trust_remote_code=False, local_files_only=True)
    except ImportError as error:
        raise MissingDependencyError("sentencepiece", "sentencepiece", f"the tokenizer of {name}") from error
    except (ValueError, OSError, KeyError, TypeError) as error:
        told = str(error).strip().splitlines()[0]
        raise NotAvailableError(f"the tokenizer of {name} cannot be read: {told}") from error
    text = config.text_config
    length = text.max_position_embeddings
    if text.model_type in ("roberta", "xlm-roberta", "camembert", "altclip_text_model"):
        length -= text.pad_token_id + 1  # their positions start after the padding's
    clean = None
    if config.model_type == "siglip":
        clean = canonical if type(tokenizer).__name__.startswith("Siglip") else lower_case
    return TextBatches(tokenizer, min(length, tokenizer.model_max_length), _FAMILIES[config.model_type], clean)


def _pooler_output(out: Any) -> torch.Tensor:
    return out if isinstance(out, torch.Tensor) else out.pooler_output


def _unit(rows: torch.Tensor) -> np.ndarray:
    return normalize(rows.float(), dim=-1).cpu().numpy()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and loading reports: what matters in them becomes an error here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
