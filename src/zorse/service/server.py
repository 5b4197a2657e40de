"""Listen, serve, and stop when what was accepted is done."""

from __future__ import annotations

import ipaddress
import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, MissingDependencyError, NotAvailableError
from zorse.service.limits import Limits

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from zorse.service.fetch import Fetcher
except ImportError as error:
    raise MissingDependencyError("uvicorn", "serve", "the service") from error

_TOKEN = 16  # characters a token has at least: it is all that stands before the service on a network
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


def serve(
    model: Any = "mini",
    *,
    index: Any = None,
    labels: str | Path | None = None,
    templates: Any = None,
    allow_urls: bool = False,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    limits: Limits | None = None,
    batch_size: int = 32,
    device: str = "auto",
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a model over HTTP until SIGTERM or Ctrl-C; requests that were accepted are answered first.

    Parameters
    ----------
    model : str
        What :func:`zorse.load_encoder` accepts, or a folder that ``zorse adapt`` wrote.
    index : path, optional
        Folder that ``zorse index`` wrote with this model; ``/search`` looks there.
    labels : path, optional
        Labels for requests that bring none, one a line or a JSON list.
    templates : optional
        As :class:`zorse.jobs.Classifier` takes them.
    allow_urls : bool
        Get images from http(s) addresses of the public internet that requests name.
    host, port : str, int
        Where to listen; port 0 is any that is free.
    token : str, optional
        What requests must bring; needed to listen on anything but loopback.
    limits : Limits, optional
    batch_size : int
        Images encoded at a time.
    device : str
    ready : callable, optional
        Called with the address once the service answers.

    Raises
    ------
    InputError
        If the address may not be listened on without a token, or the labels can't be used.
    NotAvailableError
        If the port is taken.
    """
    limits = limits or Limits()
    local = _is_loopback(host)
    if not local and token is None:
        raise InputError(
            f"{host} can be reached from other machines; set a token (--token, or the environment's ZORSE_TOKEN), "
            "or listen on 127.0.0.1"
        )
    if token is not None and (len(token) < _TOKEN or not token.isascii() or not token.isprintable() or " " in token):
        raise InputError(f"a token is at least {_TOKEN} printable ASCII characters without spaces")
    with _listening(host, port) as listener:  # a taken port is found before a model is loaded
        app = _app(
            model,
            labels,
            device,
            index=index,
            templates=templates,
            fetcher=Fetcher() if allow_urls else None,
            limits=limits,
            batch_size=batch_size,
            token=token,
            hosts=_LOCAL if local and token is None else None,
        )
        config = uvicorn.Config(
            app,
            http=_Patient,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=1024,
            limit_concurrency=4 * limits.queue + 1024,  # connections, of which most wait between requests
            timeout_keep_alive=15,
            timeout_graceful_shutdown=int(limits.deadline) + 5,
        )
        _log_as_json()
        name = f"[{host}]" if ":" in host else host
        _Server(config, lambda: ready(f"http://{name}:{listener.getsockname()[1]}")).run(sockets=[listener])


def _app(model: Any, labels: Any, device: str, **options: Any) -> Any:
    from zorse.encoders import load_encoder
    from zorse.jobs.adapted import is_adapted, moves_encoder
    from zorse.jobs.classify import Classifier
    from zorse.jobs.labels import from_file
    from zorse.service.app import create_app

    adapted = is_adapted(model)
    if not adapted and labels is None:
        return create_app(load_encoder(str(model), device=device), **options)
    names, prompts = (None, None) if labels is None else from_file(labels)
    default = Classifier(names, model, templates=options["templates"], descriptions=prompts, device=device)  # type: ignore[arg-type]
    return create_app(default.encoder, default=default, fixed=adapted and not moves_encoder(model), **options)


class _Server(uvicorn.Server):
    """Ends quietly: a signal that was obeyed is not raised again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]):
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach the main thread only
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Patient(H11Protocol):
    """Closes a connection on which no request has begun for a while, however slowly its first bytes drip in."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._seen: Any = None
        self._watch = self.loop.call_later(self.timeout_keep_alive, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle
        self._watch = self.loop.call_later(self.timeout_keep_alive, self._look)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=kind, backlog=1024)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NotAvailableError(f"cannot listen on {host}, port {port}: {reason.lower()}") from error
    with listener:
        # asyncio does this only where a socket says that it is TCP; without it half an answer may wait for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {"event": "server", "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **told})


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what it minds, the refused request's line tells
