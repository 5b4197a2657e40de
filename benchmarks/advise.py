"""Methods without labels on the pack's photographs: how right each is, how long it takes, and what would have told so.

    python benchmarks/advise.py [--images 2000]

Writes ``results/inference_methods.json`` (method x data set) and ``results/advise.json`` (criteria without labels
against accuracy; the criterion for a data set is chosen on the three others).
"""

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from zorse.benchmark.photographs import photo_task
from zorse.evaluation.advice import CRITERIA
from zorse.jobs.advise import advise
from zorse.jobs.embeddings import Embeddings

SETS = ("tiny-imagenet", "caltech101", "cifar10", "pacs")
#: Methods that draw, with the parameter that says from where.
RANDOM = {"waffleclip": "random_state"}
SEEDS = 3
HERE = Path(__file__).parent / "results"


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000, help="photographs a data set, spread evenly over classes")
    parser.add_argument("--only", choices=SETS, action="append", help="run a data set; tables need all four, once")
    parser.add_argument("--parts", type=Path, default=Path(".cache/advise"), help="where finished data sets are kept")
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    arguments.parts.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or SETS:
        task = photo_task(name)
        names = np.unique(task.y).tolist()
        task = task.thinned(max(1, arguments.images // len(names)))
        keys = [str(i) for i in range(len(task.y))]
        images = Embeddings(keys, task.X, keys, [None] * len(keys), [], task.encoder.name, task.encoder.fingerprint)
        truth = dict(zip(keys, task.y.tolist(), strict=True))
        told = advise(images, names, task.encoder, truth=truth, store=task.store).as_dict()
        told["seeds"] = seeds_of(images, names, task, truth)
        (arguments.parts / f"{name}.json").write_text(json.dumps(told))
    if all((arguments.parts / f"{name}.json").is_file() for name in SETS):
        found = {name: json.loads((arguments.parts / f"{name}.json").read_text()) for name in SETS}
        versions = {p: version(p) for p in ("zorse", "numpy", "torch", "scikit-learn")}
        common = {"versions": versions, "machine": f"{platform.machine()}, one thread"}
        (arguments.out / "inference_methods.json").write_text(json.dumps(table(found) | common, indent=1) + "\n")
        (arguments.out / "advise.json").write_text(json.dumps(criteria(found) | common, indent=1) + "\n")


def seeds_of(images, names, task, truth) -> dict[str, list[float]]:
    """Accuracies of the methods that draw, over seeds."""
    return {
        method: [
            advise(images, names, task.encoder, methods=[f"{method}:{key}={seed}"], truth=truth, store=task.store)
            .tried[0]
            .accuracy.value
            for seed in range(SEEDS)
        ]
        for method, key in RANDOM.items()
    }


def table(found) -> dict:
    """Method x data set: share of right answers, its interval, and seconds."""
    rows = []
    for method in sorted({one["method"] for told in found.values() for one in told["methods"]}):
        row: dict = {"method": method}
        for name, told in found.items():
            one = next((t for t in told["methods"] if t["method"] == method), None)
            if one is None:
                row[name] = "not tried"
                continue
            row[name] = "{value:.3f} [{low:.3f}, {high:.3f}]".format(**one["accuracy"])
            if method in told["seeds"]:
                over = np.array(told["seeds"][method])
                row[name] = f"{over.mean():.3f} (seeds {over.min():.3f} to {over.max():.3f})"
            row[f"{name}_seconds"] = round(one["seconds"], 2)
        rows.append(row)
    sizes = ", ".join(f"{told['compared']:,} of {name} ({told['labels']} classes)" for name, told in found.items())
    return {
        "what": "Methods that need no label, on photographs",
        "note": "Share of right answers with its 95 % interval (Wilson), and seconds to fit and to answer, photographs "
        f"being embedded. Held-out photographs: {sizes}, embedded by the model that comes with the package. "
        "Methods that draw (WaffleCLIP) show mean, least and largest of three seeds. Texts are what each method writes "
        "from names alone; no language model was asked. `zorse advise` runs the same on anybody's images.",
        "rows": rows,
    }


def criteria(found) -> dict:
    """Each criterion's rank correlation with accuracy, and what choosing by it would have cost."""
    rows = []
    for criterion in CRITERIA:
        row: dict = {"criterion": criterion}
        for name, told in found.items():
            rho = told["rank_correlation"][criterion]
            row[name] = None if rho is None else round(rho, 2)
        known = [v for v in list(row.values())[1:] if v is not None]
        row["mean"] = round(float(np.mean(known)), 3)
        row["mean_accuracy_of_the_first"] = round(
            float(np.mean([first(told, criterion) for told in found.values()])), 4
        )
        rows.append(row)
    held_out = []
    for name, told in found.items():
        chosen = max(
            CRITERIA, key=lambda c: np.mean([found[o]["rank_correlation"][c] or 0.0 for o in found if o != name])
        )
        right = [one["accuracy"]["value"] for one in told["methods"]]
        held_out.append(
            {
                "data_set": name,
                "criterion": chosen,
                "rank_correlation": round(told["rank_correlation"][chosen] or 0.0, 2),
                "first": round(first(told, chosen), 3),
                "clip": round(next(one["accuracy"]["value"] for one in told["methods"] if one["method"] == "clip"), 3),
                "median": round(float(np.median(right)), 3),
                "best": round(max(right), 3),
            }
        )
    return {
        "what": "Which method, judged without labels",
        "note": "First table: Spearman's rank correlation of each criterion with accuracy over the methods that were "
        "tried (those that answer as another one count once). Second table: for each data set the criterion with the "
        "highest mean correlation on the three others, its correlation here, and the accuracy of the method that it "
        "puts first. Levelled was added after PACS had been seen, so that the candidates were not fixed blind.",
        "criteria": rows,
        "held_out": held_out,
    }


def first(told, criterion: str) -> float:
    """Accuracy of the method that a criterion puts first."""
    return max(told["methods"], key=lambda one: one[criterion])["accuracy"]["value"]


if __name__ == "__main__":
    main()
