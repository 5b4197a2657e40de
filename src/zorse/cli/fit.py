"""``zorse fit``: train a method on a task and keep it."""

from __future__ import annotations

import json
import re
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

import typer

from zorse.cli.options import DEVICE, JSON


def command(
    method: str = typer.Option(..., "--method", "-m", help="NAME or NAME:key=value,...; see zorse papers."),
    task: str = typer.Option(..., "--task", "-t", help="A named task, a bundle, or a folder with res101.mat."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the model; made if absent."),
    checkpoint: Path = typer.Option(None, "--checkpoint", help="Folder that keeps the state after every epoch."),
    resume: bool = typer.Option(False, "--resume", help="Go on from what --checkpoint holds."),
    seed: int = typer.Option(0, "--seed", help="random_state of the method."),
    device: str = DEVICE,
    amp: bool = typer.Option(False, "--amp", help="Compute losses in bfloat16; for GPUs."),
    compiled: bool = typer.Option(False, "--compile", help="Compile losses by torch.compile; for GPUs."),
    as_json: bool = JSON,
) -> None:
    """Train a method on a task and keep it.

    The model is written as JSON and safetensors, which zorse predict and zorse.core.load read.
    A person watching sees losses and the time that is left. A fit with --checkpoint that was killed
    goes on with the same command and --resume; on a CPU the model is the same to the last bit.
    """
    from zorse.benchmark.cell import digest_of_task
    from zorse.benchmark.tasks import load_task
    from zorse.cli.terminal import TrainingProgress, counted, note
    from zorse.core import save
    from zorse.core.errors import InputError, ZorseError
    from zorse.data import ZeroShotTask
    from zorse.evaluation import evaluate
    from zorse.jobs.model import write_record
    from zorse.training import running

    if resume and checkpoint is None:
        raise InputError("--resume needs --checkpoint, the folder to go on from")
    loaded = load_task(task)
    if not isinstance(loaded, ZeroShotTask):
        raise InputError(f"{task} is published scores without features; there is nothing to fit")
    model = _model(method, loaded, seed, device)
    asked = {
        "method": type(model).__name__,
        "parameters": {k: repr(v) for k, v in sorted(model.get_params().items()) if not k.endswith("device")},
        "data": digest_of_task(loaded),
    }
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give the name of a folder")
    if checkpoint is not None:
        _claim(checkpoint, asked, resume)
    X, y = loaded.train
    more: dict[str, Any] = {"unlabelled": loaded.test_unseen[0]} if model.traits.needs_unlabelled else {}
    progress, start = TrainingProgress(), time.perf_counter()
    try:
        with running(progress=progress, checkpoint=checkpoint, amp=amp, compile=compiled):
            model.fit(X, y, classes=loaded.classes, **more)
    except FloatingPointError as error:
        raise InputError(str(error)) from error
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, ZorseError):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        raise InputError(f"{method} can't be fitted: {type(error).__name__}: {error} ({where})") from error
    except KeyboardInterrupt:
        progress.clear()
        again = "; the same command with --resume goes on from there" if checkpoint else ""
        note(f"interrupted{again}")
        raise typer.Exit(130) from None
    finally:
        progress.clear()
    seconds = time.perf_counter() - start
    figures = evaluate(model, loaded)
    save(model, out)
    record = _record(method, task, seed, seconds, len(X), figures.as_dict())
    write_record(out, record)
    if checkpoint is not None:
        shutil.rmtree(checkpoint)
    if as_json:
        typer.echo(json.dumps(record | {"out": str(out)}, indent=1))
    else:
        typer.echo(figures)
        note(f"{type(model).__name__} on {counted(len(X), 'sample')} in {seconds:.1f} s -> {out}")


def _model(spec: str, task: Any, seed: int, device: str) -> Any:
    from zorse.benchmark.cell import build, find_method, why_not
    from zorse.core.errors import CapabilityError
    from zorse.jobs.method import read_parameters
    from zorse.templates import WrapperClassifier

    name, _, settings = (part.strip() for part in spec.partition(":"))
    cls = find_method(name)
    if reason := why_not(name, task):
        raise CapabilityError(f"{cls.__name__} {reason}")
    inner = re.search(r"(?:^|,)\s*estimator=([\w.:-]+)", settings) if issubclass(cls, WrapperClassifier) else None
    params = read_parameters(cls, name, settings.replace(inner[0], "") if inner else settings)
    return build(cls, params | ({"estimator": {"method": inner[1]}} if inner else {}), seed, device)


def _claim(folder: Path, asked: dict, resume: bool) -> None:
    """Make the folder this fit's, or find that it is."""
    from zorse.core.errors import InputError, NotAvailableError
    from zorse.core.files import atomic_path

    path = folder / "fit.json"
    if path.is_file():
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        if not resume:
            raise InputError(f"{folder} holds a fit that has not ended; add --resume to go on, or remove it")
        if found != asked:
            names = [k for k in {**found.get("parameters", {}), **asked["parameters"]}]
            differ = [k for k in names if found.get("parameters", {}).get(k) != asked["parameters"].get(k)]
            what = next((k for k in ("method", "data") if found.get(k) != asked[k]), ", ".join(differ))
            raise InputError(f"{folder} holds the fit of something else: {what} differs")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and holds no checkpoint; give a new or empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotAvailableError(f"cannot write {folder}: {error.strerror or error}") from error
    with atomic_path(path) as scratch:
        scratch.write_text(json.dumps(asked))


def _record(method: str, task: str, seed: int, seconds: float, n: int, figures: dict[str, float]) -> dict[str, Any]:
    from datetime import UTC, datetime

    import zorse

    return {
        "method": method,
        "task": task,
        "seed": seed,
        "samples": n,
        "seconds": round(seconds, 3),
        "figures": {name: None if value != value else round(value, 6) for name, value in figures.items()},
        "zorse": zorse.__version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
