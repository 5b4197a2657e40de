"""Errors for people: what was expected, what came, and where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ZorseError(Exception):
    """Base of every error that is the caller's to mend; the command line prints it in one line."""


class InputError(ZorseError, ValueError):
    """A value, file, row or label is not what was expected."""


class UnknownNameError(InputError):
    """A name is not among the known ones; the nearest are offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = ""):
        known = sorted(known)
        near = get_close_matches(name.lower(), [k.lower() for k in known], n=3, cutoff=0.5)
        near = [k for k in known if k.lower() in near]
        told = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known[:12])}"
        super().__init__(f"unknown {kind} {name!r}; {told}{' ' + hint if hint else ''}")


class MissingDependencyError(ZorseError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(f"{purpose} needs {package}; install it with: pip install 'zorse[{extra}]'")


class NotAvailableError(ZorseError):
    """Something outside (a hub, a file system) did not give what was asked."""


class CapabilityError(ZorseError, TypeError):
    """An encoder or method was asked for something it cannot do."""
