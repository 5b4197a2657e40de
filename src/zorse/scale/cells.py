"""Cells of a benchmark on the devices of a Ray cluster; the driver alone writes the log."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from zorse.benchmark.cell import Cell, digest_of_task, run_cell
from zorse.benchmark.tasks import feature_task
from zorse.scale.actors import Died, Last, Place, on_actors


class CellRunner:
    """A worker: runs the cells it is given, and keeps the task of the last."""

    def __init__(self, place: Place, timeout: float | None):
        place.enter()
        self.timeout = timeout
        self.name: str | None = None
        self.task: Any = None
        self.data = ""

    def do(self, cell: Cell) -> dict | Last:
        """The line of the log."""
        lines: list[dict] = []
        at_work = threading.Thread(target=lambda: lines.append(self.line(cell)), daemon=True)
        at_work.start()
        at_work.join(self.timeout)
        return lines[0] if lines else Last({"status": "failed", "why": f"took longer than {self.timeout:g} s"})

    def line(self, cell: Cell) -> dict:
        """What came out of a cell, however long it takes."""
        try:
            if cell.task != self.name:
                self.task = feature_task(cell.task)
                self.name, self.data = cell.task, digest_of_task(self.task)
            return run_cell(cell, self.task, self.data)
        except Exception as error:  # the data are not on this machine
            return {"status": "failed", "why": f"on {os.uname().nodename}: {error}"}


def cells_on_ray(
    cells: Sequence[Cell],
    keys: dict[str, str],
    *,
    address: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
) -> Iterator[tuple[Cell, dict]]:
    """Every cell with what came out, in the order they finish; for ``bench(..., runner=...)``.

    Parameters
    ----------
    cells : sequence of Cell
    keys : dict of str to str
        Digest of each task by name. A machine with other data, or another version of a method, has its cells fail.
    address, workers
        See :func:`zorse.scale.actors.on_actors`.
    timeout : float, optional
        Seconds after which a cell is given up.

    Yields
    ------
    cell, result
        As :func:`zorse.benchmark.workers.run_cells`: a cell that kills its worker fails, and no other does.
    """
    results = on_actors(CellRunner, (Place.here(), timeout), cells, address=address, workers=workers, tries=1)
    with closing(results):
        for cell, result in results:
            key = cell.key(keys[cell.task])
            if isinstance(result, Died):
                result = {"status": "failed", "why": f"its process died ({result.why})"}
            elif result.get("key", key) != key:
                result = {"status": "failed", "why": "its machine has other data, or another version of the method"}
            yield cell, result
