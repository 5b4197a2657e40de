"""Draw ``curve.svg`` from ``log.jsonl``: accuracies of the development run by epoch, and the text tower's agreement."""

from __future__ import annotations

import json
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP = 400, 240, 44, 30
IMAGE = {
    "tiny_unseen": ("Tiny-ImageNet, 30 unseen", "#c0392b"),
    "caltech_unseen": ("Caltech-101, 15 unseen", "#e08e0b"),
    "tiny_seen": ("Tiny-ImageNet, 130 seen", "#2471a3"),
    "cifar10": ("CIFAR-10, seen", "#1e8449"),
}
TEXT = {"told": ("names it was told", "#2471a3"), "untold": ("names kept from it", "#c0392b")}


def panel(x: int, title: str, lines: dict[str, tuple[str, str, list[tuple[float, float]]]], top: float) -> str:
    """One chart: axes from zero to ``top``, a polyline and a legend entry for each of ``lines``."""
    last = max((epoch for _, _, points in lines.values() for epoch, _ in points), default=1)
    out = [f'<g transform="translate({x + LEFT},{TOP})"><text y="-12" font-weight="bold">{title}</text>']
    for i in range(5):
        y, value = HEIGHT * (1 - i / 4), top * i / 4
        out.append(
            f'<path d="M0 {y}H{WIDTH}" stroke="#ddd"/><text x="-8" y="{y + 4}" text-anchor="end">{value:g}</text>'
        )
    for epoch in range(0, int(last) + 1, 4):
        out.append(f'<text x="{WIDTH * epoch / last:.0f}" y="{HEIGHT + 16}" text-anchor="middle">{epoch}</text>')
    for row, (label, colour, points) in enumerate(lines.values()):
        path = " ".join(f"{WIDTH * e / last:.1f},{HEIGHT * (1 - v / top):.1f}" for e, v in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = HEIGHT + 38 + 16 * row
        out.append(f'<path d="M0 {y - 4}H18" stroke="{colour}" stroke-width="2"/><text x="24" y="{y}">{label}</text>')
    return "".join(out) + "</g>"


def draw(folder: Path) -> None:
    """Read ``folder/log.jsonl`` and write ``folder/curve.svg``."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    image = {
        key: (
            label,
            colour,
            [(r["epoch"], r[f"{key}.head"]) for r in log if r["run"] == "develop" and f"{key}.head" in r],
        )
        for key, (label, colour) in IMAGE.items()
    }
    text = {
        key: (label, colour, [(r["epoch"], r[key]) for r in log if r["run"] == "text" and key in r])
        for key, (label, colour) in TEXT.items()
    }
    body = panel(0, "Image tower, top-1 by epoch (trained map, exact senses)", image, 0.8) + panel(
        480, "Text tower, cosine to the target", text, 1.0
    )
    (folder / "curve.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH + 160} {HEIGHT + 140}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
    )


if __name__ == "__main__":
    draw(Path(__file__).parent)
