"""Every method on every task with every seed, into a log; what the log holds already is not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zorse
from zorse import catalogue
from zorse.benchmark.cell import Cell, digest_of_task, find_method, run_cell, why_not
from zorse.benchmark.log import Log, read_log
from zorse.benchmark.recipe import load_recipe
from zorse.benchmark.tasks import feature_task
from zorse.benchmark.workers import run_cells
from zorse.core import InputError, UnknownNameError

Runner = Callable[[Sequence[Cell], dict[str, str]], Iterator[tuple[Cell, dict]]]


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes
    ----------
    todo : list of Cell
    skipped : list of dict
        Lines of cells that can't be run, with why.
    finished : list of dict
        Lines that the log holds already.
    keys : dict of str to str
        Digest of each task by name.
    """

    todo: list[Cell]
    skipped: list[dict]
    finished: list[dict]
    keys: dict[str, str]


def chosen_methods(wanted: str | Sequence[str]) -> list[str]:
    """Slugs of ``all``, of families and of methods, separated by commas; one's own as ``package.module:Class``.

    Raises
    ------
    UnknownNameError
        If a name is neither a method nor a family.
    """
    names = wanted.split(",") if isinstance(wanted, str) else list(wanted)
    methods = [entry for entry in catalogue.entries() if isinstance(entry.target, type)]
    families = {entry.family for entry in methods}
    found: list[str] = []
    for name in (n.strip() for n in names if n.strip()):
        if name == "all":
            found += [entry.slug for entry in methods]
        elif name in families and name not in {entry.slug for entry in methods}:
            found += [entry.slug for entry in methods if entry.family == name]
        elif ":" in name:
            find_method(name)
            found.append(name)
        else:
            try:
                cls = find_method(name)
            except UnknownNameError as error:
                raise UnknownNameError("method or family", name, [*(e.slug for e in methods), *families]) from error
            found += [entry.slug for entry in methods if entry.target is cls]
    if not found:
        raise InputError("no method is named; --methods takes all, families and methods, separated by commas")
    return list(dict.fromkeys(found))


def plan(
    tasks: Sequence[str],
    methods: Sequence[str],
    seeds: Sequence[int],
    *,
    recipe: str | Path | None = None,
    split: str | None = None,
    device: str = "auto",
    known: Sequence[dict] = (),
    retry: bool = False,
) -> Plan:
    """The cells of a run, all methods of a seed before the next seed; ``known`` are lines of the log.

    ``split`` overrides the recipe; with ``retry`` cells that failed are to be run again.

    Raises
    ------
    InputError
        If a task is unknown or has no feature vectors, or the recipe is wrong.
    NotAvailableError
        If a task's data are absent.
    """
    lines = {line["key"]: line for line in known if not (retry and line["status"] == "failed")}
    cells: list[Cell] = []
    reasons: dict[tuple[str, str], str | None] = {}
    digests: dict[str, str] = {}
    for name in dict.fromkeys(tasks):
        task = feature_task(name)
        found = load_recipe(name, recipe)
        found = replace(found, split=split) if split else found
        digests[name] = digest_of_task(task)
        reasons |= {(method, name): why_not(method, task) for method in methods}
        cells += [Cell.of(method, name, seed, found, device) for method in methods for seed in seeds]
    cells.sort(key=lambda cell: cell.seed)  # stable: tasks and methods keep their order
    todo, skipped, finished = [], [], []
    for cell in cells:
        key = cell.key(digests[cell.task])
        if key in lines:
            finished.append(lines[key])
        elif why := reasons[cell.method, cell.task]:
            skipped.append(_line(cell, key, {"status": "skipped", "why": why}))
        else:
            todo.append(cell)
    return Plan(todo, skipped, finished, digests)


def bench(
    tasks: Sequence[str],
    methods: str | Sequence[str] = "all",
    seeds: int = 3,
    out: str | Path = "zorse-bench.jsonl",
    *,
    jobs: int = 0,
    recipe: str | Path | None = None,
    split: str | None = None,
    device: str = "auto",
    timeout: float | None = None,
    retry: bool = False,
    runner: Runner | None = None,
    progress: Callable[[dict, int, int], None] | None = None,
) -> list[dict]:
    """Run what the log at ``out`` lacks, a line a finished cell, and return the lines of all cells asked for.

    Parameters
    ----------
    tasks : sequence of str
        Names or paths.
    methods : str or sequence of str
        See :func:`chosen_methods`.
    seeds : int
        Seeds 0 to ``seeds - 1``.
    out : path
        A log that exists is added to.
    jobs : int, default=0
        Processes that run cells side by side; one that dies costs its own cell only. 0 runs them in this process, where
        nothing guards against that and ``timeout`` means nothing. (A script that asks for processes needs
        ``if __name__ == "__main__":``, as always with Python's.)
    recipe : path, optional
        In place of the data set's own.
    split : {"redrawn", "fixed"}, optional
        In place of the recipe's.
    device : str
    timeout : float, optional
        Seconds after which a cell is given up.
    retry : bool
        Run cells again that failed.
    runner : callable (cells, digests of tasks), optional
        Gives cells with what came out, in place of processes of this machine: ``zorse.scale.cells_on_ray``.
    progress : callable (line, done, total), optional
        Told of every cell as it finishes.

    Raises
    ------
    ZorseError
        If the request can't be met. A method that fails is no reason: its line says why.
    """
    if seeds < 1 or jobs < 0:
        raise InputError(f"seeds must be at least 1 and jobs at least 0; got {seeds} and {jobs}")
    with Log(out) as log:
        known = read_log(out)
        todo = plan(
            tasks, chosen_methods(methods), range(seeds), recipe=recipe, split=split, device=device, known=known,
            retry=retry,
        )  # fmt: skip
        lines, total = [*todo.finished, *todo.skipped], len(todo.finished) + len(todo.skipped) + len(todo.todo)
        for line in todo.skipped:
            log.add(line)
        if runner is None:
            runner = (lambda cells, _: run_cells(cells, jobs, timeout)) if jobs else _run_here
        for cell, result in runner(todo.todo, todo.keys):
            line = result if "key" in result else _line(cell, cell.key(todo.keys[cell.task]), result)
            log.add(line)
            lines.append(line)
            if progress:
                progress(line, len(lines), total)
    return lines


def _run_here(cells: Sequence[Cell], digests: dict[str, str]) -> Iterator[tuple[Cell, dict]]:
    name: str | None = None
    task: Any = None
    for cell in cells:
        if cell.task != name:
            name, task = cell.task, feature_task(cell.task)
        yield cell, run_cell(cell, task, digests[cell.task])


def _line(cell: Cell, key: str, result: dict) -> dict:
    told = {
        "key": key,
        "transductive": find_method(cell.method).traits.needs_unlabelled,
        "zorse": zorse.__version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return asdict(cell) | told | result
