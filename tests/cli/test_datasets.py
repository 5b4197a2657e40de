"""``zorse datasets``."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from zorse.data import digits_zsl, load_bundle, save_bundle, toy_zsl


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZORSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(told):
    """Exit code 2, nothing on stdout, one line on stderr; the line."""
    code, out, err = told
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("zorse: ")
    return err


def test_list_and_info(zorse_, cache):
    code, out, _ = zorse_("datasets", "list", "--json")
    names = [known["name"] for known in json.loads(out)]
    assert code == 0
    assert {"AWA1", "AWA2", "APY", "CUB", "SUN", "FLO"} <= set(names)
    code, out, _ = zorse_("datasets", "list")
    assert code == 0
    assert all(name in out for name in names)
    code, out, _ = zorse_("datasets", "info", "awa2")
    assert code == 0
    for told in (
        "xlsa17.zip",
        "checksum  none published",
        "50, 10 of them unseen",
        f"{cache}/datasets/AWA2 (not there yet)",
    ):
        assert told in out
    assert json.loads(zorse_("datasets", "info", "FLO-images", "--json")[1])["bytes"] == 344_862_509
    assert "did you mean AWA" in refused(zorse_("datasets", "info", "AWA9"))


@pytest.mark.parametrize("name", ["toy.npz", "toy"])
def test_pack_and_check_go_round(zorse_, tmp_path, name):
    code, out, _ = zorse_("datasets", "pack", "digits", "--out", tmp_path / name)
    assert code == 0
    assert out.startswith("digits: 1,797 x 64 features, 10 classes, 3 unseen; ")
    np.testing.assert_array_equal(load_bundle(tmp_path / name).X, digits_zsl().X)
    code, out, err = zorse_("datasets", "check", tmp_path / name)
    assert (code, out) == (0, "")
    assert err == f"{tmp_path / name}: no defect\n"
    told = json.loads(
        zorse_("datasets", "pack", tmp_path / name, "-o", tmp_path / "again.npz", "--name", "x", "--json")[1]
    )
    assert (told["name"], told["train"], told["path"]) == (
        "x",
        len(digits_zsl().train_index),
        str(tmp_path / "again.npz"),
    )


def test_check_names_every_defect(zorse_, tmp_path):
    task = toy_zsl()
    path = save_bundle(task, tmp_path / "bad.npz")
    held = dict(np.load(path))
    held["features"][[4, 5, 9]] = np.nan
    held["labels"][0] = "wolf"
    held["train_index"] = np.append(held["train_index"], [held["test_unseen_index"][0], 10**6])
    np.savez(path, **held, extra=np.array([{}], dtype=object))
    code, out, err = zorse_("datasets", "check", path)
    assert code == 1
    lines = out.splitlines()
    kinds = [line.split(":")[0] for line in lines]
    assert kinds == ["extra", "features", "labels", "train_index", "split", "split", "split"]
    assert "features: NaN or infinite in rows 4, 5, 9" in lines
    assert "labels: 'wolf' has no class row (row 0)" in lines
    assert err == "7 defects\n"
    assert json.loads(zorse_("datasets", "check", path, "--json")[1])["defects"] == lines
    assert "(6 more; zorse datasets check" in refused(zorse_("datasets", "pack", path, "-o", tmp_path / "x.npz"))


def test_check_tells_what_is_worth_a_look(zorse_, tmp_path):
    task = toy_zsl()
    X = task.X.copy()
    X[task.test_unseen_index[0]] = X[task.train_index[0]]
    held = dict(np.load(save_bundle(task, tmp_path / "x.npz"))) | {"features": X}
    np.savez(tmp_path / "x.npz", **held)
    code, out, _ = zorse_("datasets", "check", tmp_path / "x.npz")
    assert code == 0
    assert out.startswith("remark: features: the same in training and in test: rows ")


def test_pack_from_files(zorse_, tmp_path):
    task = toy_zsl()
    np.save(tmp_path / "x.npy", task.X)
    (tmp_path / "y.txt").write_text("\n".join(task.y))
    rows = [
        ",".join([label, *map(repr, vector.tolist())])
        for label, vector in zip(task.classes.labels, task.classes.vectors)
    ]
    (tmp_path / "v.csv").write_text("\n".join(rows))
    (tmp_path / "unseen.txt").write_text("\n".join(task.unseen))
    given = ["--features", tmp_path / "x.npy", "--labels", tmp_path / "y.txt", "--vectors", tmp_path / "v.csv"]
    code, _, _ = zorse_("datasets", "pack", *given, "--unseen", tmp_path / "unseen.txt", "-o", tmp_path / "mine")
    assert code == 0
    packed = load_bundle(tmp_path / "mine")
    assert packed.name == "mine"
    assert packed.unseen.tolist() == task.unseen.tolist()
    np.testing.assert_array_equal(packed.classes.select(task.classes.labels).vectors, task.classes.vectors)


def test_bad_requests_are_one_line(zorse_, tmp_path):
    out = ["-o", tmp_path / "x.npz"]
    assert "give a TASK or --features" in refused(zorse_("datasets", "pack", *out))
    assert "give a TASK or --features" in refused(zorse_("datasets", "pack", "digits", "--features", "x.npy", *out))
    assert "did you mean digits" in refused(zorse_("datasets", "pack", "digitz", *out))
    assert "say who is unseen" in refused(zorse_("datasets", "pack", "--features", "x.npy", *out))
    assert "does not exist" in refused(zorse_("datasets", "check", tmp_path / "nothing.npz"))
    assert "--out" in refused(zorse_("datasets", "pack", "digits"))
    (tmp_path / "taken").write_text("mine")
    assert "is there and is no bundle" in refused(zorse_("datasets", "pack", "digits", "-o", tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == "mine"
    assert "is no file; expected xlsa17.zip" in refused(zorse_("datasets", "get", "AWA2", "--from", tmp_path))


class Slow(BaseHTTPRequestHandler):
    """Half the file at once, the rest when the client has asked for it in a second request."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = b"x" * 4_000_000
        span = self.headers.get("Range")
        self.server.asked.append(span)
        start = int(span[6:-1]) if span else 0
        self.send_response(206 if span else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(body) - start))
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[start:] if span else body[:2_000_000])
        self.wfile.flush()
        if not span:
            time.sleep(20)


GET = """
import signal
import sys
from dataclasses import replace
from zorse.cli import main
from zorse.data.datasets import DATASETS
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
known = DATASETS["CUB-images"]
archive = replace(known.archive, url=sys.argv[1], size=4_000_000, checksum=None)
DATASETS["CUB-images"] = replace(known, archive=archive)
sys.exit(main(["datasets", "get", "CUB-images"]))
"""


def test_get_is_interrupted_and_goes_on(tmp_path, cache):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.asked, server.daemon_threads, server.handle_error = [], True, lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    command = [sys.executable, "-c", GET, f"http://127.0.0.1:{server.server_port}/birds.tgz"]
    part = cache / "downloads" / "birds.tgz.part"
    try:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        end = time.monotonic() + 30
        while time.monotonic() < end and not (part.exists() and part.stat().st_size >= 1_000_000):
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=30)
        assert (started.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "interrupted; the same command goes on from there"
        kept = part.stat().st_size
        assert kept >= 1_000_000
        # The rest arrives; it is no archive, and is told so and removed.
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        server.shutdown()
        server.server_close()
    assert server.asked == [None, f"bytes={kept}-"]
    assert done.returncode == 2
    assert "no zip or tar archive; birds.tgz was removed, the same call fetches it anew" in done.stderr
    assert list((cache / "downloads").iterdir()) == []
