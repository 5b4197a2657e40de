"""Processes that run cells. One that dies or takes too long costs its own cell and no other."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from zorse.benchmark.cell import Cell, digest_of_task, run_cell
from zorse.benchmark.tasks import feature_task

READY = {"status": "ready"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """A process of its own, started afresh (no fork: threads of numerical libraries don't survive one)."""

    def __init__(self, threads: int):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        with _environment({name: str(threads) for name in THREADS}):
            self.process.start()
        theirs.close()
        self.cell: Cell | None = None
        self.ready = False  # a cell's time begins once its process has imported what it needs
        self.started = math.inf

    def give(self, cell: Cell) -> None:
        """Start on a cell."""
        self.cell, self.started = cell, time.monotonic() if self.ready else math.inf
        with suppress(OSError):  # a process that is dead already is found by its silence
            self.connection.send(cell)

    def stop(self) -> None:
        """End at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_cells(
    cells: Sequence[Cell], jobs: int = 1, timeout: float | None = None, threads: int | None = None
) -> Iterator[tuple[Cell, dict]]:
    """Every cell with what came out, in the order they finish; whoever stops listening stops the processes.

    Parameters
    ----------
    cells : sequence of Cell
    jobs : int
        Processes side by side.
    timeout : float, optional
        Seconds after which a cell is given up.
    threads : int, optional
        Of each process; by default the cores are shared out.

    Yields
    ------
    cell : Cell
    result : dict
        A line of the log as :func:`run_cell` makes it; one without a ``key`` where the process did not live to tell.
    """
    waiting = deque(cells)
    threads = threads or max(1, len(os.sched_getaffinity(0)) // jobs if hasattr(os, "sched_getaffinity") else 1)
    workers: list[Worker] = []
    try:
        for _ in range(min(jobs, len(waiting))):
            workers.append(Worker(threads))
            workers[-1].give(waiting.popleft())
        while busy := [w for w in workers if w.cell is not None]:
            ready = wait([w.connection for w in busy], _patience(busy, timeout))
            for i, worker in enumerate(workers):
                if worker.cell is None:
                    continue
                if worker.connection in ready:
                    result = _heard(worker)
                    if result == READY:
                        worker.ready, worker.started = True, time.monotonic()
                        continue
                elif timeout is not None and time.monotonic() - worker.started > timeout:
                    result = {"status": "failed", "why": f"took longer than {timeout:g} s"}
                else:
                    continue
                cell, worker.cell = worker.cell, None
                if "key" not in result:  # this process is gone, or must go
                    worker.stop()
                    if waiting:
                        worker = workers[i] = Worker(threads)
                if waiting:
                    worker.give(waiting.popleft())
                yield cell, result
    finally:
        for worker in workers:
            worker.stop()


def _patience(busy: list[Worker], timeout: float | None) -> float | None:
    first = min(w.started for w in busy)
    return None if timeout is None or first == math.inf else max(0.0, first + timeout - time.monotonic()) + 0.01


def _heard(worker: Worker) -> dict[str, Any]:
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        named = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        short = ", most likely out of memory" if code == -signal.SIGKILL else ""
        return {"status": "failed", "why": f"its process died ({named}{short})"}


def _serve(connection: Connection, threads: int) -> None:
    """Run cells until nobody asks any more."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    torch.set_num_threads(threads)
    connection.send(READY)
    name: str | None = None
    task: Any = None
    data = ""
    while True:
        try:
            cell = connection.recv()
            if cell.task != name:
                name, task = cell.task, feature_task(cell.task)
                data = digest_of_task(task)
            connection.send(run_cell(cell, task, data))
        except (EOFError, BrokenPipeError):
            return


def _end_with_parent() -> None:
    """A parent that is killed cannot tell; what nobody waits for is not computed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
