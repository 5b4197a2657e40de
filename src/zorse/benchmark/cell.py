"""One method on one task with one seed: the unit that a benchmark runs and keeps."""

from __future__ import annotations

import ast
import ctypes
import gc
import hashlib
import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

import zorse
from zorse import catalogue
from zorse.benchmark.recipe import MethodRecipe, Recipe
from zorse.benchmark.tasks import resplit
from zorse.benchmark.tune import Choice, choose, class_folds
from zorse.core import InputError, ZeroShotClassifier, ZeroShotMethod, ZorseError
from zorse.data import ZeroShotTask
from zorse.evaluation import GZSLReport, evaluate, harmonic_mean
from zorse.methods.gating.calibrated_stacking import best_penalty
from zorse.nn.vectors import unit_rows
from zorse.templates import GatedClassifier, WrapperClassifier
from zorse.training.validation import SeenUnseenCurve, seen_unseen_curve

CURVE_POINTS = 101
WRAPPED = "eszsl"  # what a wrapper wraps, and a gated method asks about unseen classes, where the recipe names nothing


@dataclass(frozen=True)
class Cell:
    """What a line of the log is about.

    Attributes
    ----------
    method : str
        Slug.
    task : str
        Name or path.
    seed : int
    params : dict
        All that the outcome depends on besides: the recipe's settings for this method and of the data set.
    """

    method: str
    task: str
    seed: int
    params: dict[str, Any]

    @classmethod
    def of(cls, method: str, task: str, seed: int, recipe: Recipe, device: str = "auto") -> Cell:
        """The cell that ``recipe`` says."""
        common = {"split": recipe.split, "folds": recipe.folds, "per_class": recipe.per_class, "device": device}
        return cls(method, task, seed, json.loads(json.dumps(asdict(recipe.of(method)) | common)))

    def key(self, data: str) -> str:
        """Digest by which a finished cell is known: of the cell, the method's code and ``data``, the task's digest."""
        inner = _methods_in(self.params["params"]) + ([WRAPPED] if _lacks_inner(self) else [])
        code = [code_of(name) for name in [self.method, *inner]]
        told = json.dumps([self.method, self.task, self.seed, self.params, code, data], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def find_method(name: str) -> type[ZeroShotMethod]:
    """A method of the catalogue by slug, class name or alias, or one of your own as ``package.module:Class``.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    InputError
        If the module can't be imported or the class is no method.
    """
    module, _, attribute = name.partition(":")
    if not attribute:
        return catalogue.method(name)
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, ZeroShotMethod)):
        raise InputError(f"{name} is not a zero-shot method")
    return found


def why_not(method: str, task: ZeroShotTask) -> str | None:
    """Why ``method`` can't be run on ``task``, by its traits; None if it can."""
    cls = find_method(method)
    if not issubclass(cls, ZeroShotClassifier):
        return f"is no classifier but a {cls.__mro__[1].__name__}"
    has = "patches" if task.X.ndim == 4 else "features"
    if cls.traits.takes not in ("features", has):  # of a grid of patches a method of features gets the mean
        return f"takes {cls.traits.takes}; the task has {has}"
    d, k = task.X.shape[-1], task.classes.n_semantics
    if cls.traits.aligned_space and d != k:
        return f"compares samples and class vectors in one space; here they have {d} and {k} dimensions"
    if not cls.traits.learns_unseen and not task.classes.parents:
        return "knows an unseen class by words that it shares with seen ones; the classes here have none"
    return None


def digest_of_task(task: ZeroShotTask) -> str:
    """Digest of all that a method or the protocol can see of a task."""
    found = hashlib.sha256()
    table = task.classes
    views = (*(table.views or ()), *(table.prompts or ()))
    index = (task.train_index, task.test_seen_index, task.test_unseen_index)
    for array in (task.X, task.y, table.labels, table.vectors, *views, *index):
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    found.update(repr((table.names, table.parents, table.graph and sorted(vars(table.graph)))).encode())
    return found.hexdigest()[:16]


@cache
def code_of(method: str) -> str:
    """Digest of what a method does: its module and those of its bases, less their docstrings and comments."""
    bases = [c for c in find_method(method).__mro__ if c.__module__ not in ("builtins", "abc", "typing")]
    modules = sorted({c.__module__ for c in bases if not c.__module__.startswith("sklearn.")})
    return hashlib.sha256("\n".join(_code(module) for module in modules).encode()).hexdigest()[:16]


def _methods_in(params: dict) -> list[str]:
    inner = [value for value in params.values() if isinstance(value, dict) and "method" in value]
    return [name for value in inner for name in (value["method"], *_methods_in(value))]


