"""What stands behind the routes: encoder, queue, classifiers, index, and how a request is worked off."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from starlette.requests import Request

from zorse.core.errors import CapabilityError
from zorse.core.image import ImageError
from zorse.jobs.classify import Classifier
from zorse.jobs.embed import Embedded
from zorse.service.asking import Classify, Embed, Picture, Search, read_labels, read_request
from zorse.service.engine import Engine
from zorse.service.fetch import Fetcher
from zorse.service.finding import Finder
from zorse.service.limits import Gate, Limits, Place, Refusal
from zorse.service.metrics import Metrics
from zorse.service.naming import Namer, has_patches, heat_maps

_SHOWN = 60  # pictures of one answer


class Desk:
    """What the routes share: the encoder, its queue, the classifiers, and the limits."""

    def __init__(
        self, encoder: Any, default: Classifier | None, fixed: bool, templates: Any, limits: Limits, batch: int
    ):
        self.limits, self.metrics = limits, Metrics()
        self.finder: Finder | None = None
        self.fetcher: Fetcher | None = None
        readers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        self.engine = Engine(encoder, batch_size=batch, readers=readers, told=self.metrics.encoded)
        self.namer = Namer(encoder, default, fixed=fixed, templates=templates, told=self.metrics.read)
        self.gate = Gate(limits, self.engine.wait)
        self.encoder, self.patches = encoder, has_patches(encoder)
        self._papers: dict[str, dict[str, Any]] = {}
        self._library = ThreadPoolExecutor(1, thread_name_prefix="zorse-papers")
        for gauge, value in (
            (self.metrics.inside, lambda: self.gate.requests),
            (self.metrics.waiting, lambda: self.engine.waiting),
            (self.metrics.held, lambda: self.gate.bytes),
        ):
            gauge.set_function(value)

    async def serve(self, request: Request, kind: Any, work: Callable[..., Awaitable[Any]]) -> dict[str, Any]:
        """Read a request and work out its answer, within its deadline and while somebody waits for it.

        Raises
        ------
        Refusal
            Whatever is wrong with it; 503 if there is no room or no time.
        """
        until = request.scope["state"]["began"] + self.limits.deadline
        told = request.scope["state"]["told"]
        with self.gate.place() as place:
            body = await self._body(request, place, until)
            told["bytes"] = len(body)
            asked, pictures = read_request(kind, request.headers.get("content-type", ""), body, self.limits)
            del body
            told["images"] = len(pictures)
            if asked.urls and self.fetcher is None:
                raise Refusal(403, "this service fetches no addresses; send the image itself")
            working = asyncio.ensure_future(self._work(work, asked, pictures, place, until))
            gone = asyncio.ensure_future(_disconnected(request))
            try:
                left = max(until - time.monotonic(), 0.0)
                await asyncio.wait({working, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
                if gone.done():
                    raise Refusal(499, "the client has gone")
                raise self._late()
            finally:
                working.cancel()
                gone.cancel()

    async def _work(
        self, work: Callable[..., Awaitable[Any]], asked: Any, pictures: list[Picture], place: Place, until: float
    ) -> Any:
        for at, url in enumerate(asked.urls if self.fetcher is not None else ()):
            content = await self.fetcher(url, until, place.hold)  # type: ignore[misc]
            pictures.append(Picture(f"address {at + 1}", content))
        return await work(asked, pictures, until)

    def _late(self) -> Refusal:
        wait = {"Retry-After": str(self.engine.wait())}
        return Refusal(503, f"not answered within {self.limits.deadline:g} s; try again later", wait)

    async def _body(self, request: Request, place: Place, until: float) -> bytes:
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > self.limits.upload:
            raise Refusal(413, f"the request is larger than {self.limits.upload:,} bytes", {"Connection": "close"})
        chunks = []
        while True:
            left = min(until - time.monotonic(), self.limits.pause)
            try:
                message = await asyncio.wait_for(request.receive(), max(left, 0.001))
            except TimeoutError:
                raise Refusal(408, "the request came too slowly", {"Connection": "close"}) from None
            if message["type"] == "http.disconnect":
                raise Refusal(499, "the client has gone")
            place.hold(len(message.get("body", b"")))
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def classify(self, asked: Classify, pictures: list[Picture], until: float) -> dict[str, Any]:
        """Names and probabilities."""
        named = await self.namer.named(read_labels(asked.labels, self.limits), asked.top_k)
        found = await self._encoded(pictures, until)
        items: Any = [
            Embedded(picture.name, None, *_vector(value), None, None, None)  # type: ignore[arg-type]
            for picture, value in zip(pictures, found)
        ]
        results = []
        for picture, row in zip(pictures, named.classifier.predict(items)):
            told: dict[str, Any] = {
                "name": picture.name,
                "label": row.label,
                "score": row.score,
                "top": [{"label": label, "score": score} for label, score in row.top],
                "error": row.error,
            }
            if asked.heat and row.error is None:
                told["heat"] = await self._heat(named.classifier, picture, [label for label, _ in row.top])
            results.append(told)
        return {
            "model": self.encoder.name,
            "independent": getattr(self.encoder, "logit_bias", None) is not None,
            "results": results,
            "notes": list(named.notes),
        }

    async def _heat(self, classifier: Classifier, picture: Picture, labels: list[str]) -> dict[str, Any]:
        if not self.patches:
            raise CapabilityError("this model gives no patches in the space of its texts, so it has no heat maps")
        run = asyncio.get_running_loop().run_in_executor
        return await run(self.namer.thread, heat_maps, self.encoder, classifier, picture.content, labels)

    async def embed(self, asked: Embed, pictures: list[Picture], until: float) -> dict[str, Any]:
        """Unit vectors of images and texts."""
        if not pictures and not asked.texts:
            raise Refusal(422, "neither images nor texts; send at least one")
        texts = await self.namer.vectors(asked.texts) if asked.texts else np.empty((0, self.encoder.dim))
        found = await self._encoded(pictures, until) if pictures else []
        rows = []
        for picture, value in zip(pictures, found):
            vector, error = _vector(value)
            rows.append({"name": picture.name, "vector": None if vector is None else vector.tolist(), "error": error})
        return {
            "model": self.encoder.name,
            "fingerprint": self.encoder.fingerprint,
            "dim": self.encoder.dim,
            "images": rows,
            "texts": texts.tolist(),
        }

    async def search(self, asked: Search, pictures: list[Picture], until: float) -> dict[str, Any]:
        """Pictures of the index."""
        if self.finder is None:
            raise Refusal(404, "this service has no index; start it with --index")
        if len(pictures) > 1:
            raise Refusal(422, f"{len(pictures)} images; a search takes one")
        if asked.thumbnails and asked.top_k > _SHOWN:
            raise Refusal(422, f"at most {_SHOWN} pictures are shown at a time; got top_k {asked.top_k}")
        image = pictures[0].content if pictures else None
        run = asyncio.get_running_loop().run_in_executor
        try:
            found = await run(self.finder.thread, self.finder.find, asked, image)
        except ImageError as error:
            raise Refusal(422, f"image {pictures[0].name}: {error.reason.partition(' (')[0]}") from error
        return {"model": self.encoder.name, "results": found}

    async def papers(self, query: str) -> list[dict[str, Any]]:
        """The literature; what an entry tells is read once."""
        from zorse import catalogue

        def look() -> list[dict[str, Any]]:
            for entry in catalogue.entries() if not self._papers else ():
                self._papers[entry.slug] = entry.as_dict()
            return [self._papers[entry.slug] for entry in catalogue.find(query)]

        return await asyncio.get_running_loop().run_in_executor(self._library, look)

    async def _encoded(self, pictures: list[Picture], until: float) -> list[np.ndarray | ImageError]:
        if not pictures:
            raise Refusal(422, "no image; send at least one")
        found = await self.engine.encode([picture.content for picture in pictures], until)
        if all(isinstance(value, ImageError) for value in found):
            raise Refusal(422, f"image {pictures[0].name}: {_vector(found[0])[1]}")
        return found

    def close(self) -> None:
        """End the threads."""
        for thread in (self.namer.thread, self._library, *([self.finder.thread] if self.finder else [])):
            thread.shutdown(wait=True, cancel_futures=True)

    def models(self) -> dict[str, Any]:
        """What is served, and what could be."""
        from zorse.encoders import KNOWN_MODELS

        default = self.namer.default
        served = {
            "model": self.encoder.name,
            "dim": self.encoder.dim,
            "image_size": list(self.encoder.image_size),
            "fingerprint": self.encoder.fingerprint,
            "texts": self.namer.texts,
            "heat": self.patches,
            "labels": None if default is None else list(default.labels),
            "fixed_labels": self.namer.fixed,
            "index": None if self.finder is None else self.finder.size,
            "urls": self.fetcher is not None,
            "limits": asdict(self.limits),
        }
        return {"served": served, "known": [asdict(model) for model in KNOWN_MODELS]}


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _vector(value: np.ndarray | ImageError) -> tuple[np.ndarray | None, str | None]:
    """A vector, or the reason without what a decoder said in brackets, which may name what is inside."""
    return (None, value.reason.partition(" (")[0]) if isinstance(value, ImageError) else (value, None)
