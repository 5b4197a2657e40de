"""Search in an external memory of 250,000 rows of 128 numbers: exact in blocks, and by faiss's lists.

``python benchmarks/memory.py`` writes ``benchmarks/results/memory.json``. CPU seconds of one thread, one run.
"""

import json
import os
import platform
import time
from pathlib import Path

import faiss
import numpy as np
import torch

import zorse
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

PATH = Path(__file__).parent / "results" / "memory.json"
M, D, Q, K, GROUPS = 250_000, 128, 500, 10, 2_000


def clock(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def main():
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((GROUPS, D), dtype=np.float32)
    rows, queries = (
        unit_rows(centres[rng.integers(0, GROUPS, n)] + rng.standard_normal((n, D), dtype=np.float32)) for n in (M, Q)
    )
    memory = Memory(rows)
    Memory.EXACT_BELOW = M + 1
    together, (exact, _) = clock(lambda: memory.search(queries, K))
    alone, _ = clock(lambda: [memory.search(queries[i : i + 1], K) for i in range(20)])
    Memory.EXACT_BELOW = 200_000
    built, _ = clock(lambda: memory.search(queries[:1], K))
    listed, (found, _) = clock(lambda: memory.search(queries, K))
    recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found.tolist(), exact.tolist(), strict=True)])
    figures = [
        {
            "setting": f"{Q} queries together",
            "exact_milliseconds_a_query": round(together / Q * 1e3, 2),
            "faiss_milliseconds_a_query": round(listed / Q * 1e3, 2),
            "faiss_recall_at_10": round(float(recall), 4),
        }
    ]
    result = {
        "what": f"External memory: {M:,} rows of {D} numbers, the {K} nearest of a query, one CPU thread",
        "note": f"Generated rows in {GROUPS:,} groups. One query alone, exactly: {alone / 20 * 1e3:.0f} ms. Building "
        f"faiss's lists: {built:.1f} s, once.",
        "command": "python benchmarks/memory.py",
        "figures": figures,
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "faiss": faiss.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
