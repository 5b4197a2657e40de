"""One self-contained HTML page about a run: what was in the images, how sure, and what went wrong."""

from __future__ import annotations

import base64
import hashlib
import heapq
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from zorse.core.files import atomic_path
from zorse.jobs.report_confidence import boxes, confidence, further

if TYPE_CHECKING:
    from PIL.Image import Image

    from zorse.jobs.classification import Prediction, Summary
    from zorse.jobs.truth import Agreement

SPREAD = 240  # pictures shown from all over the run
NOTABLE = 60  # and of the worst: confident mistakes, or the least sure where no truth is known
SIDE = 224  # longest side of a thumbnail in pixels
_LABELS = 2000  # labels listed
_ROWS = 40  # classes drawn in the confusion picture, answers listed
_ERRORS = 500


@dataclass
class Shot:
    """A prediction with its thumbnail as a data address; None if there is no picture."""

    at: int
    row: Prediction
    picture: str | None


@dataclass
class Report:
    """Collects what the page shows while a run goes by; what it holds does not grow with the run.

    Every image is shown up to ``SPREAD + NOTABLE`` of them. Beyond that an even spread over the run is kept,
    and apart from it the most confident mistakes (with a truth) or the least sure answers (without).
    """

    title: str = "What is in these images"
    note: str = "Named from the labels alone; no example image was given."
    met: int = 0
    stride: int = 1
    spread: list[Shot] = field(default_factory=list)
    notable: list[tuple[float, int, Shot]] = field(default_factory=list)
    errors: list[Prediction] = field(default_factory=list)

    def add(self, row: Prediction, image: Callable[[], Image] | None = None) -> None:
        """Take one prediction; ``image`` is called only if its picture is shown."""
        if row.error is not None:
            if len(self.errors) < _ERRORS:
                self.errors.append(row)
            return
        at, self.met = self.met, self.met + 1
        shot: Shot | None = None
        if at % self.stride == 0:
            shot = Shot(at, row, _picture(image))
            self.spread.append(shot)
            if len(self.spread) > SPREAD:
                # Twice the stride, half the pictures: still even over the run.
                self.stride *= 2
                self.spread = [s for s in self.spread if s.at % self.stride == 0]
        weight = self._weight(row)
        if weight is not None and (len(self.notable) < NOTABLE or weight > self.notable[0][0]):
            shot = shot or Shot(at, row, _picture(image))
            heapq.heappush(self.notable, (weight, -at, shot))
            if len(self.notable) > NOTABLE:
                heapq.heappop(self.notable)

    def write(self, path: str | Path, summary: Summary) -> int:
        """Write the page and return its size in bytes.

        Raises
        ------
        NotAvailableError
            If ``path`` can't be written.
        """
        page = self.html(summary)
        with atomic_path(path) as scratch:
            # A file name need not be UTF-8; the page is.
            scratch.write_bytes(data := page.encode("utf-8", "backslashreplace"))
        return len(data)

    def html(self, summary: Summary) -> str:
        """The page."""
        note = self.note
        if summary.calibration is not None:
            note = (
                f"Named from the labels; {_count(summary.calibration.n, 'labelled image')} tell how sure answers are."
            )
        here = files("zorse.jobs")
        style, script = here.joinpath("report.css").read_text(), here.joinpath("report.js").read_text()
        # Only this script may run and nothing may be loaded, whatever a file is called.
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        body = "".join(
            [
                _header(self.title, note, summary),
                '<main id="main">',
                _agreement(summary.agreement) if summary.agreement else "",
                confidence(summary),
                self._notable_gallery(summary),
                self._gallery(summary),
                _answers(summary),
                self._failures(summary),
                _labels(summary),
                "</main>",
                _footer(summary),
            ]
        )
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            f"<title>{escape(self.title)} · Zorse</title><style>{style}</style></head>"
            f'<body><a class="skip" href="#main">Skip to the results</a>{body}<script>{script}</script></body></html>\n'
        )
        return page.replace("{{size}}", _bytes(len(page.encode("utf-8", "backslashreplace"))), 1)

    def _weight(self, row: Prediction) -> float | None:
        """How much a picture is worth a look; None: not at all."""
        assert row.score is not None
        if row.truth is None:
            return -row.score
        return row.score if row.rank is not None and not row.right else None

    def _shots(self) -> list[Shot]:
        if self.stride > 1:
            return self.spread
        # Few enough to show all: the notable ones are among them.
        return sorted({s.at: s for s in self.spread}.values(), key=lambda s: s.at)

    def _notable_gallery(self, summary: Summary) -> str:
        if self.stride == 1 or not self.notable:
            return ""
        shots = [shot for _, _, shot in sorted(self.notable, key=lambda entry: (-entry[0], -entry[1]))]
        title = "Most confident mistakes" if summary.agreement else "Least sure"
        return f'<h2>{title}</h2><ul class="gallery">{"".join(map(_card, shots))}</ul>'

    def _gallery(self, summary: Summary) -> str:
        shots = self._shots()
        if not shots:
            return ""
        note = ""
        if len(shots) < self.met:
            note = f'<p class="soft">{len(shots):,} of {self.met:,} images, spread evenly over the run.</p>'
        answers = sorted({s.row.label or "" for s in shots})
        options = "".join(f'<option value="{escape(a)}">{escape(a)}</option>' for a in answers)
        wrong = (
            '<label class="tick"><input type="checkbox" name="wrong"> only wrong</label>' if summary.agreement else ""
        )
        form = (
            '<form data-filter hidden role="search" aria-label="Filter the images">'
            f'<label>Answer <select name="label"><option value="">all</option>{options}</select></label>'
            f'<label>File name <input type="search" name="text"></label>{wrong}'
            '<span id="shown" class="soft" role="status"></span></form>'
        )
        heading = "Images" if len(shots) == self.met else "A spread of the images"
        cards = "".join(map(_card, shots))
        return f'<h2 id="images">{heading}</h2>{note}{form}<ul class="gallery" aria-labelledby="images">{cards}</ul>'

    def _failures(self, summary: Summary) -> str:
        if not summary.failed:
            return ""
        rows = "".join(
            f'<tr><th scope="row">{escape(r.path)}</th><td>{escape(r.error or "")}</td></tr>' for r in self.errors
        )
        more = summary.failed - len(self.errors)
        note = f'<p class="soft">and {more:,} more</p>' if more else ""
        return (
            '<h2>Images that could not be read</h2><div class="scroll" tabindex="0" role="region" aria-label="Failed">'
            f"<table><caption>{_count(summary.failed, 'file')}</caption>"
            '<thead><tr><th scope="col">File</th><th scope="col">Why</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>{note}"
        )


