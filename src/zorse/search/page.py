"""The hits of a search as one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from zorse.core.files import atomic_path
from zorse.core.image import ImageError, open_image
from zorse.jobs.report import thumbnail
from zorse.search.index import Hit, ImageIndex
from zorse.search.pictures import read_images

# Nothing may be loaded or run, whatever a file is called.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    ".asked { display: flex; gap: 1.2rem; align-items: center; margin: 1.2rem 0; }"
    ".asked img { max-height: 9rem; border-radius: .5rem; }"
)


def write_page(
    path: str | os.PathLike,
    hits: Sequence[Hit],
    index: ImageIndex,
    *,
    text: str | None = None,
    image: Any = None,
    without: Sequence[str] = (),
    where: str | None = None,
) -> int:
    """Write the page and return its size in bytes.

    Raises
    ------
    NotAvailableError
        If ``path`` can't be written.
    """
    page = results_page(hits, index, text=text, image=image, without=without, where=where)
    with atomic_path(path) as scratch:
        scratch.write_bytes(data := page.encode("utf-8", "backslashreplace"))
    return len(data)


def results_page(
    hits: Sequence[Hit],
    index: ImageIndex,
    *,
    text: str | None = None,
    image: Any = None,
    without: Sequence[str] = (),
    where: str | None = None,
) -> str:
    """The page."""
    import zorse

    style = files("zorse.jobs").joinpath("report.css").read_text() + _STYLE
    said = [f"“{text}”"] if text else []
    said += [f"without “{unwanted}”" for unwanted in without]
    said += [f"where {where}"] if where else []
    title = (("Like this image, " if text else "Like this image ") if image is not None else "") + ", ".join(said)
    shown = f'<img src="{thumbnail(open_image(image))}" alt="The image asked with">' if image is not None else ""
    contents = read_images(hit.path for hit in hits)
    cards = "".join(_card(rank, hit, contents.get(hit.path)) for rank, hit in enumerate(hits, 1))
    body = f'<ul class="gallery">{cards}</ul>' if hits else "<p>Nothing was found.</p>"
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title.strip())} · Zorse</title><style>{style}</style></head>"
        f'<body><a class="skip" href="#main">Skip to the results</a><header><div class="stripes" aria-hidden="true">'
        f'</div><h1 dir="auto">{escape(title.strip())}</h1><div class="asked">{shown}'
        f'<p class="soft">{len(hits):,} of {len(index):,} images, best first. Model {escape(index.about.model)}.</p>'
        f'</div></header><main id="main">{body}</main><footer><p>A score is the cosine between an image and the '
        f"query; it compares images of one search, not searches. Made by Zorse {zorse.__version__}, {when}; this page "
        "is one file and loads nothing from elsewhere.</p></footer></body></html>\n"
    )


def _card(rank: int, hit: Hit, content: bytes | None) -> str:
    name = escape(Path(hit.path).name)
    picture = '<span class="soft">no picture</span>'
    if content is not None:
        with suppress(ImageError):  # changed since it was indexed
            picture = f'<img src="{thumbnail(open_image(content))}" alt="{name}" decoding="async">'
    said = ", ".join(label for label in hit.labels if label != hit.folder)
    told = "".join(f'<p class="verdict" dir="auto">{escape(part)}</p>' for part in (said, hit.caption) if part)
    bar = f'<span class="bar" aria-hidden="true"><i style="--p:{100 * max(0.0, min(1.0, hit.score)):.1f}%"></i></span>'
    return (
        f'<li><div class="shot">{picture}</div><div class="says"><h3>{rank}. {name}</h3>'
        f'<p class="path" title="{escape(hit.path)}">{escape(hit.folder)}</p>{told}'
        f'<ol aria-label="Score"><li><span>score</span><span class="n">{hit.score:.3f}</span>{bar}</li></ol></div></li>'
    )
