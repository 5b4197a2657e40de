"""The embedding store, with real processes."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from zorse.core.errors import InputError, NotAvailableError
from zorse.encoders.store import EmbeddingStore, content_digest, encode_text

PRINT = "a" * 64


def digests(start, stop):
    return [content_digest(str(i)) for i in range(start, stop)]


def vectors(start, stop, dim=8):
    return np.array([np.random.default_rng(i).standard_normal(dim) for i in range(start, stop)], np.float32)


# A worker puts rows [start, stop) in batches and says after each commit how far it is.
WORKER = """
import os, sys
import numpy as np
from zorse.encoders.store import EmbeddingStore, content_digest
if "AS_NOBODY" in os.environ:  # root may write anywhere, so root becomes somebody else
    os.setegid(65534), os.seteuid(65534)
path, start, stop, batch = sys.argv[1], *map(int, sys.argv[2:])
store = EmbeddingStore(path)
for i in range(start, stop, batch):
    rows = range(i, min(i + batch, stop))
    v = np.array([np.random.default_rng(r).standard_normal(8) for r in rows], np.float32)
    new = store.put([content_digest(str(r)) for r in rows], v, "a" * 64, name="toy")
    print(i + len(rows), new, flush=True)
"""


def worker(path, start, stop, batch=32, **options):
    command = [sys.executable, "-c", WORKER, str(path), str(start), str(stop), str(batch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_rows_come_back_in_the_order_asked(tmp_path):
    store = EmbeddingStore(tmp_path / "new" / "store")
    assert store.put(digests(0, 50), vectors(0, 50), PRINT) == 50
    assert store.put(digests(40, 60), vectors(40, 60), PRINT) == 10
    order = [55, 3, 99, 3, 12]
    found_vectors, found = store.get([content_digest(str(i)) for i in order], PRINT)
    assert found.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(found_vectors, np.concatenate([vectors(i, i + 1) for i in (55, 3, 3, 12)]))


def test_encoders_do_not_mix(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put(digests(0, 5), vectors(0, 5), PRINT, name="one")
    store.put(digests(0, 3), vectors(7, 10, dim=4), "b" * 64, name="two")
    assert store.get(digests(0, 5), "c" * 64)[1].sum() == 0
    np.testing.assert_array_equal(store.get(digests(0, 3), "b" * 64)[0], vectors(7, 10, dim=4))
    with pytest.raises(InputError, match="gives 8 numbers a vector, not 4"):
        store.put(digests(5, 6), vectors(5, 6, dim=4), PRINT)
    info = store.info()
    assert (info.rows, {(e.name, e.dim, e.rows) for e in info.encoders}) == (8, {("one", 8, 5), ("two", 4, 3)})


def test_refuses_what_is_not_a_vector(tmp_path):
    store = EmbeddingStore(tmp_path)
    with pytest.raises(InputError, match="vector 1 holds NaN"):
        store.put(digests(0, 2), np.array([[1.0, 2.0], [np.nan, 0.0]]), PRINT)
    with pytest.raises(InputError, match=r"expected vectors of shape \(2, dim\)"):
        store.put(digests(0, 2), vectors(0, 3), PRINT)
    assert store.info().rows == 0


def test_half_precision_halves_a_row(tmp_path):
    unit = vectors(0, 200, dim=512)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    small, large = EmbeddingStore(tmp_path / "16", dtype="float16"), EmbeddingStore(tmp_path / "32")
    for store in (small, large):
        store.put(digests(0, 200), unit, PRINT)
    np.testing.assert_allclose(small.get(digests(0, 200), PRINT)[0], unit, atol=2**-12)
    small.close(), large.close()
    sizes = [sum(f.stat().st_size for f in (tmp_path / kept).iterdir()) for kept in ("16", "32")]
    assert sizes[0] < 0.65 * sizes[1]


def test_two_writers_lose_and_double_nothing(tmp_path):
    first, second = worker(tmp_path, 0, 600), worker(tmp_path, 300, 900)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    new = sum(int(line.split()[1]) for out, _ in outputs for line in out.splitlines())
    store = EmbeddingStore(tmp_path)
    assert new == store.info().rows == 900  # the 300 rows that both computed were counted as new once
    found_vectors, found = store.get(digests(0, 900), PRINT)
    assert found.all()
    np.testing.assert_array_equal(found_vectors, vectors(0, 900))


def test_kill_in_mid_write_keeps_whole_batches(tmp_path):
    for _ in range(4):  # four lives, each killed at a moment nobody chose
        process = worker(tmp_path, 0, 100_000, batch=500)
        committed = int(process.stdout.readline().split()[0])
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        committed = max([committed, *(int(line.split()[0]) for line in process.communicate()[0].splitlines())])
        store = EmbeddingStore(tmp_path)
        rows = store.info().rows
        assert rows >= committed
        assert rows % 500 == 0  # a batch is there as a whole or not at all
        found_vectors, found = store.get(digests(0, rows), PRINT)
        assert found.all()
        np.testing.assert_array_equal(found_vectors[-500:], vectors(rows - 500, rows))
        store.close()


def test_truncated_log_loses_only_the_last_transaction(tmp_path):
    store = EmbeddingStore(tmp_path / "live")
    store.put(digests(0, 100), vectors(0, 100), PRINT)
    store.put(digests(100, 200), vectors(100, 200), PRINT)
    shutil.copytree(tmp_path / "live", tmp_path / "crashed")  # as a power cut leaves it: the log not yet merged
    log = tmp_path / "crashed" / "embeddings.sqlite-wal"
    os.truncate(log, log.stat().st_size - 100)
    crashed = EmbeddingStore(tmp_path / "crashed")
    assert crashed.get(digests(0, 200), PRINT)[1].tolist() == [True] * 100 + [False] * 100
    assert crashed.put(digests(100, 200), vectors(100, 200), PRINT) == 100


@pytest.mark.parametrize("harm", ["truncated", "overwritten"])
def test_damaged_file_is_named(tmp_path, harm):
    store = EmbeddingStore(tmp_path)
    store.put(digests(0, 20_000), vectors(0, 20_000, dim=16), PRINT)
    store.close()
    file = tmp_path / "embeddings.sqlite"
    if harm == "truncated":
        os.truncate(file, file.stat().st_size // 2)
    else:
        file.write_bytes(b"not a database" * 1000)
    with pytest.raises(NotAvailableError, match=r"is damaged; delete the folder"):
        EmbeddingStore(tmp_path).get(digests(0, 20_000), PRINT)


def test_full_disk_is_named_and_leaves_the_store_whole(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put(digests(0, 10), vectors(0, 10, dim=512), PRINT)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own stand-in for a disk without room
    with pytest.raises(NotAvailableError, match="the disk is full"):
        store.put(digests(10, 500), vectors(10, 500, dim=512), PRINT)
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.info().rows == 10
    assert store.put(digests(10, 500), vectors(10, 500, dim=512), PRINT) == 490


READER = """
import os, sys, warnings
import numpy as np
from zorse.encoders.store import EmbeddingStore, content_digest
from zorse.core import NotAvailableError
warnings.simplefilter("always")
if "AS_NOBODY" in os.environ:
    os.setegid(65534), os.seteuid(65534)
