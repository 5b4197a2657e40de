"""A method by name, with its parameters: ``clip`` or ``cupl:key=value,...``."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from typing import TYPE_CHECKING, Any

from zorse.core.errors import CapabilityError, InputError

if TYPE_CHECKING:
    from zorse.core.classifier import ZeroShotClassifier


def read_method(
    spec: str | ZeroShotClassifier | type[ZeroShotClassifier], unlabelled: bool = False
) -> tuple[Any, dict[str, Any]]:
    """A method that learns from class names alone, and the parameters that the text sets.

    Parameters
    ----------
    spec : str or ZeroShotClassifier
        ``"clip"``, ``"cupl:scale=50"``, a class or an instance. Values are read as JSON (``true``, ``null``, ``0.5``,
        ``[1, 2]``) and must have the type of the parameter; anything else is a string.
    unlabelled : bool
        Whether the method may ask for unlabelled samples as well.

    Returns
    -------
    method : type or ZeroShotClassifier
    parameters : dict

    Raises
    ------
    UnknownNameError
        If there is no such method; the nearest are offered.
    CapabilityError
        If it needs labelled samples, or unlabelled ones that are not there, or works in another space.
    InputError
        If a parameter is unknown or of the wrong type; the valid ones are listed.
    """
    if not isinstance(spec, str):
        return checked(spec, unlabelled), {}
    from zorse import catalogue

    name, _, settings = (part.strip() for part in spec.partition(":"))
    found = checked(catalogue.method(name), unlabelled)
    return found, read_parameters(found, name, settings)


def build_method(
    spec: str | ZeroShotClassifier | type[ZeroShotClassifier], scale: float, unlabelled: bool = False
) -> Any:
    """The method of :func:`read_method`, made; ``scale`` turns its cosines into logits unless the text sets another."""
    method, parameters = read_method(spec, unlabelled)
    if not inspect.isclass(method):
        return method
    return method(**({"scale": scale} if "scale" in _parameters(method) else {}) | parameters)


def lacks_memory(method: Any) -> bool:
    """Whether a method that looks things up in an external memory is given none."""
    return getattr(method, "memory", "") is None


def check_memory(method: Any, encoder: Any) -> None:
    """Refuse an external memory that another encoder made; warn where none is given.

    Raises
    ------
    InputError
        If the method's ``memory`` is of another encoder, or no memory; it names both.
    """
    if lacks_memory(method):
        cls = type(method)
        warnings.warn(
            f"{cls.__name__} is given no memory, so that the prompts of the classes take its place; zorse memory build "
            f"makes one, for --method {cls.__module__.rpartition('.')[2]}:memory=FOLDER",
            stacklevel=2,
        )
    elif getattr(method, "memory", None) is not None:
        from zorse.semantics.memory import Memory, read_memory

        if isinstance(found := read_memory(method.memory), Memory):
            found.check(encoder)


def checked(method: Any, unlabelled: bool = False) -> Any:
    """The method itself, if names are all it needs, or names and unlabelled samples."""
    if not needs_only_names(method, unlabelled):
        from zorse import catalogue

        name = method.__name__ if inspect.isclass(method) else type(method).__name__
        known = ", ".join(slug for slug, cls in catalogue.all_methods().items() if needs_only_names(cls, unlabelled))
        raise CapabilityError(f"method {name} cannot work from class names alone; those that can: {known}")
    return method


def needs_only_names(method: Any, unlabelled: bool = False) -> bool:
    """Whether class names, and perhaps unlabelled samples, are all that a method needs."""
    from zorse.core.classifier import ZeroShotClassifier

    traits = method.traits
    ready = inspect.isclass(method) and issubclass(method, ZeroShotClassifier)
    if ready:
        ready = all(p.default is not p.empty for p in _parameters(method).values())
    else:
        ready = isinstance(method, ZeroShotClassifier)
    return (
        ready
        and (traits.takes == "features" or hasattr(method, "boxes"))  # crops are cut where a method says
        and traits.aligned_space
        and not traits.trained
        and (unlabelled or not traits.needs_unlabelled)
    )


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(cls).parameters)


def read_parameters(cls: type, name: str, settings: str) -> dict[str, Any]:
    """``key=value,...`` -> constructor arguments of ``cls``; commas inside brackets and quotes do not part."""
    parameters, values = _parameters(cls), {}
    for setting in re.findall(r"(?:\[[^\]]*\]|\{[^}]*\}|\"[^\"]*\"|[^,])+", settings):
        key, equals, text = setting.partition("=")
        key = key.strip()
        listed = ", ".join(parameters) or "none"
        if not equals:
            raise InputError(f"method {name}: expected key=value; got {setting.strip()!r} (keys: {listed})")
        if key not in parameters:
            raise InputError(f"method {name} has no parameter {key!r}; it has: {listed}")
        values[key] = _value(name, parameters[key], text.strip())
    return values


def _value(name: str, parameter: inspect.Parameter, text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = {"True": True, "False": False, "None": None}.get(text, text)
    kinds = _kinds(parameter)
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds and int not in kinds:
        value = float(value)
    if kinds and type(value) not in kinds:
        if str in kinds and not isinstance(value, list | dict):
            return text
        wanted = " or ".join(sorted({_WORDS[kind] for kind in kinds}))
        raise InputError(f"method {name}: {parameter.name} must be {wanted}; got {text!r}")
    return value


_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    type(None): "null",
}


def _kinds(parameter: inspect.Parameter) -> set[type]:
    """The types that a parameter takes, from its annotation or else its default; empty if neither tells."""
    named = {"bool": bool, "int": int, "float": float, "str": str, "None": type(None), "list": list, "tuple": list}
    words = set(re.findall(r"\w+", str(parameter.annotation))) if parameter.annotation is not parameter.empty else set()
    kinds = {named[word] for word in words & named.keys()}
    if not kinds and parameter.default is not None and type(parameter.default) in _WORDS:
        kinds = {type(parameter.default)}
    return kinds
