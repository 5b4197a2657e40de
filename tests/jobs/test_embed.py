"""Embedding many images: order, errors, memory, copies, and what a store survives."""

import hashlib
import io
import os
import signal
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import zorse.jobs.embed  # noqa: F401 (makes the module; the package's attribute is the function)
from zorse.core.errors import InputError
from zorse.encoders.store import EmbeddingStore
from zorse.jobs import embed, embed_stream

pipeline = sys.modules["zorse.jobs.embed"]


class Numbers:
    """An encoder that reads the number an image's colour spells: its vector is that number as an angle."""

    name, dim, fingerprint, image_size = "numbers", 2, "5eed", (8, 8)

    def __init__(self, delay=0.0, log=None):
        self.delay, self.log = delay, log
        self.preprocessed = self.encoded = self.most_waiting = 0
        self.threads, self.lock = set(), threading.Lock()
        self.rng = np.random.default_rng(0)

    def preprocess(self, image):
        with self.lock:
            self.preprocessed += 1
            self.most_waiting = max(self.most_waiting, self.preprocessed - self.encoded)
            delay = self.rng.exponential(self.delay)
            self.threads.add(threading.current_thread())
        time.sleep(delay)
        return torch.from_numpy(np.asarray(image.resize((8, 8), Image.Resampling.NEAREST), np.float32)).permute(2, 0, 1)

    def encode_pixels(self, pixels):
        assert threading.current_thread() not in self.threads
        with self.lock:
            self.encoded += len(pixels)
        red, green, blue = pixels[:, :, 0, 0].numpy().astype(np.float64).T
        if self.log:
            time.sleep(0.02)
            with Path(self.log).open("a") as file:
                file.write("".join(f"{n:.0f}\n" for n in red * 256 + green))
        angle = (red * 256 + green) / 65536
        vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        return np.where(blue[:, None] == 13, np.nan, vectors)


def number(vector) -> int:
    return round(float(np.arctan2(vector[1], vector[0])) * 65536)


