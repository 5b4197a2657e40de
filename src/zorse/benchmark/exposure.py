"""Which tables of a benchmark rest on features that have seen the unseen classes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from zorse.core import ClassTable, InputError, NotAvailableError
from zorse.evaluation.exposure import ExposureReport, KnownClasses, exposed
from zorse.semantics import WordNet

# What the encoder behind a named task's features was trained on; other tasks are audited by zorse audit.
TRAINED_ON = dict.fromkeys(("awa19", "tiny160", "awa1-scores", "flo-scores"), "imagenet-1k")
TRAINED_ON |= dict.fromkeys(("AWA1", "AWA2", "APY", "CUB", "SUN", "FLO"), "imagenet-1k")


def trained_on(task: str) -> str | None:
    """The list of classes that the encoder of a named task has seen, if it is known."""
    return {name.lower(): known for name, known in TRAINED_ON.items()}.get(task.lower())


def exposure_hint(tasks: Iterable[str]) -> str | None:
    """For a table that does not say which classes were unseen: whose encoders may have seen them; None if nobody's."""
    affected = [task for task in dict.fromkeys(tasks) if trained_on(task)]
    if not affected:
        return None
    known = ", ".join(dict.fromkeys(str(trained_on(task)) for task in affected))
    told = f"the encoder of {' and '.join(affected)} was trained on {known}, which may hold their unseen classes"
    return f"{told}; zorse audit --task {affected[0]} tells"


def exposure_notes(lines: Iterable[dict]) -> dict[str, str]:
    """For every affected task in a benchmark's log a line to set below its table.

    A task is affected if the encoder was trained on some of its unseen classes in some seed, or if that cannot be told.
    """
    unseen: dict[str, dict[int, list[str]]] = {}
    for line in lines:
        if line["status"] == "ok" and trained_on(line["task"]) is not None:
            unseen.setdefault(line["task"], {})[line["seed"]] = sorted(line["by_class"]["zsl"])
    found = {}
    for task, by_seed in unseen.items():
        known = KnownClasses.read(str(trained_on(task)))
        try:
            report = _audited(known, sorted(set().union(*by_seed.values())))
        except (NotAvailableError, InputError) as error:
            reason = "without WordNet" if isinstance(error, NotAvailableError) else "by class numbers"
            found[task] = (
                f"the encoder was trained on {known.name}; whether it saw unseen classes cannot be told {reason}"
            )
            continue
        bad = {exposure.label for exposure in report.exposures}
        counts = [sum(label in bad for label in labels) for labels in by_seed.values()]
        if max(counts):
            many = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{max(counts)}"
            of = len(next(iter(by_seed.values())))
            found[task] = f"{many} of {of} unseen classes were in {known.name}, which the encoder was trained on"
    return found


def _audited(known: KnownClasses, labels: list[str]) -> ExposureReport:
    if all(label.isdecimal() for label in labels):
        raise InputError("classes have numbers for labels")
    table = ClassTable(np.array(labels), np.eye(len(labels)), tuple(label.replace("+", " ") for label in labels))
    ids = all(label in known.wnids for label in labels)
    return exposed(table, known, wordnet=None if ids else _wordnet())


@cache
def _wordnet() -> WordNet | None:
    try:
        return WordNet.read()
    except NotAvailableError:
        return None
