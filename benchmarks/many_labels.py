"""Five nearest of very many label vectors to one image: time, recall against an exact search, memory.

    python benchmarks/many_labels.py --rows 6000000 --folder /tmp/labels [--keep]

Names and vectors are generated: centres are uniform on the sphere, one for every hundred names; a name is its centre
plus noise about as long as the centre (the sum of two of 16,384 random vectors, for speed), at unit length: a cosine of
.71 to its centre, .5 to a name of the same one. An image is made as a name is: its nearest names are mostly those of
its centre, hard to tell apart. Writes ``results/many_labels.json``.
"""

import argparse
import json
import platform
import resource
import shutil
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from zorse.nn.vectors import unit_rows
from zorse.semantics.vocabulary import Vocabulary

DIM, PER_CENTRE, NOISES, QUERIES = 512, 100, 16384, 100
OUT = Path(__file__).parent / "results" / "many_labels.json"


class Generated:
    """Names by number, and their vectors."""

    def __init__(self, rows: int):
        rng = np.random.default_rng(0)
        self.rows = rows
        self.noise = rng.standard_normal((NOISES, DIM), dtype=np.float32) / np.float32((2 * DIM) ** 0.5)
        self.centres = unit_rows(rng.standard_normal((rows // PER_CENTRE, DIM), dtype=np.float32))

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self.rows))]
        return f"label {at}"

    def around(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Unit vectors about the centres of ``rows``."""
        a, b = rng.integers(0, len(self.noise), (2, len(rows)))
        return unit_rows(self.centres[rows % len(self.centres)] + self.noise[a] + self.noise[b])

    def encode(self, names: list[str]) -> np.ndarray:
        """The vectors of names."""
        first = int(names[0].split()[1])
        return self.around(np.arange(first, first + len(names)), np.random.default_rng([1, first]))


def main() -> None:
    """Build, search both ways, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=600_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/zorse_many_labels"))
    parser.add_argument("--keep", action="store_true", help="leave the vectors on disk")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    made = Generated(arguments.rows)
    start = time.perf_counter()
    built = Vocabulary.build(
        made,
        made.encode,
        arguments.folder,
        dim=DIM,
        fingerprint="generated",
        block=65536,
        progress=lambda n: print(f"{n:,} written, {time.perf_counter() - start:.0f} s", flush=True),
    )
    seconds = time.perf_counter() - start
    index = (arguments.folder / "index.faiss").stat().st_size if built._index is not None else 0
    rng = np.random.default_rng(2)
    queries = made.around(rng.integers(0, arguments.rows, QUERIES), rng)
    built.search(queries[:1], 5)
    # What a search adds to the process, pages of the map and of the index among it.
    times, found = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(built.search(query[None], 5)[0][0])
        times.append(time.perf_counter() - began)
    held = resident()
    exact_seconds, exact = exactly(built, queries)
    recall = float(np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found, exact, strict=True)]))
    row = {
        "labels": arguments.rows,
        "build_seconds": round(seconds),
        "vectors_gb": round(arguments.rows * DIM * 2 / 1e9, 2),
        "index_gb": round(index / 1e9, 2),
        "resident_gb": round(held, 2),
        "milliseconds_median": round(1000 * float(np.median(times)), 1),
        "milliseconds_95th": round(1000 * float(np.quantile(times, 0.95)), 1),
        "recall_at_5": round(recall, 3),
        "exact_milliseconds_an_image": round(1000 * exact_seconds / QUERIES, 1),
    }
    print(row)
    old = json.loads(arguments.out.read_text())["rows"] if arguments.out.is_file() else []
    rows = sorted([one for one in old if one["labels"] != arguments.rows] + [row], key=lambda one: one["labels"])
    result = {
        "what": "Naming one image among millions of labels",
        "note": "Vectors of 512 numbers in half precision on disk, generated: one centre for every hundred names, and "
        "noise as long as the centre. Top 5 of one image at a time, 100 images; recall is against an exact search over "
        "the same vectors (which answers the 100 images together). Resident memory is the whole process after the "
        "searches, generated centres and the mapped pages that were touched included.",
        "rows": rows,
        "versions": {p: version(p) for p in ("zorse", "numpy", "faiss-cpu")},
        "machine": f"{platform.machine()}, one thread",
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if not arguments.keep:
        shutil.rmtree(arguments.folder)


def exactly(built: Vocabulary, queries: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds, and the rows of the five nearest to each query, by comparing it with every vector."""
    start = time.perf_counter()
    best, at = np.full((len(queries), 5), -np.inf, np.float32), np.zeros((len(queries), 5), int)
    for first in range(0, len(built), 1 << 16):
        cosines = queries @ built.vectors[first : first + (1 << 16)].astype(np.float32).T
        part = np.argpartition(-cosines, 4, axis=1)[:, :5]
        both = np.concatenate([best, np.take_along_axis(cosines, part, axis=1)], axis=1)
        rows = np.concatenate([at, part + first], axis=1)
        order = np.argsort(-both, axis=1)[:, :5]
        best, at = np.take_along_axis(both, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return time.perf_counter() - start, at


def resident() -> float:
    """Gigabytes that the process holds, mapped pages included."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e9
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
