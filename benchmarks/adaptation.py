"""Adaptation of the embedded model by few labels or none: methods, data sets and shots (needs the data pack).

``python benchmarks/adaptation.py`` writes benchmarks/results/adaptation.json; a few CPU minutes once the photographs'
embeddings are in the store at ``ZORSE_STORE``. ``--only cifar10,pacs`` runs some data sets.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import sklearn
import torch

import zorse
from zorse.benchmark.photographs import embedded, photo_task
from zorse.benchmark.shots import styled_shots, with_shots
from zorse.evaluation import base_and_new, harmonic_mean, mean_class_accuracy, t_interval
from zorse.methods.adaptation.clip_adapter import CLIPAdapter
from zorse.methods.adaptation.dpa import DPA
from zorse.methods.adaptation.gda import GDA
from zorse.methods.adaptation.gda_em import GDAEM
from zorse.methods.adaptation.linear_probe import LinearProbe
from zorse.methods.adaptation.pouf import POUF
from zorse.methods.adaptation.reclip import ReCLIP
from zorse.methods.adaptation.tip_adapter import TipAdapter
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table

SOURCES = ("cifar10", "caltech101", "tiny-imagenet", "pacs")
TABLES = (*("methods", "long_tail_16_to_1_shots", "base_to_new_16_shots", "photographs_to_other_styles_16_shots"),)
TWO = ("cifar10", "caltech101")  # of long tails and new classes
SHOTS, SEEDS, MOST_CLASSES = (1, 4, 16), (0, 1, 2), 20
NAMES = {"zero-shot": CLIP}
LABELLED = {"linear probe": LinearProbe, "Tip-Adapter": TipAdapter, "CLIP-Adapter": CLIPAdapter, "GDA": GDA}
UNLABELLED = {"GDA-EM": GDAEM, "POUF": POUF, "DPA": DPA, "ReCLIP": ReCLIP}


def built(kind, scale, seed):
    """The method with its defaults; networks train for 20 epochs."""
    known = kind().get_params()
    given = {"scale": scale, "random_state": seed, "device": "cpu", "epochs": 20}
    return kind(**{k: v for k, v in given.items() if k in known})


def measured(values, seconds, **where):
    """A row of the table: mean over seeds and its interval, in percent."""
    found = t_interval(values)
    low, high = max(found.low, 0), min(found.high, 1)
    interval = f"{100 * low:.1f} to {100 * high:.1f}"
    return where | {
        "accuracy": round(100 * found.value, 1),
        "interval": interval if np.ptp(values) > 0 else "",
        "cpu_seconds": round(float(np.mean(seconds)), 2),
    }


def timed(fit):
    start = time.process_time()
    model = fit()
    return model, time.process_time() - start


def shots_of(task, n, seed):
    """Shots of the classes of ``task``, of which there may be fewer than of its source."""
    shots = with_shots(task, n, seed)
    keep = np.isin(shots.y, shots.table.labels)
    return shots.X[keep], shots.y[keep], shots.table


def table_of(source):
    """Rows of one data set: every method at every number of shots; those without labels on 16 images a class."""
    task = photo_task(source)
    names = np.unique(task.y)
    if len(names) > MOST_CLASSES:
        task = task.among(names[:: -(-len(names) // MOST_CLASSES)])
    X, y, scale = task.X.astype(float), task.y, task.encoder.logit_scale
    table = shots_of(task, 1, 0)[2]
    model, seconds = timed(lambda: CLIP(scale).fit(None, None, classes=table))
    rows = [
        measured([mean_class_accuracy(y, model.predict(X))] * 3, [seconds], task=source, method="zero-shot", shots=0)
    ]
    for n in SHOTS:
        for name, kind in LABELLED.items():
            values, spent = [], []
            for seed in SEEDS:
                own, of, _ = shots_of(task, n, seed)
                model, seconds = timed(lambda: built(kind, scale, seed).fit(own, of, classes=table))  # noqa: B023
                values.append(mean_class_accuracy(y, model.predict(X)))
                spent.append(seconds)
            rows.append(measured(values, spent, task=source, method=name, shots=n))
    for name, kind in UNLABELLED.items():
        values, spent = [], []
        for seed in SEEDS:
            own, _, _ = shots_of(task, 16, seed)
            model, seconds = timed(
                lambda: built(kind, scale, seed).fit(None, None, classes=table, unlabelled=own)  # noqa: B023
            )
            values.append(mean_class_accuracy(y, model.predict(X)))
            spent.append(seconds)
        rows.append(measured(values, spent, task=source, method=name, shots="16 without labels"))
    return rows


def long_tail(source):
    """Shots of a class fall from 16 to 1 along its place in a drawn order; all classes count alike in the test."""
    task = photo_task(source)
    X, y, scale, rows = task.X.astype(float), task.y, task.encoder.logit_scale, []
    kinds = {
        "zero-shot": lambda seed: CLIP(scale),
        "linear probe": lambda seed: built(LinearProbe, scale, seed),
        "GDA": lambda seed: built(GDA, scale, seed),
        "GDA, prior of the shots": lambda seed: built(GDA, scale, seed).set_params(prior="shots"),
    }
    for name, build in kinds.items():
        values, spent = [], []
        for seed in SEEDS:
            own, of, table = shots_of(task, 16, seed)
            order = np.random.default_rng(seed).permutation(table.labels)
            most = np.round(16 ** np.linspace(1, 0, len(order))).astype(int)
            at = np.concatenate([np.flatnonzero(of == label)[:n] for label, n in zip(order, most, strict=True)])
            model, seconds = timed(lambda: build(seed).fit(own[at], of[at], classes=table))  # noqa: B023
            values.append(mean_class_accuracy(y, model.predict(X)))
            spent.append(seconds)
        rows.append(measured(values, spent, task=source, method=name))
    return rows


def base_to_new(source):
    """16 shots of each class of the base half, drawn anew by each seed; base and new classes each among their own."""
    task = photo_task(source)
    X, y, scale, rows = task.X.astype(float), task.y, task.encoder.logit_scale, []
    for name, kind in {"zero-shot": CLIP, "Tip-Adapter": TipAdapter, "GDA": GDA}.items():
        found = []
        for seed in SEEDS:
            own, of, table = shots_of(task, 16, seed)
            halves = base_and_new(table.labels, seed)
            keep = np.isin(of, halves[0])
            model = built(kind, scale, seed).fit(own[keep], of[keep], classes=table)
            asked = [np.isin(y, half) for half in halves]
            pair = [
                mean_class_accuracy(y[at], model.with_candidates(half).predict(X[at]))
                for half, at in zip(halves, asked, strict=True)
            ]
            found.append([*pair, harmonic_mean(*pair)])
        base, new, both = (t_interval(values) for values in zip(*found, strict=True))
        told = {"base": base, "new": new, "harmonic_mean": both}
        rows.append({"task": source, "method": name} | {k: round(100 * v.value, 1) for k, v in told.items()})
    return rows


def shift():
    """16 photographs a class of PACS are learned from; photographs and each other style are asked about."""
    task, rows = photo_task("pacs"), []
    scale = task.encoder.logit_scale
    found = {name: [] for name in (*NAMES, *LABELLED)}
    table = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    for seed in SEEDS:
        drawn = styled_shots(16, seed)
        photo = drawn.style == "photo"
        own = embedded(
            [image for image, keep in zip(drawn.images, photo, strict=True) if keep], task.encoder, task.store
        )
        images, y, style = drawn.test
        X = embedded(images, task.encoder, task.store).astype(float)
        for name, kind in (NAMES | LABELLED).items():
            model = built(kind, scale, seed).fit(own.astype(float), drawn.y[photo], classes=table)
            right = model.predict(X)
            found[name].append({s: mean_class_accuracy(y[style == s], right[style == s]) for s in np.unique(style)})
    for name, values in found.items():
        rows.append(
            {"task": "pacs", "method": name} | {s: round(100 * np.mean([v[s] for v in values]), 1) for s in values[0]}
        )
    return rows


def main(only):
    """Run the data sets asked for; figures of the others stay as they are."""
    torch.set_num_threads(1)
    path = Path(__file__).parent / "results" / "adaptation.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    for source in only:
        start = time.process_time()
        new = {"methods": table_of(source)}
        if source in TWO:
            new |= {"long_tail_16_to_1_shots": long_tail(source), "base_to_new_16_shots": base_to_new(source)}
        if source == "pacs":
            new["photographs_to_other_styles_16_shots"] = shift()
        for key, rows in new.items():
            before[key] = [row for row in before.get(key, []) if row["task"] != source] + rows
        path.write_text(json.dumps(told(before), indent=1) + "\n")
        print(source, round(time.process_time() - start), "s", flush=True)


def told(tables):
    """The result around its tables."""
    return {
        "what": "Few labels or none: the embedded model adapted to photographs, mean class accuracy in percent",
        "note": "Three seeds draw the shots from training photographs, which the embedded model was made with; the "
        "test photographs are new to it and always the same. A 95 % t interval over three seeds is wide. Texts are "
        "CLIP's templates. Methods have their defaults (networks 20 epochs); what is open is chosen on the shots. "
        f"tiny-imagenet and caltech101: every n-th class, {MOST_CLASSES} at most, in the first table. Seconds are CPU "
        "seconds of the fit on stored embeddings, one thread.",
        "command": "python benchmarks/adaptation.py",
        **{key: tables[key] for key in TABLES if key in tables},
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }


if __name__ == "__main__":
    main(sys.argv[2].split(",") if len(sys.argv) > 2 else list(SOURCES))
