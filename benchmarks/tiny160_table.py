"""Every method on tiny160 with confidence intervals, from a log of ``zorse bench`` (needs the data pack).

``zorse bench --task tiny160 --seeds 3 --out tiny160.jsonl`` runs the methods and goes on where it stopped;
``python benchmarks/tiny160_table.py tiny160.jsonl`` then writes benchmarks/results/tiny160_table.json.
"""

import json
import os
import platform
import sys
from pathlib import Path

import numpy as np
import torch

import zorse
from zorse.benchmark.log import read_log
from zorse.benchmark.recipe import load_recipe
from zorse.benchmark.summary import rows_of

FIGURES = ("zsl", "U", "S", "H", "AUSUC")
SEEDS = 3


def told(row, figure):
    """Mean over seeds with its interval, in percent; an accuracy lies between 0 and 100."""
    interval = row.interval(figure)
    if interval is None:
        return ""
    mean = f"{100 * interval.value:.1f}"
    if np.isinf(interval.high):
        return mean
    return f"{mean} [{100 * max(interval.low, 0):.1f}, {100 * min(interval.high, 1):.1f}]"


def main(log):
    ours = load_recipe("tiny160")
    lines = [line for line in read_log(log) if line["task"] == "tiny160"]
    lines = [line for line in lines if line["params"]["params"] == ours.of(line["method"]).params]
    rows = sorted(rows_of(lines), key=lambda row: -row.mean("zsl"))
    table = [
        {"task": "tiny160", "method": row.name, "family": row.family}
        | {figure: told(row, figure) for figure in FIGURES}
        | {"splits": len(row.ran), "cpu_seconds": round(row.seconds, 1)}
        | {"reads_unlabelled_test": "yes" if row.transductive else ""}
        for row in rows
        if row.ran
    ]
    absent = [f"{row.name}: {row.why}" for row in rows if not row.ran and row.lines[0]["status"] != "skipped"]
    short = [row.name for row in rows if 0 < len(row.ran) < SEEDS]
    result = {
        "what": "tiny160: every method that learns from stored features, in percent",
        "note": f"Up to {SEEDS} splits (the first is the task's own, the others draw 40 others as unseen), ConceptNet "
        "word vectors, mean accuracy over classes; with several splits a 95 % t interval, wide for three. zsl: "
        "among unseen classes; U, S, H: among all, uncalibrated. Grids are searched on held-out training classes; the "
        "networks are narrow and their trainings short (recipe tiny160.toml), so a generator's row says what it does "
        "with little training and not what it can do; KG-GAN and OntoZSL have no graph here and take the word vectors "
        "for attributes.",
        "command": "zorse bench --task tiny160 --seeds 3 --out tiny160.jsonl && "
        "python benchmarks/tiny160_table.py tiny160.jsonl",
        "date": max(line["when"] for line in lines)[:10],
        "methods": table,
        "without_figures": absent,
        "fewer_splits": short,
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "tiny160_table.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
