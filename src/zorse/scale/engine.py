"""Which engine does the work, and whether it can."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from zorse.core.errors import InputError, MissingDependencyError

ENGINES = ("local", "ray")


def on_ray(engine: str, address: str | None = None, workers: int | None = None) -> bool:
    """Whether the work goes to Ray.

    Raises
    ------
    InputError
        If the engine is unknown, or ``address`` or ``workers`` come without Ray or make no sense.
    MissingDependencyError
        If Ray is not installed.
    """
    if engine not in ENGINES:
        raise InputError(f"the engine is {' or '.join(ENGINES)}; got {engine!r}")
    if engine == "local" and (address is not None or workers is not None):
        raise InputError("address and workers are of the engine ray")
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1; got {workers}")
    if engine == "ray" and find_spec("ray") is None:
        raise MissingDependencyError("ray", "scale", "the engine ray")
    return engine == "ray"


def streaming(
    engine: str, model: Any, store: Any = None, address: str | None = None, workers: int | None = None
) -> Callable[..., Any]:
    """What embeds images one after the other: ``embed_stream`` here, or :func:`zorse.scale.stream.embed_on_ray`.

    Parameters
    ----------
    engine, address, workers
        See :func:`on_ray`.
    model : str
        What workers load; of a model adapted over a base that stayed as it was, they load the base.
    store : path, optional
        The folder of embeddings that the job is going to use.

    Raises
    ------
    InputError
        If workers of a cluster would have to share ``store``.
    """
    if not on_ray(engine, address, workers):
        from zorse.jobs.embed import embed_stream

        return embed_stream
    if store is not None and address is not None:
        raise InputError(
            "a store lies on the disk of one machine, so that a cluster cannot share it; leave out --store or --address"
        )
    from zorse.jobs.adapted import is_adapted, moves_encoder, read_record
    from zorse.scale.stream import embed_on_ray

    over_base = is_adapted(model) and not moves_encoder(model)
    loaded = str(read_record(model)["base"] if over_base else model)
    return partial(embed_on_ray, model=loaded, address=address, workers=workers)
