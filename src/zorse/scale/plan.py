"""Which images form which shard: made once, kept with the output, and the same for everybody who takes part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import atomic_path
from zorse.scale.shard import EMBEDDINGS, FAILED, Shard

RECORD, SHARDS, FORMAT = "job.json", "shards.jsonl", 1
_PACKS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".parquet")


@dataclass(frozen=True)
class Plan:
    """The shards of a job, and what every run of it must agree about.

    Attributes
    ----------
    out : Path
        Folder of the job: ``job.json``, ``shards.jsonl``, ``embeddings/`` and ``failed/``.
    shards : tuple of Shard
    model, fingerprint : str
    """

    out: Path
    shards: tuple[Shard, ...]
    model: str
    fingerprint: str

    def missing(self) -> list[Shard]:
        """The shards that are not done."""
        return [shard for shard in self.shards if not shard.is_done(self.out)]


def make_plan(sources: Sequence[str], out: Path, model: str, encoder: Any, rows: int) -> Plan:
    """The plan in ``out``, made if there is none yet.

    Every tar shard or Parquet table is a shard; single images are put together by ``rows``. The plan that stands in
    ``out`` counts: images that have come since belong to another job.

    Raises
    ------
    InputError
        If ``out`` holds another job (other images, another model) or something else.
    """
    if rows < 1:
        raise InputError(f"a shard has at least one row; got {rows}")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give the name of a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file() and not (out / SHARDS).is_file():
        raise InputError(f"{out} holds something else than embeddings by shards; give a new or empty folder")
    asked = hashlib.sha256(json.dumps([str(Path(s).absolute()) for s in sources]).encode()).hexdigest()
    if (out / RECORD).is_file():
        return _open(out, asked, model, encoder)
    try:
        for name in (EMBEDDINGS, FAILED):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotAvailableError(f"cannot write {out}: {error.strerror or error}") from error
    shards = tuple(_shards(sources, rows))
    with atomic_path(out / SHARDS) as path:
        path.write_text("".join(json.dumps([s.packed, *s.sources]) + "\n" for s in shards), encoding="utf-8")
    record = {
        "format": FORMAT,
        "sources": asked,
        "model": model,
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "shards": len(shards),
    }
    with atomic_path(out / RECORD) as path:  # last: with it the plan is whole
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return Plan(out, shards, model, encoder.fingerprint)


def _open(out: Path, asked: str, model: str, encoder: Any) -> Plan:
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        lines = (out / SHARDS).read_text(encoding="utf-8").splitlines()
        shards = tuple(
            Shard(number, tuple(sources), packed)
            for number, (packed, *sources) in enumerate(json.loads(line) for line in lines)
        )
        found = record["format"], record["sources"], record["fingerprint"], record["shards"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{out} holds no plan that can be read ({error})") from error
    if found[0] != FORMAT:
        raise InputError(f"{out} has format {found[0]}; this version of zorse reads {FORMAT}")
    if found[1] != asked:
        raise InputError(f"{out} belongs to a job over other sources; give another folder")
    if found[2] != encoder.fingerprint:
        raise InputError(
            f"{out} was begun with {record['model']} ({found[2][:12]}); {model} ({encoder.fingerprint[:12]}) is "
            "another model; give another folder"
        )
    if found[3] != len(shards):
        raise InputError(f"{out / SHARDS} has {len(shards)} lines, not {found[3]}; the folder is damaged")
    return Plan(out, shards, model, encoder.fingerprint)


def _shards(sources: Sequence[str], rows: int) -> Iterator[Shard]:
    number = 0
    loose: list[str] = []
    for packed, path in _units(sources):
        if packed:
            yield Shard(number, (path,), True)
            number += 1
            continue
        loose.append(path)
        if len(loose) == rows:
            yield Shard(number, tuple(loose), False)
            number, loose = number + 1, []
    if loose:
        yield Shard(number, tuple(loose), False)


def _units(sources: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Packs, unopened, and single images, in the order of the sources; absolute, for workers that stand elsewhere."""
    from zorse.data.images import expand, find_images

    find_images(list(sources))  # says what is missing or mistyped
    found = False
    for source in sources:
        for path in expand(source):
            for packed, unit in _of_path(path):
                found = True
                yield packed, str(Path(unit).absolute())
    if not found:
        raise InputError(f"no images found in {' or '.join(map(str, islice(sources, 4)))}")


def _of_path(path: Path) -> Iterable[tuple[bool, str]]:
    from zorse.data.image_ref import IMAGE_SUFFIXES
    from zorse.data.images import find_images, walk

    if path.name.lower().endswith(_PACKS):
        return [(True, str(path))]
    if path.is_dir():
        images = ((False, ref.key) for ref in walk(path, IMAGE_SUFFIXES, True))
        if (first := next(images, None)) is not None:
            return _chained(first, images)
        return ((True, ref.key) for ref in walk(path, _PACKS, True))
    return ((False, str(ref.source) if isinstance(ref.source, Path) else ref.key) for ref in find_images([str(path)]))


def _chained(first: tuple[bool, str], rest: Iterable[tuple[bool, str]]) -> Iterator[tuple[bool, str]]:
    yield first
    yield from rest
