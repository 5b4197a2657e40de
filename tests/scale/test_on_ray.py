"""Two nodes on this machine, a worker killed in the middle, and a driver killed in the middle."""

import json
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
from zorse.scale import actors, embed_shards
from zorse.scale.actors import Died, on_actors
from zorse.scale.shard import EMBEDDINGS, FAILED, read

ray = pytest.importorskip("ray", reason="needs the extra scale")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

SHARDS, ROWS = 8, 12


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 otherwise, which is minutes where the machine has other work
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


@pytest.fixture
def zorse_(capsys):
    """The command line with mini itself: code and stdout."""
    from zorse.cli import main

    def run(*arguments):
        code = main([str(a) for a in arguments])
        return code, capsys.readouterr().out

    return run


def whole(out, source):
    keys = [key for table in read(out) for key in table["path"].to_pylist()]
    assert [key.rpartition("/")[2] for key in keys] == sorted(path.name for path in source.glob("[0-9]*.jpg"))
    assert [table.num_rows for table in read(out, FAILED)] == [0] * (SHARDS - 1) + [1]


def toy():
    """A class of actors that dies of "die", and of "stop" neither works nor dies; by value, for it is in a function."""

    class Toy:
        def do(self, item):
            if item in ("die", "stop"):
                time.sleep(1)
                os.kill(os.getpid(), signal.SIGKILL if item == "die" else signal.SIGSTOP)
            if item == "raise":
                raise InputError("not this one")
            return item, os.getpid()

    return Toy


def test_an_item_that_kills_is_given_up_and_no_other(cluster):
    items = [0, "die", 1, 2, 3]
    found = list(on_actors(toy(), (), items, workers=2, tries=2))
    assert sorted(str(item) for item, _ in found) == sorted(map(str, items))
    died = [item for item, made in found if isinstance(made, Died)]
    assert died == ["die"]
    assert all(made[0] == item for item, made in found if item != "die")


def test_an_actor_that_falls_silent_holds_up_nothing(cluster, monkeypatch):
    monkeypatch.setattr(actors, "SILENCE", 20.0)
    monkeypatch.setattr(actors, "_LOOK", 1.0)
    found = dict(on_actors(toy(), (), ["stop", 0, 1, 2], workers=2, tries=1))
    assert "no sign of life" in found.pop("stop").why
    assert [found[item][0] for item in range(3)] == [0, 1, 2]


def test_where_no_place_comes_free_the_job_says_so(cluster, monkeypatch):
    holders = [ray.remote(toy()).options(num_cpus=1).remote() for _ in range(2)]
    ray.get([holder.do.remote(0) for holder in holders])
    monkeypatch.setattr(actors, "SILENCE", 3.0)
    monkeypatch.setattr(actors, "_LOOK", 1.0)
    with pytest.raises(NotAvailableError, match="no worker found a place"):
        list(on_actors(toy(), (), [0, 1, 2], workers=2))
    for holder in holders:
        ray.kill(holder)


def test_nothing_is_dropped_where_there_is_no_room(cluster):
    found = [item for item, _ in on_actors(toy(), (), range(5), workers=2, room=lambda: False)]
    assert found == [0, 1, 2, 3, 4]  # one at a time


def test_what_an_actor_raises_ends_the_job(cluster):
    with pytest.raises(InputError, match="not this one"):
        list(on_actors(toy(), (), [0, "raise", 1], workers=2))


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
    from zorse.scale import shards_on_ray

    class Deadly(shards_on_ray.ShardEmbedder):
        def embed(self, item):
            if item.number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().embed(item)

    monkeypatch.setattr(shards_on_ray, "ShardEmbedder", Deadly)
    monkeypatch.setattr(actors, "DEATHS", 2)
    result = embed_shards(str(source), tmp_path / "out", engine="ray", workers=2, shard_rows=ROWS)
    assert result.lost == ("part-000001.parquet",)
    assert result.rows == (SHARDS - 1) * ROWS - 1
    monkeypatch.undo()
    assert embed_shards(str(source), tmp_path / "out", engine="ray", workers=1, shard_rows=ROWS).lost == ()
    whole(tmp_path / "out", source)


def test_what_a_worker_cannot_do_is_told(cluster, source, tmp_path, monkeypatch):
    from zorse.scale import shards_on_ray

    class Other(shards_on_ray.ShardEmbedder):
        def __init__(self, place, model, fingerprint, *rest):
            super().__init__(place, model, "another", *rest)

    monkeypatch.setattr(shards_on_ray, "ShardEmbedder", Other)
    with pytest.raises(NotAvailableError, match="another model"):
        embed_shards(str(source), tmp_path / "out", engine="ray", workers=1, shard_rows=ROWS)
    with pytest.raises(InputError, match="at least 1"):
        embed_shards(str(source), tmp_path / "out", engine="ray", workers=0)


