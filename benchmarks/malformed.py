"""Requests that are wrong: made from a service's OpenAPI document by schemathesis, and from pictures by damaging them.

``benchmarks/serve.py`` sends thousands; a test sends hundreds.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import random
import struct
import zlib
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO")


def from_document(address: str, n: int) -> Counter[int]:
    """Send about ``n`` requests that follow the document or break it; how often each status came."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    statuses: Counter[int] = Counter()
    each = max(n // (2 * len(operations)), 1)
    with requests.Session() as session:
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                with suppress(Unsatisfiable):  # a route that takes nothing has nothing to break
                    _send_all(operation.as_strategy(generation_mode=mode), each, session, address, statuses)
    return statuses


def _send_all(cases, n: int, session: requests.Session, address: str, statuses: Counter[int]) -> None:
    @seed(0)
    @settings(
        max_examples=n, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(case=cases)
    def send(case):
        try:
            statuses[case.call(base_url=address, session=session, timeout=60).status_code] += 1
        except requests.exceptions.InvalidHeader:
            statuses[0] += 1  # the client itself refuses to send it

    send()


def damaged(n: int, rng: random.Random):
    """``n`` requests (method, path, headers, body) around pictures that are broken in every way we could think of."""
    whole = [_picture(kind, rng) for kind in KINDS]
    ways = (_cut, _flipped, _spliced, _noise, _huge, _bad_form, _bad_json, _odd)
    for at in range(n):
        yield ways[at % len(ways)](rng, whole)


def send(address: str, requests_, statuses: Counter[int] | None = None) -> Counter[int]:
    """Send requests one after the other over one connection; how often each status came, and 0 for no answer."""
    place = urlsplit(address)
    statuses = Counter() if statuses is None else statuses
    line = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    for method, path, headers, body in requests_:
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            answer.read()
            statuses[answer.status] += 1
        except (http.client.HTTPException, OSError, ValueError):
            statuses[0] += 1
            line.close()
    line.close()
    return statuses


def _picture(kind: str, rng: random.Random) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (48, 40), rng.randbytes(48 * 40 * 3)).save(file, kind)
    return file.getvalue()


def _form(content: bytes, media: str = "image/png", labels: str = "cat, dog") -> tuple[str, str, dict[str, str], bytes]:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: %s\r\n\r\n%s\r\n'
        b'--x\r\nContent-Disposition: form-data; name="labels"\r\n\r\n%s\r\n--x--\r\n'
        % (media.encode(), content, labels.encode())
    )
    return "POST", "/classify", {"Content-Type": "multipart/form-data; boundary=x"}, body


def _cut(rng: random.Random, whole: list[bytes]):
    content = rng.choice(whole)
    return _form(content[: rng.randrange(len(content))])


def _flipped(rng: random.Random, whole: list[bytes]):
    content = bytearray(rng.choice(whole))
    for _ in range(rng.choice((1, 4, 32))):
        # Damage lies in the headers more often than chance would have it.
        content[rng.randrange(min(len(content), rng.choice((64, len(content)))))] = rng.randrange(256)
    return _form(bytes(content))


def _spliced(rng: random.Random, whole: list[bytes]):
    one, other = rng.choice(whole), rng.choice(whole)
    return _form(one[: rng.randrange(len(one))] + other[rng.randrange(len(other)) :])


def _noise(rng: random.Random, whole: list[bytes]):
    return _form(rng.choice(whole)[:8] + rng.randbytes(rng.randrange(2000)))


def _huge(rng: random.Random, whole: list[bytes]):
    """A small PNG that says it is enormous, or a strip."""
    sides = rng.choice(((60_000, 60_000), (2**31 - 1, 1), (1, 60_000), (0, 10), (65_535, 976)))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, 8, rng.choice((0, 2, 3, 4, 6)), 0, 0, 0))
    return _form(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(rng.randrange(5000)))) + chunk(b"IEND", b"")
    )


def _bad_form(rng: random.Random, whole: list[bytes]):
    method, path, headers, body = _form(
        rng.choice(whole), labels=rng.choice(("cat", "a,a", "[", '["a", 3]', "\0,b", ""))
    )
    kept = bytearray(body)
    for _ in range(rng.choice((0, 1, 8))):
        del kept[rng.randrange(len(kept))]
    return method, path, headers, bytes(kept[: rng.choice((len(kept), rng.randrange(len(kept) + 1)))])


def _bad_json(rng: random.Random, whole: list[bytes]):
    good = {"images": [base64.b64encode(rng.choice(whole)).decode()], "labels": ["cat", "dog"]}
    bad = rng.choice(
        (
            good | {"images": "x"}, good | {"images": [1, None]}, good | {"labels": {"a": []}}, good | {"top_k": 1e400},
            good | {"top_k": -1}, good | {"labels": ["a"] * 2000}, good | {"labels": ["a", "b" * 9999]},
            good | {"images": ["%"]}, good | {"heat": "?"}, good | {"urls": ["http://127.0.0.1/"]}, [], None, 3, "x",
        )
    )  # fmt: skip
    text = bytearray(rng.choice((json.dumps(bad).encode(), b"[" * rng.randrange(1, 5000), json.dumps(good).encode())))
    if text and rng.random() < 0.5:
        text[rng.randrange(len(text))] = rng.randrange(256)
    path = rng.choice(("/classify", "/embed", "/search"))
    return "POST", path, {"Content-Type": "application/json"}, bytes(text)


def _odd(rng: random.Random, whole: list[bytes]):
    method = rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"))
    path = rng.choice(
        ("/", "/classify", "/../../etc/passwd", "/page.js/../../x", "/%00", "/%ff%fe", "/papers?query=" + "%ff" * 90,
         "/papers?x=1", "/models",
         "/" + "a" * 3000, "/health?" + "b" * 3000, "//classify", "/papers?query=" + "a" * 301)
    )  # fmt: skip
    media = rng.choice(
        ("text/html", "image/png", "", "multipart/form-data", "application/json; charset=utf-7", "x" * 500)
    )
    headers = {
        "Content-Type": media,
        rng.choice(("X-Request-Id", "Authorization", "Origin")): "\x7f" + "y" * rng.randrange(200),
    }
    return method, path, headers, rng.choice(whole) if method not in ("GET", "HEAD") else b""
