"""Shards on the devices of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from zorse.scale.actors import Died, Place, on_actors
from zorse.scale.plan import Plan
from zorse.scale.shard import Finished, Shard, embed_shard
from zorse.scale.stream import Embedder


class ShardEmbedder(Embedder):
    """A worker that writes the shards it is given; ``folder`` is that of the job."""

    def embed(self, item: Any) -> Any:
        """Write the shard's files."""
        return embed_shard(item, self.encoder, Path(self.folder or ""), self.batch_size, self.jobs)


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
    """Embed the shards; returns those that killed every worker that took them."""
    given = Place.here(), plan.model, plan.fingerprint, batch_size, jobs, str(plan.out)
    lost: list[Shard] = []
    results = on_actors(ShardEmbedder, given, todo, address=address, workers=workers)
    with closing(results):
        for shard, result in results:
            if not isinstance(result, Died):
                progress(result)
            elif not shard.is_done(plan.out):  # else it died after its last word
                lost.append(shard)
    return lost
