"""The part of the report that says how far answers can be believed."""

from __future__ import annotations

from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from zorse.jobs.classification import FIRST_LOOK, OWN_PROMPT

if TYPE_CHECKING:
    from zorse.evaluation import Reliability
    from zorse.jobs.classification import Prediction, Summary


def confidence(summary: Summary) -> str:
    """Calibration, sets and reliability; empty where nothing is known of them."""
    lines, drawn = [], ""
    learned, agreement = summary.calibration, summary.agreement
    if learned is not None:
        told = f"Calibrated by {learned.n:,} labelled images"
        if not learned.n_fitted:
            told += "; too few for a temperature beside the sets, so that probabilities are as they were"
        elif not learned.fitted.independent:
            told += f": temperature {1 / learned.fitted.slope:.2f}"
        if learned.after.n and learned.before.error is not None and learned.after.error is not None:
            told += (
                f". On them, each half judged by what the other half taught, the calibration error falls from "
                f"{_percent(learned.before.error)} to {_percent(learned.after.error)}"
                if learned.after.error <= learned.before.error
                else f". It does not lower the calibration error on them ({_percent(learned.before.error)} before, "
                f"{_percent(learned.after.error)} after)"
            )
        lines.append(f"<p>{told}.</p>")
        if learned.sets is not None:
            mean = sum(size * n for size, n in summary.answered.items()) / max(sum(summary.answered.values()), 1)
            lines.append(
                f"<p>Sets of labels lack the truth in at most {_percent(learned.sets.error)} of images like those of "
                f"the sample; they hold {mean:.2f} labels on average.</p>"
            )
    elif summary.answered:
        lines.append(f"<p>Several labels an image are {FIRST_LOOK}.</p>")
    if summary.in_sample:
        lines.append(
            f'<p class="soft">{summary.in_sample:,} of these images are in the labelled sample as well; figures about '
            "them flatter.</p>"
        )
    if agreement is not None and agreement.n:
        for share, text in (
            (agreement.coverage, "of answers hold the truth among their labels"),
            (agreement.at_depth, "of answers are right at the depth of the tree that was answered"),
        ):
            if share is not None:
                lines.append(
                    f"<p>{_percent(share.value)} {text} (95 % interval {_percent(share.low)} to "
                    f"{_percent(share.high)}).</p>"
                )
        if agreement.n >= 20 and agreement.reliability.error is not None:
            drawn = _drawn(agreement.reliability)
    if not lines and not drawn:
        return ""
    return f"<h2>How far to believe it</h2>{''.join(lines)}{drawn}"


def further(row: Prediction) -> str:
    """What a card says beside the likeliest labels."""
    parts = []
    if row.answers is not None:
        names = ", ".join(escape(name) for name in row.answers[:6])
        more = f" and {len(row.answers) - 6} more" if len(row.answers) > 6 else ""
        parts.append(f"answers: {names}{more}" if row.answers else "none of the labels")
    if row.branch is not None:
        parts.append(" › ".join(f"{escape(name)} {_percent(p)}" for name, p in row.branch))
    if row.groups is not None:
        parts.append("groups: " + ", ".join(f"{escape(name)} {_percent(p)}" for name, p in row.groups[:4]))
    if row.known is not None:
        parts.append(f"confidence that it is any of the labels: {row.known:.4g}")
    if row.because:
        parts.append(_because(row))
    return "".join(f'<p class="verdict soft" dir="auto">{part}</p>' for part in parts)


def _because(row: Prediction) -> str:
    head, said, drawn = "because:", "", 0
    for (text, lead), box in zip_longest(row.because or (), row.crops):
        drawn += box is not None
        mark = "" if box is None else f"<b>{drawn}</b> "
        if text.startswith(OWN_PROMPT):
            head, text = "what decided can't be told; the label's nearest prompts:", text.removeprefix(OWN_PROMPT)
        said += f"<br>{mark}{escape(text)} ({lead:+.2g})"
    return head + said


def boxes(row: Prediction) -> str:
    """The crops that carried an answer, to lie over its picture; numbered as :func:`further` lists them."""
    return "".join(
        f'<span class="crop" aria-hidden="true" style="left:{100 * left:.1f}%;top:{100 * top:.1f}%;'
        f'width:{100 * (right - left):.1f}%;height:{100 * (bottom - top):.1f}%"><b>{at}</b></span>'
        for at, (left, top, right, bottom) in enumerate(filter(None, row.crops), 1)
    )


def _drawn(found: Reliability) -> str:
    """Bars of accuracy over stated probability, the diagonal being what they should reach."""
    side, left, foot = 240.0, 44.0, 34.0
    bars = []
    for low, high, n, said, right in found.rows():
        x, width = left + side * low, side * (high - low)
        told = f"said {_percent(said)}, right {_percent(right)}, {n:,} image{'' if n == 1 else 's'}"
        bars.append(
            f'<rect class="cell" x="{x + 0.5:.1f}" y="{8 + side * (1 - right):.1f}" width="{width - 1:.1f}" '
            f'height="{max(side * right, 1):.1f}" fill-opacity="{0.25 + 0.75 * min(n / found.n * 4, 1):.2f}">'
            f"<title>{told}</title></rect>"
        )
    axis = "".join(
        f'<text x="{left - 6}" y="{8 + side * (1 - v) + 4:.1f}" text-anchor="end">{100 * v:.0f}</text>'
        f'<text x="{left + side * v:.1f}" y="{8 + side + 14:.1f}" text-anchor="middle">{100 * v:.0f}</text>'
        for v in (0, 0.5, 1)
    )
    rows = "".join(
        f'<tr><th scope="row" class="n">{100 * low:.0f} to {100 * high:.0f} %</th><td class="n">{n:,}</td>'
        f'<td class="n">{_percent(said)}</td><td class="n">{_percent(right)}</td></tr>'
        for low, high, n, said, right in found.rows()
    )
    few = ""
    if found.n < 300:
        few = " So few images make it look larger than it is."
    return (
        f'<div class="two"><figure><svg class="matrix" width="{left + side + 16:.0f}" height="{side + foot + 8:.0f}" '
        f'viewBox="0 0 {left + side + 16:.0f} {side + foot + 8:.0f}" role="img" '
        'aria-label="How often answers are right, by their probability; the table gives the figures">'
        f'<rect class="frame" x="{left}" y="8" width="{side}" height="{side}"/>{"".join(bars)}'
        f'<path class="frame" d="M{left} {8 + side}L{left + side} 8"/>{axis}'
        f'<text x="{left + side / 2:.0f}" y="{side + foot + 4:.0f}" text-anchor="middle">said, in %</text></svg>'
        f"<figcaption>Upwards: how often the likeliest label is right, in %, by how probable it is said to be. "
        f"Bars that reach the diagonal say what is true; the paler, the fewer images. Expected calibration error: "
        f"{_percent(found.error or 0.0)}, the mean distance from the diagonal.{few}</figcaption></figure>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Reliability"><table><caption>Reliability</caption>'
        '<thead><tr><th scope="col" class="n">Said</th><th scope="col" class="n">Images</th>'
        '<th scope="col" class="n">Mean said</th><th scope="col" class="n">Right</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _percent(p: float) -> str:
    return f"{100 * p:.1f} %"
