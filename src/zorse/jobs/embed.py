"""Images in, unit vectors out: reading and decoding in threads, encoding in batches on the caller's."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import InputError
from zorse.core.image import ImageError, open_image
from zorse.data.image_ref import ImageRef
from zorse.data.images import find_images
from zorse.jobs.embeddings import Embeddings

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from zorse.encoders.protocols import ImageEncoder
    from zorse.encoders.store import EmbeddingStore

_CHUNK = 8  # images a thread takes at a time: one look into the store, and one hand-over, for all of them
_FLUSH_ROWS, _FLUSH_SECONDS = 512, 5.0  # what kill -9 may cost
_RECENT_BYTES = 32 << 20  # vectors remembered, so that copies are encoded once even without a store


@dataclass(slots=True)
class Embedded:
    """One image of a source, embedded or not.

    Attributes
    ----------
    key : str
        The image, as the source calls it.
    digest : str or None
        SHA-256 of the file's content (of the RGB pixels for PIL images and arrays); None if it could not be read.
    vector : ndarray of shape (dim,), float32, or None
        Unit vector; None if the image could not be read.
    error : str or None
        Why not, in a few words.
    label_hint : str or None
        What the source says the image shows: its folder's name, a shard's or a table's label.
    thumbnail : bytes or None
        A small JPEG, where thumbnails were asked for.
    ref : ImageRef
        Where the image came from; ``ref.read()`` reads it once more.
    """

    key: str
    digest: str | None
    vector: np.ndarray | None
    error: str | None
    label_hint: str | None
    thumbnail: bytes | None
    ref: ImageRef


def embed(
    images: Any,
    model: str | ImageEncoder = "mini",
    *,
    store: str | os.PathLike | EmbeddingStore | None = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Embeddings:
    """Embed images as unit vectors.

    Parameters
    ----------
    images : path, bytes, PIL.Image.Image, ndarray, or a list or iterator of these
        Files, folders, globs, tar shards, Parquet, lists of paths: whatever :func:`zorse.data.find_images` takes.
    model : str or ImageEncoder
        What :func:`zorse.load_encoder` accepts, or a loaded encoder.
    store : path or EmbeddingStore, optional
        Folder that keeps embeddings by the content of the image; what it holds is not encoded again, and a run that
        breaks off goes on from there.
    batch_size : int
        Images encoded at a time.
    jobs : int, optional
        Threads that read and decode; by default one a processor, at most eight.
    device : str
        Where a model given by name runs: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    progress : callable, optional
        Called with the number of images finished.

    Returns
    -------
    Embeddings
        Vectors in the order of the source; images that could not be read are listed with the reason.

    Raises
    ------
    InputError
        If a path does not exist or there are no images.
    """
    pipeline = _prepare(images, model, store, batch_size, jobs, device, None, progress)
    with closing(pipeline.run()) as stream:
        return Embeddings.of(pipeline.encoder, stream)


def embed_stream(
    images: Any,
    model: str | ImageEncoder = "mini",
    *,
    store: str | os.PathLike | EmbeddingStore | None = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    thumbnails: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Generator[Embedded, None, None]:
    """The same, one image after the other: memory stays flat however many there are.

    Parameters
    ----------
    images, model, store, batch_size, jobs, device, progress
        See :func:`embed`.
    thumbnails : int, optional
        Longest side in pixels of a JPEG that comes with every image.

    Returns
    -------
    generator of Embedded
        In the order of the source. What was encoded is in the store when it ends, is closed, or raises.
    """
    return _prepare(images, model, store, batch_size, jobs, device, thumbnails, progress).run()


def _prepare(
    images: Any,
    model: Any,
    store: Any,
    batch_size: int,
    jobs: int | None,
    device: str,
    thumbnails: int | None,
    progress: Callable[[int], None] | None,
) -> _Pipeline:
    if batch_size < 1 or (jobs is not None and jobs < 1):
        raise InputError(f"batch_size and jobs are at least 1; got {batch_size} and {jobs}")
    refs = iter(find_images(images))
    refs = chain([next(refs)], refs)  # no images at all is said before a model is loaded
    if isinstance(model, (str, os.PathLike)):
        from zorse.encoders import load_encoder

        model = load_encoder(os.fspath(model), device=device)
    return _Pipeline(refs, model, store, batch_size, jobs or _processors(), thumbnails, progress)


@dataclass(slots=True)
class _Read:
    """An image on its way: what a thread found out about it, and then its vector."""

    ref: ImageRef
    digest: str | None = None
    vector: np.ndarray | None = None
    pixels: Tensor | None = None
    error: str | None = None
    thumbnail: bytes | None = None


class _Pipeline:
    def __init__(
        self,
        refs: Iterator[ImageRef],
        encoder: ImageEncoder,
        store: Any,
        batch_size: int,
        jobs: int,
        thumbnails: int | None,
        progress: Callable[[int], None] | None,
    ):
        self.encoder = encoder
        self._refs = refs
        self._batch_size, self._jobs, self._side = batch_size, jobs, thumbnails
        self._progress = progress
        self._held = ExitStack()
        self._store: EmbeddingStore | None = store
        if isinstance(store, (str, os.PathLike)):
            from zorse.encoders.store import EmbeddingStore

            self._store = self._held.enter_context(EmbeddingStore(store))
        self._recent: dict[str, np.ndarray] = {}
        self._unsaved: dict[str, np.ndarray] = {}
        self._saved = time.monotonic()

    def run(self) -> Generator[Embedded, None, None]:
        ahead: deque[Future[list[_Read]]] = deque()
        waiting: deque[_Read] = deque()
        batch: dict[str, list[_Read]] = {}
        done = 0
        # Two batches are in the making while one is encoded; more would only take memory.
        depth = self._jobs + -(-2 * self._batch_size // _CHUNK)
        pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="zorse-read")
        try:
            while True:
                while len(ahead) < depth and (chunk := list(islice(self._refs, _CHUNK))):
                    ahead.append(pool.submit(self._read, chunk))
                if not ahead:
                    self._encode(batch)
                for item in ahead.popleft().result() if ahead else ():
                    waiting.append(item)
                    if item.pixels is None or item.digest is None:
                        continue
                    if item.digest in self._recent:  # a copy of an image that was encoded meanwhile
                        item.vector, item.pixels = self._recent[item.digest], None
                        continue
                    batch.setdefault(item.digest, []).append(item)
                    if len(batch) == self._batch_size:
                        self._encode(batch)
                if len(waiting) > 8 * self._batch_size:  # a lone new image must not hold up a crowd of stored ones
                    self._encode(batch)
                if len(self._unsaved) >= _FLUSH_ROWS or time.monotonic() - self._saved > _FLUSH_SECONDS:
                    self._save()
                while waiting and waiting[0].pixels is None:
                    item = waiting.popleft()
                    done += 1
                    if self._progress is not None:
                        self._progress(done)
                    hint = item.ref.label_hint
                    yield Embedded(item.ref.key, item.digest, item.vector, item.error, hint, item.thumbnail, item.ref)
                if not ahead and not waiting:
                    return
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            with self._held:
                self._save()

    def _encode(self, batch: dict[str, list[_Read]]) -> None:
        if not batch:
            return
        vectors = self.encoder.encode_pixels(stacked([copies[0].pixels for copies in batch.values()]))
        for (digest, copies), vector in zip(batch.items(), vectors):
            sound = bool(np.isfinite(vector).all())
            for item in copies:
                item.pixels = None
                item.vector, item.error = (vector, None) if sound else (None, "the model gives no finite vector for it")
            if sound:
                self._remember(digest, vector)
        batch.clear()

    def _remember(self, digest: str, vector: np.ndarray) -> None:
        self._recent[digest] = vector
        if len(self._recent) * (vector.nbytes + 256) > _RECENT_BYTES:  # 256: digest and array themselves
            del self._recent[next(iter(self._recent))]
        if self._store is not None:
            self._unsaved[digest] = vector

    def _save(self) -> None:
        if self._store is not None and self._unsaved:
            kept = self._unsaved
            vectors = np.stack(list(kept.values()))
            self._store.put(list(kept), vectors, self.encoder.fingerprint, name=self.encoder.name)
            self._unsaved = {}
        self._saved = time.monotonic()

    def _read(self, refs: Sequence[ImageRef]) -> list[_Read]:
        """In a thread: read, look up, and decode what is new."""
        items = [_Read(ref) for ref in refs]
        contents: list[Any] = [None] * len(items)
        for i, item in enumerate(items):
            try:
                contents[i], item.digest = _content(item.ref)
                item.vector = self._recent.get(item.digest)
            except ImageError as error:
                item.error = error.reason
        if self._store is not None:
            asked = [item for item in items if item.digest is not None and item.vector is None]
            vectors, found = self._store.get([item.digest for item in asked if item.digest], self.encoder.fingerprint)
            for item, vector in zip((item for item, there in zip(asked, found) if there), vectors):
                item.vector = vector
        for item, content in zip(items, contents):
            if item.error is None and (item.vector is None or self._side is not None):
                try:
                    self._decode(item, content)
                except ImageError as error:
                    item.error, item.vector = error.reason, None
        return items

    def _decode(self, item: _Read, content: Any) -> None:
        new = item.vector is None
        half = (self._side or 0) // 2
        image = open_image(content, min_size=self.encoder.image_size if new else (half, half))
        if new:
            item.pixels = pixels_of(image, self.encoder)
        if self._side is not None:
            image = image.copy()
            image.thumbnail((self._side, self._side))
            file = io.BytesIO()
            image.save(file, "JPEG", quality=72)
            item.thumbnail = file.getvalue()


def pixels_of(image: Image, encoder: ImageEncoder) -> Tensor:
    """What an encoder takes of an opened image, (3, h, w); an ImageError says why there is nothing to take."""
    _refuse_strips(image, encoder.image_size)
    try:
        return encoder.preprocess(image)
    except (ValueError, OSError, MemoryError) as error:
        raise ImageError(f"cannot be preprocessed ({error})") from error


def stacked(pixels: Sequence[Any]) -> Any:
    """Pixels of several images as one batch: a tensor, or an array for an encoder that runs without torch."""
    if isinstance(pixels[0], np.ndarray):
        return np.stack(pixels)
    import torch

    return torch.stack(list(pixels))


def _content(ref: ImageRef) -> tuple[Any, str]:
    """What there is to decode, and its digest."""
    from zorse.encoders.store import content_digest

    content = ref.read()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return content, content_digest(bytes(content))
    image = open_image(content)
    return image, content_digest(b"RGB %d %d " % image.size + image.tobytes())


def _refuse_strips(image: Image, size: tuple[int, int]) -> None:
    # Resizing the shorter edge of a 60,000 x 1 strip to 224 would make three billion pixels of it.
    from PIL import Image as pillow

    limit = pillow.MAX_IMAGE_PIXELS
    ratio = max(image.size) / min(image.size)
    if limit and ratio * max(size) ** 2 > limit:
        raise ImageError(f"too long and thin ({image.width} x {image.height} pixels)")


def _processors() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)
