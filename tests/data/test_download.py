"""Downloads from a local server that misbehaves in every way there is."""

import errno
import hashlib
import io
import shutil
import stat
import sys
import tarfile
import threading
import zipfile
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

import numpy as np
import pytest

import zorse.data.download as module
from zorse.core import InputError, NotAvailableError
from zorse.data.download import cache_folder, check_file, download
from zorse.data.unpack import unpack

BODY = np.random.default_rng(0).bytes(3_000_000)
SHA = "sha256:" + hashlib.sha256(BODY).hexdigest()
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()


class Server:
    """Serves ``body``; ``cuts`` says after how many bytes each of the next answers breaks off."""

    def __init__(self):
        self.body, self.tag, self.ranges, self.length, self.cuts, self.codes = BODY, '"one"', True, True, [], []
        self.asked = []  # the Range of every request
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data.bin"
        self.http.handle_error = lambda *_: None  # a client that has had enough
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        span = request.headers.get("Range")
        self.asked.append(span)
        if self.codes and (code := self.codes.pop(0)) != 200:
            request.send_error(code)
            return
        start, body = 0, self.body
        same = request.headers.get("If-Range") in (None, self.tag)
        if span and self.ranges and same:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(body)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            request.send_response(200)
        if self.tag:
            request.send_header("ETag", self.tag)
        if self.length:
            request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else len(body)
        request.wfile.write(body[start:end])
        request.close_connection = True


@pytest.fixture
def server():
    served = Server()
    yield served
    served.http.shutdown()
    served.http.server_close()


@pytest.fixture
def get(server, tmp_path):
    def fetch(**options):
        return download(server.url, tmp_path / "cache" / "data.bin", pause=0.001, **options)

    return fetch


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


@pytest.mark.parametrize("checksum", [SHA, MD5, MD5.upper().replace("MD5", "md5"), None])
def test_a_file_arrives_whole(server, get, tmp_path, checksum):
    told = []
    path = get(size=len(BODY), checksum=checksum, progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == BODY
    assert kept(tmp_path) == ["data.bin"]
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_broken_connection_goes_on_where_it_broke(server, get):
    server.cuts = [700_000, 0, 1_200_000]
    assert get(checksum=SHA).read_bytes() == BODY
    assert server.asked == [None, "bytes=700000-", "bytes=700000-", "bytes=1900000-"]


def test_a_second_call_goes_on_after_giving_up(server, get, tmp_path):
    server.cuts = [1_000_000, 0, 0, 0]
    with pytest.raises(NotAvailableError, match="the connection broke off; 1,000,000 bytes are kept"):
        get(retries=2)
    assert kept(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    server.cuts, server.asked = [], []
    assert get().read_bytes() == BODY
    assert server.asked == ["bytes=1000000-"]
    assert kept(tmp_path) == ["data.bin"]


def test_an_interrupt_keeps_what_came(server, get, tmp_path):
    def stop(done, total):
        if done >= 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=stop)
    held = (tmp_path / "cache" / "data.bin.part").read_bytes()
    assert len(held) >= 2_000_000
    assert BODY.startswith(held)
    server.asked.clear()
    assert get().read_bytes() == BODY
    assert server.asked == [f"bytes={len(held)}-"]


def test_a_whole_part_needs_no_second_transfer(server, get, tmp_path):
    def stop(done, total):
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=stop)
    server.asked.clear()
    assert get(checksum=SHA).read_bytes() == BODY
    assert server.asked == [f"bytes={len(BODY)}-"]


def test_a_changed_file_is_begun_anew(server, get):
    server.cuts = [1_000_000, 0, 0]
    with pytest.raises(NotAvailableError):
        get(retries=1)
    server.body, server.tag, server.cuts = BODY[::-1], '"two"', []
    assert get().read_bytes() == BODY[::-1]


def test_a_server_without_ranges_begins_anew(server, get):
    server.ranges, server.cuts = False, [900_000]
    assert get(checksum=SHA).read_bytes() == BODY
    assert server.asked == [None, "bytes=900000-"]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_mark_only_a_checksum_allows_to_go_on(server, get, tag):
    server.tag, server.cuts = tag, [900_000]
    assert get().read_bytes() == BODY
    assert server.asked == [None, None]
    server.asked, server.cuts = [], [900_000]
    assert get(checksum=SHA).read_bytes() == BODY
    assert server.asked == [None, "bytes=900000-"]


def test_a_server_that_tells_no_length(server, get):
    server.length = False
    assert get(size=len(BODY)).read_bytes() == BODY
    with pytest.raises(InputError, match="has 3,000,000 bytes, expected 4,000,000"):
        get(size=4_000_000)


def test_a_wrong_checksum_is_refused_and_the_file_removed(server, get, tmp_path):
    server.body = BODY[:-1] + b"!"
    with pytest.raises(InputError, match=f"removed: data.bin.part has md5 [0-9a-f]{{32}}, expected {MD5[4:]}"):
        get(checksum=MD5)
    assert kept(tmp_path) == []


