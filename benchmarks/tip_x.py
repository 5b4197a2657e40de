"""TIP-X beside a plain torch version of the released loop: 10,000 images, 512 dimensions, 1,000 classes.

``python benchmarks/tip_x.py`` writes ``benchmarks/results/tip_x.json``. The plain version takes images in batches,
spreads each batch over all examples and sums ``kl_div`` over the classes; it is timed on 100 images and scaled up.
CPU seconds of one thread, median of rounds that alternate between the two.
"""

import json
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np
import torch

import zorse
from zorse.core import ClassTable
from zorse.methods.memory.tip_x import TipX
from zorse.nn.vectors import unit_rows

PATH = Path(__file__).parent / "results" / "tip_x.json"
N, D, C, SHOTS = 10_000, 512, 1_000, 2
BATCH, BATCHES = 100, 1
ALPHA, BETA, GAMMA, T = 0.1, 1.0, 0.1, 0.5


def clock(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def plain(x, w, f, L, slope, shift):
    """The released steps on one batch."""
    p, q = torch.softmax(x @ w.T / T, dim=1), torch.softmax(f @ w.T / T, dim=1)
    M = torch.empty(len(x), len(f))
    for i in range(0, len(x), 10):  # 10 images against all examples at a time: what fits the memory
        part = p[i : i + 10, None].expand(-1, len(q), -1)
        M[i : i + 10] = torch.nn.functional.kl_div(q.log()[None].expand_as(part), part, reduction="none").sum(-1)
    A = x @ f.T
    return 100 * x @ w.T + ALPHA * torch.exp(-BETA * (1 - A)) @ L + GAMMA * (-slope * M + shift) @ L


def main(rounds=3):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    W = unit_rows(rng.standard_normal((C, D)))
    X = unit_rows(W[rng.integers(0, C, N)] + 2.5 / D**0.5 * rng.standard_normal((N, D)))
    F = unit_rows(np.repeat(W, SHOTS, axis=0) + 2.5 / D**0.5 * rng.standard_normal((C * SHOTS, D)))
    labels = np.repeat(np.arange(C), SHOTS)
    model = TipX((F, labels.astype(str)), SHOTS).fit(None, None, classes=ClassTable(np.arange(C), W))
    x, w, f = (torch.from_numpy(a.astype(np.float32)) for a in (X[: BATCH * BATCHES], W, model.keys_))
    L = torch.nn.functional.one_hot(torch.from_numpy(model.rows_), C).float()
    times = []
    for _ in range(rounds):
        theirs, logits = clock(lambda: plain(x, w, f, L, model.slope_, model.shift_))
        ours, scores = clock(lambda: model.scores(X))
        off = float(np.abs(scores[: len(x)] - logits.numpy()).max())
        times.append((theirs * N / len(x), ours, off))
    theirs, ours, off = np.array(times).T
    result = {
        "what": f"TIP-X: logits of {N:,} images of {D} dimensions, {C:,} classes, {C * SHOTS:,} examples, one thread",
        "note": "Beside the released loop in torch (single precision; ours is in double), timed on "
        f"{BATCH * BATCHES} images and scaled up. CPU seconds, median of alternating rounds.",
        "command": "python benchmarks/tip_x.py",
        "figures": [
            {
                "setting": "all logits",
                "plain_seconds": round(float(np.median(theirs)), 1),
                "zorse_seconds": round(float(np.median(ours)), 2),
                "times_faster": round(float(np.median(theirs / ours)), 1),
                "largest_difference": float(f"{off.max():.1e}"),
            }
        ],
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "rounds": rounds,
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["figures"], indent=1))


if __name__ == "__main__":
    main()
