"""Shards on the devices of a Ray cluster: an actor a device, a shard at a time, again where a worker dies."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zorse.core.errors import MissingDependencyError, NotAvailableError, ZorseError
from zorse.scale.plan import Plan
from zorse.scale.shard import Finished, Shard, embed_shard

DEATHS = 3  # workers that a shard may kill before it is left out


class Worker:
    """Holds the encoder in a process of its own, and embeds the shards it is given."""

    def __init__(self, model: str, fingerprint: str, out: str, batch_size: int, jobs: int | None):
        from zorse.encoders import load_encoder

        self.out, self.batch_size, self.jobs = Path(out), batch_size, jobs
        self.trouble: ZorseError | None = None  # what a constructor raises, Ray doesn't tell apart from a death
        try:
            self.encoder = load_encoder(model)
            if self.encoder.fingerprint != fingerprint:
                where = os.uname().nodename
                raise NotAvailableError(f"{model} is another model on {where}; put the same on all machines")
        except ZorseError as error:
            self.trouble = error

    def embed(self, shard: Shard) -> Finished:
        """Write the shard's files."""
        if self.trouble is not None:
            raise self.trouble
        return embed_shard(shard, self.encoder, self.out, self.batch_size, self.jobs)


def run(
    plan: Plan,
    todo: Sequence[Shard],
    *,
    address: str | None,
    workers: int | None,
    batch_size: int,
    jobs: int | None,
    progress: Callable[[Finished], None],
) -> list[Shard]:
    """Embed the shards; returns those that killed every worker that took them.

    An actor is given its next shard when it has finished the last, so nothing piles up and the slowest machine holds
    up nobody. Where an actor dies, its shard goes back to the front of the queue and another takes the actor's place.
    """
    ray = _ray()
    own = not ray.is_initialized()
    if own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
        if not address and workers:
            options["num_cpus"] = max(workers, os.cpu_count() or 1)
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise NotAvailableError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    gpus = int(ray.cluster_resources().get("GPU", 0))
    count = workers or gpus or int(ray.cluster_resources().get("CPU", 1))
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    actor = ray.remote(Worker).options(max_restarts=0, max_task_retries=0, **needs)
    # Decoding threads share the one processor that an actor has; beside a GPU they are as many as the user says.
    threads = jobs if jobs is not None or gpus else 1

    def start() -> Any:
        return actor.remote(plan.model, plan.fingerprint, str(plan.out), batch_size, threads)

    queue, deaths, finished = deque(todo), Counter[int](), False
    lost: list[Shard] = []
    busy: dict[Any, tuple[Any, Shard]] = {}
    idle = [start() for _ in range(min(count, len(queue)))]
    try:
        while queue or busy:
            while queue and idle:
                worker, shard = idle.pop(), queue.popleft()
                busy[worker.embed.remote(shard)] = worker, shard
            done, _ = ray.wait(list(busy), num_returns=1)
            for result in done:
                worker, shard = busy.pop(result)
                try:
                    progress(ray.get(result))
                    finished = True
                    idle.append(worker)
                except ray.exceptions.RayTaskError as error:
                    raise _cause(error) from error
                except ray.exceptions.RayActorError as error:
                    deaths[shard.number] += 1
                    if not finished and deaths.total() > DEATHS * count:
                        told = str(error).strip().splitlines()[-1]
                        raise NotAvailableError(f"workers die before they finish anything: {told}") from error
                    if shard.is_done(plan.out):  # it died after its last word
                        progress(Finished(shard.number, 0, 0, 0))
                    elif deaths[shard.number] < DEATHS:
                        queue.appendleft(shard)
                    else:
                        lost.append(shard)
                    idle.append(start())
    finally:
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            ray.kill(worker)
        if own:
            ray.shutdown()
    return lost


def _cause(error: Any) -> Exception:
    """What a worker raised, as it raised it where it is for people."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, ZorseError):
        return cause
    return NotAvailableError(f"a worker failed: {str(error).strip().splitlines()[-1]}")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("ray", "scale", "the engine ray") from error
    return ray
