"""What stands before every route: who may ask, request ids, logs, and answers that tell nothing of the inside."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from zorse.service.limits import Refusal
from zorse.service.metrics import Metrics

Scope: TypeAlias = Mapping[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

UNEXPECTED = "something went wrong inside; the log has it under this request's number"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """An ASGI application around another.

    Parameters
    ----------
    app : ASGI application
    routes : collection of str
        Paths that metrics tell apart.
    open_paths : collection of str
        Paths that need no token.
    token : str, optional
        What ``Authorization: Bearer`` must bring.
    hosts : collection of str, optional
        Names the service answers to. On loopback this keeps a page of another site, whose name was made to point
        here, from reading answers.
    log : callable, optional
        Takes one dict a request; by default a line of JSON on stderr.
    """

    def __init__(
        self,
        app: Any,
        metrics: Metrics,
        *,
        routes: frozenset[str],
        open_paths: frozenset[str],
        token: str | None = None,
        hosts: frozenset[str] | None = None,
        log: Callable[[dict[str, Any]], None] | None = None,
    ):
        self.app, self.metrics, self.routes, self.open_paths = app, metrics, routes, open_paths
        self.hosts, self.log = hosts, log or write_line
        self._digest = None if token is None else hashlib.sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began = time.monotonic()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        number = given.decode() if _ID.match(given) else uuid.uuid4().hex
        told: dict[str, Any] = {}
        scope = {**scope, "state": {**scope.get("state", {}), "began": began, "told": told, "request": number}}
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}
                more = [header for header in _HEADERS if header[0] not in own]
                message = {**message, "headers": [*message["headers"], *more, (b"x-request-id", number.encode())]}
            await send(message)

        try:
            self._admit(scope, headers)
            await self.app(scope, receive, sending)
        except Refusal as refusal:
            told["reason"] = refusal.message
            await _refuse(sending, refusal, number)
        except Exception as error:  # whoever asked learns the number under which the log has the rest
            told["error"] = "".join(traceback.format_exception(error))
            if not status:
                await _refuse(sending, Refusal(500, UNEXPECTED), number)
        finally:
            self._tell(scope, number, status, time.monotonic() - began, told)

    def _admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self.hosts is not None and _name(host) not in self.hosts:
            raise Refusal(403, "this service does not answer to that name")
        origin = headers.get(b"origin")
        own = origin is None or origin.decode("latin-1").lower().partition("://")[2] == host
        if not own and scope["method"] not in ("GET", "HEAD"):
            raise Refusal(403, "requests from pages of other sites are refused")
        if self._digest is None or scope["path"] in self.open_paths:
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        # Digests have one length, so the time of the comparison says nothing about the token, not even how long it is.
        sound = hmac.compare_digest(hashlib.sha256(token.strip()).digest(), self._digest)
        if scheme.lower() != b"bearer" or not sound:
            raise Refusal(401, "a token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    def _tell(self, scope: Scope, number: str, status: int, seconds: float, told: dict[str, Any]) -> None:
        route = scope["path"] if scope["path"] in self.routes else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(route, method, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        self.log(
            {
                "event": "request",
                "request": number,
                "method": method,
                "path": scope["path"][:100],
                "status": status,
                "ms": round(seconds * 1e3, 1),
                **told,
            }
        )


async def _refuse(send: Send, refusal: Refusal, number: str) -> None:
    body = json.dumps({"error": refusal.message, "request": number}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refusal.headers}
    raw = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def write_line(told: dict[str, Any]) -> None:
    """One line of JSON on stderr."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(json.dumps({"time": stamp, **told}) + "\n")


def _name(host: str) -> str:
    """A Host header without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
