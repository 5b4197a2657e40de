"""Closed forms and bilinear maps on tiny160's unseen classes: ``python benchmarks/tiny160.py`` (needs the data pack).

Every method chooses its parameters on held-out training classes of each split; nothing of the test is used. The result
is written after every figure, and another run goes on from there.
"""

import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupKFold

import zorse
from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.claims.exem import tuned_exem
from zorse.benchmark.claims.gfzsl import tuned_gfzsl
from zorse.benchmark.tasks import load_task, resplit, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen
from zorse.evaluation import mean_class_accuracy, t_interval
from zorse.methods.compatibility.sae import SAE, sae_path
from zorse.nn.vectors import cosine

SEEDS = 3
LAMS = np.geomspace(0.01, 1000, 11)


def sae(task):
    """SAE in its better direction, lam and direction chosen together; a fold costs one path."""
    X, y = task.train
    total = np.zeros((len(LAMS), 2))
    for train, test in GroupKFold(4).split(X, y, groups=y):
        held_out = task.classes.select(np.unique(y[test]))
        for i, weights in enumerate(sae_path(X[train], task.classes.rows(y[train]), task.classes, LAMS)):
            pairs = (X[test] @ weights, held_out.vectors), (X[test], held_out.vectors @ weights.T)
            for j, pair in enumerate(pairs):
                told = held_out.labels[cosine(*pair).argmax(axis=1)]
                total[i, j] += mean_class_accuracy(y[test], told)
    i, j = np.unravel_index(total.argmax(), total.shape)
    return SAE(float(LAMS[i]), ("encode", "decode")[j]).fit(X, y, classes=task.classes)


METHODS = {
    "ESZSL, labels -1 and 1 (its paper's)": lambda task: tuned_eszsl(task, negative=-1.0),
    "ESZSL, labels 0 and 1": lambda task: tuned_eszsl(task, negative=0.0),
    "SAE": sae,
    "GFZSL": tuned_gfzsl,
    "EXEM": tuned_exem,
    "EXEM, whitened": lambda task: tuned_exem(task, metric="whitened", components=1024),
    "EXEM, whitened, both word vectors": lambda task: tuned_exem(task, metric="whitened", components=1024, views=True),
}
START = "ESZSL, labels -1 and 1 (its paper's)", "ESZSL, labels 0 and 1"


PATH = Path(__file__).parent / "results" / "tiny160.json"


def main():
    cells = json.loads(PATH.read_text())["accuracies"] if PATH.exists() else []
    done = {(cell["split"], cell["method"]) for cell in cells}
    for seed in range(SEEDS):
        task = with_unit_features(resplit(load_task("tiny160"), seed))
        for name, fit in METHODS.items():
            if (seed, name) in done:
                continue
            start = time.process_time()
            accuracy = round(float(accuracy_on_unseen(fit(task), task)), 4)
            seconds = round(time.process_time() - start, 1)
            cells.append({"split": seed, "method": name, "accuracy": accuracy, "cpu_seconds": seconds})
            print(cells[-1], flush=True)
            write(cells)


def write(cells):
    """The table so far; gains over a start are paired over the splits that both have."""
    found = {name: {c["split"]: c["accuracy"] for c in cells if c["method"] == name} for name in METHODS}
    rows = []
    for name, values in found.items():
        if not values:
            continue
        mean = t_interval(list(values.values()))
        row = {"method": name, "splits": len(values), "accuracy": round(mean.value, 3)}
        row["interval"] = between(mean)
        for start, short in zip(START, ("over_eszsl_-1_1", "over_eszsl_0_1"), strict=True):
            both = sorted(values.keys() & found[start].keys())
            gain = t_interval([values[s] - found[start][s] for s in both]) if both and name != start else None
            row[short] = "" if gain is None else f"{gain.value:+.3f} {between(gain)}"
        seconds = [c["cpu_seconds"] for c in cells if c["method"] == name]
        rows.append(row | {"cpu_seconds_a_split": round(float(np.mean(seconds)), 1)})
    result = {
        "what": "tiny160: mean class accuracy over 40 unseen classes, ConceptNet word vectors",
        "note": f"{SEEDS} splits (the first is the task's own), 50 training samples of each of 120 seen classes, "
        "features of unit length; parameters chosen on held-out training classes, which is in the seconds. 95 % t "
        "intervals over splits, for gains paired. The network behind the features was trained on ImageNet, unseen "
        "classes included.",
        "command": "OMP_NUM_THREADS=1 python benchmarks/tiny160.py",
        "date": datetime.now(UTC).date().isoformat(),
        "methods": rows,
        "accuracies": cells,
        "versions": {"zorse": zorse.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")


def between(interval):
    """The interval as text; one split alone has none."""
    return "" if np.isinf(interval.high) else f"[{interval.low:+.3f}, {interval.high:+.3f}]"


if __name__ == "__main__":
    main()
