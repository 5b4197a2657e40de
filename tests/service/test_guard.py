"""Who may ask, what is refused when there is no room or time, and that nothing inside is told."""

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from PIL import Image

from zorse.core.errors import InputError, NotAvailableError
from zorse.service import Limits, serve

TOKEN = "a-long-enough-token"
HEAD = b"POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def painted(colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "PNG")
    return file.getvalue()


def ask(client, **options):
    return client.post(
        "/classify", files={"image": ("a.png", painted(), "image/png")}, data={"labels": "red, blue"}, **options
    )


class Gated:
    """An encoder that waits until it is let go."""

    def __init__(self, encoder):
        self.encoder, self.go, self.begun = encoder, threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def encode_pixels(self, pixels):
        self.begun.set()
        assert self.go.wait(20)
        return self.encoder.encode_pixels(pixels)


@pytest.fixture
def gated(colours):
    gated = Gated(colours)
    yield gated
    gated.go.set()


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


def test_a_token_is_asked_for(serving):
    with serving(token=TOKEN) as client:
        for wrong in (
            None,
            "Bearer wrong",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            "Bearer",
            "Bearer \xff",
        ):
            sent = {} if wrong is None else {"Authorization": wrong.encode("latin-1")}
            for answer in (
                ask(client, headers=sent),
                client.get("/metrics", headers=sent),
                client.get("/models", headers=sent),
            ):
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert TOKEN not in answer.text
        assert ask(client, headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
        assert client.get("/health").status_code == 200
        assert client.get("/").status_code == 200


def test_only_loopback_needs_no_token(monkeypatch):
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(InputError, match="set a token"):
            serve("mini", host=host, port=0)
    for token in ("short", "with spaces in the middle", "\u00e4" * 20):
        with pytest.raises(InputError, match="at least 16"):
            serve("mini", host="0.0.0.0", port=0, token=token)


def test_a_taken_port_is_said_before_a_model_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotAvailableError, match="in use"):
        serve("no/such-model", port=taken.getsockname()[1])


def test_limits_are_positive():
    with pytest.raises(InputError, match="queue must be positive; got 0"):
        Limits(queue=0)


def test_pages_of_other_sites_get_nothing(serving):
    with serving(hosts=frozenset({"localhost", "127.0.0.1", "[::1]"})) as client:
        port = client.base_url.port
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 403  # a name made to point here
        assert client.get("/health", headers={"Host": f"localhost:{port}"}).status_code == 200
        assert client.get("/health", headers={"Host": f"[::1]:{port}"}).status_code == 200
        for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port + 1}"):
            assert ask(client, headers={"Origin": origin}).status_code == 403
        assert ask(client, headers={"Origin": f"http://127.0.0.1:{port}"}).status_code == 200


