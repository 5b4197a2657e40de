"""Towers written as ONNX graphs, with the tokenizer and the preprocessing that belong to them."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zorse.core.errors import CapabilityError, MissingDependencyError
from zorse.encoders.exported import Texts
from zorse.encoders.huggingface import DualEncoder, VisionEncoder
from zorse.encoders.mini import Mini
from zorse.encoders.preprocessing import Preprocessing

_LARGE = 1 << 30  # weights beyond this lie beside the graph, since a graph ends at 2 GB
# What a tokenizer of its own kind must agree about with the one it is written as.
_TRIED = (
    "a photo of a cat.",
    "A Photo, of the STRIPED horse -- it's 12,000 km away!",
    "polar_bear",
    "café au lait, naïve Größe",
    "",
    "two  spaces",
    "斑马 зебра ゼブラ",
)


@dataclass(frozen=True)
class TextSpec:
    """What :class:`zorse.encoders.exported.Texts` is made of, beside the tokenizer's file."""

    length: int
    padding: str
    pad: int
    clean: str | None

    def as_dict(self) -> dict[str, Any]:
        """Arguments of ``Texts``."""
        return {"length": self.length, "padding": self.padding, "pad": self.pad, "clean": self.clean}


class _Images(nn.Module):
    """Pixels to unit vectors."""

    def __init__(self, encoder: Any):
        super().__init__()
        self.parts = nn.ModuleList(encoder.modules.values())
        self.encode: Callable[[Tensor], Tensor] = encoder.pixel_vectors

    def forward(self, pixels: Tensor) -> Tensor:
        return self.encode(pixels)


class _MiniTexts(nn.Module):
    """Word pieces of texts of one length to unit vectors."""

    def __init__(self, encoder: Mini):
        super().__init__()
        self.tower = encoder.texts
        self.centre: Tensor
        self.register_buffer("centre", encoder.centre)

    def forward(self, ids: Tensor) -> Tensor:
        return normalize(normalize(self.tower(ids), dim=1) - self.centre, dim=1)


class _Texts(nn.Module):
    """Token ids, and a mask where the tower was trained with one, to unit vectors."""

    def __init__(self, encoder: DualEncoder):
        super().__init__()
        self.model = encoder.model

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        told = {} if mask is None else {"attention_mask": mask}
        out = self.model.get_text_features(input_ids=ids, **told)
        return normalize((out if isinstance(out, Tensor) else out.pooler_output).float(), dim=-1)


def write_images(encoder: Any, folder: Path) -> dict[str, Any]:
    """Write ``image.onnx`` (pixels (n, 3, h, w) -> vectors (n, dim)); returns the preprocessing as JSON.

    Raises
    ------
    CapabilityError
        If the encoder's preprocessing or architecture can't be written.
    """
    if not isinstance(encoder, Mini | VisionEncoder):
        raise CapabilityError(
            f"{encoder.name} can't be exported; mini can, and what transformers loads (a hub id or a folder)"
        )
    steps = encoder.preprocess
    if not isinstance(steps, Preprocessing):
        raise CapabilityError(f"{encoder.name}: the steps of its preprocessing can't be written down ({steps!r})")
    height, width = encoder.image_size
    example = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    n = torch.export.Dim("n", min=1, max=1 << 20)
    _write(_Images(encoder), (example,), ["pixels"], {"pixels": {0: n}}, folder / "image.onnx")
    return {
        "size": steps.size,
        "crop": steps.crop,
        "resample": int(steps.resample),
        "scale": steps.scale,
        "shift": steps.shift,
    }


def write_texts(encoder: Any, folder: Path) -> TextSpec:
    """Write ``text.onnx`` (ids, and a mask where there is one -> vectors) and ``tokenizer.json``.

    Raises
    ------
    CapabilityError
        If the tokenizer can't be written as one that the ``tokenizers`` library reads.
    """
    n = torch.export.Dim("n", min=1, max=1 << 20)
    file = folder / "tokenizer.json"
    if isinstance(encoder, Mini):
        file.write_bytes((encoder._folder / "tokenizer.json").read_bytes())
        _underscores_are_spaces(file)
        spec = TextSpec(encoder._length, "exact", 0, None)
        example = torch.tensor(Texts(file, **spec.as_dict()).tokens(["a photo of a cat"] * 2))
        length = torch.export.Dim("length", min=2, max=spec.length)
        _write(_MiniTexts(encoder), (example,), ["ids"], {"ids": {0: n, 1: length}}, folder / "text.onnx")
        expected = encoder._tokens(list(_TRIED))
    else:
        batches = encoder._texts
        pad = batches.tokenizer.pad_token_id
        clean = getattr(batches.clean, "__name__", None)
        spec = TextSpec(int(batches.length), batches.padding, int(0 if pad is None else pad), clean)
        file.write_text(_as_json(batches.tokenizer, encoder.name), encoding="utf-8")
        expected = batches.tokens(list(_TRIED))
        inputs = Texts(file, **spec.as_dict()).padded(expected)
        shapes: dict[str, Any] = {"ids": {0: n}, "mask": {0: n}}
        if spec.padding != "full":
            length = torch.export.Dim("length", min=2, max=spec.length)
            shapes = {name: {0: n, 1: length} for name in shapes}
        example_inputs = tuple(torch.from_numpy(value) for value in inputs.values())
        shapes = {name: shapes[name] for name in inputs}
        _write(_Texts(encoder), example_inputs, list(inputs), shapes, folder / "text.onnx")
    found = Texts(file, **spec.as_dict()).tokens(list(_TRIED))
    for text, ours, theirs in zip(_TRIED, found, expected, strict=True):
        if list(ours) != list(theirs):
            raise CapabilityError(f"{encoder.name}: its tokenizer can't be written: {text!r} would be read otherwise")
    return spec


