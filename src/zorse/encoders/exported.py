"""A model that ``zorse export`` wrote: two ONNX graphs, a tokenizer and preprocessing, run without torch."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import CapabilityError, InputError, MissingDependencyError, NotAvailableError
from zorse.core.image import open_image
from zorse.encoders.preprocessing import Preprocessing
from zorse.encoders.text import canonical, distinct, lower_case

if TYPE_CHECKING:
    from PIL.Image import Image

RECORD, FORMAT = "export.json", 1
CLEAN = {function.__name__: function for function in (canonical, lower_case)}


class Texts:
    """Texts to arrays of token ids, with the ``tokenizers`` library alone.

    Parameters
    ----------
    file : Path
        ``tokenizer.json``.
    length : int
        How many tokens the tower takes.
    padding : {"exact", "causal", "masked", "full"}
        ``"exact"``: a batch has texts of one length, unpadded. The others are those of
        :class:`zorse.encoders.text.TextBatches`.
    pad : int
        Id of the token that fills.
    clean : str or None
        Name of what is done to a text first.
    """

    def __init__(self, file: Path, length: int, padding: str, pad: int, clean: str | None):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(length)
        self.length, self.padding, self.pad = length, padding, pad
        self._clean = None if clean is None else _cleaned(clean)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, at most ``length`` of them; warns once of a text that is cut."""
        cleaned = [self._clean(text) for text in texts] if self._clean else list(texts)
        encoded = self._tokenizer.encode_batch(cleaned)
        long = [i for i, encoding in enumerate(encoded) if encoding.overflowing]
        if long:
            more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
            warnings.warn(
                f"text {texts[long[0]]!r}{more} is longer than the {self.length} tokens that the text tower takes; "
                "the rest is cut",
                stacklevel=4,
            )
        return [encoding.ids for encoding in encoded]

    def __call__(self, texts: Sequence[str], batch_size: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Batches of (positions (b,), inputs of the graph); each position occurs once."""
        tokens = self.tokens(texts)
        lengths = np.array([len(ids) for ids in tokens])
        order = np.argsort(lengths, kind="stable")
        parted = self.padding == "exact"
        changes: list[int] = (np.flatnonzero(np.diff(lengths[order])) + 1).tolist() if parted else []
        groups = np.split(order, changes)
        for group in groups:
            for start in range(0, len(group), batch_size):
                rows = group[start : start + batch_size]
                yield rows, self.padded([tokens[i] for i in rows])

    def padded(self, tokens: Sequence[list[int]]) -> dict[str, np.ndarray]:
        """One batch of inputs for the graph."""
        lengths = np.array([len(ids) for ids in tokens])
        width = self.length if self.padding == "full" else int(lengths.max())
        ids = np.full((len(tokens), width), self.pad, dtype=np.int64)
        for row, own in zip(ids, tokens, strict=True):
            row[: len(own)] = own
        if self.padding != "masked":
            return {"ids": ids}
        return {"ids": ids, "mask": (np.arange(width) < lengths[:, None]).astype(np.int64)}


class ExportedImages:
    """An exported image tower: images to unit vectors.

    Made by ``load_encoder``. It has no patches and no gradients: methods that ask for those need the model itself.

    Attributes
    ----------
    name : str
        The folder.
    dim : int
        Length of a vector.
    image_size : tuple of int
        Height and width after ``preprocess``.
    record : dict
        What the export has written down: the model it was made from, its precision and how well the two agree.
    """

    def __init__(self, folder: Path, record: dict[str, Any], device: str = "auto"):
        self.name, self.record = str(folder), record
        self.dim: int = record["dim"]
        given = record["preprocessing"]
        size = given["size"]
        self._preprocessing = Preprocessing(
            tuple(size) if isinstance(size, list) else size,
            given["crop"] and tuple(given["crop"]),
            given["resample"],
            tuple(given["scale"]),
            tuple(given["shift"]),
        )
        self.image_size = self._preprocessing.image_size
        self.device, self._providers = _providers(device)
        self._folder = folder

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim}, image_size={self.image_size})"

    def __sklearn_clone__(self):
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of the image graph and the preprocessing."""
        return _digest("image", *_files_digest(self._folder, "image.onnx"), repr(self._preprocessing))

    @cached_property
    def _images(self) -> Any:
        return _session(self._folder / "image.onnx", self._providers)

    def preprocess(self, image: Image) -> np.ndarray:
        """One RGB image -> float32 pixels (3, h, w)."""
        return self._preprocessing.array(image)

    def encode_pixels(self, pixels: Any) -> np.ndarray:
        """Preprocessed pixels (n, 3, h, w), array or tensor -> unit vectors (n, dim), float32."""
        return self._images.run(["vectors"], {"pixels": np.asarray(pixels, dtype=np.float32)})[0]

    def encode_images(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """Images (PIL, array, path, bytes) -> unit vectors (n, dim), float32."""
        if isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "convert"):
            raise InputError("expected several images, got one; put it into a list")
        sources, rows = iter(images), []
        while batch := list(islice(sources, batch_size)):
            opened = (open_image(source, min_size=self.image_size) for source in batch)
            rows.append(self.encode_pixels(np.stack([self.preprocess(image) for image in opened])))
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)


