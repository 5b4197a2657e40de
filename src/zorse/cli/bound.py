"""``zorse bound``: what a labelled sample guarantees about prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, MODEL, SOURCES, STORE


def command(
    sources: list[str] = SOURCES,
    model: str = MODEL,
    templates: str = typer.Option("ensemble", "--templates", help="A built-in set or a file; each holds {}."),
    descriptions: Path = typer.Option(None, "--descriptions", help="JSON: class -> sentences; used together."),
    delta: float = typer.Option(0.01, "--delta", help="Probability that a bound fails."),
    vocabulary: int = typer.Option(
        None, "--vocabulary", min=2, help="Prompts were searched by this sample, word by word, among so many words."
    ),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """Say what error prompts have at most on all images, from labelled ones (folders named by class).

    Prompts that were fixed beforehand cost nothing; the best one of several templates costs their number. The exit
    code is 1 if an image could not be read.
    """
    import numpy as np

    from zorse.cli.terminal import note, print_table
    from zorse.core.errors import InputError
    from zorse.encoders import load_encoder
    from zorse.evaluation.prompt_bound import prompt_bound, token_nats
    from zorse.jobs.embed import embed
    from zorse.nn.vectors import unit_rows
    from zorse.semantics import class_table, read_templates

    encoder: Any = load_encoder(model, device=device)
    if not hasattr(encoder, "encode_text"):
        raise InputError(f"{model} has no text tower; prompts need one")
    texts = read_templates(templates)
    found = embed(sources, encoder, store=store, batch_size=batch_size, jobs=jobs)
    told = np.array([hint or "" for hint in found.label_hints])
    if (told == "").any() or len(np.unique(told)) < 2:
        raise InputError("a labelled sample is needed: images in at least two folders, named by class")
    labels, rows = np.unique(told, return_inverse=True)

    def error(vectors: np.ndarray) -> float:
        return float(((found.vectors @ vectors.T).argmax(axis=1) != rows).mean())

    table = class_table(labels.tolist(), encoder, templates=texts)
    prompts = np.stack(table.prompts or ())  # (c, T, d)
    alone = [error(unit_rows(prompts[:, t])) for t in range(len(texts))]
    best = int(np.argmin(alone))
    kinds = [("all templates together", error(table.vectors), 0.0)]
    if descriptions is not None:
        own = class_table(labels.tolist(), encoder, descriptions=descriptions)
        kinds.append((f"descriptions of {descriptions.name}", error(own.vectors), 0.0))
    kinds.append((f"best of {len(texts)}: {texts[best]}", alone[best], float(np.log(len(texts)))))
    if vocabulary is not None:
        words = len(labels) * len(texts[best].replace("{}", "").split())
        kinds.append((f"{texts[best]}, searched", alone[best], token_nats(words, vocabulary)))
    bounds = {name: prompt_bound(wrong, len(rows), nats, delta) for name, wrong, nats in kinds}
    if as_json:
        listed = [{"prompts": name} | bound.as_dict() for name, bound in bounds.items()]
        typer.echo(json.dumps({"model": encoder.name, "classes": len(labels), "bounds": listed}, indent=1))
    else:
        print_table(
            ["prompts", "error on the sample", "nats", "at most", "McAllester"],
            [
                [name, f"{b.error:.3f}", f"{b.nats:.1f}", f"{b.bound:.3f}", f"{b.mcallester:.3f}"]
                for name, b in bounds.items()
            ],
        )
        typer.echo(f"{len(rows)} images of {len(labels)} classes; each holds with probability {1 - delta:g}")
        note("prompts without nats must have been written without looking at these images")
    for unread in found.errors[:5]:
        note(f"{unread.key}: {unread.error}")
    return 1 if found.errors else 0