keys = [content_digest(str(i)) for i in range(8)]
for path in (sys.argv[1], sys.argv[1] + "/new/store"):
    with EmbeddingStore(path) as store:
        new = store.put(keys, np.ones((8, 8), np.float32), "a" * 64)
        print(store.writable, new, store.get(keys, "a" * 64)[1].sum())
        try:
            store.prune(unused_days=0)
        except NotAvailableError as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no user ids")
@pytest.mark.parametrize("written_elsewhere", [False, True])
def test_what_cannot_be_written_is_read_all_the_same_and_said(written_elsewhere):
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddingStore(folder)
        store.put(digests(0, 5), vectors(0, 5), PRINT)
        if not written_elsewhere:
            store.close()
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        environment = {**os.environ, "AS_NOBODY": "1"} if os.geteuid() == 0 else dict(os.environ)
        try:
            command = [sys.executable, "-c", READER, folder]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        finally:
            Path(folder).chmod(0o755)
        store.close()
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert (told[0], told[2]) == ("False 0 5", "False 0 0")
    assert done.stdout.count("cannot be written, so that nothing is removed") == 2
    assert done.stderr.count("cannot be written, so that nothing is kept") == 2


def test_path_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(NotAvailableError, match=r"cannot make the embedding store .*taken"):
        EmbeddingStore(tmp_path / "taken" / "store")


def test_layout_of_another_version_is_refused(tmp_path):
    EmbeddingStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "embeddings.sqlite") as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(NotAvailableError, match="layout 9; this version of Zorse reads 1"):
        EmbeddingStore(tmp_path)


def test_prune_gives_the_space_back(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put(digests(0, 5000), vectors(0, 5000, dim=64), PRINT, name="old")
    store.put(digests(0, 10), vectors(0, 10), "b" * 64, name="new")
    before = store.info().size
    with pytest.raises(InputError, match="say what to prune"):
        store.prune()
    assert store.prune(unused_days=1) == 0
    assert store.prune(encoder="old") == 5000
    after = store.info()
    assert [e.name for e in after.encoders] == ["new"]
    assert after.size < before / 5
    np.testing.assert_array_equal(store.get(digests(0, 10), "b" * 64)[0], vectors(0, 10))
    assert store.prune(encoder="bbbb") == 10


class CountingTower:
    """A text tower that remembers what it was asked."""

    name, dim, text_fingerprint = "toy", 4, "f" * 64

    def __init__(self):
        self.asked = []

    def encode_text(self, texts, *, batch_size=64):
        self.asked += texts
        return np.array([[len(t), t.count("a"), 1.0, 0.0] for t in texts], np.float32)


def test_only_new_texts_are_encoded(tmp_path):
    plain = CountingTower().encode_text(["cat", "a dog", "cat", "zebra"])
    tower = CountingTower()
    with EmbeddingStore(tmp_path) as store:
        np.testing.assert_array_equal(encode_text(tower, ["cat", "a dog"], store), plain[:2])
    with EmbeddingStore(tmp_path) as store:  # another run
        np.testing.assert_array_equal(encode_text(tower, ["cat", "a dog", "cat", "zebra"], store), plain)
        np.testing.assert_array_equal(encode_text(tower, ["zebra"], store), plain[3:])
        assert [e.name for e in store.info().encoders] == ["toy (text)"]
    assert tower.asked == ["cat", "a dog", "zebra"]
    np.testing.assert_array_equal(encode_text(tower, ["zebra"]), plain[3:])
