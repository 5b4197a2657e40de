"""The exact area under the seen-unseen curve against sweeps over a grid of penalties.

Scores are generated in the sizes of published test sets. A sweep is what one would write by hand: for each penalty the
scores of all classes, their argmax, accuracy by class. Each figure is the least of several runs, in CPU seconds of one
thread; making the scores is not timed.

    python benchmarks/ausuc.py --out benchmarks/results/ausuc.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from zorse.training.validation import seen_unseen_curve

# Test samples of seen and of unseen classes, seen and unseen classes: the proposed splits, and MIT-States' test pairs.
SIZES = {
    "AWA2": (5_882, 7_913, 40, 10),
    "CUB": (1_764, 2_967, 150, 50),
    "SUN": (2_580, 1_440, 645, 72),
    "MIT-States": (6_498, 6_497, 1_262, 700),
}


def scores_of(n_seen: int, n_unseen: int, c_seen: int, c_unseen: int):
    """Scores (n, c), true columns and which columns are seen; a method that is right about half of the time."""
    rng = np.random.default_rng(0)
    seen = np.arange(c_seen + c_unseen) < c_seen
    rows = np.concatenate([rng.integers(c_seen, size=n_seen), c_seen + rng.integers(c_unseen, size=n_unseen)])
    scores = rng.normal(size=(len(rows), len(seen)))
    scores[np.arange(len(rows)), rows] += rng.normal(3.0, 1.0, size=len(rows))
    return scores + 0.8 * seen, rows, seen


def sweep(scores: np.ndarray, rows: np.ndarray, seen: np.ndarray, bins: int) -> float:
    """The area by a grid of ``bins`` penalties, spread over the range of the scores' differences."""
    count = np.bincount(rows, minlength=len(seen))
    of_class = count > 0
    margins = scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1)
    points = []
    for gamma in np.linspace(margins.min() - 1e-6, margins.max() + 1e-6, bins):
        predicted = (scores - gamma * seen).argmax(axis=1)
        share = np.bincount(rows, weights=predicted == rows, minlength=len(seen)) / np.maximum(count, 1)
        points.append((share[~seen & of_class].mean(), share[seen & of_class].mean()))
    unseen_accuracy, seen_accuracy = np.array(points).T
    return float(np.trapezoid(seen_accuracy, unseen_accuracy))


def timed(call, rounds: int) -> tuple[float, float]:
    """Least CPU seconds of ``rounds`` calls, and what the last returned."""
    best, value = np.inf, 0.0
    for _ in range(rounds):
        start = time.process_time()
        value = call()
        best = min(best, time.process_time() - start)
    return best, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    measured = []
    for name, size in SIZES.items():
        data = scores_of(*size)
        exact, area = timed(lambda d=data: seen_unseen_curve(*d).area, arguments.rounds)
        for bins in (20, 200):
            rounds = arguments.rounds if bins == 20 else 1
            seconds, binned = timed(lambda d=data, b=bins: sweep(*d, b), rounds)
            measured.append(
                {
                    "size": f"{name}: {size[0] + size[1]:,} x {size[2] + size[3]:,}",
                    "penalties": bins,
                    "sweep_seconds": round(seconds, 4),
                    "exact_seconds": round(exact, 4),
                    "times_faster": round(seconds / exact, 1),
                    "sweep_error": round(abs(binned - area), 6),
                }
            )
            print(measured[-1], flush=True)
    result = {
        "what": "Area under the seen-unseen curve: exact, against a grid of penalties",
        "command": "python benchmarks/ausuc.py --out benchmarks/results/ausuc.json",
        "note": "CPU seconds of one thread, the least of several runs; generated scores. The exact curve tries every "
        "penalty at which anything changes.",
        "ausuc": measured,
        "versions": {name: version(name) for name in ("zorse", "numpy")} | {"python": platform.python_version()},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
