"""An index of many vectors: time to build, size, latency at a recall, adding 1 %, and kill -9 while it is built.

Vectors are generated and unit length, in groups as embeddings of photographs are: a centre for every 500 rows, centres
around one of 50 coarser ones, groups of unequal size (by 1 / (10 + rank)), and Gaussian noise about a row's centre that
is 1.5 times as long as the centre and strong in few directions (the k-th of 512 has the variance 1 / k). They
are written in clip-retrieval's layout and go into the index as ``zorse index --import`` takes them. Questions are
further vectors of the same kind that are not in the index; recall is that of the ten nearest against an exact search.
Latency is that of one question after another from one process, in a table opened afresh, after ten questions.

    python benchmarks/search.py --rows 1000000 --folder /tmp/search --part build --out benchmarks/results/search.json
    python benchmarks/search.py --rows 1000000 --folder /tmp/search --part ask --out benchmarks/results/search.json
    python benchmarks/search.py --rows 1000000 --folder /tmp/search --part add --out benchmarks/results/search.json
    python benchmarks/search.py --rows 1000000 --folder /tmp/search --part kill --out benchmarks/results/search.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import zorse
from zorse.data.clip_retrieval import write_parts
from zorse.search import ImageIndex, check_index, import_embeddings
from zorse.search.lists import exact
from zorse.search.table import exists

DIM, PART, ROWS_OF_A_GROUP, COARSE = 512, 100_000, 500, 50
NOISE = 1.5
NOTE = (
    "Generated vectors in groups, taken in as zorse index --import takes embeddings. Tables: building, asking, adding "
    "one in a hundred, and kill -9 at random moments of a build. Seconds are those of the clock on a machine that is "
    "shared; its load average stands beside them, and the process's own CPU time."
)


class Vectors:
    """Stands for the encoder: the vectors are there already."""

    name, dim, fingerprint = "generated", DIM, "generated-1"


def generate(n: int, groups: int, seed: int) -> np.ndarray:
    """n unit vectors (n, DIM) around ``groups`` centres, the same for every seed."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    coarse = fixed.normal(size=(COARSE, DIM)).astype(np.float32)
    centres = coarse[fixed.integers(COARSE, size=groups)] + fixed.normal(size=(groups, DIM)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    often = 1 / (10 + np.arange(groups))
    rows = centres[rng.choice(groups, size=n, p=often / often.sum())]
    spread = np.arange(1, DIM + 1, dtype=np.float32) ** -0.5
    rows += NOISE * spread / np.linalg.norm(spread) * rng.standard_normal(size=rows.shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write(folder: Path, rows: int, groups: int, seed: int) -> None:
    sizes = [min(PART, rows - start) for start in range(0, rows, PART)]
    names = [[f"{seed + at}/{row:06d}.jpg" for row in range(n)] for at, n in enumerate(sizes)]
    write_parts(
        folder,
        (
            ({"img": generate(n, groups, seed + at)}, {"image_path": paths})
            for at, (n, paths) in enumerate(zip(sizes, names, strict=True))
        ),
    )


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def build(folder: Path, rows: int, groups: int) -> dict:
    if not (folder / "clip").exists():
        write(folder / "clip", rows, groups, 100)
    shutil.rmtree(folder / "index", ignore_errors=True)
    began, cpu = time.perf_counter(), time.process_time()
    report = import_embeddings(folder / "clip", folder / "index", Vectors())
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    about = ImageIndex.open(folder / "index", encoder=Vectors()).about
    return {
        "build": {
            "rows": report.rows,
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu, 1),
            "bytes": size_of(folder / "index"),
            "bytes_of_vectors": report.rows * DIM * 4,
            "lists": about.lists,
            "probes": about.probes,
            "recall_measured_while_building": about.recall.get("image"),
        }
    }


def ask(folder: Path, rows: int, groups: int, questions: int = 150) -> dict:
    images = ImageIndex.open(folder / "index", encoder=Vectors())
    queries = generate(questions, groups, 7)
    ids = images.table.search().select(["path"]).with_row_id(True).to_arrow()
    path_of = dict(zip(ids["_rowid"].to_pylist(), ids["path"].to_pylist(), strict=True))
    truth = [{path_of[i] for i in row} for row in exact(images.table, queries, 10)[0].tolist()]
    images = ImageIndex.open(folder / "index", encoder=Vectors())
    began = time.perf_counter()
    images.nearest(queries[0], 10)
    first = time.perf_counter() - began
    for query in queries[1:10]:
        images.nearest(query, 10)
    seconds, found = [], []
    for query, right in zip(queries, truth, strict=True):
        began = time.perf_counter()
        hits = images.nearest(query, 10)
        seconds.append(time.perf_counter() - began)
        found.append(len(right & {hit.path for hit in hits}) / 10)
    began = time.perf_counter()
    for query in queries[:5]:
        images.nearest(query, 10, exact=True)
    brute = (time.perf_counter() - began) / 5
    return {
        "ask": {
            "questions": questions,
            "recall_at_10": round(float(np.mean(found)), 4),
            "ms_first": round(1e3 * first, 1),
            "ms_p50": round(1e3 * float(np.quantile(seconds, 0.5)), 2),
            "ms_p99": round(1e3 * float(np.quantile(seconds, 0.99)), 2),
            "ms_exact": round(1e3 * brute, 1),
        }
    }


def add(folder: Path, rows: int, groups: int) -> dict:
    shutil.rmtree(folder / "more", ignore_errors=True)
    write(folder / "more", rows // 100, groups, 900)
    began, cpu = time.perf_counter(), time.process_time()
    report = import_embeddings(folder / "more", folder / "index", Vectors())
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    images = ImageIndex.open(folder / "index", encoder=Vectors())
    queries = generate(rows // 100, groups, 900)[:100]
    found = sum(images.nearest(query, 1)[0].score > 0.999 for query in queries)
    began = time.perf_counter()
    for query in queries:
        images.nearest(query, 10)
    latency = (time.perf_counter() - began) / len(queries)
    return {
        "add": {
            "rows": report.added,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(cpu, 2),
            "found_of_100": found,
            "ms_a_question_after": round(1e3 * latency, 2),
        }
    }


def kill(folder: Path, rows: int, groups: int, seconds: float, moments: int = 10) -> dict:
    """kill -9 at random moments, .5 to 60 % of a build after each start (log-uniform); then the build is finished."""
    shutil.rmtree(folder / "killed", ignore_errors=True)
    draw = random.Random(0)
    told: list[dict] = []
    drawn = [seconds * math.exp(draw.uniform(math.log(0.005), math.log(0.6))) for _ in range(moments)]
    for after in sorted(drawn):  # the first ones while rows are written, the last ones while lists are learned
        child = subprocess.Popen(
            [sys.executable, __file__, "--folder", str(folder), "--part", "child"], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()  # it has started
        time.sleep(after)
        moment = {"after_seconds": round(after, 1), "finished": child.poll() is not None}
        child.kill()
        child.communicate()
        if exists(folder / "killed"):
            found = check_index(folder / "killed")
            moment |= {"opened": True, "rows": found.rows, "problems": found.problems, "lists": found.about.lists}
        else:
            moment |= {"opened": "no table yet", "rows": 0, "problems": []}
        told.append(moment)
        print(json.dumps(moment), flush=True)
    kept = [moment["rows"] for moment in told]
    report = import_embeddings(folder / "clip", folder / "killed", Vectors())
    found = check_index(folder / "killed")
    assert kept == sorted(kept), "rows were lost"
    end = {"after_seconds": "to the end", "finished": True, "opened": True, "rows": report.rows}
    return {"kill": [*told, end | {"problems": found.problems, "lists": found.about.lists}]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--part", choices=("build", "ask", "add", "kill", "child"), required=True)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    groups = max(COARSE, asked.rows // ROWS_OF_A_GROUP)
    if asked.part == "child":
        import lancedb  # noqa: F401

        print("started", flush=True)
        import_embeddings(asked.folder / "clip", asked.folder / "killed", Vectors())
        return
    known = json.loads(asked.out.read_text()) if asked.out and asked.out.is_file() else {}
    before = next((row for row in known.get("build", []) if row["vectors"] == asked.rows), None)
    load = round(os.getloadavg()[0], 1)
    if asked.part == "kill":
        found = kill(asked.folder, asked.rows, groups, before["seconds"])
    else:
        found = {"build": build, "ask": ask, "add": add}[asked.part](asked.folder, asked.rows, groups)
    if asked.part == "add" and before:
        for unit in ("seconds", "cpu_seconds"):
            found["add"][f"share_of_build_{unit}"] = round(found["add"][unit] / before[unit], 4)
    rows = found[asked.part] if isinstance(found[asked.part], list) else [found[asked.part]]
    rows = [{"vectors": asked.rows} | row | {"load_average": load} for row in rows]
    rows += [row for row in known.get(asked.part, []) if row["vectors"] != asked.rows]
    known |= {
        "what": f"An index of images: vectors of {DIM} numbers, the ten nearest of a question",
        "note": NOTE,
        "command": "python benchmarks/search.py",
        asked.part: sorted(rows, key=lambda row: row["vectors"]),
        "versions": {
            "zorse": zorse.__version__,
            "lancedb": version("lancedb"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    print(json.dumps(rows, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
