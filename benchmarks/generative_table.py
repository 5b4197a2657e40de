"""Every feature generator beside the compatibility methods, from a log of ``zorse bench``.

``zorse bench --task digits --methods generative,compatibility --seeds 3 --out generative.jsonl`` (``awa19`` and
``tiny160`` need the data pack; further tasks go into the same log) and then ``python benchmarks/generative_table.py
generative.jsonl [LOG ...]`` write ``benchmarks/results/generative_table.json``.
"""

import json
import os
import platform
import sys
from pathlib import Path

import torch
from tiny160_table import told

import zorse
from zorse.benchmark.log import read_log
from zorse.benchmark.recipe import load_recipe
from zorse.benchmark.summary import rows_of

TASKS = ("digits", "awa19", "tiny160")
FIGURES = ("zsl", "U", "S", "H")
FAMILIES = ("generative", "compatibility")


def above(rows):
    """Of each task, whether f-CLSWGAN's mean H is above all compatibility methods', and which it is not above."""
    found = {}
    for task in dict.fromkeys(row.task for row in rows):
        of_task = [row for row in rows if row.task == task and row.ran]
        own = [row for row in of_task if row.method == "fclswgan"]
        others = [row for row in of_task if row.family == "compatibility"]
        if own and others:
            ahead = [row.name for row in others if row.mean("H") >= own[0].mean("H")]
            found[task] = {"above_all": not ahead, "methods": len(others), "not_above": ahead}
    return found


def main(logs):
    lines = [line for log in logs for line in read_log(log) if line["task"] in TASKS]
    recipes = {task: load_recipe(task) for task in TASKS}
    lines = [line for line in lines if line["params"]["params"] == recipes[line["task"]].of(line["method"]).params]
    rows = [row for row in rows_of(lines) if row.family in FAMILIES]
    rows.sort(key=lambda row: (TASKS.index(row.task), FAMILIES.index(row.family), -row.mean("H")))
    result = {
        "what": "feature generators and compatibility methods, in percent",
        "note": "Splits (the first is the task's own, others draw other unseen classes), mean accuracy over classes "
        "with a 95 % t interval over splits. zsl: among unseen classes; U, S, H: among all, uncalibrated. Networks are "
        "narrow and trainings short (recipes of the tasks), so a row says what a generator does with little training. "
        "CPU seconds and growth of memory are of a whole cell: choosing, fitting and scoring.",
        "command": "zorse bench --task TASK --methods generative,compatibility --seeds 3 --out generative.jsonl && "
        "python benchmarks/generative_table.py generative.jsonl",
        "date": max(line["when"] for line in lines)[:10],
        "f-CLSWGAN's H above every compatibility method": above(rows),
        "rows": [
            {"task": row.task, "method": row.name, "family": row.family}
            | {figure: told(row, figure) for figure in FIGURES}
            | {"splits": len(row.ran), "cpu_seconds": round(row.seconds, 1), "memory_mb": row.memory}
            | {"reads_unlabelled_test": "yes" if row.transductive else ""}
            for row in rows
            if row.ran
        ],
        "without_figures": [f"{row.task}, {row.name}: {row.why}" for row in rows if not row.ran],
        "versions": {"zorse": zorse.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "generative_table.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["f-CLSWGAN's H above every compatibility method"], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