def picture(n: int, size=(8, 8), blue=0) -> Image.Image:
    return Image.new("RGB", size, (n // 256, n % 256, blue))


def content(n: int, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    picture(n, **options).save(file, kind)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path) -> Path:
    """300 images; image k spells k."""
    (tmp_path / "images").mkdir()
    for n in range(300):
        (tmp_path / "images" / f"{n:04d}.png").write_bytes(content(n))
    return tmp_path / "images"


@pytest.mark.parametrize(("jobs", "batch_size"), [(1, 1), (1, 32), (2, 7), (8, 32), (3, 1000)])
def test_order_is_kept_however_long_decoding_takes(folder, jobs, batch_size):
    encoder = Numbers(delay=0.001)
    found = embed(folder, encoder, jobs=jobs, batch_size=batch_size)
    assert [number(v) for v in found.vectors] == list(range(300))
    assert [Path(key).stem for key in found.keys] == [f"{n:04d}" for n in range(300)]
    assert found.digests[7] == hashlib.sha256(content(7)).hexdigest()
    assert set(found.label_hints) == {"images"}
    assert found.vectors.dtype == np.float32
    assert encoder.encoded == 300
    assert len(encoder.threads) <= jobs


def test_broken_images_are_rows_with_a_reason(folder):
    bad = {
        3: (b"", "empty file"),
        4: (b"<html>", "not an image"),
        50: (content(50, "JPEG", size=(64, 64))[:300], "truncated"),
        51: (content(51, size=(30_000, 1)), "too long and thin"),
        52: (content(52, blue=13), "no finite vector"),
        299: (b"\x89PNG\r\n\x1a\n" + bytes(100), "not an image"),
    }
    for n, (data, _) in bad.items():
        (folder / f"{n:04d}.png").write_bytes(data)
    (folder / "0200.png").unlink()
    (folder / "0200.png").symlink_to(folder / "gone")
    pipeline_limit = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = 100_000
        found = embed(folder, Numbers(), batch_size=16)
    finally:
        Image.MAX_IMAGE_PIXELS = pipeline_limit
    reasons = {n: reason for n, (_, reason) in bad.items()} | {200: "no such file"}
    assert [unread.position for unread in found.errors] == sorted(reasons)
    for unread in found.errors:
        assert reasons[unread.position] in unread.error
        assert unread.key == str(folder / f"{unread.position:04d}.png")
    assert [number(v) for v in found.vectors] == [n for n in range(300) if n not in reasons]
    assert len(found) == 300
    for n, row in enumerate(found):
        assert (row.vector is None) == (n in reasons) == (row.error is not None)
        assert Path(row.key).stem == f"{n:04d}"


def test_every_image_broken(tmp_path):
    for n in range(20):
        (tmp_path / f"{n}.png").write_bytes(b"no")
    found = embed(tmp_path, Numbers())
    assert (found.vectors.shape, len(found.errors)) == ((0, 2), 20)
    assert found.to_arrow().num_rows == 20


def test_what_is_wrong_is_said_before_a_model_is_loaded(tmp_path):
    with pytest.raises(InputError, match="no images found"):
        embed(tmp_path, model="org/no-such-model")
    with pytest.raises(InputError, match="does not exist"):
        embed(tmp_path / "gone", model="org/no-such-model")
    with pytest.raises(InputError, match="at least 1"):
        embed_stream([content(0)], Numbers(), batch_size=0)


def test_copies_are_encoded_once(tmp_path):
    numbers = [0, 1, 0, 2, 2, 2, *range(100), 0, 99, 5]
    for stored in (None, tmp_path / "store"):
        encoder = Numbers()
        found = embed([content(n) for n in numbers], encoder, batch_size=8, store=stored)
        assert [number(v) for v in found.vectors] == numbers
        assert encoder.encoded == 100


def test_pil_images_and_arrays_have_the_digest_of_their_pixels(tmp_path):
    store = tmp_path / "store"
    found = embed([picture(7), np.asarray(picture(8))], Numbers(), store=store)
    encoder = Numbers()
    again = embed(iter([np.asarray(picture(7)), picture(8), picture(7, size=(4, 16))]), encoder, store=store)
    assert again.digests[:2] == found.digests
    assert encoder.encoded == 1  # as many pixels, but another shape
    assert [number(v) for v in again.vectors] == [7, 8, 7]


def test_a_second_run_encodes_nothing(folder, tmp_path):
    first, second = Numbers(), Numbers()
    one = embed(folder, first, store=tmp_path / "store")
    two = embed(folder, second, store=tmp_path / "store")
    assert (first.encoded, second.encoded, second.preprocessed) == (300, 0, 0)
    np.testing.assert_array_equal(one.vectors, two.vectors)
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert embed(moved, second, store=tmp_path / "store").digests == one.digests
    assert second.encoded == 0
    second.fingerprint = "07e4"  # other weights
    embed(moved, second, store=tmp_path / "store")
    assert second.encoded == 300


def test_few_new_images_among_stored_ones_do_not_pile_up(tmp_path):
    with EmbeddingStore(tmp_path) as store:
        embed((content(n) for n in range(1, 600)), Numbers(), store=store)
        taken = 0

        def source():
            nonlocal taken
            for n in range(600):
                taken += 1
                yield content(n)

        for item, n in zip(embed_stream(source(), Numbers(), store=store, batch_size=4, jobs=2), range(100)):
            assert number(item.vector) == n
            assert taken - n < 150


def test_memory_does_not_grow_with_the_number_of_images(monkeypatch):
    monkeypatch.setattr(pipeline, "_RECENT_BYTES", 10_000)

    def peak(n: int) -> tuple[int, int]:
        encoder = Numbers()
        tracemalloc.start()
        for _ in embed_stream((content(k) for k in range(n)), encoder, batch_size=16, jobs=2):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, encoder.most_waiting

    peak(50)  # what is imported on the way
    few, _ = peak(200)
    many, waiting = peak(2000)
    assert waiting <= 16 + 8 * (2 + 4) + 8  # a batch, what is ahead, and the chunk at hand
    # How far ahead the readers get is up to the machine; keeping anything of an image (its digest alone has 113 bytes,
    # its pixels 768) for 1,800 images more would show.
    assert many - few < 1800 * 100


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_slow_consumer_holds_the_readers_back(jobs):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield picture(taken % 65536)

    stream = embed_stream(endless(), Numbers(), batch_size=8, jobs=jobs)
    for _ in range(20):
        next(stream)
    time.sleep(0.05)
    assert taken <= 20 + 8 + 8 * (jobs + 2) + 8
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("zorse-read")]


def test_no_thread_outlives_an_error(folder):
    class Failing(Numbers):
        def encode_pixels(self, pixels):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        embed(folder, Failing())
    assert not [t for t in threading.enumerate() if t.name.startswith("zorse-read")]

    class Mistaken(Numbers):
        def preprocess(self, image):
            raise AttributeError("a mistake in the encoder is not the image's fault")

    with pytest.raises(AttributeError):
        embed(folder, Mistaken())


def test_what_was_encoded_is_kept_when_the_source_fails(tmp_path):
    def source():
        for n in range(100):
            yield picture(n)
        raise OSError("the camera went away")

    encoder = Numbers()
    with pytest.raises(OSError, match="camera"):
        embed(source(), encoder, store=tmp_path, batch_size=8)
    with EmbeddingStore(tmp_path) as store:
        assert store.info().rows == encoder.encoded > 0


def test_progress_counts_every_image(folder):
    (folder / "0005.png").write_bytes(b"")
    told = []
    embed(folder, Numbers(), progress=told.append)
    assert told == list(range(1, 301))


def test_globals_of_the_user_stay(folder):
    threads = torch.get_num_threads()
    embed(folder, Numbers())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("stored", [False, True])
def test_thumbnails(tmp_path, stored):
    (tmp_path / "a.png").write_bytes(content(77, size=(1200, 300)))
    (tmp_path / "b.png").write_bytes(content(78, size=(20, 30)))
    (tmp_path / "c.png").write_bytes(b"")
    store = tmp_path / "store" if stored else None
    if stored:
        embed(tmp_path / "a.png", Numbers(), store=store)
    encoder = Numbers()
    a, b, c = embed_stream(tmp_path, encoder, store=store, thumbnails=160)
    assert encoder.encoded == (1 if stored else 2)
    assert Image.open(io.BytesIO(a.thumbnail)).size == (160, 40)
    assert Image.open(io.BytesIO(b.thumbnail)).size == (20, 30)
    assert c.thumbnail is None
    assert c.error == "empty file"


def test_save(folder, tmp_path):
    (folder / "0001.png").write_bytes(b"")
    found = embed(folder, Numbers())
    found.save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:  # without pickle
        np.testing.assert_array_equal(file["vectors"], found.vectors)
        assert file["keys"].tolist() == found.keys
        assert file["digests"].tolist() == found.digests
        assert file["errors"].tolist() == ["empty file"]
        assert str(file["fingerprint"]) == "5eed"
    found.save(tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["path", "digest", "label_hint", "error", "embedding"]
    assert table.column("error").to_pylist()[:3] == [None, "empty file", None]
    assert table.column("embedding").to_pylist()[1] is None
    assert number(table.column("embedding").to_pylist()[2]) == 2
    assert table.schema.metadata[b"model"] == b"numbers"
    with pytest.raises(InputError, match=r"\.npz or \.parquet"):
        found.save(tmp_path / "x.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images", "x.npz", "x.parquet"]


def test_a_file_name_that_is_no_text_can_be_saved(tmp_path):
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(content(3))
    except OSError:
        pytest.skip("this file system takes text only")
    found = embed(tmp_path, Numbers())
    assert found.to_arrow().column("path").to_pylist() == [f"{tmp_path}/caf\\udce9.png"]
    found.save(tmp_path / "x.npz")


@contextmanager
def child(folder: Path, store: Path, log: Path, flush_rows: int) -> Iterator[int]:
    """Another process that embeds the folder into the store; a fork, because importing torch again takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # none of pytest's threads holds a lock here
        pid = os.fork()
    if pid == 0:
        code = 1
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        try:
            pipeline._FLUSH_ROWS = flush_rows
            found = embed(folder, Numbers(log=log), store=store, batch_size=8, jobs=2)
            code = 0 if [number(v) for v in found.vectors] == list(range(300)) else 2
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    try:
        yield pid
    finally:
        if pid not in ended:
            os.kill(pid, signal.SIGKILL)
            end_of(pid)


ended: dict[int, int] = {}


def end_of(pid: int) -> int:
    """Wait for a child; its exit code, or minus the signal that killed it."""
    ended[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return ended[pid]


def logged(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split("\n")[:-1]] if log.exists() else []


def wait_for(log: Path, rows: int) -> None:
    deadline = time.monotonic() + 60
    while len(logged(log)) < rows:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stored(folder: Path, path: Path) -> list[int | None]:
    """What the store holds for each image."""
    with EmbeddingStore(path) as store:
        files = sorted(folder.iterdir())
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        vectors, found = store.get(digests, Numbers.fingerprint)
        assert store.info().rows == found.sum()
        held = iter(vectors)
        return [number(next(held)) if there else None for there in found]


def test_resumes_after_kill_9(folder, tmp_path):
    store, log = tmp_path / "store", tmp_path / "log"
    with child(folder, store, log, flush_rows=16) as pid:
        wait_for(log, 80)
        os.kill(pid, signal.SIGKILL)
        assert end_of(pid) == -signal.SIGKILL
    before = stored(folder, store)
    kept = [n for n, held in enumerate(before) if held is not None]
    assert all(held in (None, n) for n, held in enumerate(before))
    # Lost are at most the rows since the last flush (up to 16) and the batch at work.
    assert 80 - 16 - 8 <= len(kept) <= len(logged(log)) < 300
    encoder = Numbers()
    found = embed(folder, encoder, store=store)
    assert [number(v) for v in found.vectors] == list(range(300))
    assert encoder.encoded == 300 - len(kept)
    assert stored(folder, store) == list(range(300))


def test_ctrl_c_keeps_what_was_encoded(folder, tmp_path):
    store, log = tmp_path / "store", tmp_path / "log"
    with child(folder, store, log, flush_rows=10**9) as pid:
        wait_for(log, 80)
        os.kill(pid, signal.SIGINT)
        assert end_of(pid) == 130
    held = [n for n in stored(folder, store) if n is not None]
    assert 300 > len(held) >= len(logged(log)) - 8 >= 72  # all but, at most, the batch it hit


def test_two_processes_share_one_store(folder, tmp_path):
    store = tmp_path / "store"
    with (
        child(folder, store, tmp_path / "log0", flush_rows=16) as one,
        child(folder, store, tmp_path / "log1", flush_rows=16) as two,
    ):
        assert [end_of(one), end_of(two)] == [0, 0]
    assert stored(folder, store) == list(range(300))
