"""The ten best of a million classes for ten thousand images, in one pass and bounded memory.

Vectors are generated. Every contender runs in a process of its own, on one core; making the files and fitting are not
timed. "argpartition" is what one would write by hand: each part's scores, numpy's argpartition, merge.

    python benchmarks/class_stream.py --out benchmarks/results/class_stream.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

DIM, K, CHUNK = 64, 10, 16_384
CONTENDERS = (
    "inner products, float32, .npy",
    "inner products, float32, Parquet",
    "ESZSL, float64, .npy",
    "argpartition of each part, float32, .npy",
)


def vectors_of(rng: np.random.Generator, n: int) -> np.ndarray:
    vectors = rng.normal(size=(n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def peak_memory() -> int:
    """KiB; not getrusage's, which a child inherits from the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def by_hand(X: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    vectors = np.load(path, mmap_mode="r")
    best, labels = np.empty((len(X), 0), np.float32), np.empty((len(X), 0), np.int64)
    for start in range(0, len(vectors), CHUNK):
        part = np.array(vectors[start : start + CHUNK])
        for at in range(0, len(X), 512):
            scores = X[at : at + 512] @ part.T
            top = np.argpartition(scores, -K, axis=1)[:, -K:]
            if at == 0:
                new, new_labels = np.empty((len(X), K), np.float32), np.empty((len(X), K), np.int64)
            new[at : at + 512] = np.take_along_axis(scores, top, axis=1)
            new_labels[at : at + 512] = top + start
        best, labels = np.concatenate([best, new], axis=1), np.concatenate([labels, new_labels], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :K]
        best, labels = np.take_along_axis(best, order, axis=1), np.take_along_axis(labels, order, axis=1)
    return labels, best


def contender(name: str, folder: Path) -> None:
    """Run one, print seconds, peak memory and whether a sample of its answers is right."""
    from zorse.core import ClassTable
    from zorse.data import stream_tables
    from zorse.evaluation import top_k_streamed
    from zorse.methods.compatibility.eszsl import ESZSL

    X, path = np.load(folder / "X.npy"), folder / ("classes.parquet" if "Parquet" in name else "classes.npy")

    def product(X, table):
        return X @ table.vectors.astype(np.float32).T

    model = product
    if "ESZSL" in name:
        rng = np.random.default_rng(1)
        seen = ClassTable(np.arange(200), vectors_of(rng, 200))
        y = np.arange(4000) % 200
        model = ESZSL().fit(vectors_of(rng, 4000), y, classes=seen)
    before = peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    if "argpartition" in name:
        labels, scores = by_hand(X, path)
    else:
        labels, scores = top_k_streamed(model, X, stream_tables(path, chunk=CHUNK), k=K)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory()
    some = slice(0, len(X), max(1, len(X) // 20))
    whole = ClassTable(np.arange(len(np.load(folder / "classes.npy", mmap_mode="r"))), np.load(folder / "classes.npy"))
    every = model.with_candidates(whole).scores(X[some]) if "ESZSL" in name else product(X[some], whole)
    right = np.sort(every, axis=1)[:, : -K - 1 : -1]
    print(
        json.dumps(
            {
                "contender": name,
                "seconds": round(wall, 1),
                "cpu_seconds": round(cpu, 1),
                "scores_a_second": round(len(X) * whole.n_classes / cpu),
                "peak_MiB": round(peak / 1024),
                "of_it_before_the_pass_MiB": round(before / 1024),
                "right": bool(
                    np.allclose(scores[some], right, rtol=1e-5, atol=1e-6)
                    and np.allclose(np.take_along_axis(every, labels[some], axis=1), right, rtol=1e-5, atol=1e-6)
                ),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default="", help="contenders whose name holds this; the file's other rows stay")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contender:
        return contender(args.contender, args.folder)
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(0)
        np.save(folder / "X.npy", vectors_of(rng, args.images))
        vectors = vectors_of(rng, args.classes)
        np.save(folder / "classes.npy", vectors)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
        pq.write_table(
            pa.table({"label": np.arange(args.classes), "vector": column}),
            folder / "classes.parquet",
            row_group_size=CHUNK,
        )
        del vectors, column
        for who in CONTENDERS:
            if args.only not in who:
                continue
            command = [sys.executable, __file__, "--contender", who, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(json.loads(done.stdout))
            print(rows[-1], file=sys.stderr)
    if args.only and args.out and args.out.exists():
        kept = [row for row in json.loads(args.out.read_text())["runs"] if args.only not in row["contender"]]
        rows = sorted(rows + kept, key=lambda row: CONTENDERS.index(row["contender"]))
    result = {
        "what": f"The {K} best of {args.classes:,} classes for {args.images:,} images",
        "note": f"Vectors of {DIM} numbers, {CHUNK:,} classes at a time. All scores together would take "
        f"{args.images * args.classes * 8 / 2**30:,.0f} GiB. The machine is shared: "
        "CPU seconds compare, seconds do not.",
        "runs": rows,
        "versions": {package: version(package) for package in ("zorse", "numpy", "pyarrow")},
        "machine": f"{platform.machine()}, one of {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}",
    }
    text = json.dumps(result, indent=1) + "\n"
    if args.out:
        args.out.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
