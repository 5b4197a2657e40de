"""Every image is embedded once, in the place the plan gives it, whatever is killed."""

import io
import json
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import zorse.encoders
from zorse.core import InputError
from zorse.scale import embed_shards
from zorse.scale.shard import EMBEDDINGS, FAILED, read

# An encoder without torch, slow enough to be killed at work: an image's vector is its mean colour.
SCRIPT = """
import sys, time
import numpy as np
import zorse.encoders

class Slow:
    name, dim, image_size, fingerprint = "slow", 3, (8, 8), "slow-1"
    def preprocess(self, image):
        return np.asarray(image.resize((8, 8)), np.float32).transpose(2, 0, 1)
    def encode_pixels(self, pixels):
        time.sleep(0.01 * len(pixels))
        means = pixels.mean(axis=(2, 3)) + 1
        return means / np.linalg.norm(means, axis=1, keepdims=True)

zorse.encoders.load_encoder = lambda *_, **__: Slow()
from zorse.scale import embed_shards
result = embed_shards(sys.argv[1], sys.argv[2], shard_rows=3, batch_size=2)
print(result.rows, result.failed, result.resumed)
"""


def picture(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8))


@pytest.fixture
def source(tmp_path):
    """Twenty images, no two alike, and one that is broken."""
    for i in range(20):
        folder = tmp_path / "photos" / f"class{i % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        picture(i).save(folder / f"{i:02d}.png")
    (tmp_path / "photos" / "class0" / "broken.png").write_bytes(b"no image")
    return tmp_path / "photos"


@pytest.fixture
def as_mini(monkeypatch, colours):
    monkeypatch.setattr(zorse.encoders, "load_encoder", lambda *_, **__: colours)
    return colours


def rows(out):
    return [row for table in read(out) for row in table.to_pylist()]


def whole(out, source):
    """Each image once, in the order of the plan; the broken one in its own table."""
    names = sorted(path.name for path in source.rglob("*.png") if path.name != "broken.png")
    assert sorted(row["path"].rpartition("/")[2] for row in rows(out)) == names
    assert [row["path"] for row in rows(out)] == sorted(row["path"] for row in rows(out))
    failed = [row for table in read(out, FAILED) for row in table.to_pylist()]
    assert [row["path"].rpartition("/")[2] for row in failed] == ["broken.png"]
    assert not list(out.rglob(".*"))


def test_embeddings_are_those_of_embed(source, as_mini, tmp_path):
    result = embed_shards(str(source), tmp_path / "out", shard_rows=4)
    assert (result.rows, result.failed, result.shards, result.resumed) == (20, 1, 6, 0)
    whole(tmp_path / "out", source)
    expected = zorse.embed(str(source), as_mini)
    found = rows(tmp_path / "out")
    assert [row["path"] for row in found] == expected.keys
    assert [row["digest"] for row in found] == expected.digests
    assert [row["label_hint"] for row in found] == expected.label_hints
    np.testing.assert_array_equal([row["embedding"] for row in found], expected.vectors)
    kind = pq.read_schema(tmp_path / "out" / EMBEDDINGS / "part-000000.parquet").field("embedding").type
    assert kind.list_size == 3
    encoded = as_mini.encoded
    assert embed_shards(str(source), tmp_path / "out", shard_rows=4).resumed == 6
    assert as_mini.encoded == encoded


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(source, tmp_path):
    out = tmp_path / "out"
    delays, survived = iter((0.0, 0.03, 0.1, 0.02)), False
    for _ in range(5):
        before = len(list(out.glob(f"{EMBEDDINGS}/part-*")))
        run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(source), str(out)], stdout=subprocess.PIPE, text=True)
        delay = next(delays, None)
        if delay is None:
            told, _ = run.communicate(timeout=60)
            survived = run.returncode == 0
            break
        # Killed at some moment after it has begun to write more than stood there.
        until = time.monotonic() + 60
        while run.poll() is None and len(list(out.glob(f"{EMBEDDINGS}/part-*"))) <= before:
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert survived
    assert told.split()[:2] == ["20", "1"]
    assert int(told.split()[2]) >= 4  # what stood there was not made again
    whole(out, source)


def test_packs_are_shards_and_images_that_go_are_failures(as_mini, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for i in range(5):
            file = io.BytesIO()
            picture(i).save(file, "PNG")
            member = tarfile.TarInfo(f"{i}.png")
            member.size = file.tell()
            file.seek(0)
            tar.addfile(member, file)
    picture(9).save(tmp_path / "x.png")
    picture(10).save(tmp_path / "y.png")
    sources = [str(tmp_path / name) for name in ("x.png", "a.tar", "y.png")]
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):  # after the first shard, and before y.png has gone
        embed_shards(sources, out, progress=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    (tmp_path / "y.png").unlink()
    result = embed_shards(sources, out)
    assert (result.rows, result.failed, result.shards, result.resumed) == (6, 1, 2, 1)
    assert [table.num_rows for table in read(out)] == [5, 1]


def test_another_job_in_the_folder_is_refused(source, as_mini, tmp_path, monkeypatch):
    out = tmp_path / "out"
    embed_shards(str(source), out)
    with pytest.raises(InputError, match="other sources"):
        embed_shards(str(source / "class0"), out)
    monkeypatch.setattr(as_mini, "fingerprint", "another", raising=False)
    with pytest.raises(InputError, match="another model"):
        embed_shards(str(source), out)
    with pytest.raises(InputError, match="something else"):
        embed_shards(str(source), source)
    (out / "shards.jsonl").write_text("")
    monkeypatch.undo()
    monkeypatch.setattr(zorse.encoders, "load_encoder", lambda *_, **__: as_mini)
    with pytest.raises(InputError, match="0 lines"):
        embed_shards(str(source), out)
    for wrong in ({"engine": "spark"}, {"workers": 2}, {"shard_rows": 0}, {"batch_size": 0}):
        with pytest.raises(InputError):
            embed_shards(str(source), tmp_path / "new", **wrong)


def test_the_command_writes_a_folder_and_goes_on(zorse_, source, tmp_path):
    code, out, err = zorse_("embed", source, "--out", tmp_path / "e", "--shard-rows", "5", "--json")
    assert (code, json.loads(out)["images"], json.loads(out)["failed"]) == (1, 21, 1)
    assert "could not be read" in err
    assert zorse_("embed", source, "--out", tmp_path / "e")[2].count("5 of 5 shards were there") == 1
    for wrong in (
        ("--engine", "ray", "--out", tmp_path / "x.npz"),
        ("--store", tmp_path / "s", "--out", tmp_path / "f"),
    ):
        code, out, err = zorse_("embed", source, *wrong)
        assert (code, len(err.splitlines())) == (2, 1)
