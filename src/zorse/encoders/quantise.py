"""Graphs with eight-bit weights; ranges of what they meet are learned from images, or found as they run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import MissingDependencyError

_BATCH = 8


def quantise(file: Path, pixels: Sequence[np.ndarray] = ()) -> str:
    """Replace the weights of a graph by eight-bit ones; returns how, ``"static"`` or ``"dynamic"``.

    Parameters
    ----------
    file : Path
        The graph, which is replaced.
    pixels : sequence of arrays (3, h, w)
        Preprocessed images from which the ranges of a convolutional network's activations are learned ("static").
        Transformers, and texts, need none: the range of each matrix product's input is found as it runs ("dynamic").
    """
    try:
        import onnx
        from onnxruntime.quantization import shape_inference
    except ImportError as error:
        raise MissingDependencyError("onnx and onnxruntime", "onnx", "int8") from error

    kinds = [node.op_type for node in onnx.load(file, load_external_data=False).graph.node]
    static = kinds.count("Conv") > kinds.count("MatMul") and len(pixels) > 0
    ready, made = file.with_suffix(".ready"), file.with_suffix(".int8")
    external = file.with_name(f"{file.name}.data").exists()
    try:
        with _quiet():
            shape_inference.quant_pre_process(
                file, ready, skip_symbolic_shape=True, save_as_external_data=external, all_tensors_to_one_file=True
            )
            (_static if static else _dynamic)(ready, made, pixels, external)
        if not external:
            made.replace(file)
        else:  # names of files of weights stand in the graph, so it is written once more under its own
            model = onnx.load(made)
            for old in (file, file.with_name(f"{file.name}.data")):
                old.unlink()
            onnx.save(model, file, save_as_external_data=True, location=f"{file.name}.data")
    finally:
        for path in file.parent.glob(f"{file.stem}.*"):
            if path.name not in (file.name, f"{file.name}.data"):
                path.unlink()
    return "static" if static else "dynamic"


def _dynamic(ready: Path, made: Path, _: Sequence[np.ndarray], external: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        ready,
        made,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=external,
        extra_options={"MatMulConstBOnly": True},
    )


def _static(ready: Path, made: Path, pixels: Sequence[np.ndarray], external: bool) -> None:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.starts = iter(range(0, len(pixels), _BATCH))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self.starts, None)
            return None if start is None else {"pixels": np.stack(pixels[start : start + _BATCH])}

    quantize_static(
        ready,
        made,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add", "AveragePool"],
        use_external_data_format=external,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without remarks on the root logger, and with temporary files where the graph is (weights may be large)."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
