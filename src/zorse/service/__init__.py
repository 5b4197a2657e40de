"""The service: the jobs over HTTP, safe by default, and a page for people (extra ``serve``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.service.app import create_app as create_app
    from zorse.service.limits import Limits as Limits
    from zorse.service.server import serve as serve

_HOME = {"create_app": "app", "Limits": "limits", "serve": "server"}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line lists its commands without FastAPI.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"zorse.service.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.service' has no attribute {name!r}")
