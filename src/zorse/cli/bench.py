"""``zorse bench``: run methods on tasks into a log."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

import typer

from zorse.cli.options import ADDRESS, DEVICE, ENGINE, JSON, WORKERS


def command(
    task: list[str] = typer.Option(..., "--task", "-t", help="A named task or a path; give it again for more."),
    methods: str = typer.Option("all", "--methods", "-m", help="all, families, methods: eszsl,generative."),
    seeds: int = typer.Option(3, "--seeds", help="Seeds 0 to N - 1."),
    out: Path = typer.Option(Path("zorse-bench.jsonl"), "--out", "-o", help="The log; what it holds is not run again."),
    jobs: int = typer.Option(None, "--jobs", "-j", help="Cells side by side; as many as cores."),
    recipe: Path = typer.Option(None, "--recipe", help="TOML with settings and grids, in place of the task's own."),
    split: str = typer.Option(None, "--split", help="What seeds above 0 do: redrawn (other unseen classes) or fixed."),
    timeout: float = typer.Option(None, "--timeout", metavar="SECONDS", help="Give a cell up after so long."),
    retry: bool = typer.Option(False, "--retry", help="Run cells again that failed."),
    device: str = DEVICE,
    engine: str = ENGINE,
    address: str = ADDRESS,
    workers: int = WORKERS,
    as_json: bool = JSON,
) -> None:
    """Run methods on tasks.

    Every finished cell (a method on a task with a seed) is a line of the log; an interrupted run goes on from there.
    Hyper-parameters are chosen by cross-validation over training classes, never on the test.
    A method that fails gets a line that says why, and stops nothing.
    """
    from zorse.benchmark.bench import bench
    from zorse.benchmark.log import read_log
    from zorse.benchmark.recipe import SPLITS
    from zorse.cli.table import show
    from zorse.cli.terminal import counted, note
    from zorse.core.errors import InputError
    from zorse.scale.engine import on_ray

    if split is not None and split not in SPLITS:
        raise InputError(f"--split must be {' or '.join(SPLITS)}; got {split!r}")
    runner = None
    if on_ray(engine, address, workers):
        from zorse.scale.cells import cells_on_ray

        if jobs is not None:
            raise InputError("the engine ray takes --workers; --jobs is of the engine local")
        runner = partial(cells_on_ray, address=address, workers=workers, timeout=timeout)
    progress = _Progress()
    try:
        lines = bench(
            task,
            methods,
            seeds,
            out,
            jobs=jobs or os.cpu_count() or 1,
            recipe=recipe,
            split=split,
            device=device,
            timeout=timeout,
            retry=retry,
            runner=runner,
            progress=progress,
        )
    except KeyboardInterrupt:
        progress.clear()
        finished = len(read_log(out)) if out.exists() else 0
        note(f"interrupted; {counted(finished, 'cell')} in {out}; the same command goes on from there")
        raise typer.Exit(130) from None
    progress.clear()
    show(lines, as_json=as_json)
    failed = sum(line["status"] == "failed" for line in lines)
    note(f"{counted(len(lines), 'cell')}{f', {failed} failed' if failed else ''} -> {out}")


class _Progress:
    """A line a cell on stderr; for a person watching, one line that changes."""

    def __init__(self) -> None:
        self.visible, self.began, self.first = sys.stderr.isatty(), time.monotonic(), 0

    def __call__(self, line: dict, done: int, total: int) -> None:
        self.first = self.first or done - 1
        what = f"{line['method']} on {line['task']}, seed {line['seed']}"
        if line["status"] == "ok":
            figures = line["figures"]
            told = "  ".join(f"{k} {100 * figures[k]:.1f}" for k in ("zsl", "H", "AUSUC") if figures[k] is not None)
            told = f"{told}  {sum(line['seconds'].values()):.1f} s"
        else:
            told = f"{line['status']}: {line['why']}"
        if not self.visible or line["status"] != "ok":
            self.clear()
            typer.echo(f"{what}: {told}", err=True)
        if self.visible:
            left = (time.monotonic() - self.began) / (done - self.first) * (total - done)
            sys.stderr.write(f"\r\x1b[K{done} of {total} cells, about {left:.0f} s left; {what}: {told}"[:160])
            sys.stderr.flush()

    def clear(self) -> None:
        if self.visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
