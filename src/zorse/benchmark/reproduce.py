"""Run the papers' claims and write down what came out, whatever it is."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from zorse.benchmark.tasks import TOLD, load_task, resplit
from zorse.core import NotAvailableError, UnknownNameError, atomic_path
from zorse.data import ZeroShotTask
from zorse.evaluation import t_interval

CLAIMS = "zorse.benchmark.claims"  # found by name: its modules import this one
RESULTS = Path(__file__).parent / "claims" / "results"


@dataclass(frozen=True)
class Agreement:
    """How far a method is from a reference; returned by a claim's ``compare``.

    Attributes
    ----------
    reference : str
        What is compared with, by name and version or formula.
    compared : str
        Which quantity, on which inputs.
    max_difference : float
        Largest absolute (or, where ``compared`` says so, relative) difference.
    tolerance : float
    """

    reference: str
    compared: str
    max_difference: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.max_difference <= self.tolerance


def claim_names() -> list[str]:
    """Papers whose claim can be run."""
    found = pkgutil.iter_modules(import_module(CLAIMS).__path__)
    return sorted(info.name for info in found if not info.name.startswith("_"))


def reproduce(
    name: str,
    *,
    folder: str | Path = RESULTS,
    again: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Run the claim of one paper and write ``folder/NAME.json`` after every cell (a task with a seed).

    Cells found in the file are not run again as long as what the claim's module does, and what its ``inputs`` returns,
    is unchanged; its words (claim, note) may change.

    Parameters
    ----------
    name : str
        One of :func:`claim_names`.
    folder : path, default the package's own results
    again : bool
        Forget what the file holds.
    progress : callable, optional
        Told of every finished cell in one line.

    Returns
    -------
    dict
        ``slug``, ``claim`` (ours, baseline, difference, interval, held, tasks), ``compared`` or None, ``cells``,
        ``run``.

    Raises
    ------
    UnknownNameError
        If the paper has no claim module.
    NotAvailableError
        If none of its tasks is there, or the folder can't be written.
    """
    if name not in claim_names():
        raise UnknownNameError("claim", name, claim_names())
    claim = import_module(f"{CLAIMS}.{name}")
    source = _digest_of_what_runs(Path(str(claim.__file__)))
    if hasattr(claim, "inputs"):
        source = hashlib.sha256(f"{source} {claim.inputs()}".encode()).hexdigest()
    path = Path(folder) / f"{name}.json"
    result = json.loads(path.read_text()) if path.exists() and not again else {}
    if result.get("source") != source:
        result = {"slug": name, "source": source, "claim": None, "compared": None, "run": None, "cells": []}
    done = {(cell["task"], cell["seed"]) for cell in result["cells"]}
    seeds = range(getattr(claim, "SEEDS", 5))
    left_out, ran = [], False
    for task_name in claim.TASKS:
        todo = [seed for seed in seeds if (task_name, seed) not in done]
        if not todo:
            continue
        try:
            task = load_task(task_name)
        except NotAvailableError as error:
            left_out.append(task_name)
            if progress:
                progress(f"{name}: {task_name} is left out: {error}")
            continue
        for seed in todo:
            cell = _cell(claim, task, task_name, seed)
            result["cells"].append(cell)
            ran = True
            _write(path, result)
            if progress:
                progress(f"{name}: {task_name}, seed {seed}: {cell['ours']:.3f} against {cell['baseline']:.3f}")
    if not result["cells"]:
        raise NotAvailableError(f"no task of claim {name!r} is available: {', '.join(left_out)} need the data pack")
    conclusion = _conclusion(claim, result["cells"])
    if not ran and result["claim"] == conclusion:
        return result
    if hasattr(claim, "compare"):
        agreement = claim.compare()
        result["compared"] = asdict(agreement) | {"agrees": agreement.agrees}
    result["claim"] = conclusion
    if ran or result["run"] is None:
        result["run"] = _circumstances(name, seeds, result["cells"], left_out)
    _write(path, result)
    return result