class Exported(ExportedImages):
    """Both towers: a `DualEncoder` without torch.

    Attributes
    ----------
    logit_scale : float
    logit_bias : float or None
    """

    def __init__(self, folder: Path, record: dict[str, Any], device: str = "auto"):
        super().__init__(folder, record, device)
        self.logit_scale: float = record["logit_scale"]
        self.logit_bias: float | None = record["logit_bias"]
        self.texts = Texts(folder / "tokenizer.json", **record["text"])

    @cached_property
    def text_fingerprint(self) -> str:
        """Hex digest of the text graph, the tokenizer and the padding."""
        files = _files_digest(self._folder, "text.onnx", "tokenizer.json")
        return _digest("text", *files, json.dumps(self.record["text"], sort_keys=True))

    @cached_property
    def _words(self) -> Any:
        return _session(self._folder / "text.onnx", self._providers)

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
            for where, inputs in self.texts(once, batch_size):
                vectors[where] = self._words.run(["vectors"], inputs)[0]
        return vectors[rows]


def load(folder: Path, device: str = "auto") -> ExportedImages:
    """An exported model; an :class:`Exported` where it has a text tower.

    Raises
    ------
    MissingDependencyError
        If onnxruntime is not installed.
    InputError, NotAvailableError
        If the folder is of another format, or a part is missing or damaged.
    """
    record = read_record(folder)
    missing = [name for name in record["files"] if not (folder / name).is_file()]
    if missing:
        raise NotAvailableError(f"{folder} lacks {missing[0]}; export the model again")
    try:
        return (Exported if record["text"] else ExportedImages)(folder, record, device)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError | CapabilityError):
            raise
        raise InputError(f"{folder / RECORD} is damaged ({error}); export the model again") from error


def read_record(folder: Path) -> dict[str, Any]:
    """What an export has written down about itself."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        version, _ = record["format"], record["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / RECORD} is not the record of an exported model: {error}") from error
    if version != FORMAT:
        raise InputError(f"{folder} has format {version}; this version of zorse reads {FORMAT}")
    return record


def _cleaned(name: str) -> Any:
    if name not in CLEAN:
        raise InputError(f"texts are cleaned by {' or '.join(CLEAN)}; got {name!r}")
    return CLEAN[name]


def _providers(device: str) -> tuple[str, list[str]]:
    """Where graphs run: CUDA only where it is asked for and this onnxruntime has it."""
    if device.startswith("cuda"):
        if "CUDAExecutionProvider" not in _onnxruntime().get_available_providers():
            raise CapabilityError(
                f"device {device!r}: the installed onnxruntime has no CUDA; install onnxruntime-gpu, or use the cpu"
            )
        return "cuda", ["CUDAExecutionProvider", "CPUExecutionProvider"]
    if device not in ("auto", "cpu"):
        raise CapabilityError(f"an exported model runs on cpu or cuda, not on {device!r}")
    return "cpu", ["CPUExecutionProvider"]


def _session(file: Path, providers: list[str]) -> Any:
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # As torch does: threads by the environment where it says, else one a core.
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    try:
        return runtime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:  # onnxruntime raises kinds of its own
        told = str(error).strip().splitlines()[0]
        raise NotAvailableError(f"{file} cannot be read ({told}); export the model again") from error


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime", "onnx", "an exported model") from error
    return onnxruntime


def _files_digest(folder: Path, *names: str) -> list[str]:
    told = []
    for name in names:
        for file in (folder / name, folder / f"{name}.data"):  # weights beyond 2 GB lie beside their graph
            if file.is_file():
                with file.open("rb") as content:
                    told.append(hashlib.file_digest(content, "sha256").hexdigest())
    return told


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
