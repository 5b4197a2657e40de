"""Images embedded by the workers of a Ray cluster, one after the other in the order of their source."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Any

from zorse.core.errors import NotAvailableError, ZorseError
from zorse.data.images import find_images
from zorse.jobs.embed import Embedded, embed_stream
from zorse.scale.actors import Died, Place, on_actors

_BATCHES = 4  # a worker takes at a time
_AHEAD = 64  # pieces that may wait for an earlier one


class Embedder:
    """A worker: holds the encoder in a process of its own; ``folder`` is that of a store of embeddings."""

    def __init__(
        self,
        place: Place,
        model: str,
        fingerprint: str,
        batch_size: int,
        jobs: int | None,
        folder: str | None = None,
    ):
        import ray

        from zorse.encoders import load_encoder

        place.enter()
        # Decoding threads share the one processor that an actor has; beside a GPU they are as many as the user says.
        self.batch_size, self.jobs = batch_size, jobs if jobs is not None or ray.get_gpu_ids() else 1
        self.folder = folder
        self.trouble: ZorseError | None = None  # what a constructor raises, Ray doesn't tell apart from a death
        try:
            self.encoder = load_encoder(model)
            if self.encoder.fingerprint != fingerprint:
                where = os.uname().nodename
                raise NotAvailableError(f"{model} is another model on {where}; put the same on all machines")
        except ZorseError as error:
            self.trouble = error

    def do(self, item: Any) -> Any:
        """Embed an item."""
        if self.trouble is not None:
            raise self.trouble
        return self.embed(item)

    def embed(self, item: tuple[int, Sequence[Any]]) -> list[tuple]:
        """Digest, vector and error of each image of a piece."""
        stream = embed_stream(item[1], self.encoder, store=self.folder, batch_size=self.batch_size, jobs=self.jobs)
        with closing(stream):
            return [(one.digest, one.vector, one.error) for one in stream]


def embed_on_ray(
    images: Any,
    encoder: Any,
    *,
    model: str,
    store: Any = None,
    batch_size: int = 32,
    jobs: int | None = None,
    address: str | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Generator[Embedded, None, None]:
    """:func:`zorse.jobs.embed.embed_stream` on the devices of a Ray cluster: same images, same order.

    Workers read the images, so all machines see them under the same names. Images that killed three workers come out
    as images that could not be read.

    Parameters
    ----------
    encoder : ImageEncoder
        The driver's; workers whose model has another fingerprint are refused.
    model : str
        By which workers load it.
    store : EmbeddingStore, or what has its ``path``, optional
        Workers open it themselves, so it is for those of one machine.
    images, batch_size, jobs, progress
        See :func:`zorse.jobs.embed.embed_stream`.
    address, workers
        See :func:`zorse.scale.actors.on_actors`.
    """
    refs, size = iter(find_images(images)), _BATCHES * batch_size
    refs = chain([next(refs)], refs)  # no images at all is said before Ray starts
    pieces = enumerate(iter(lambda: list(islice(refs, size)), []))
    path = getattr(store, "path", store)
    given = Place.here(), model, encoder.fingerprint, batch_size, jobs, None if path is None else str(path)
    waiting: dict[int, tuple[Sequence[Any], Any]] = {}
    turn = done = 0
    results = on_actors(Embedder, given, pieces, address=address, workers=workers, room=lambda: len(waiting) < _AHEAD)
    with closing(results):
        for (number, piece), result in results:
            waiting[number] = piece, result
            while turn in waiting:
                piece, result = waiting.pop(turn)
                turn += 1
                if isinstance(result, Died):
                    told = f"the workers that took it and its neighbours died ({result.why})"
                    result = [(None, None, told)] * len(piece)
                for ref, (digest, vector, error) in zip(piece, result, strict=True):
                    done += 1
                    if progress is not None:
                        progress(done)
                    yield Embedded(ref.key, digest, vector, error, ref.label_hint, None, ref)