def test_another_size_than_published_is_refused_before_a_byte_is_kept(server, get, tmp_path):
    with pytest.raises(NotAvailableError, match="has 3,000,000 bytes, published are 2,999,999"):
        get(size=len(BODY) - 1)
    assert not (tmp_path / "cache" / "data.bin").exists()


def test_no_room_is_told_before_it_is_begun(server, get, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9 - 65_000_000, 65_000_000))
    with pytest.raises(NotAvailableError, match=r"no room in .*: 3 MB are needed, 65 MB are free"):
        get()


def test_a_disk_that_fills_up_is_told(server, get, tmp_path):
    def full(done, total):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NotAvailableError, match="no room left on the disk"):
        get(progress=full)
    assert kept(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    assert get().read_bytes() == BODY


def test_the_servers_refusal_is_told_and_a_passing_one_waited_for(server, get):
    server.codes = [503, 429]
    assert get().read_bytes() == BODY
    server.codes, server.asked = [404], []
    with pytest.raises(NotAvailableError, match="the server answers 404 Not Found"):
        get()
    assert len(server.asked) == 1
    server.codes, server.asked = [500] * 9, []
    with pytest.raises(NotAvailableError, match=r"cannot be had: 500 Internal Server Error$"):
        get(retries=3)
    assert len(server.asked) == 3


def test_no_server_and_no_address(tmp_path):
    with pytest.raises(NotAvailableError, match="Connection refused"):
        download("http://127.0.0.1:9/x", tmp_path / "x", retries=2, pause=0.001)
    for url in ("file:///etc/hostname", "ftp://example.org/x", "x"):
        with pytest.raises(InputError, match="no http or https address"):
            download(url, tmp_path / "x")


@pytest.mark.skipif(module.fcntl is None, reason="locks of files are POSIX's")
def test_two_processes_do_not_write_to_one_part(server, get, tmp_path):
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / "data.bin.part").open("ab") as other:
        module.fcntl.flock(other, module.fcntl.LOCK_EX)
        with pytest.raises(NotAvailableError, match="another process is downloading"):
            get()


def test_where_downloads_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("ZORSE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("ZORSE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(cache_folder()) == "/x/zorse"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "zorse")


def zipped(path, members, mode=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", mode) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_archives_are_unpacked(tmp_path, kind):
    members = {"top/a.txt": b"a", "top/data/b.txt": b"bb", "other/c.txt": b"ccc"}
    if kind == "zip":
        archive = zipped(tmp_path / "x.zip", members)
    else:
        archive = tmp_path / "x.tar"
        with tarfile.open(archive, "w:gz" if kind == "tgz" else "w") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    told = []
    files = unpack(archive, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert {str(f.relative_to(tmp_path / "out")): f.read_bytes() for f in files} == members
    assert told[-1] == (6, 6)
    some = unpack(archive, tmp_path / "some", wanted=lambda name: PurePosixPath("top/data") in name.parents)
    assert [str(f.relative_to(tmp_path / "some")) for f in some] == ["top/data/b.txt"]
    with pytest.raises(InputError, match="holds nothing that is wanted"):
        unpack(archive, tmp_path / "none", wanted=lambda name: False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "some", archive.name]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:/evil"])
def test_nothing_leads_out_of_the_folder(tmp_path, name):
    archive = zipped(tmp_path / "x.zip", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack(archive, tmp_path / "in" / "out")
    tar = tmp_path / "x.tar"
    with tarfile.open(tar, "w") as held:
        held.addfile(tarfile.TarInfo(name))
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack(tar, tmp_path / "in" / "out")
    assert not any((tmp_path / "in").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "x.tar", "x.zip"]


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = zipped(tmp_path / "x.zip", {info: "/etc/passwd"})
    with pytest.raises(InputError, match="'link' is a link or a device"):
        unpack(archive, tmp_path / "out")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(InputError, match="'link' is a link or a device"):
        unpack(tmp_path / "x.tar", tmp_path / "out")


def test_damaged_archives_leave_nothing(tmp_path):
    archive = zipped(tmp_path / "x.zip", {"a": BODY}, zipfile.ZIP_STORED)
    damaged = bytearray(archive.read_bytes())
    damaged[1000] ^= 1
    archive.write_bytes(damaged)
    with pytest.raises(InputError, match=r"x\.zip is damaged: Bad CRC-32"):
        unpack(archive, tmp_path / "out")
    (tmp_path / "y.zip").write_bytes(b"not an archive")
    with pytest.raises(InputError, match="no zip or tar archive"):
        unpack(tmp_path / "y.zip", tmp_path / "out")
    with pytest.raises(InputError, match="does not exist"):
        unpack(tmp_path / "z.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_room_to_unpack(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "x.zip", {"a": BODY})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 1000))
    with pytest.raises(NotAvailableError, match="no room"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_at_hand_is_checked(tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    check_file(tmp_path / "a", len(BODY), SHA)
    with pytest.raises(InputError, match="a has 3,000,000 bytes, expected 7"):
        check_file(tmp_path / "a", 7)
