"""The application: routes over one encoder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import zorse
from zorse.core.errors import CapabilityError, InputError, MissingDependencyError
from zorse.jobs.classify import Classifier
from zorse.service.finding import Finder
from zorse.service.limits import Limits, Refusal

try:
    from fastapi import FastAPI, Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    from zorse.service import answers
    from zorse.service.asking import Classify, Embed, Search
    from zorse.service.desk import Desk
    from zorse.service.fetch import Fetcher
    from zorse.service.guard import UNEXPECTED, Guard
    from zorse.service.metrics import TYPE
except ImportError as error:
    raise MissingDependencyError("fastapi, python-multipart and prometheus-client", "serve", "the service") from error

_OPEN = frozenset({"/", "/page.css", "/page.js", "/health"})
_PAGE = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}
_MEDIA = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_ROUTES = _OPEN | {"/classify", "/embed", "/search", "/models", "/papers", "/metrics", "/openapi.json"}
_REFUSALS: dict[int, str] = {
    400: "The body is not what its content type says.",
    401: "A token is needed.",
    403: "Asked under another name, or from another site's page.",
    404: "There is no index.",
    408: "The body came too slowly.",
    413: "More than the service accepts.",
    415: "Another content type.",
    422: "A field, a label or every image cannot be used.",
    503: "Too busy; see Retry-After.",
}


def create_app(
    encoder: Any,
    *,
    default: Classifier | None = None,
    fixed: bool = False,
    templates: Any = None,
    index: Any = None,
    fetcher: Fetcher | None = None,
    limits: Limits | None = None,
    batch_size: int = 32,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    log: Callable[[dict[str, Any]], None] | None = None,
) -> Guard:
    """An ASGI application that serves one encoder.

    Parameters
    ----------
    encoder : ImageEncoder
        With texts it names and searches; without it only embeds images.
    default : Classifier, optional
        Names images of requests that bring no labels.
    fixed : bool
        The model has learned its labels, so requests bring none.
    templates : optional
        As :class:`zorse.jobs.Classifier` takes them.
    index : path, optional
        Folder that ``zorse index`` wrote, made by this encoder.
    fetcher : Fetcher, optional
        Gets images by address; without one that is refused.
    limits : Limits, optional
    batch_size : int
        Images encoded at a time.
    token : str, optional
        What ``Authorization: Bearer`` must bring, except for ``/health`` and the page.
    hosts : frozenset of str, optional
        Names in the Host header that are answered; by default all.
    log : callable, optional
        Takes one dict a request; by default a line of JSON on stderr.

    Raises
    ------
    InputError
        If the index was made by another encoder.
    MissingDependencyError
        If the extra ``serve`` is not installed.
    """
    desk = Desk(encoder, default, fixed, templates, limits or Limits(), batch_size)
    desk.fetcher = fetcher
    if index is not None:
        from zorse.search import ImageIndex

        desk.finder = Finder(ImageIndex.open(index, encoder=desk.namer.encoder))
    page = {name: files("zorse.service").joinpath("page", name).read_bytes() for name in _PAGE.values()}
    page["page.css"] = files("zorse.jobs").joinpath("report.css").read_bytes() + page["page.css"]  # the reports' look

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        from PIL import Image

        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, desk.limits.pixels
        desk.engine.start()
        try:
            yield
        finally:
            await asyncio.get_running_loop().run_in_executor(None, desk.engine.stop)
            desk.close()
            Image.MAX_IMAGE_PIXELS = before

    app = FastAPI(
        title="Zorse",
        version=zorse.__version__,
        description="Zero-shot visual recognition: name what is in images from names alone.",
        lifespan=life,
        docs_url=None,  # both pages fetch scripts from elsewhere
        redoc_url=None,
    )

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return _refused(request, error)

    @app.exception_handler(InputError)
    @app.exception_handler(CapabilityError)
    async def unusable(request: Request, error: Exception) -> Response:
        return _refused(request, Refusal(422, str(error)[:500]))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _refused(request, Refusal(422, str(error.errors()[0]["msg"])[:200]))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        return _refused(request, Refusal(error.status_code, str(error.detail)[:200], dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return _refused(request, Refusal(500, UNEXPECTED))

    @app.post("/classify", **_route(answers.Classified, Classify, "labels"))
    async def classify(request: Request) -> Response:
        """Name what is in images, from names alone."""
        return _json(await desk.serve(request, Classify, desk.classify))

    @app.post("/embed", **_route(answers.Embedded, Embed, "texts"))
    async def embed(request: Request) -> Response:
        """Unit vectors of images and texts in one space."""
        return _json(await desk.serve(request, Embed, desk.embed))

    @app.post("/search", **_route(answers.Searched, Search, "", 404))
    async def search(request: Request) -> Response:
        """Pictures of the index by text, by image, and by both."""
        return _json(await desk.serve(request, Search, desk.search))

    @app.get("/models", responses=_refusals(401, 403))
    async def models() -> Response:
        """The model that is served with its limits, and those known by name."""
        return _json(desk.models())

    @app.get("/papers", responses=_refusals(401, 403, 422))
    async def papers(query: str = "") -> Response:
        """The implemented literature, or what of it matches."""
        if len(query) > desk.limits.letters:
            raise Refusal(422, f"the query has more than {desk.limits.letters} characters")
        return _json(await desk.papers(query))

    @app.get("/health", responses={200: {"model": answers.Health}, **_refusals(403)})
    async def health() -> Response:
        """Whether the service answers."""
        told = {"status": "ok", "model": encoder.name, "version": zorse.__version__, "waiting": desk.engine.waiting}
        return _json(told)

    @app.get("/metrics", responses={200: {"content": {TYPE: {"schema": {"type": "string"}}}}, **_refusals(401, 403)})
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(desk.metrics.page(), media_type=TYPE)

    for path, name in _PAGE.items():

        def part(name: str = name) -> Response:
            return Response(page[name], media_type=_MEDIA[name.rpartition(".")[2]])

        app.add_api_route(path, part, include_in_schema=False)

    return Guard(app, desk.metrics, routes=_ROUTES, open_paths=_OPEN, token=token, hosts=hosts, log=log)


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": answers.Error, "description": _REFUSALS[status]} for status in statuses}


def _route(response: Any, body: Any, words: str, *more: int) -> dict[str, Any]:
    """What the OpenAPI document says of a route whose body FastAPI does not read itself."""
    schema = body.model_json_schema()
    plain = {name: what for name, what in schema["properties"].items() if name not in ("images", "urls", words)}
    form: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
            **plain,
        },
    }
    if words == "labels":
        form["properties"][words] = {"type": "string", "description": "Parted by commas, or a JSON list."}
    elif words:
        form["properties"][words] = {"type": "array", "items": {"type": "string"}}
    content = {"multipart/form-data": {"schema": form}, "application/json": {"schema": schema}}
    return {
        "responses": {200: {"model": response}, **_refusals(*(set(_REFUSALS) - {404}), *more)},
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _refused(request: Request, refusal: Refusal) -> Response:
    state = request.scope["state"]
    state["told"]["reason"] = refusal.message
    told = {"error": refusal.message, "request": state["request"]}
    return Response(json.dumps(told).encode(), refusal.status, refusal.headers, media_type="application/json")


def _json(value: Any) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), media_type="application/json")
