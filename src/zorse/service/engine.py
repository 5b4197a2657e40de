"""One encoder for many requests: threads decode, one thread encodes whatever has come together meanwhile."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.image import ImageError, open_image
from zorse.jobs.embed import pixels_of, stacked

if TYPE_CHECKING:
    from torch import Tensor

    from zorse.encoders.protocols import ImageEncoder

_PATIENCE = 0.005  # seconds a batch waits for images that are being decoded; an idle service answers at once


@dataclass(slots=True)
class _Job:
    content: bytes | None
    until: float
    future: asyncio.Future[np.ndarray | ImageError]
    pixels: Tensor | None = None
    error: ImageError | None = None


class Engine:
    """Embeds images of many requests in shared batches.

    There is no timer to wait for: an idle encoder starts with the first image that is ready, and while it is busy the
    next batch grows. What nobody waits for any more, by deadline or disconnection, is neither decoded nor encoded.

    Parameters
    ----------
    encoder : ImageEncoder
    batch_size : int
        Images encoded at a time.
    readers : int
        Threads that decode; so many decoded images, at most, are in memory at full size.
    told : callable, optional
        Called with the size and the seconds of every batch.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        *,
        batch_size: int = 32,
        readers: int = 2,
        told: Callable[[int, float], None] | None = None,
    ):
        self.encoder, self.batch_size, self._told = encoder, batch_size, told
        self._new: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # Each counter has one writer, so no lock: the event loop, and the encoding thread.
        self._asked = self._taken = 0
        self._per_image = 0.02
        self._readers = [threading.Thread(target=self._read, name=f"zorse-read-{i}") for i in range(readers)]
        self._encoding = threading.Thread(target=self._encode, name="zorse-encode")
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """Images accepted and not encoded yet."""
        return self._asked - self._taken

    def wait(self) -> int:
        """Whole seconds until what waits now is done, from 1 to 60."""
        return min(60, 1 + int(self.waiting * self._per_image))

    def start(self) -> None:
        """Start the threads; called on the event loop that will ask."""
        self._loop = asyncio.get_running_loop()
        for thread in (*self._readers, self._encoding):
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """Finish what was asked for and end the threads."""
        for _ in self._readers:
            self._new.put(None)
        for thread in self._readers:
            thread.join()
        self._ready.put(None)
        self._encoding.join()

    async def encode(self, contents: Sequence[bytes], until: float) -> list[np.ndarray | ImageError]:
        """Unit vectors of encoded images; an ImageError in place of one that cannot be read.

        ``until`` is a time of ``time.monotonic`` after which nobody waits for the answer.
        """
        assert self._loop is not None
        futures = []
        for content in contents:
            job = _Job(content, until, self._loop.create_future())
            futures.append(job.future)
            self._asked += 1
            self._new.put(job)
        # gather cancels its futures when it is cancelled itself; the threads see that.
        return list(await asyncio.gather(*futures))

    def _read(self) -> None:
        while (job := self._new.get()) is not None:
            try:
                if not _stale(job) and job.content is not None:
                    image = open_image(job.content, min_size=self.encoder.image_size)
                    job.pixels = pixels_of(image, self.encoder)
            except ImageError as error:
                job.error = error
            except Exception as error:  # a decoder may raise anything, and this thread serves everybody
                job.error = ImageError(f"broken image ({type(error).__name__})")
            job.content = None
            self._ready.put(job)
            del job  # or an idle thread keeps the last image in memory

    def _encode(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._batch()
            done: list[tuple[asyncio.Future, Any]] = [(job.future, job.error) for job in batch if job.error is not None]
            wanted = [job for job in batch if job.pixels is not None and not _stale(job)]
            if wanted:
                began = time.perf_counter()
                done += zip([job.future for job in wanted], self._vectors([job.pixels for job in wanted]))
                seconds = time.perf_counter() - began
                self._per_image += 0.2 * (seconds / len(wanted) - self._per_image)
                if self._told is not None:
                    self._told(len(wanted), seconds)
            self._taken += len(batch)
            if done and self._loop is not None:
                self._loop.call_soon_threadsafe(_deliver, done)
            del batch, wanted, done

    def _batch(self) -> tuple[list[_Job], bool]:
        """What is ready, at least one job, and whether it is the last."""
        batch: list[_Job] = []
        until = 0.0
        while len(batch) < self.batch_size:
            try:
                left = until - time.monotonic()
                job = self._ready.get() if not batch else self._ready.get(block=left > 0, timeout=max(left, 0))
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            coming = self.waiting > len(batch) + self._ready.qsize()
            until = (until or time.monotonic() + _PATIENCE) if coming else 0.0
        return batch, False

    def _vectors(self, pixels: list) -> list[np.ndarray | Exception]:
        try:
            vectors = self.encoder.encode_pixels(stacked(pixels))
        except Exception as error:  # told to those who asked; the others are served
            return [error] * len(pixels)
        unsound = ImageError("the model gives no finite vector for it")
        return [vector if np.isfinite(vector).all() else unsound for vector in vectors]


def _stale(job: _Job) -> bool:
    return job.future.cancelled() or time.monotonic() > job.until


def _deliver(done: list[tuple[asyncio.Future, Any]]) -> None:
    for future, value in done:
        if future.done():
            continue
        if isinstance(value, Exception) and not isinstance(value, ImageError):
            future.set_exception(value)
        else:
            future.set_result(value)
