"""Traits that depend on a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zorse.core import Traits


class TraitsOf:
    """Traits that follow from parameters: of a class from its defaults, of a model from its own.

    ``traits = TraitsOf(lambda model: Traits(needs_unlabelled=model.transductive))``
    """

    def __init__(self, rule: Callable[[Any], Traits]):
        self.rule = rule

    def __get__(self, model: Any, cls: type) -> Traits:
        return self.rule(cls if model is None else model)
