"""A benchmark as one HTML page that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

import zorse
from zorse.benchmark.charts import Curve, curves_chart, intervals_chart, mean_curve, ranks_chart
from zorse.benchmark.exposure import exposure_notes
from zorse.benchmark.summary import (
    FIGURES,
    Behind,
    Ranked,
    Row,
    behind_the_best,
    figure_for,
    ranked,
    reported_notes,
    rows_of,
    tasks_of,
)
from zorse.core import atomic_path

HEADS = {"zsl": "ZSL", "H calibrated": "H, calibrated"}
MEANINGS = (
    ("ZSL", "unseen samples, only unseen classes to choose from"),
    ("U, S", "unseen and held-out seen samples, all classes to choose from"),
    ("H", "harmonic mean of U and S"),
    ("H, calibrated", "H after a penalty on seen classes that was chosen on held-out training classes"),
    ("AUSUC", "area under seen against unseen accuracy, over every penalty; no calibration can change it"),
    ("seconds", "CPU seconds of choosing parameters, fitting, scoring and calibrating; with a GPU, the host's share"),
    ("MB", "by how much memory grew meanwhile"),
    ("±", "half of the 95 % interval of the mean over seeds (Student's); with few seeds it is wide"),
)


def write_report(path: str | Path, lines: Sequence[dict], by: str | None = None) -> int:
    """Write the page of a log's ``lines`` and return its size in bytes; ``by`` names the figure to rank by.

    Raises
    ------
    NotAvailableError
        If ``path`` can't be written.
    InputError
        If ``by`` is no figure.
    """
    data = html(lines, by).encode()
    with atomic_path(path) as scratch:
        scratch.write_bytes(data)
    return len(data)


def html(lines: Sequence[dict], by: str | None = None) -> str:
    """The page."""
    rows = rows_of(lines)
    figure = figure_for(rows, by)
    style = files("zorse.jobs").joinpath("report.css").read_text()
    style += files("zorse.benchmark").joinpath("report.css").read_text()
    script = files("zorse.benchmark").joinpath("report.js").read_text()
    # Only this script may run and nothing may be loaded, whatever a log holds.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    names = tasks_of(rows)
    exposed = exposure_notes(lines)
    sections = [_task(name, [row for row in rows if row.task == name], figure, exposed.get(name)) for name in names]
    body = "".join([_header(rows, names, figure), '<main id="main">', _ranks(rows, figure), *sections, "</main>"])
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    footer = (
        f"<footer><p>Made by Zorse {zorse.__version__}, {when}, from the log of <code>zorse bench</code> alone. "
        "This page is one file and loads nothing from elsewhere.</p></footer>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Benchmark · Zorse</title><style>{style}</style></head>"
        f'<body><a class="skip" href="#main">Skip to the results</a>{body}{footer}<script>{script}</script>'
        "</body></html>\n"
    )


def _header(rows: Sequence[Row], names: Sequence[str], figure: str) -> str:
    lines = [line for row in rows for line in row.lines]
    measured = [line for line in lines if line["status"] == "ok"]
    failed = sum(line["status"] == "failed" for line in lines)
    spent = sum(sum(line["seconds"].values()) for line in measured)
    seeds = {line["seed"] for line in measured}
    facts = [
        ("Methods", len({row.method for row in rows if row.ran}), f"of {len({row.method for row in rows})} asked for"),
        ("Tasks", len(names), ""),
        ("Seeds", len(seeds), ""),
        ("Cells", f"{len(measured):,}", f"{failed:,} failed" if failed else ""),
        ("Time", _duration(spent), "of CPU, summed over cells"),
    ]
    cells = "".join(f"<div><dt>{k}</dt><dd>{v}{f'<small>{s}</small>' if s else ''}</dd></div>" for k, v, s in facts)
    links = "".join(f'<a href="#{_anchor(name)}">{escape(_name(name))}</a>' for name in names)
    meanings = "".join(f"<dt>{what}</dt><dd>{meaning}</dd>" for what, meaning in MEANINGS)
    return (
        '<header><div class="stripes" aria-hidden="true"></div><h1>Zero-shot benchmark</h1>'
        '<p class="soft">Accuracies in percent, every class counting alike. Hyper-parameters are chosen by holding out '
        "whole training classes; nothing is chosen on the test.</p>"
        f'<dl class="facts">{cells}</dl><nav class="tasks" aria-label="Tasks">{links}</nav>'
        f'<details><summary>What the figures mean</summary><dl class="how">{meanings}</dl></details></header>'
    )


def _ranks(rows: Sequence[Row], figure: str) -> str:
    found = ranked(rows, figure)
    if found is None:
        return ""
    marked = {row.method for row in rows if row.transductive}
    name = {row.method: row.name for row in rows}
    names = [f"{name[method]} *" if method in marked else name[method] for method in found.methods]
    chart = ranks_chart(names, found.ranking.ranks, found.ranking.cliques, f"Mean ranks by {HEADS.get(figure, figure)}")
    return (
        f'<section id="ranks"><h2>Ranks by {HEADS.get(figure, figure)}</h2><figure>{chart}'
        f"<figcaption>{_rank_words(found, bool(marked & set(found.methods)))}</figcaption></figure></section>"
    )


def _rank_words(found: Ranked, marked: bool) -> str:
    ranking, m = found.ranking, len(found.methods)
    pairs = m * (m - 1) // 2
    tasks = {block.split(", split")[0] for block in found.blocks}
    what = "tasks" if len(tasks) == len(found.blocks) else "tasks with redrawn classes"
    over = "Rank on one task" if len(found.blocks) == 1 else f"Mean rank over {len(found.blocks)} {what}"
    words = [f"{over} (1 is best). "]
    if pairs * ranking.p_floor > 0.05:
        words.append(
            f"Too few to tell any two methods apart: the smallest p value that {len(found.blocks)} can give is "
            f"{ranking.p_floor:.2g}, and {pairs} pairs are compared. "
        )
    else:
        words.append(
            "Methods joined by a bar are not told apart (signed-rank tests of all pairs, Holm's correction, 5 %). "
        )
    if np.isfinite(ranking.p_any):
        words.append(f"That all are alike has p = {_p(ranking.p_any)} (Friedman). ")
    if len(tasks) < len(found.blocks):
        words.append("Splits of one data set share samples, which makes these tests somewhat too sure. ")
    if marked:
        words.append("* has seen the unseen test samples without labels. ")
    if found.left_out:
        words.append(f"Left out, for want of a figure on every one: {escape(', '.join(sorted(found.left_out)))}.")
    return "".join(words)


def _task(name: str, rows: Sequence[Row], figure: str, exposure: str | None = None) -> str:
    ran = sorted((row for row in rows if row.ran), key=lambda row: -row.mean(figure))
    if not ran:
        return f'<section id="{_anchor(name)}"><h2>{escape(_name(name))}</h2>{_not_run(rows)}</section>'
    shown = [row for row in ran if row.interval(figure)]
    dots = [(row.name, row.interval(figure), "told" if row.transductive else "") for row in shown]
    reported = {row.name: item[0].value / 100 for row in shown if (item := row.reported(figure))}
    title = HEADS.get(figure, figure)
    ticks = " A red tick is what a paper reports." if reported else ""
    orange = " Orange: has seen the unseen test samples without labels." if any(row.transductive for row in ran) else ""
    intervals = (
        f"<figure>{intervals_chart(dots, f'{title} on {name}', reported)}"  # type: ignore[arg-type]
        f"<figcaption>{title} with the 95 % interval over seeds.{orange}{ticks}</figcaption></figure>"
    )
    return "".join(
        [
            f'<section id="{_anchor(name)}"><h2>{escape(_name(name))}</h2>{_setting(ran)}',
            f"<p><strong>Exposed:</strong> {escape(exposure)}.</p>" if exposure else "",
            _table(ran),
            f'<div class="pair">{intervals}{_curves(name, ran)}</div>',
            _behind(behind_the_best(rows, figure), shown, figure) if len(shown) > 1 else "",
            _how(ran),
            _not_run([row for row in rows if not row.ran or row.why]),
            "</section>",
        ]
    )


def _setting(ran: Sequence[Row]) -> str:
    line = ran[0].ran[0]
    sizes = line["sizes"]
    split = ran[0].split
    seeds = "each seed draws other unseen classes" if split == "redrawn" else "the split is fixed; seeds seed methods"
    exposed = line.get("exposed")
    warning = ""
    if exposed:
        warning = f'<p class="callout">Exposed: {escape(str(exposed))}</p>'
    return (
        f'<p class="soft">{sizes["train"]:,} training samples of {sizes["seen"]} seen classes, {sizes["test_seen"]:,} '
        f"held out; {sizes['test_unseen']:,} samples of {sizes['unseen']} unseen classes. {sizes['features']:,} "
        f"features, class vectors of {sizes['semantics']:,}. Seeds: {seeds}.</p>{warning}"
    )


def _table(ran: Sequence[Row]) -> str:
    best = {figure: max((row.mean(figure) for row in ran if not row.transductive), default=0) for figure in FIGURES}
    heads = ["method", *(HEADS.get(figure, figure) for figure in FIGURES), "seconds", "MB"]
    kinds = ["", *["n"] * (len(heads) - 1)]
    head = "".join(f'<th scope="col" class="{k}"><button>{h}</button></th>' for h, k in zip(heads, kinds, strict=True))
    body = []
    for row in ran:
        tag = ' <span class="tag">transductive</span>' if row.transductive else ""
        cells = [f'<th scope="row">{escape(row.name)}{tag}</th>']
        for figure in FIGURES:
            interval = row.interval(figure)
            if interval is None:
                cells.append('<td class="n" data-value=""></td>')
                continue
            half = (interval.high - interval.low) / 2
            pm = f' <span class="pm">±{100 * half:.1f}</span>' if half < 1 else ""
            kind = "n best" if interval.value == best[figure] and not row.transductive else "n"
            paper = f'<span class="paper">paper {item[0].value:g}</span>' if (item := row.reported(figure)) else ""
            cells.append(
                f'<td class="{kind}" data-value="{interval.value:.6f}">{100 * interval.value:.1f}{pm}{paper}</td>'
            )
        memory = "" if row.memory is None else f"{row.memory:.0f}"
        cells.append(f'<td class="n" data-value="{row.seconds:.4f}">{_seconds(row.seconds)}</td>')
        cells.append(f'<td class="n" data-value="{memory}">{memory}</td>')
        notes = [*([f"{len(row.ran)} of {len(row.lines)} seeds"] if row.why else []), row.settings]
        notes += reported_notes(row)
        cells.append(f'<td class="notes">{escape("; ".join(filter(None, notes)))}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<div class="scroll results" tabindex="0" role="region" aria-label="Results"><table data-sort>'
        "<caption>Mean over seeds; bold is best among methods that have not seen the test samples. "
        "Settings that a recipe fixes stand in the notes.</caption>"
        f'<thead><tr>{head}<th scope="col">notes</th></tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def _curves(name: str, ran: Sequence[Row]) -> str:
    curves = []
    for row in ran:
        runs = [line["curve"] for line in row.ran if line["curve"]]
        if runs:
            at = (row.mean("U"), row.mean("S"))
            curves.append(Curve(row.name, mean_curve(runs), at, row.mean("AUSUC")))
    if not curves:
        return ""
    return (
        f"<figure>{curves_chart(curves, f'Seen against unseen accuracy on {name}')}"
        "<figcaption>What a penalty on seen classes trades: accuracy on seen against unseen classes, mean over seeds; "
        "the dot is where the method stands by itself. The figure beside a name is its AUSUC.</figcaption></figure>"
    )


def _behind(found: Sequence[Behind], shown: Sequence[Row], figure: str) -> str:
    if not found:
        return ""
    classes = found[0].over_classes
    interval = "as if other classes had been drawn" if classes else "Student's, over seeds"
    body = "".join(
        f'<tr><th scope="row">{escape(b.row.name)}</th><td class="n">{100 * b.difference.value:+.1f}</td>'
        f'<td class="n">{_range(b)}</td><td>{_verdict(b)}</td></tr>'
        for b in found
    )
    best = escape(shown[0].name)
    return (
        f"<details><summary>Differences from the best, {best}</summary>"
        '<div class="scroll results"><table><caption>'
        f"{HEADS.get(figure, figure)}, paired over the same splits; 95 % interval {interval}.</caption>"
        '<thead><tr><th scope="col">method</th><th scope="col" class="n">difference</th>'
        f'<th scope="col" class="n">interval</th><th scope="col"></th></tr></thead><tbody>{body}</tbody></table></div>'
        "</details>"
    )


def _range(b: Behind) -> str:
    if not np.isfinite(b.difference.low):
        return ""
    return f"{100 * b.difference.low:+.1f} to {100 * b.difference.high:+.1f}"


def _verdict(b: Behind) -> str:
    return "behind" if b.difference.high < 0 else "not told apart"


def _how(ran: Sequence[Row]) -> str:
    items = [
        f"<dt>{escape(row.name)}</dt><dd>{escape(row.chosen)} "
        f"(from {', '.join(row.lines[0]['params']['grid']) or 'features'})</dd>"
        for row in ran
        if row.chosen
    ]
    if not items:
        return ""
    return (
        "<details><summary>What cross-validation chose</summary>"
        f'<dl class="how">{"".join(items)}</dl><p class="soft">Different seeds are separated by a bar.</p></details>'
    )


def _not_run(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    items = "".join(
        f"<dt>{escape(row.name)}</dt><dd>{escape(next(x['status'] for x in row.lines if x['status'] != 'ok'))}: "
        f"{escape(row.why)}</dd>"
        for row in rows
    )
    n = len(rows)
    return (
        f"<details><summary>{n} method{'s' if n > 1 else ''} without all figures, and why</summary>"
        f'<dl class="how">{items}</dl></details>'
    )


def _name(task: str) -> str:
    return task if "/" not in task else Path(task).name


def _anchor(task: str) -> str:
    return "task-" + hashlib.sha256(task.encode()).hexdigest()[:8]


def _p(value: float) -> str:
    return "below .001" if value < 0.001 else f"{value:.3f}"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
