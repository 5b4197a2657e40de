"""``zorse adapt``: fit a frozen model to your pictures."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, MODEL, SOURCES, STORE


def command(
    sources: list[str] = SOURCES,
    labels: str = typer.Option(None, "--labels", "-l", help='Names to choose from: "cat, dog, polar bear".'),
    labels_file: Path = typer.Option(None, "--labels-file", help="One a line, or a JSON list."),
    labelled: str = typer.Option(
        None,
        "--labelled",
        metavar="folder|PATH",
        help="folder: SOURCE's folders name its labels. Else a folder of folders, .csv path,label[,caption], "
        "or a split .json of CoOp's layout.",
    ),
    shots: int = typer.Option(None, "--shots", help="Labelled images a class to learn from; the others measure."),
    method: str = typer.Option(None, "--method", help="NAME or NAME:key=value,...; gda with labels, gda_em without."),
    model: str = MODEL,
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the adapted model."),
    safe: bool = typer.Option(False, "--safe", help="Keep names alone if held-out images got worse."),
    templates: str = typer.Option(None, "--templates", help="A built-in set (ensemble, ...) or a file; each holds {}."),
    descriptions: Path = typer.Option(None, "--descriptions", help="JSON: sentences or traits by label."),
    seed: int = typer.Option(0, "--seed", help="Which shots are drawn, and random_state of the method."),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Fit a model to your pictures, from a few labels or none.

    Most methods leave the model as it is and learn on its embeddings, in seconds. Trainers (wise_ft, lp_ft,
    reclip_towers, ...) move its weights: the result is a model itself, which every command takes as --model.
    It is kept as JSON and safetensors with the fingerprint of its base. Labelled images that are not learned
    from tell whether it got better, before anything is written.
    """
    from zorse.cli.terminal import Progress, TrainingProgress, counted, note, percent
    from zorse.core.errors import InputError, ZorseError
    from zorse.data.images import find_images
    from zorse.jobs.adapt import adapt, methods_for
    from zorse.jobs.adapted import check_place, checkpoint_of, save_adapted
    from zorse.jobs.classify import open_store
    from zorse.jobs.sample import named
    from zorse.semantics import parse_labels, read_labels
    from zorse.training import running

    if labels is not None and labels_file is not None:
        raise InputError("give --labels or --labels-file, not both")
    names = parse_labels(labels) if labels is not None else None if labels_file is None else read_labels(labels_file)
    check_place(out)
    unfinished = checkpoint_of(out)
    images = find_images(sources)
    next(iter(images))  # a folder without images is found before a model is loaded
    progress, training = Progress(), TrainingProgress()
    with ExitStack() as stack:
        stack.callback(progress.clear)
        kept = stack.enter_context(open_store(store))
        try:
            with running(progress=training):
                result = adapt(
                    list(sources),
                    names,
                    method=method,
                    model=model,
                    labelled=labelled,
                    shots=shots,
                    templates=templates,
                    descriptions=descriptions,
                    checkpoint=unfinished,
                    safe=safe,
                    seed=seed,
                    store=kept,
                    batch_size=batch_size,
                    jobs=jobs,
                    device=device,
                    progress=progress,
                    say=progress.say,
                )
        except FloatingPointError as error:
            raise InputError(str(error)) from error
        except (ValueError, TypeError, RuntimeError) as error:  # a parameter that a method can't work with
            if isinstance(error, ZorseError):
                raise
            told = f"{type(error).__name__}: {error}"
            raise InputError(f"{method or 'the method'} can't be fitted: {told}") from error
        except KeyboardInterrupt:
            progress.clear()
            training.clear()
            again = "; embedded images are in the store" if store else ""
            if unfinished.exists():
                again += "; the same command goes on after the last epoch that ended"
            note(f"interrupted; nothing is written{again}")
            raise typer.Exit(130) from None
    record, figures = result.record, result.record["figures"]
    if method is None:
        why = "labels are given" if labelled else "no labels are given"
        others = ", ".join(name for name in methods_for(labelled is not None))
        note(f"{record['tried']}, since {why}; --method takes one of {others}")
    if result.warning is not None:
        note(f"warning: {result.warning}")
    if record["kept_base"]:
        note("names alone are kept (--safe)")
    save_adapted(result.fitted, record, out, result.encoder)
    shutil.rmtree(unfinished, ignore_errors=True)
    if as_json:
        typer.echo(json.dumps(record | {"out": str(out)}, indent=1, ensure_ascii=False))
        return
    if figures["held_out"]:
        told = f"names alone {percent(figures['names_alone'])}, adapted {percent(figures['adapted'])}"
        typer.echo(f"mean class accuracy on {counted(figures['held_out'], 'held-out image')}: {told}")
    else:
        typer.echo("not measured: no labelled image is left to measure on; give --labelled, or fewer --shots")
    if (lacking := record["without_labelled_images"]) and labelled:
        note(f"{counted(len(lacking), 'label')} without a labelled image: {named(lacking, 5)}")
    if fewer := record["fewer"]:
        note(f"{counted(len(fewer), 'label')} with fewer than {shots} labelled images: {named(fewer, 5)}")
    if missing := record["missing"]:
        note(f"{counted(len(missing), 'image')} of the split not found: {named(missing, 3)}")
    if record["unreadable"]:
        note(f"{counted(record['unreadable'], 'image')} could not be read")
    of = {"labelled image": record["learned_from"], "unlabelled image": record["unlabelled"]}
    learned = " and ".join(counted(n, kind) for kind, n in of.items() if n)
    what = "over" if result.encoder is None else "of"
    note(f"{record['method']} {what} {record['name']}, from {learned} -> {out}")
