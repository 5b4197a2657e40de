"""Every paper, found by walking the code; nothing registers itself."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any, Literal

from zorse import evaluation, methods
from zorse.core import Paper, Traits, UnknownNameError, ZeroShotMethod

State = Literal["contract", "compared", "claim"]


@dataclass(frozen=True)
class Entry:
    """One implemented paper.

    Attributes
    ----------
    slug : str
        Module name; what commands and log files call it.
    family : str
        Sub-package it stands in.
    target : type or callable
        The class or function that carries the card.
    paper : Paper
    """

    slug: str
    family: str
    target: Any
    paper: Paper

    @property
    def module(self) -> str:
        """Import path of the class or function."""
        return f"{self.target.__module__}.{self.target.__qualname__}"

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.target) or "").partition("\n")[0]

    @property
    def result(self) -> dict:
        """What ``zorse reproduce`` has written about this paper; empty if nothing."""
        file = files("zorse") / "benchmark" / "claims" / "results" / f"{self.slug}.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    @property
    def state(self) -> State:
        """``contract``: keeps the promises; ``compared``: agrees with a reference; ``claim``: its claim was run."""
        result = self.result
        if result.get("claim"):
            return "claim"
        return "compared" if (result.get("compared") or {}).get("agrees") else "contract"

    @property
    def tags(self) -> tuple[str, ...]:
        """Where a method stands, by its family and traits: what it takes, and what it learns from."""
        if not isinstance(self.target, type):
            return (self.family, "protocol or metric")
        traits: Traits = self.target.traits  # type: ignore[attr-defined]
        told = (
            (traits.takes, True),
            ("training-free", not traits.trained),
            ("transductive", traits.needs_unlabelled),
            ("shared space", traits.aligned_space),
            ("fixed candidates", not traits.open_candidates),
        )
        return (self.family, *(tag for tag, holds in told if holds))

    def as_dict(self) -> dict:
        """The entry as ``zorse papers --json`` prints it."""
        paper = self.paper
        return {
            "seed": paper.seed,
            "title": paper.title,
            "venue": paper.venue,
            "year": paper.year,
            "slug": self.slug,
            "module": self.module,
            "family": self.family,
            "tags": list(self.tags),
            "state": self.state,
            "claim": self.result.get("claim"),
        }


@cache
def entries() -> tuple[Entry, ...]:
    """Every implemented paper, by slug."""
    found: dict[str, Entry] = {}
    for package in (methods, evaluation):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(info.name)
            for _, target in inspect.getmembers(module, lambda t: inspect.isclass(t) or inspect.isfunction(t)):
                card = vars(target).get("paper")
                if target.__module__ != info.name or not isinstance(card, Paper):
                    continue
                *_, family, module_name = info.name.split(".")
                # A paper's module carries one method; functions (metrics, bounds) go by their own name.
                name = module_name if inspect.isclass(target) else target.__name__
                if name in found:
                    raise RuntimeError(f"two papers are called {name!r}: {found[name].module} and {info.name}")
                found[name] = Entry(name, family, target, card)
    return tuple(found[name] for name in sorted(found))


def all_methods() -> dict[str, type[ZeroShotMethod]]:
    """Method classes by slug, alphabetically."""
    return {e.slug: e.target for e in entries() if isinstance(e.target, type)}


def find(query: str) -> list[Entry]:
    """Papers whose slug, alias, title, author, venue, year or tag contains ``query``, however it is spelled.

    An exact slug or alias comes first; an empty query finds all.
    """
    wanted = _plain(query)

    def facts(entry: Entry) -> list[str]:
        p = entry.paper
        return [entry.slug, entry.target.__name__, *p.aka, p.title, p.authors, p.venue, str(p.year), *entry.tags]

    hits = [e for e in entries() if any(wanted in _plain(fact) for fact in facts(e))]
    return sorted(hits, key=lambda e: wanted not in {_plain(e.slug), *map(_plain, e.paper.aka)})


def method(name: str) -> type[ZeroShotMethod]:
    """The method class called ``name`` (slug, class name or alias).

    Raises
    ------
    UnknownNameError
        If there is none; the nearest names are offered.
    """
    for entry in entries():
        names = (entry.slug, entry.target.__name__, *entry.paper.aka)
        if isinstance(entry.target, type) and _plain(name) in map(_plain, names):
            return entry.target
    raise UnknownNameError("method", name, all_methods(), "(zorse papers lists them)")


def markdown() -> str:
    """METHODS.md: one row a paper."""
    rows = [
        "# Methods",
        "",
        "Generated by `make methods-page` from the Paper cards and from the results that `zorse reproduce` commits.",
        "`contract`: keeps every promise of the contract suite. `compared`: also agrees with a reference.",
        "`claim`: the paper's headline claim has been run; whether it held is said.",
        "",
        "| paper | method | family | module | what it does | state |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for e in entries():
        p = e.paper
        claim = e.result.get("claim")
        held = (", held" if claim["held"] else ", did not hold") if claim else ""
        cited = f"[{p.title}]({p.url}), {p.venue} {p.year}"
        summary = e.summary.replace("|", r"\|")  # a bar would end the cell
        rows.append(f"| {cited} | {p.aka[0]} | {e.family} | `{e.module}` | {summary} | {e.state}{held} |")
    return "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


__all__ = ["Entry", "all_methods", "entries", "find", "markdown", "method"]
