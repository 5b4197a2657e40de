"""How long every method on the handwritten digits takes: ``python benchmarks/digits_bench.py``.

Runs ``zorse bench --task digits --methods all --seeds 1 --jobs 2`` into a fresh log and writes
benchmarks/results/digits_bench.json.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import torch

import zorse
from zorse.benchmark.log import read_log

ARGUMENTS = ["--task", "digits", "--methods", "all", "--seeds", "1", "--jobs", "2"]
SLOWEST = 8


def main():
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "digits.jsonl"
        began, load = time.perf_counter(), os.getloadavg()[0]
        command = [sys.executable, "-m", "zorse.cli", "bench", *ARGUMENTS, "--out", str(log)]
        subprocess.run(command, check=True)
        wall, lines = time.perf_counter() - began, read_log(log)
    ran = [line for line in lines if line["status"] == "ok"]
    cpu = {line["method"]: round(sum(line["seconds"].values()), 1) for line in ran}
    slowest = sorted(cpu, key=lambda method: -cpu[method])[:SLOWEST]
    result = {
        "what": "zorse bench --task digits --methods all --jobs 2: how long it takes",
        "note": "Wall time from start to the last line of a fresh log, imports included, on a machine that others use: "
        "load average at the start and at the end. CPU seconds are of the cells alone.",
        "command": "OMP_NUM_THREADS=1 python benchmarks/digits_bench.py",
        "date": datetime.now(UTC).date().isoformat(),
        "runs": [
            {
                "wall_seconds": round(wall, 1),
                "cpu_seconds": round(sum(cpu.values()), 1),
                "methods_with_figures": len(ran),
                "load_before": round(load, 1),
                "load_after": round(os.getloadavg()[0], 1),
            }
        ],
        "slowest": [{"method": method, "cpu_seconds": cpu[method]} for method in slowest],
        "cells": dict(Counter(line["status"] for line in lines)),
        "failed": {line["method"]: line["why"] for line in lines if line["status"] in ("failed", "refused")},
        "versions": {"zorse": zorse.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "digits_bench.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