def _lacks_inner(cell: Cell) -> bool:
    slots = {WrapperClassifier: "estimator", GatedClassifier: "unseen_expert"}
    cls, params = find_method(cell.method), cell.params["params"]
    return any(issubclass(cls, base) and name not in params for base, name in slots.items())


def _code(module: str) -> str:
    tree = ast.parse(Path(str(import_module(module).__file__)).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            is_docstring = node.body and isinstance(node.body[0], ast.Expr)
            if is_docstring and isinstance(getattr(node.body[0], "value", None), ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def run_cell(cell: Cell, task: ZeroShotTask, data: str | None = None) -> dict:
    """The line of the log: figures, or why there are none. It raises nothing but KeyboardInterrupt.

    Parameters
    ----------
    cell : Cell
    task : ZeroShotTask
        As loaded; the seed's split is drawn here.
    data : str, optional
        Digest of ``task``, if it is known already.
    """
    cls = find_method(cell.method)
    line = asdict(cell) | {
        "key": cell.key(data or digest_of_task(task)),
        "status": "ok",
        "transductive": cls.traits.needs_unlabelled,
        "zorse": zorse.__version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if reason := why_not(cell.method, task):
        return line | {"status": "skipped", "why": reason}
    try:
        with np.errstate(all="ignore"):
            return line | _measured(cell, cls, task)
    except ZorseError as error:
        return line | {"status": "refused", "why": str(error)}
    except MemoryError:
        return line | {"status": "failed", "why": "out of memory"}
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        return line | {"status": "failed", "why": f"{type(error).__name__}: {error} ({where})"}


def _measured(cell: Cell, cls: type[ZeroShotMethod], task: ZeroShotTask) -> dict:
    settings = {k: v for k, v in cell.params.items() if k in MethodRecipe.__dataclass_fields__}
    recipe = MethodRecipe(**settings)
    if cls.traits.takes == "features" and task.X.ndim == 4:
        task = replace(task, X=task.X.mean(axis=(1, 2)))
    if cell.params["split"] == "redrawn":
        task = resplit(task, cell.seed)
    model = build(cls, recipe.params, cell.seed, cell.params["device"])
    clock, began = time.process_time, time.perf_counter()  # what it costs does not depend on who else is computing
    with peak_memory() as memory:
        start = clock()
        features, choice = _chosen(cell, recipe, model, task)
        tuned = clock()
        task = scaled(task, features)
        model = clone(model).set_params(**choice.params)
        unlabelled = {"unlabelled": task.test_unseen[0]} if cls.traits.needs_unlabelled else {}
        model.fit(*task.train, classes=task.classes, **unlabelled)
        fitted = clock()
        report = evaluate(model, task)
        scored = clock()
    calibrated = _calibrated(model, task, report, cell.params["folds"]) if recipe.calibrate else None
    many = len(recipe.features) > 1
    return {
        "figures": _finite(report.as_dict() | {"top5": report.top5, "worst": report.worst, "hubness": report.hubness}),
        "calibrated": calibrated,
        "chosen": choice.params | ({"features": features} if many else {}),
        "validation": None if len(choice.tried) * len(recipe.features) < 2 else round(choice.score, 5),
        "by_class": {
            part: {str(label): round(value, 5) for label, value in getattr(report, f"{part}_by_class").items()}
            for part in ("zsl", "unseen", "seen")
        },
        "curve": None if report.curve is None else thin(report.curve),
        "seconds": {
            "choose": round(tuned - start, 4),
            "fit": round(fitted - tuned, 4),
            "score": round(scored - fitted, 4),
            "calibrate": round(clock() - scored, 4),
        },
        "wall_seconds": round(time.perf_counter() - began, 4),
        "memory_mb": memory.get("mb"),
        "sizes": {
            "train": len(task.train_index),
            "test_seen": len(task.test_seen_index),
            "test_unseen": len(task.test_unseen_index),
            "features": task.X.shape[-1],
            "semantics": task.classes.n_semantics,
            "seen": len(task.seen),
            "unseen": len(task.unseen),
        },
    }


def build(cls: type[ZeroShotMethod], params: dict, seed: int, device: str = "auto") -> ZeroShotClassifier:
    """A method with ``params``; every ``random_state`` in it is ``seed``, every ``device`` is ``device``.

    A parameter that is a table with a key ``method`` is a method itself; a wrapper without one wraps ESZSL, as a
    gated method without an expert asks it.
    """
    params = dict(params)
    if issubclass(cls, WrapperClassifier):
        params.setdefault("estimator", {"method": WRAPPED, "negative": 0.0})
    if issubclass(cls, GatedClassifier):
        params.setdefault("unseen_expert", {"method": WRAPPED, "negative": 0.0})
    for name, value in params.items():
        if isinstance(value, dict) and "method" in value:
            inner = {k: v for k, v in value.items() if k != "method"}
            params[name] = build(find_method(value["method"]), inner, seed, device)
    try:
        model: Any = cls(**params)
    except TypeError as error:
        raise InputError(f"the recipe of {cls.__name__}: {error}") from error
    known = model.get_params()
    seeds = {name: seed for name in known if name.split("__")[-1] == "random_state" and known[name] is None}
    places = {name: device for name in known if name.split("__")[-1] == "device"}
    return model.set_params(**seeds, **places)


def scaled(task: ZeroShotTask, features: str) -> ZeroShotTask:
    """The task with its samples as they are ("raw"), of unit length ("unit"), or standardised by training samples."""
    if features == "raw":
        return task
    flat = task.X.reshape(-1, task.X.shape[-1])  # each patch of a grid by itself
    if features == "unit":
        flat = unit_rows(flat)
    else:
        train = task.train[0]
        flat = StandardScaler().fit(train.reshape(-1, train.shape[-1])).transform(flat)
    return replace(task, X=flat.reshape(task.X.shape))


def _chosen(cell: Cell, recipe: MethodRecipe, model: ZeroShotClassifier, task: ZeroShotTask) -> tuple[str, Choice]:
    unknown = set(recipe.grid) - set(model.get_params())
    if unknown:
        raise InputError(f"the recipe's grid for {cell.method} has {', '.join(sorted(unknown))}, which it has not")
    search = {"folds": cell.params["folds"], "per_class": cell.params["per_class"], "criterion": recipe.criterion}
    # A single point is scored only if it has another scaling to compete with.
    search["always"] = len(recipe.features) > 1
    inner = recipe.search == "estimator"
    searched = model.get_params()["estimator"] if inner else model
    grid = {name.removeprefix("estimator__") if inner else name: values for name, values in recipe.grid.items()}
    tried = [(name, choose(searched, grid, scaled(task, name), **search)) for name in recipe.features]
    features, best = max(tried, key=lambda one: one[1].score)
    return features, best._replace(params={f"estimator__{k}" if inner else k: v for k, v in best.params.items()})


def _calibrated(model: ZeroShotClassifier, task: ZeroShotTask, report: GZSLReport, folds: int) -> dict | None:
    """Calibrated stacking with the penalty that does best on held-out training classes, read off the exact curve."""
    if report.curve is None or model.traits.needs_unlabelled:
        return None
    X, y = task.train
    table, curves = task.classes.select(task.seen), []
    for fold in class_folds(y, folds, held_out=0.2):
        again = clone(model).fit(X[fold.train], y[fold.train], classes=table)
        test = np.concatenate([fold.test_seen, fold.test_unseen])
        seen = np.isin(table.labels, y[fold.train])
        curves.append(seen_unseen_curve(again.scores(X[test]), table.rows(y[test]), seen))
    gamma = best_penalty(curves)
    S, U = (float(value) for value in report.curve.at(gamma))
    return _finite({"gamma": gamma, "U": U, "S": S, "H": harmonic_mean(S, U)})


def thin(curve: SeenUnseenCurve) -> list[list[float]]:
    """At most about a hundred points (unseen, seen) of a curve, spread along it; its ends are among them."""
    u, s = curve.unseen, curve.seen
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(u)) + np.abs(np.diff(s)))])
    at = np.unique(np.searchsorted(length, np.linspace(0, length[-1], CURVE_POINTS)))
    return [[round(float(x), 4), round(float(y), 4)] for x, y in zip(u[at], s[at])]


@contextmanager
def peak_memory() -> Iterator[dict]:
    """``mb``: by how much the block's largest resident memory exceeds what was held before; absent where unknown."""
    found: dict[str, float] = {}
    gc.collect()
    with suppress(AttributeError, OSError):
        # What an earlier cell has freed goes back to the system, or this one would seem to need nothing.
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the largest so far
        before = _status("VmRSS")
    except (OSError, KeyError):
        yield found
        return
    yield found
    found["mb"] = round(max(0.0, _status("VmHWM") - before) / 1024, 1)


def _status(name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return float(lines[name].split()[0])


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 6) if np.isfinite(value) else None for name, value in figures.items()}
