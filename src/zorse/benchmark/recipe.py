"""What ``zorse bench`` tries on a data set: fixed settings and grids of each method, from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from zorse.core import InputError, NotAvailableError

Split = Literal["redrawn", "fixed"]
SPLITS = ("redrawn", "fixed")
FEATURES = ("raw", "unit", "standard")
CRITERIA = ("unseen", "harmonic")
_TOP = {"split": str, "folds": int, "per_class": int, "features": (str, list), "methods": dict, "reported": dict}
SEARCHES = ("whole", "estimator")
_METHOD = {
    "params": dict,
    "grid": dict,
    "features": (str, list),
    "criterion": str,
    "search": str,
    "calibrate": bool,
    "note": str,
}


@dataclass(frozen=True)
class MethodRecipe:
    """How one method is run.

    Attributes
    ----------
    params : dict
        Constructor arguments that stay as they are.
    grid : dict of str to list
        Arguments to choose by cross-validation over training classes; empty: the method's defaults.
    features : tuple of {"raw", "unit", "standard"}
        How samples are scaled; several are chosen among like any other argument.
    criterion : {"unseen", "harmonic"}
        What the choice maximises.
    search : {"whole", "estimator"}
        "estimator": the grid (all of it ``estimator__...``) is searched on a wrapper's estimator alone, which is then
        wrapped; cheaper, and the same where the wrapper does not change the order of unseen classes.
    calibrate : bool
        Whether a penalty on seen classes is found as well, at the cost of a fit a fold.
    note : str
        Shown in the table.
    """

    params: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, list] = field(default_factory=dict)
    features: tuple[str, ...] = ("raw",)
    criterion: str = "unseen"
    search: str = "whole"
    calibrate: bool = True
    note: str = ""


@dataclass(frozen=True)
class Recipe:
    """How methods are run on a data set.

    Attributes
    ----------
    name : str
        Of the file.
    methods : dict of str to dict
        Sections of the file, by slug, over those of the default recipe.
    split : {"redrawn", "fixed"}
        What seeds above 0 do: draw other unseen classes, or only seed the method.
    folds : int
    per_class : int or None
        Samples of a class that the search looks at.
    features : tuple of str
        For methods that say nothing else.
    reported : dict of str to str
        ``dataset``: whose reported figures stand beside; ``differs``: in what the task is not that data set.
    """

    name: str
    methods: dict[str, dict]
    split: str = "redrawn"
    folds: int = 4
    per_class: int | None = None
    features: tuple[str, ...] = ("raw",)
    reported: dict[str, str] = field(default_factory=dict)

    def of(self, slug: str) -> MethodRecipe:
        """The settings of one method."""
        section = dict(self.methods.get(slug, {}))
        section["features"] = _several(section.get("features", self.features))
        return MethodRecipe(**section)


def load_recipe(task: str, path: str | Path | None = None) -> Recipe:
    """The recipe at ``path``, else the package's own for ``task`` (its name, or its file's stem), else the default.

    Raises
    ------
    NotAvailableError
        If ``path`` can't be read.
    InputError
        If it isn't TOML or holds a key or value that means nothing; it is named.
    """
    folder = files("zorse.benchmark") / "recipes"
    default = _checked(tomllib.loads((folder / "default.toml").read_text()), "default.toml")
    if path is None:
        own = folder / f"{Path(task).stem}.toml"
        name, text = (own.name, own.read_text()) if own.is_file() else ("default.toml", "")
    else:
        name = str(path)
        try:
            text = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise NotAvailableError(f"cannot read the recipe {path}: {error}") from error
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is not TOML: {error}") from error
    merged = default | _checked(found, name)
    merged["methods"] = default.get("methods", {}) | found.get("methods", {})
    merged["features"] = _several(merged.get("features", "raw"))
    return Recipe(name=Path(name).name, **merged)


def _several(features: str | list | tuple) -> tuple[str, ...]:
    return (features,) if isinstance(features, str) else tuple(features)


def _checked(found: dict, where: str) -> dict:
    _check_keys(found, _TOP, where)
    _check_choice(found, "split", SPLITS, where)
    _check_keys(found.get("reported", {}), {"dataset": str, "differs": str}, f"{where}, [reported]")
    if found.get("folds", 2) < 2:
        raise InputError(f"{where}: folds must be at least 2; got {found['folds']}")
    for slug, section in found.get("methods", {}).items():
        here = f"{where}, [methods.{slug}]"
        if not isinstance(section, dict):
            raise InputError(f"{here} must be a section; got {section!r}")
        _check_keys(section, _METHOD, here)
        _check_choice(section, "criterion", CRITERIA, here)
        _check_choice(section, "search", SEARCHES, here)
        for name, values in section.get("grid", {}).items():
            if not isinstance(values, list) or not values:
                raise InputError(f"{here}: grid.{name} must be a list of values to try; got {values!r}")
            if section.get("search") == "estimator" and not name.startswith("estimator__"):
                raise InputError(f"{here}: with search = 'estimator' the grid is the estimator's; got {name}")
    return found


def _check_keys(found: dict, known: dict, where: str) -> None:
    for key, value in found.items():
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; known: {', '.join(known)}")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is int):
            raise InputError(f"{where}: {key} has the wrong type: {value!r}")
    for feature in _several(found.get("features", ())):
        if feature not in FEATURES:
            raise InputError(f"{where}: features must be {', '.join(FEATURES)}; got {feature!r}")


def _check_choice(found: dict, key: str, known: tuple[str, ...], where: str) -> None:
    if found.get(key, known[0]) not in known:
        raise InputError(f"{where}: {key} must be {' or '.join(known)}; got {found[key]!r}")
