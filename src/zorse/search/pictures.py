"""The content of images that were found, wherever they lie: in a file, a shard, or a table."""

from __future__ import annotations

import re
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
        file = on_disk(path)
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
                if (key := escaped(ref.key)) in wanted:
                    content = ref.read()
                    if isinstance(content, bytes):
                        found[key] = content
                    wanted.discard(key)
                    if not wanted:
                        break
        except (InputError, ImageError):
            continue
    return found


def escaped(name: str) -> str:
    """A name as the index holds it: a file's name need not be UTF-8, the table's strings are."""
    return name.encode("utf-8", "backslashreplace").decode()


def on_disk(path: str) -> Path:
    """Where an image of the index lies: what :func:`escaped` wrote for bytes that are no UTF-8 is undone."""
    file = Path(path)
    if "\\udc" not in path or file.exists():
        return file
    return Path(re.sub(r"\\udc([89a-f][0-9a-f])", lambda match: chr(0xDC00 + int(match[1], 16)), path))


def _container(path: str) -> Path | None:
    name = on_disk(path.rpartition("#")[0] or path)
    return next((p for p in (name, *name.parents) if p.is_file()), None)
