"""Pictures of an index for the service: names without the machine's folders, and small pictures."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from typing import Any

from zorse.core.image import ImageError, open_image
from zorse.jobs.report import SIDE, thumbnail

_KEPT = 4000  # thumbnails; some 30 MB


class Finder:
    """Searches an open index, one question at a time, on the thread ``thread``."""

    def __init__(self, index: Any):
        self.index = index
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="zorse-find")
        self.size = len(index)
        self._kept: OrderedDict[str, str | None] = OrderedDict()

    def find(self, asked: Any, image: bytes | None) -> list[dict[str, Any]]:
        """Hits as the service tells them; called on the thread."""
        where = None if asked.folder is None else "folder = '" + asked.folder.replace("'", "''") + "'"
        hits = self.index.search(asked.text, image, asked.without, where, asked.top_k)
        shown = self._thumbnails(hits) if asked.thumbnails else {}
        return [
            {
                "name": f"{hit.folder}/{_name(hit.path)}" if hit.folder else _name(hit.path),
                "score": hit.score,
                "folder": hit.folder,
                "caption": hit.caption,
                "labels": list(hit.labels),
                "thumbnail": shown.get(hit.digest),
            }
            for hit in hits
        ]

    def _thumbnails(self, hits: list[Any]) -> dict[str, str | None]:
        """By digest; paths come from the index that the service was started with, never from a request."""
        from zorse.search.pictures import read_images

        new = {hit.digest: hit.path for hit in hits if hit.digest not in self._kept}
        contents = read_images(new.values()) if new else {}
        for digest, path in new.items():
            self._kept[digest] = _small(contents[path]) if path in contents else None
        found = {hit.digest: self._kept[hit.digest] for hit in hits}
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


def _small(content: bytes) -> str | None:
    try:
        return thumbnail(open_image(content, min_size=(SIDE, SIDE)))
    except ImageError:
        return None


def _name(path: str) -> str:
    return PurePath(path).name
