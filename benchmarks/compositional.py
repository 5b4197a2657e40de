"""The exact compositional report against a sweep over 20 biases, at the size of MIT-States' test set.

``python benchmarks/compositional.py`` writes ``benchmarks/results/compositional.json``. Random scores of 12,995 images
against 1,962 pairs, 1,262 of them seen. The sweep is written as the evaluators of the field do it: it takes the biases
from the margins of the unseen samples, and for each of them copies all scores, shifts the unseen columns and takes the
best. Both run on one thread; CPU seconds are compared.
"""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch

from zorse.data import pair_table
from zorse.evaluation import compositional_report

IMAGES, ATTRIBUTES, OBJECTS, PAIRS, SEEN = 12_995, 115, 245, 1_962, 1_262


def problem(seed=0, images=IMAGES, pairs=PAIRS, seen=SEEN):
    rng = np.random.default_rng(seed)
    every = rng.permutation(ATTRIBUTES * OBJECTS)[:pairs]
    table = pair_table([(f"a{i // OBJECTS}", f"o{i % OBJECTS}") for i in every])
    rows = rng.integers(pairs, size=images)
    scores = rng.standard_normal((images, pairs), dtype=np.float32)
    scores[np.arange(images), rows] += 3
    return scores, table.labels[rows], table, table.labels[:seen]


def sweep(scores, y, table, seen, bins=20):
    """AUC, best harmonic mean, best seen and best unseen accuracy, from ``bins`` biases."""
    scores, rows = torch.as_tensor(scores), torch.as_tensor(table.rows(y))
    seen_mask = torch.as_tensor(np.isin(table.labels, seen))
    of_seen = seen_mask[rows]

    def accuracies(bias):
        biased = scores.clone()
        mask = seen_mask.repeat(len(scores), 1)
        biased[~mask] += bias
        hit = biased.topk(1, dim=1)[1][:, 0] == rows
        return hit[of_seen].float().mean().item(), hit[~of_seen].float().mean().item(), hit

    best_seen, *_ = accuracies(-1e3)
    *_, hit = last = accuracies(1e3)
    own = scores[torch.arange(len(rows)), rows]
    margin = scores[:, seen_mask].max(dim=1)[0] - own
    wanted = (margin[~of_seen & hit] - 1e-4).sort()[0]
    points = [accuracies(float(bias))[:2] for bias in wanted[:: max(len(wanted) // bins, 1)]] + [last[:2]]
    S, U = np.array(points).T
    harmonic = 2 * S * U / np.maximum(S + U, 1e-12)
    return {"AUC": np.trapezoid(S, U), "HM": harmonic.max(), "S": best_seen, "U": U.max()}


def test_the_sweep_agrees_where_it_has_many_bins():
    case = problem(images=400, pairs=60, seen=35)
    report, swept = compositional_report(*case).as_dict(), sweep(*case, bins=10_000)
    assert abs(report["AUC"] - swept["AUC"]) < 0.01
    assert abs(report["HM"] - swept["HM"]) < 0.01
    assert abs(report["S"] - swept["S"]) < 1e-6
    assert abs(report["U"] - swept["U"]) < 1e-6


def timed(function, *case):
    start = time.process_time()
    result = function(*case)
    return time.process_time() - start, result


def main():
    import zorse

    torch.set_num_threads(1)
    case = problem()
    timed(compositional_report, *case)
    exact = [timed(compositional_report, *case) for _ in range(5)]
    swept = [timed(sweep, *case) for _ in range(2)]
    fast, slow = min(exact, key=lambda run: run[0]), min(swept, key=lambda run: run[0])
    fine = sweep(*case, bins=400)
    rows = [
        {"how": "exact", "cpu_seconds": fast[0], **{k: fast[1].as_dict()[k] for k in ("AUC", "HM", "S", "U")}},
        {"how": "20 biases", "cpu_seconds": slow[0], **{k: float(v) for k, v in slow[1].items()}},
        {"how": "400 biases", **{k: float(v) for k, v in fine.items()}},
    ]
    result = {
        "what": "Compositional AUC at the size of MIT-States' test set",
        "note": f"{IMAGES:,} images against {PAIRS:,} pairs ({SEEN:,} seen), random scores, one CPU thread",
        "rows": rows,
        "times_faster": round(slow[0] / fast[0], 1),
        "versions": {"zorse": zorse.__version__, "numpy": np.__version__, "torch": torch.__version__},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "compositional.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