def table(results: Iterable[dict]) -> list[dict[str, str]]:
    """Rows to print: one a paper, one a task of it; every value is text."""
    rows = []
    for result in results:
        claim = result["claim"]
        for task, figures in [("all", claim), *claim["tasks"].items()]:
            low, high = figures["interval"]
            rows.append(
                {
                    "paper": result["slug"],
                    "task": task,
                    "ours": f"{figures['ours']:.3f}",
                    "baseline": f"{figures['baseline']:.3f} {claim['baseline_name']}",
                    "difference": f"{figures['difference']:+.3f} [{low:+.3f}, {high:+.3f}]",
                    "held": "held" if figures["held"] else "did not hold",
                }
            )
    return rows


def _digest_of_what_runs(module: Path) -> str:
    """Digest of a claim module less its words, so that a note can be added to a result without running it again."""
    words = {"CLAIM", "BASELINE", "METRIC", "NOTE", "TASKS", "SEEDS"}
    body = ast.parse(module.read_text()).body[1:]  # without the docstring
    kept = [
        node
        for node in body
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in words)
        and not (isinstance(node, ast.FunctionDef) and node.name == "compare")
    ]
    return hashlib.sha256("\n".join(map(ast.unparse, kept)).encode()).hexdigest()


def _cell(claim: ModuleType, task, task_name: str, seed: int) -> dict:
    start = time.perf_counter()
    ours, baseline = claim.run(resplit(task, seed) if isinstance(task, ZeroShotTask) else task, seed)
    seconds = round(time.perf_counter() - start, 2)
    return {"task": task_name, "seed": seed, "ours": float(ours), "baseline": float(baseline), "seconds": seconds}


def _conclusion(claim: ModuleType, cells: list[dict]) -> dict:
    by_task = {
        task: [cell for cell in cells if cell["task"] == task] for task in dict.fromkeys(c["task"] for c in cells)
    }
    # The same seed draws alike on every task, so a seed is the unit: its difference is the mean over tasks.
    complete = set.intersection(*({cell["seed"] for cell in of_task} for of_task in by_task.values()))
    differences = [
        np.mean([cell["ours"] - cell["baseline"] for cell in cells if cell["seed"] == seed])
        for seed in sorted(complete)
    ]
    whole = _figures([c for c in cells if c["seed"] in complete], differences)
    return {
        "sentence": claim.CLAIM,
        "metric": claim.METRIC,
        "baseline_name": claim.BASELINE,
        **whole,
        "level": 0.95,
        "note": " ".join(filter(None, [getattr(claim, "NOTE", ""), *(TOLD.get(task, "") for task in by_task)])),
        "tasks": {
            task: _figures(of_task, [c["ours"] - c["baseline"] for c in of_task]) for task, of_task in by_task.items()
        },
    }


def _figures(cells: list[dict], differences) -> dict:
    difference = t_interval(differences)
    return {
        "ours": round(float(np.mean([c["ours"] for c in cells])), 4),
        "baseline": round(float(np.mean([c["baseline"] for c in cells])), 4),
        "difference": round(difference.value, 4),
        # JSON knows no infinity; a single run says nothing, and accuracies differ by at most 1.
        "interval": [round(max(difference.low, -1.0), 4), round(min(difference.high, 1.0), 4)],
        "held": bool(difference.low > 0),
    }


def _circumstances(name: str, seeds: range, cells: list[dict], left_out: list[str]) -> dict:
    packages = ("zorse", "numpy", "scipy", "scikit-learn", "torch")
    return {
        "command": f"zorse reproduce {name}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "seeds": list(seeds),
        "tasks": sorted({cell["task"] for cell in cells}),
        "left_out": left_out,
        "seconds": round(sum(cell["seconds"] for cell in cells), 1),
    }


def _write(path: Path, result: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as scratch:
        scratch.write_text(json.dumps(result, indent=1) + "\n")