def thumbnail(image: Image) -> str:
    """A small JPEG of an RGB image as a data address."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.convert("RGB").save(file, "JPEG", quality=72, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _picture(image: Callable[[], Image] | None) -> str | None:
    if image is None:
        return None
    try:
        return thumbnail(image())
    except (OSError, ValueError):  # a file that went away since it was named; its row stays
        return None


def _header(title: str, note: str, summary: Summary) -> str:
    facts = [
        ("Images", f"{summary.images:,}", f"{summary.failed:,} could not be read" if summary.failed else ""),
        ("Labels", f"{len(summary.labels):,}", ""),
        ("Model", escape(summary.model), f"method {escape(summary.method)}"),
        ("Time", _duration(summary.seconds), f"{summary.images_per_second:,.1f} images a second"),
    ]
    if (agreement := summary.agreement) and (top1 := agreement.top1):
        interval = f"95 % interval {_percent(top1.low)} to {_percent(top1.high)}"
        facts.insert(0, ("Right", _percent(top1.value), interval))
    cells = "".join(f"<div><dt>{k}</dt><dd>{v}{f'<small>{s}</small>' if s else ''}</dd></div>" for k, v, s in facts)
    return (
        f'<header><div class="stripes" aria-hidden="true"></div><h1>{escape(title)}</h1>'
        f'<p class="soft">{escape(note)}</p>'
        f'<dl class="facts">{cells}</dl></header>'
    )


def _card(shot: Shot) -> str:
    row = shot.row
    label, path = row.label or "", escape(row.path)
    best = row.top[0][0] if row.top else label
    wrong = row.rank is not None and not row.right
    verdict = ""
    if row.truth is not None and row.rank is None:
        verdict = f'<p class="verdict soft">truth: {escape(row.truth)}, which is no label</p>'
    elif wrong:
        verdict = f'<p class="verdict wrong">wrong (truth: {escape(row.truth or "")})</p>'
    elif row.truth is not None:
        verdict = '<p class="verdict right">right</p>'
    bars = "".join(
        f'<li><span dir="auto">{escape(name)}</span><span class="n">{_percent(p)}</span>{_bar(p)}</li>'
        for name, p in row.top[:5]
    )
    alt = escape(f"{Path(row.path).name}, called {label}")
    picture = (
        f'<div class="picture"><img src="{shot.picture}" alt="{alt}" decoding="async">{boxes(row)}</div>'
        if shot.picture
        else '<span class="soft">no picture</span>'
    )
    unsure = f'<p class="verdict soft">likeliest: {escape(best)}</p>' if label != best and row.branch is None else ""
    return (
        f'<li data-label="{escape(label)}" data-wrong="{int(wrong)}" data-text="{path.lower()}">'
        f'<div class="shot">{picture}</div><div class="says"><h3 dir="auto">{escape(label)}</h3>'
        f'<p class="path" title="{path}">{escape(_tail(row.path))}</p>{verdict}{unsure}'
        f'<ol aria-label="Likeliest labels">{bars}</ol>{further(row)}</div></li>'
    )


def _answers(summary: Summary) -> str:
    counts = summary.counts.most_common()
    if not counts:
        return ""
    most = counts[0][1]
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{escape(str(label))}</th><td class="n">{n:,}</td>'
        f'<td class="share" aria-hidden="true">{_bar(n / most)}</td></tr>'
        for label, n in counts[:_ROWS]
    )
    more = f'<p class="soft">and {len(counts) - _ROWS} labels more</p>' if len(counts) > _ROWS else ""
    return (
        "<h2>Answers</h2><table><caption>Images of each answer</caption>"
        '<thead><tr><th scope="col">Label</th><th scope="col" class="n">Images</th><td></td></tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}"
    )


def _agreement(agreement: Agreement) -> str:
    top1, top5, mean = agreement.top1, agreement.top5, agreement.per_class_mean
    strangers = sum(agreement.strangers.values())
    lines = []
    if top1 is not None and mean is not None:
        five = f", {_percent(top5.value)} among the five likeliest" if top5 else ""
        lines.append(
            f"<p>{_percent(top1.value)} of {_count(agreement.n, 'image')} are called what they are{five}; "
            f"averaged over classes {_percent(mean)}.</p>"
        )
    if strangers:
        names = ", ".join(escape(name) for name, _ in agreement.strangers.most_common(5))
        lines.append(
            f'<p class="soft">{_count(strangers, "image")} not scored: what they are is no label ({names}).</p>'
        )
    if top1 is None or agreement.n <= len(
        agreement.per_class
    ):  # an image a class: the pictures say it better than a table
        return f"<h2>Against the truth</h2>{''.join(lines)}"
    rows = []
    for label, (right, total) in agreement.per_class.items():
        mistaken = agreement.mistaken_for(label)
        said = f"{escape(mistaken[0])} ({mistaken[1]})" if mistaken else ""
        share = right / total
        rows.append(
            f'<tr><th scope="row" dir="auto">{escape(label)}</th><td class="n">{right} of {total}</td>'
            f'<td class="n">{_percent(share)}</td><td dir="auto">{said}</td></tr>'
        )
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Accuracy of each class"><table>'
        "<caption>Each class, worst first</caption><thead><tr>"
        '<th scope="col">Truth</th><th scope="col" class="n">Right</th><th scope="col" class="n">Share</th>'
        f'<th scope="col">Most often called instead</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
    return (
        f'<h2>Against the truth</h2>{"".join(lines)}<div class="two">{table}<figure>{_matrix(agreement)}</figure></div>'
    )


def _matrix(agreement: Agreement) -> str:
    """The confusion picture: one row a folder, one column an answer, darker is more of the row."""
    classes = list(agreement.per_class)
    shown = sorted(classes[:_ROWS], key=str.casefold)
    # Answers outside the rows shown share the last column, so that every row adds up.
    columns = [*shown]
    others = any(t in shown and s not in shown for t, s in agreement.confusion)
    if others:
        columns.append("other")
    cell, gap = 100 / 6, 150
    named = len(shown) <= _ROWS
    side = cell * len(columns)
    parts = []
    for i, truth in enumerate(shown):
        total = agreement.per_class[truth][1]
        counts = [agreement.confusion.get((truth, said), 0) for said in shown]
        if others:
            counts.append(total - sum(counts))
        for j, n in enumerate(counts):
            if n:
                kind = "cell" if j == i else "miss"
                told = escape(f"{truth}, called {columns[j]}: {n} of {total}")
                parts.append(
                    f'<rect class="{kind}" x="{gap + j * cell:.1f}" y="{gap + i * cell:.1f}" width="{cell - 1:.1f}" '
                    f'height="{cell - 1:.1f}" fill-opacity="{0.12 + 0.88 * n / total:.2f}"><title>{told}</title></rect>'
                )
        if named:
            y = gap + i * cell + cell * 0.7
            parts.append(f'<text x="{gap - 6}" y="{y:.1f}" text-anchor="end">{escape(_short(truth))}</text>')
    for j, said in enumerate(columns):
        x = gap + j * cell + cell * 0.68
        parts.append(f'<text transform="translate({x:.1f} {gap - 6}) rotate(-60)">{escape(_short(said))}</text>')
    width, height = gap + side + 90, gap + cell * len(shown) + 4
    frame = f'<rect class="frame" x="{gap - 1}" y="{gap - 1}" width="{side:.1f}" height="{cell * len(shown):.1f}"/>'
    only = f" (the {len(shown)} worst of {len(classes)} classes)" if len(classes) > len(shown) else ""
    return (
        f'<svg class="matrix" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="Confusion of {len(shown)} classes; the table gives the figures">'
        f"{''.join(parts)}{frame}</svg>"
        f"<figcaption>A row is what images are{only}, a column what they were called. The diagonal is right; "
        "the stronger the colour, the larger the share of the row. Point at a cell for its count.</figcaption>"
    )


def _labels(summary: Summary) -> str:
    told = summary.labels[:_LABELS]  # a page of millions would open in no browser
    names = ", ".join(f'<span dir="auto">{escape(label)}</span>' for label in told)
    more = f" and {len(summary.labels) - len(told):,} more" if len(summary.labels) > len(told) else ""
    return f"<details><summary>All {len(summary.labels):,} labels</summary><p>{names}{more}</p></details>"


def _footer(summary: Summary) -> str:
    import zorse

    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    meaning = (
        "Each score is the probability that this label fits, whatever the others do."
        if summary.independent
        else f"Scores are probabilities over the {summary.nearest:,} labels nearest to each image, and add up to 1."
        if summary.nearest is not None
        else "Scores are probabilities over the labels given, and add up to 1 over all of them."
    )
    return (
        f"<footer><p>{meaning} Made by Zorse {zorse.__version__}, {when}; this page is one file of {{{{size}}}} "
        "and loads nothing from elsewhere.</p></footer>"
    )


def _bar(share: float) -> str:
    return f'<span class="bar" aria-hidden="true"><i style="--p:{100 * share:.1f}%"></i></span>'


def _percent(p: float) -> str:
    if 0 < p < 0.001:
        return "< 0.1 %"
    return f"{100 * p:.1f} %"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _tail(path: str) -> str:
    """File and folder: enough to know it by."""
    parts = path.split("/")
    return path if len(parts) <= 2 else "/".join(["…", *parts[-2:]])


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _bytes(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{max(1, round(n / 1e3))} kB"
