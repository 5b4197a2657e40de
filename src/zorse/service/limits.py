"""What one request may ask for, how much is accepted at a time, and how a request is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from zorse.core.errors import InputError


@dataclass(frozen=True)
class Limits:
    """What the service accepts; everything beyond is refused with a reason.

    Attributes
    ----------
    upload : int
        Bytes of a request's body.
    pixels : int
        Pixels of an image, told by its header before it is decoded.
    images : int
        Images of a request.
    labels : int
        Labels, or texts to embed, of a request.
    letters : int
        Characters of a label or text.
    queue : int
        Requests accepted at a time, from their first byte to their answer; the next is told to come back later.
    held : int
        Bytes of bodies in memory at a time.
    deadline : float
        Seconds from a request's first byte to its answer.
    pause : float
        Seconds that a client may be silent while it sends.
    """

    upload: int = 20 << 20
    pixels: int = 64_000_000
    images: int = 32
    labels: int = 1000
    letters: int = 300
    queue: int = 256
    held: int = 512 << 20
    deadline: float = 30.0
    pause: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise InputError(f"limit {field.name} must be positive; got {getattr(self, field.name)}")


class Refusal(Exception):
    """A request that is not served: a status, one line for people, and headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


class Gate:
    """How many requests, and bytes of them, are inside.

    Parameters
    ----------
    limits : Limits
    wait : callable
        Seconds after which it is worth trying again.
    """

    def __init__(self, limits: Limits, wait: Callable[[], int] = lambda: 1):
        self.limits, self.wait = limits, wait
        self.requests = self.bytes = 0

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one request.

        Raises
        ------
        Refusal
            503 if there is none.
        """
        if self.requests >= self.limits.queue:
            raise self.full()
        place = Place(self)
        self.requests += 1
        try:
            yield place
        finally:
            self.requests -= 1
            self.bytes -= place.bytes

    def full(self) -> Refusal:
        """What a request is told that finds no room."""
        return Refusal(503, "too many requests at once; try again later", {"Retry-After": str(self.wait())})


class Place:
    """One request's share of what is held in memory."""

    def __init__(self, gate: Gate):
        self.gate, self.bytes = gate, 0

    def hold(self, more: int) -> None:
        """Take ``more`` bytes, or refuse with 413 (this request is too large) or 503 (all together are)."""
        limits = self.gate.limits
        if self.bytes + more > limits.upload:
            raise Refusal(413, f"the request is larger than {limits.upload:,} bytes")
        if self.gate.bytes + more > limits.held:
            raise self.gate.full()
        self.bytes += more
        self.gate.bytes += more
