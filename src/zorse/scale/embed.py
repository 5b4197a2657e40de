"""Embeddings by shards: one after the other here, or on the devices of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError
from zorse.scale.engine import on_ray
from zorse.scale.plan import Plan, make_plan
from zorse.scale.shard import Finished, Shard, clean, counted, embed_shard


@dataclass(frozen=True)
class Result:
    """A finished job.

    Attributes
    ----------
    rows, failed : int
        Images embedded, and images that could not be read, over all runs of the job.
    shards, resumed : int
        Shards of the job, and how many of them an earlier run had done.
    lost : tuple of str
        Shards that killed every worker that took them; without their rows the job is not whole.
    """

    rows: int
    failed: int
    shards: int
    resumed: int
    lost: tuple[str, ...] = ()


def embed_shards(
    sources: Sequence[str] | str,
    out: str | os.PathLike,
    model: str = "mini",
    *,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    shard_rows: int = 4096,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[Finished], None] | None = None,
) -> Result:
    """Embed images into a folder of Parquet files, each written once however often the job is killed and started again.

    Parameters
    ----------
    sources : str or sequence of str
        Files, folders, globs, tar shards, Parquet, lists of paths.
    out : path
        Folder: ``embeddings/part-*.parquet`` (path, digest, label_hint, embedding) and ``failed/part-*.parquet`` (path,
        error, label_hint). On a cluster, one that all machines see.
    model : str
        What ``load_encoder`` accepts.
    engine : {"local", "ray"}
    address : str, optional
        Of a Ray cluster; without it Ray starts on this machine.
    workers : int, optional
        Processes of the engine ray; one a GPU by default, or one a processor where there is none.
    shard_rows : int
        Single images a shard. A tar or a table is one shard whatever it holds.
    batch_size, jobs, device
        As of :func:`zorse.embed`.
    progress : callable, optional
        Called after each shard.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If there are no images, or ``out`` holds another job.
    """
    from zorse.encoders import load_encoder

    far = on_ray(engine, address, workers)
    if batch_size < 1 or (jobs is not None and jobs < 1):
        raise InputError(f"batch_size and jobs are at least 1; got {batch_size} and {jobs}")
    sources = [sources] if isinstance(sources, str) else [str(source) for source in sources]
    out = Path(out).expanduser().absolute()
    encoder = load_encoder(model, device="cpu" if far else device)
    plan = make_plan(sources, out, model, encoder, shard_rows)
    clean(out)
    todo = plan.missing()
    tell = progress or (lambda _: None)
    lost: list[Shard] = []
    if not far:
        for shard in todo:
            tell(embed_shard(shard, encoder, out, batch_size, jobs))
    elif todo:
        from zorse.scale.shards_on_ray import run

        lost = run(plan, todo, address=address, workers=workers, batch_size=batch_size, jobs=jobs, progress=tell)
    return _result(plan, len(plan.shards) - len(todo), lost)


def _result(plan: Plan, resumed: int, lost: list[Shard]) -> Result:
    rows = failed = 0
    for good, bad in _counts(plan):
        rows, failed = rows + good, failed + bad
    return Result(rows, failed, len(plan.shards), resumed, tuple(shard.name for shard in lost))


def _counts(plan: Plan) -> Iterator[Any]:
    return (counted(plan.out, shard) for shard in plan.shards if shard.is_done(plan.out))
