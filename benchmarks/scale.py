"""Embedding by shards: one process, two plain processes, and two workers of a local Ray cluster of two nodes.

    python benchmarks/scale.py [ROUNDS]      # writes benchmarks/results/scale.json, and prints what large jobs take

Every way embeds the same pictures with mini, in the same shards. Rates leave out starting: they count what was
finished after each process had finished its first shard. The machine is shared, so processor time is told too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parent / "results" / "scale.json"
WORK = Path(tempfile.gettempdir()) / "zorse_scale_benchmark"
SHARDS, ROWS, SIZE = 12, 24, (500, 375)


def pictures() -> tuple[Path, Path, Path]:
    """Smooth pictures with some grain, as JPEG; whole, and in two halves of the same shards."""
    from PIL import Image

    if not WORK.exists():
        draw = np.random.default_rng(0)
        for i in range(SHARDS * ROWS):
            coarse = Image.fromarray(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
                SIZE, Image.Resampling.BICUBIC
            )
            grain = draw.integers(-12, 13, (SIZE[1], SIZE[0], 3))
            path = WORK / f"half{2 * i // (SHARDS * ROWS)}" / f"{i:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(np.asarray(coarse, int) + grain, 0, 255).astype(np.uint8)).save(path, quality=88)
    return WORK, WORK / "half0", WORK / "half1"


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def embed(source: Path, out: Path, **options) -> list[dict]:
    """What was finished when, by which process, and how much of a processor that had taken until then."""
    from zorse.scale import embed_shards

    seen: list[dict] = []

    def note(done) -> None:
        seen.append({"pid": done.pid, "rows": done.rows, "at": time.time(), "cpu": processor_seconds(done.pid)})

    shutil.rmtree(out, ignore_errors=True)
    embed_shards(str(source), out, shard_rows=ROWS, jobs=1, progress=note, **options)
    return seen


def rates(seen: list[dict]) -> dict:
    firsts: dict[int, dict] = {}
    lasts: dict[int, dict] = {}
    for row in seen:
        firsts.setdefault(row["pid"], row)
        lasts[row["pid"]] = row
    since = max(row["at"] for row in firsts.values())
    later = [row for row in seen if row["at"] > since]
    rows = sum(row["rows"] for row in later)
    own = sum(row["rows"] for row in seen) - sum(row["rows"] for row in firsts.values())
    cpu = sum(lasts[pid]["cpu"] - firsts[pid]["cpu"] for pid in firsts)
    return {"images_per_second": rows / (max(row["at"] for row in seen) - since), "images_per_cpu_second": own / cpu}


def plain(*sources: Path) -> list[dict]:
    """As many processes as sources, started together."""
    runs = [
        subprocess.Popen([sys.executable, __file__, "worker", str(source), str(WORK.with_name(f"out{i}"))],
                         stdout=subprocess.PIPE, text=True)
        for i, source in enumerate(sources)
    ]  # fmt: skip
    return sorted((row for run in runs for row in json.loads(run.communicate()[0])), key=lambda row: row["at"])


def measure(rounds: int) -> dict:
    import ray
    from ray.cluster_utils import Cluster

    import zorse

    os.environ.setdefault("RAY_worker_niceness", "0")  # that of the plain processes, and of a Ray that zorse starts
    whole, *halves = pictures()
    told: dict[str, list[dict]] = {"one process": [], "two plain processes": [], "ray, two nodes of one worker": []}
    for _ in range(rounds):
        told["one process"].append(rates(plain(whole)))
        told["two plain processes"].append(rates(plain(*halves)))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        try:
            seen = embed(whole, WORK.with_name("out_ray"), engine="ray", workers=2)
        finally:
            ray.shutdown()
            cluster.shutdown()
        told["ray, two nodes of one worker"].append(rates(seen))
    best = {way: {k: round(max(run[k] for run in runs), 2) for k in runs[0]} for way, runs in told.items()}
    ours, theirs = best["ray, two nodes of one worker"], best["two plain processes"]
    files = [p.stat().st_size for p in (WORK.with_name("out_ray") / "embeddings").glob("part-*")]
    return {
        "what": "Embedding by shards: one process, two plain ones, and two workers of a local Ray cluster",
        "note": "Best round of each way; rates count what came after every process had finished its first shard.",
        "command": "python benchmarks/scale.py",
        "versions": {"zorse": zorse.__version__, "ray": ray.__version__},
        "machine": f"x86_64, {os.cpu_count()} cores, Linux",
        "images": SHARDS * ROWS,
        "picture": f"{SIZE[0]} x {SIZE[1]} JPEG",
        "model": "mini",
        "rounds": rounds,
        "best": best,
        "ray_share_of_two_processes": round(ours["images_per_second"] / theirs["images_per_second"], 3),
        "ray_share_of_two_processes_cpu": round(ours["images_per_cpu_second"] / theirs["images_per_cpu_second"], 3),
        "bytes_per_row": round(sum(files) / (SHARDS * ROWS)),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def table(record: dict) -> str:
    """What large jobs take at the rate measured, a device being one core with mini."""
    rate, size = record["best"]["one process"]["images_per_cpu_second"], record["bytes_per_row"]
    rows = [
        "| images | device hours | on 16 devices | on 256 | on 4,096 | embeddings |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, n in (("10 million", 1e7), ("1 billion", 1e9), ("6 billion", 6e9)):
        hours = n / rate / 3600
        times = " | ".join(_time(hours / devices) for devices in (16, 256, 4096))
        rows.append(f"| {name} | {hours:,.0f} | {times} | {n * size / 1e9:,.0f} GB |")
    return "\n".join(rows)


def _time(hours: float) -> str:
    return f"{hours / 24:,.1f} days" if hours > 48 else f"{hours:,.1f} h"


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        print(json.dumps(embed(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        if sys.argv[1:] != ["table"]:
            RESULT.write_text(json.dumps(measure(int((*sys.argv[1:], 2)[0])), indent=1) + "\n")
        print(RESULT.read_text())
        print(table(json.loads(RESULT.read_text())))
