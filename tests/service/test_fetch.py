"""Addresses in requests lead to the public internet or nowhere, whatever names, answers and redirects say."""

import asyncio
import io
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from zorse.service.fetch import Fetcher, is_public
from zorse.service.limits import Refusal

PICTURE = io.BytesIO()
Image.new("RGB", (16, 16), "blue").save(PICTURE, "PNG")
PICTURE = PICTURE.getvalue()


@contextmanager
def site(answer):
    """A web site on this machine: ``answer(path)`` gives status, headers and body. Its port, and what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Host"]))
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(fetcher, url, hold=lambda more: None, seconds=5.0):
    return asyncio.run(fetcher(url, time.monotonic() + seconds, hold))


def names(**table):
    """A resolver with these answers, which counts how often it is asked."""

    async def look_up(host, port):
        look_up.asked.append(host)
        if host not in table:
            raise OSError("no such name")
        return table[host]

    look_up.asked = []
    return look_up


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.9.9", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:1::1",
        "2001:db8::1", "not an address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "127.1", "2130706433", "0x7f000001", "0"])
def test_no_spelling_of_this_machine_is_fetched(host):
    with site(lambda path: (200, {"Content-Type": "image/png"}, PICTURE)) as (port, asked):
        with pytest.raises(Refusal, match=r"public internet|not known"):
            fetch(Fetcher(ports=None), f"http://{host}:{port}/a.png")
        assert not asked


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.org/a", "/etc/passwd", "http://", "http://user@example.org/", "gopher://x",
        "http://example.org:22/", "http://example.org:99999/", "http://[::1/", "http://" + "a" * 2000, "http://\ud800/",
        "javascript:1", "",
    ],
)  # fmt: skip
def test_other_schemes_users_and_ports_are_refused(url):
    with pytest.raises(Refusal) as refused:
        fetch(Fetcher(resolve=names()), url)
    assert refused.value.status == 422


def test_one_private_answer_among_public_ones_is_enough():
    with pytest.raises(Refusal, match="public internet"):
        fetch(Fetcher(resolve=names(both=["8.8.8.8", "10.0.0.1"])), "http://both/a.png")


def test_the_connection_goes_to_the_address_that_was_checked():
    """The name is looked up once: a second answer, which might be another, is never asked for."""
    resolve = names(pictures=["127.0.0.1"])
    with site(lambda path: (200, {"Content-Type": "image/png"}, PICTURE)) as (port, asked):
        fetcher = Fetcher(public=lambda address: address == "127.0.0.1", resolve=resolve, ports=None)
        assert fetch(fetcher, f"http://pictures:{port}/a b.png?x=1#part") == PICTURE
    assert resolve.asked == ["pictures"]
    assert asked == [("/a%20b.png?x=1", f"pictures:{port}")]


def test_a_redirect_is_checked_like_an_address():
    resolve = names(open=["127.0.0.1"], inside=["10.0.0.1"])
    public = "127.0.0.1".__eq__  # of the two, only the site below counts as public

    def answer(path):
        to = {"/in": "http://inside/secret.png", "/file": "file:///etc/passwd", "/loop": "/loop", "/ok": "/a.png"}
        if path in to:
            return 302, {"Location": to[path]}, b""
        return 200, {"Content-Type": "image/png"}, PICTURE

    with site(answer) as (port, asked):
        fetcher = Fetcher(public=public, resolve=resolve, ports=None)
        assert fetch(fetcher, f"http://open:{port}/ok") == PICTURE
        with pytest.raises(Refusal, match="public internet"):
            fetch(fetcher, f"http://open:{port}/in")
        with pytest.raises(Refusal, match="http"):
            fetch(fetcher, f"http://open:{port}/file")
        with pytest.raises(Refusal, match="more than 3 times"):
            fetch(fetcher, f"http://open:{port}/loop")
    assert [path for path, _ in asked].count("/loop") == 4


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (404, {"Content-Type": "image/png"}, b"", "status 404"),
        (200, {"Content-Type": "text/html"}, b"<p>", "something else than an image"),
        (200, {}, PICTURE, "something else than an image"),
        (200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, b"", "something else than an image"),
        (200, {"Content-Type": "image/png", "Content-Length": "100"}, b"short", "could not be fetched"),
    ],
)
def test_answers_that_are_no_image(status, headers, body, told):
    with site(lambda path: (status, headers, body)) as (port, _):
        fetcher = Fetcher(public=lambda _: True, resolve=names(a=["127.0.0.1"]), ports=None)
        with pytest.raises(Refusal, match=told):
            fetch(fetcher, f"http://a:{port}/")


def test_a_large_or_slow_answer_is_cut_off():
    def too_much(more):
        raise Refusal(413, "too large")

    fetcher = Fetcher(public=lambda _: True, resolve=names(a=["127.0.0.1"]), ports=None)
    with (
        site(lambda path: (200, {"Content-Type": "image/png"}, PICTURE)) as (port, _),
        pytest.raises(Refusal, match="too large"),
    ):
        fetch(fetcher, f"http://a:{port}/", too_much)

    def slow(path):
        time.sleep(1.0)
        return 200, {"Content-Type": "image/png"}, PICTURE

    with site(slow) as (port, _), pytest.raises(Refusal, match="in time"):
        fetch(fetcher, f"http://a:{port}/", seconds=0.2)


def test_a_service_that_may_fetch_names_what_it_fetched(serving):
    fetcher = Fetcher(public=lambda _: True, resolve=names(a=["127.0.0.1"]), ports=None)
    with (
        site(lambda path: (200, {"Content-Type": "image/png"}, PICTURE)) as (port, _),
        serving(fetcher=fetcher) as client,
    ):
        sent = {"urls": [f"http://a:{port}/x.png"], "labels": ["red", "blue"]}
        assert client.post("/classify", json=sent).json()["results"][0]["label"] == "blue"
        assert client.post("/classify", json={**sent, "urls": ["http://b/"]}).status_code == 422
        form = {"url": (None, f"http://a:{port}/x.png"), "labels": (None, "red, blue")}
        assert client.post("/classify", files=form).json()["results"][0]["label"] == "blue"
