"""The content of images that were found, wherever they lie: in a file, a shard, or a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zorse.core.errors import InputError
from zorse.core.image import ImageError
from zorse.data.images import find_images


def read_images(paths: Iterable[str]) -> dict[str, bytes]:
    """The bytes of images by their path in the index; what can no longer be read is left out.

    A shard or a table is gone through once for all that lies in it.
    """
    found: dict[str, bytes] = {}
    packed: dict[Path, set[str]] = {}
    for path in paths:
        file = Path(path)
        if file.is_file():
            try:
                found[path] = file.read_bytes()
            except OSError:
                continue
        elif (container := _container(path)) is not None:
            packed.setdefault(container, set()).add(path)
    for container, wanted in packed.items():
        try:
            for ref in find_images(container):
                if ref.key in wanted:
                    content = ref.read()
                    if isinstance(content, bytes):
                        found[ref.key] = content
                    wanted.discard(ref.key)
                    if not wanted:
                        break
        except (InputError, ImageError):
            continue
    return found


def _container(path: str) -> Path | None:
    name = path.rpartition("#")[0] or path
    return next((p for p in (Path(name), *Path(name).parents) if p.is_file()), None)
