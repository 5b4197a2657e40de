"""Two nodes on this machine, a worker killed in the middle, and a driver killed in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from zorse.core import InputError, NotAvailableError
from zorse.scale import embed_shards
from zorse.scale.shard import EMBEDDINGS, FAILED, read

ray = pytest.importorskip("ray", reason="needs the extra scale")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

SHARDS, ROWS = 8, 12


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for i in range(SHARDS * ROWS - 1):
        Image.fromarray(draw.integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(folder / f"{i:03d}.jpg")
    (folder / "zzz.jpg").write_bytes(b"no image")
    return folder


def whole(out, source):
    keys = [key for table in read(out) for key in table["path"].to_pylist()]
    assert [key.rpartition("/")[2] for key in keys] == sorted(path.name for path in source.glob("[0-9]*.jpg"))
    assert [table.num_rows for table in read(out, FAILED)] == [0] * (SHARDS - 1) + [1]


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(cluster, source, tmp_path):
    alone = embed_shards(str(source), tmp_path / "alone", shard_rows=ROWS)
    pids, killed = [], []

    def kill(finished):
        pids.append(finished.pid)
        if len(pids) == 2:  # it has its next shard in hand
            victim = threading.Timer(0.05, lambda: (os.kill(finished.pid, signal.SIGKILL), killed.append(finished.pid)))
            victim.start()

    result = embed_shards(str(source), tmp_path / "out", engine="ray", workers=2, shard_rows=ROWS, progress=kill)
    assert killed
    assert set(pids) > set(killed)  # others went on
    assert (result.rows, result.failed, result.shards, result.lost) == (alone.rows, alone.failed, SHARDS, ())
    whole(tmp_path / "out", source)
    for ours, theirs in zip(read(tmp_path / "out"), read(tmp_path / "alone"), strict=True):
        assert ours["path"].equals(theirs["path"])
        vectors = [np.array(table["embedding"].to_pylist(), dtype=np.float32) for table in (ours, theirs)]
        np.testing.assert_allclose(*vectors, atol=1e-5)


def test_a_driver_killed_in_the_middle_loses_and_doubles_nothing(cluster, source, tmp_path):
    out = tmp_path / "out"
    code = f"""
from zorse.scale import embed_shards
embed_shards({str(source)!r}, {str(out)!r}, engine="ray", address={cluster.address!r}, workers=2, shard_rows={ROWS})
"""
    driver = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 120
    while not list(out.glob(f"{EMBEDDINGS}/part-*")):
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    result = embed_shards(str(source), out, engine="ray", workers=2, shard_rows=ROWS)
    assert result.resumed >= 1
    assert (result.rows, result.failed) == (SHARDS * ROWS - 1, 1)
    whole(out, source)


def test_a_shard_that_kills_its_workers_is_left_out_and_told(cluster, source, tmp_path, monkeypatch):
    from zorse.scale import on_ray

    class Deadly(on_ray.Worker):
        def embed(self, shard):
            if shard.number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().embed(shard)

    monkeypatch.setattr(on_ray, "Worker", Deadly)
    monkeypatch.setattr(on_ray, "DEATHS", 2)
    result = embed_shards(str(source), tmp_path / "out", engine="ray", workers=2, shard_rows=ROWS)
    assert result.lost == ("part-000001.parquet",)
    assert result.rows == (SHARDS - 1) * ROWS - 1
    monkeypatch.undo()
    assert embed_shards(str(source), tmp_path / "out", engine="ray", workers=1, shard_rows=ROWS).lost == ()
    whole(tmp_path / "out", source)


def test_what_a_worker_cannot_do_is_told(cluster, source, tmp_path, monkeypatch):
    from zorse.scale import on_ray

    class Other(on_ray.Worker):
        def __init__(self, model, fingerprint, *rest):
            super().__init__(model, "another", *rest)

    monkeypatch.setattr(on_ray, "Worker", Other)
    with pytest.raises(NotAvailableError, match="another model"):
        embed_shards(str(source), tmp_path / "out", engine="ray", workers=1, shard_rows=ROWS)
    with pytest.raises(InputError, match="at least 1"):
        embed_shards(str(source), tmp_path / "out", engine="ray", workers=0)