def test_classify_answers_as_here_and_keeps_a_store(cluster, zorse_, source, tmp_path, monkeypatch):
    monkeypatch.chdir(source.parent)
    asked = ("classify", source.name, "--labels", "red noise, blue sky, a cat", "--output")
    assert zorse_(*asked, tmp_path / "here.jsonl")[0] == 1
    far = ("--engine", "ray", "--workers", "2", "--batch-size", "4", "--store", tmp_path / "store")
    assert zorse_(*asked, tmp_path / "there.jsonl", *far)[0] == 1
    ours, theirs = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("here.jsonl", "there.jsonl")
    )
    assert [row["path"] for row in ours] == [row["path"] for row in theirs]
    assert [row["label"] for row in ours] == [row["label"] for row in theirs]
    assert [row["error"] for row in ours] == [row["error"] for row in theirs]
    scores = [[row["score"] for row in rows if row["score"] is not None] for rows in (ours, theirs)]
    np.testing.assert_allclose(*scores, atol=1e-4)
    from zorse.encoders.store import EmbeddingStore

    with EmbeddingStore(tmp_path / "store") as store:
        assert max(kept.rows for kept in store.info().encoders) == SHARDS * ROWS - 1


def test_images_that_kill_workers_are_rows_with_an_error_in_their_place(cluster, source, monkeypatch):
    from zorse.encoders import load_encoder
    from zorse.scale import stream

    class Deadly(stream.Embedder):
        def embed(self, item):
            if item[0] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().embed(item)

    monkeypatch.setattr(stream, "Embedder", Deadly)
    monkeypatch.setattr(actors, "DEATHS", 1)
    items = list(stream.embed_on_ray(str(source), load_encoder("mini"), model="mini", batch_size=4, workers=2))
    names = [item.key.rpartition("/")[2] for item in items]
    assert names == sorted(path.name for path in source.iterdir())
    assert [i for i, item in enumerate(items) if item.error] == [*range(16, 32), len(items) - 1]


def test_index_finds_as_one_made_here(cluster, zorse_, source, tmp_path):
    pytest.importorskip("lancedb")
    from zorse.search import ImageIndex

    assert zorse_("index", source, "--index", tmp_path / "here")[0] == 1
    far = ("--engine", "ray", "--workers", "2", "--batch-size", "4")
    code, out = zorse_("index", source, "--index", tmp_path / "there", "--json", *far)
    assert (code, json.loads(out)["added"]) == (1, SHARDS * ROWS - 1)
    hits = [ImageIndex.open(tmp_path / name).search("blue", top_k=8) for name in ("here", "there")]
    assert [hit.path for hit in hits[0]] == [hit.path for hit in hits[1]]
    code, out = zorse_("index", source, "--index", tmp_path / "there", "--json", *far)
    assert json.loads(out)["unchanged"] == SHARDS * ROWS - 1


def told(lines):
    """Lines of a log less what two runs may differ in."""
    loose = ("when", "seconds", "wall_seconds", "memory_mb")
    return {line["key"]: {name: value for name, value in line.items() if name not in loose} for line in lines}


def test_bench_writes_the_lines_it_writes_here_and_goes_on(cluster, zorse_, tmp_path, monkeypatch):
    from zorse.benchmark.log import read_log

    asked = ("bench", "--task", "toy", "--methods", "eszsl,sae", "--seeds", "2", "--out")
    assert zorse_(*asked, tmp_path / "here.jsonl", "--jobs", "1")[0] == 0
    ours = read_log(tmp_path / "here.jsonl")
    there = tmp_path / "there.jsonl"
    there.write_text("".join(json.dumps(line) + "\n" for line in ours[:1]))  # as one that was interrupted
    assert zorse_(*asked, there, "--engine", "ray", "--workers", "2")[0] == 0
    assert len(read_log(there)) == len(ours) == 4
    assert told(read_log(there)) == told(ours)
    assert zorse_(*asked, there, "--engine", "ray", "--jobs", "2")[0] == 2


def test_cells_that_fail_die_or_hang_stop_no_other(cluster, tmp_path, monkeypatch):
    from functools import partial
    from pathlib import Path

    from zorse.benchmark.bench import bench
    from zorse.benchmark.log import read_log
    from zorse.scale import cells_on_ray

    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmark")
    wanted = "broken:Dies,broken:Sleeps,broken:Constant,broken:Raises"
    run = partial(cells_on_ray, workers=2, timeout=8.0)
    lines = bench(["procedural"], wanted, 1, tmp_path / "log.jsonl", runner=run)
    found = {line["method"].split(":")[1]: line for line in lines}
    assert "process died" in found["Dies"]["why"]
    assert "longer than 8 s" in found["Sleeps"]["why"]
    assert found["Constant"]["status"] == "ok"
    assert "ZeroDivisionError" in found["Raises"]["why"]
    assert {line["key"] for line in read_log(tmp_path / "log.jsonl")} == {line["key"] for line in lines}


def test_a_machine_with_other_data_has_its_cells_fail(cluster):
    from zorse.benchmark.bench import plan
    from zorse.scale import cells_on_ray

    cells = plan(["toy"], ["eszsl"], [0]).todo
    ((_, result),) = cells_on_ray(cells, {"toy": "other"}, workers=1)
    assert (result["status"], "other data" in result["why"]) == ("failed", True)