def test_answers_tell_browsers_to_load_nothing_from_elsewhere(client):
    for path in ("/", "/health", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_what_goes_wrong_inside_stays_inside(serving, colours, log):
    def broken(pixels):
        raise RuntimeError(f"secret in {__file__}")

    whole, colours.encode_pixels = colours.encode_pixels, broken
    with serving() as client:
        answer = ask(client)
        assert answer.status_code == 500
        assert set(answer.json()) == {"error", "request"}
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        line = log.last()
        assert line["request"] == answer.json()["request"]
        assert "secret" in line["error"]  # the log is where it belongs
        colours.encode_pixels = whole
        assert ask(client).status_code == 200  # and the next is served


def test_a_full_queue_answers_503_and_when_to_come_back(serving, gated):
    with serving(gated, queue=2) as client:
        waiting = [threading.Thread(target=ask, args=(client,)) for _ in range(2)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: "zorse_requests_inside 2.0" in client.get("/metrics").text)
        refused = ask(client)
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/health").status_code == 200
        gated.go.set()
        for thread in waiting:
            thread.join()
        assert ask(client).status_code == 200


def test_bodies_together_are_bounded(serving):
    with serving(held=1000) as client:
        refused = client.post(
            "/classify", files={"image": ("a.bmp", bytes(5000), "image/bmp")}, data={"labels": "a, b"}
        )
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert "zorse_bytes_held 0.0" in client.get("/metrics").text


def test_a_deadline_is_kept_and_what_nobody_waits_for_is_not_encoded(serving, gated, colours):
    with serving(gated, deadline=1.5) as client:
        first = threading.Thread(target=ask, args=(client,))
        first.start()
        assert gated.begun.wait(10)
        began = time.monotonic()
        late = ask(client)
        assert late.status_code == 503
        assert "not answered within 1.5 s" in late.json()["error"]
        assert "retry-after" in late.headers
        assert time.monotonic() - began < 8
        first.join()
        gated.go.set()
        assert ask(client).status_code == 200
    assert colours.encoded == 2  # the first, which was under way, and the last; not the one that was late


def test_a_slow_sender_is_sent_away(serving):
    with serving(pause=0.3, deadline=5) as client:
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as slow:
            slow.sendall(HEAD % 1000 + b"{")
            slow.settimeout(10)
            told = slow.recv(4096)
        assert told.startswith(b"HTTP/1.1 408")
        assert "zorse_requests_inside 0.0" in client.get("/metrics").text


def test_a_sender_that_drips_is_stopped_by_the_deadline(serving):
    with serving(pause=0.5, deadline=1.0) as client:
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as slow:
            slow.sendall(HEAD % 1000)
            slow.settimeout(0.1)
            told = b""
            for _ in range(60):
                try:
                    told += slow.recv(4096)
                    break
                except TimeoutError:
                    slow.sendall(b" ")
        assert told.startswith(b"HTTP/1.1 408")


def test_a_connection_without_a_request_is_closed(serving):
    with serving(server={"timeout_keep_alive": 0.3}) as client:
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as idle:
            idle.settimeout(0.1)
            closed = False
            for _ in range(50):
                try:
                    idle.sendall(b"X")  # a header that never ends
                    closed = idle.recv(10) == b""
                except TimeoutError:
                    continue
                except OSError:
                    closed = True
                if closed:
                    break
        assert closed


def test_a_client_that_goes_away_frees_its_place(serving, gated, colours, log):
    with serving(gated) as client:
        first = threading.Thread(target=ask, args=(client,))
        first.start()
        assert gated.begun.wait(10)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                client.base_url.join("/classify"),
                files={"image": ("a.png", painted("blue"), "image/png")},
                data={"labels": "red, blue"},
                timeout=1.0,
            )
        wait_until(lambda: any(line["status"] == 499 for line in log))
        gated.go.set()
        first.join()
        assert ask(client).status_code == 200
        assert "zorse_requests_inside 0.0" in client.get("/metrics").text
    assert colours.encoded == 2  # not the picture of the client that went


def test_garbage_on_the_wire_does_not_disturb(client):
    for junk in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x00" * 4096,
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as line:
            line.sendall(junk)
            line.shutdown(socket.SHUT_WR)
            line.settimeout(5)
            try:
                told = line.recv(4096)
            except OSError:
                told = b""
            assert not told.startswith(b"HTTP/1.1 5")
    assert client.get("/health").status_code == 200


@pytest.fixture
def process(tmp_path):
    """``zorse serve`` as a process of its own; its address."""
    (tmp_path / "labels.txt").write_text("cat\nrocket\ncup of coffee\n")
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "zorse.cli", "serve", "--port", "0", "--labels", str(tmp_path / "labels.txt")],
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        address = ""
        for _ in range(600):
            address = (tmp_path / "log").read_text().partition(" at ")[2].partition(" ")[0]
            if address or started.poll() is not None:
                break
            time.sleep(0.1)
        assert address, (tmp_path / "log").read_text()
        yield started, address, tmp_path / "log"
        if started.poll() is None:
            started.kill()
        started.wait()


def test_sigterm_answers_what_was_accepted(process):
    started, address, log = process
    photographs = [painted(colour) for colour in ("red", "green", "blue")]

    async def drive():
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=httpx.Limits(max_connections=64)) as client:
            sent = [
                asyncio.ensure_future(client.post("/classify", files=[("image", ("a.png", p, "image/png"))] * 16))
                for p in photographs * 8
            ]
            accepted = 0
            while accepted < 8:
                done = sum(task.done() for task in sent)
                page = (await client.get("/metrics")).text
                accepted = done + int(float(page.partition("\nzorse_requests_inside ")[2].partition("\n")[0]))
                assert done < len(sent), "all was answered before there was anything to finish"
            started.send_signal(signal.SIGTERM)
            return accepted, await asyncio.gather(*sent, return_exceptions=True)

    accepted, answers = asyncio.run(drive())
    # What the service had taken is answered. One whose bytes it had not begun to read may be a closed connection, but
    # never half an answer.
    served = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert all(answer.status_code == 200 and len(answer.json()["results"]) == 16 for answer in served)
    assert len(served) >= accepted
    assert started.wait(30) == 0
    assert "Traceback" not in log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address + "/health")