def write_classifier(
    folder: Path, vectors: np.ndarray, scale: float, bias: float | None, labels: Sequence[str]
) -> None:
    """Write ``classifier.onnx`` beside ``image.onnx``: pixels -> scores and probabilities, (n, c).

    Parameters
    ----------
    folder : Path
    vectors : ndarray of shape (c, dim)
        Unit vectors of the labels, which become part of the graph.
    scale, bias : float
        Scores are ``scale * cosine (+ bias)``. With a bias probabilities are sigmoids, else a softmax.
    labels : sequence of c str
        Kept in the graph's metadata, as a JSON list.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(folder / "image.onnx")
    graph = model.graph
    weight = numpy_helper.from_array((scale * np.asarray(vectors, np.float64).T).astype(np.float32), "labels")
    graph.initializer.append(weight)
    graph.node.append(helper.make_node("MatMul", ["vectors", "labels"], ["cosines" if bias is not None else "scores"]))
    if bias is not None:
        graph.initializer.append(numpy_helper.from_array(np.array(bias, np.float32), "bias"))
        graph.node.append(helper.make_node("Add", ["cosines", "bias"], ["scores"]))
        graph.node.append(helper.make_node("Sigmoid", ["scores"], ["probabilities"]))
    else:
        graph.node.append(helper.make_node("Softmax", ["scores"], ["probabilities"], axis=-1))
    del graph.output[:]
    for name in ("scores", "probabilities"):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", len(labels)]))
    helper.set_model_props(model, {"labels": json.dumps(list(labels), ensure_ascii=False)})
    if model.ByteSize() > _LARGE:
        onnx.save(model, folder / "classifier.onnx", save_as_external_data=True, location="classifier.onnx.data")
    else:
        onnx.save(model, folder / "classifier.onnx")


def _write(module: nn.Module, inputs: tuple, names: list[str], shapes: dict[str, Any], file: Path) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("onnx and onnxscript", "onnx", "zorse export") from error
    module.eval().requires_grad_(False)
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                module, inputs, dynamo=True, dynamic_shapes=shapes, input_names=names, output_names=["vectors"],
                verbose=False,
            )  # fmt: skip
        except Exception as error:  # the exporter raises kinds of its own
            told = str(error).strip().splitlines()[0]
            raise CapabilityError(f"the architecture can't be written as ONNX: {told}") from error
    assert program is not None
    size = sum(weight.numel() * weight.element_size() for weight in module.state_dict().values())
    program.save(file, external_data=size > _LARGE)


def _as_json(tokenizer: Any, name: str) -> str:
    """A tokenizer of transformers as ``tokenizer.json``."""
    own = getattr(tokenizer, "backend_tokenizer", None) or getattr(tokenizer, "_tokenizer", None)
    if own is not None and hasattr(own, "to_str"):
        return own.to_str()
    if hasattr(tokenizer, "sp_model"):
        return _unigram(tokenizer).to_str()
    raise CapabilityError(f"{name}: a {type(tokenizer).__name__} can't be written as tokenizer.json")


def _unigram(tokenizer: Any) -> Any:
    """SigLIP's SentencePiece model as the same search over the same pieces in the ``tokenizers`` library."""
    from tokenizers import Regex, Tokenizer, models, normalizers, processors

    pieces = tokenizer.sp_model
    vocabulary = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(pieces.get_piece_size())]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=pieces.unk_id()))
    # Empty texts stay empty: SentencePiece puts its space before something only.
    steps = [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), "▁"), normalizers.Replace(Regex("^(?=[^▁])"), "▁")]
    made.normalizer = normalizers.Sequence(steps)
    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    made.post_processor = processors.TemplateProcessing(single=f"$A {end[0]}", special_tokens=[end])
    return made


def _underscores_are_spaces(file: Path) -> None:
    from tokenizers import Tokenizer, normalizers

    made = Tokenizer.from_file(str(file))
    steps = [normalizers.Replace("_", " "), *([made.normalizer] if made.normalizer is not None else [])]
    made.normalizer = normalizers.Sequence(steps)
    made.save(str(file), pretty=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about operators that nobody asked for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
