"""How the shipped encoder does on large photographs: those of ``zorse demo``, and the pack's demonstration set."""

from __future__ import annotations

import json
from pathlib import Path

from zorse.core.image import open_image
from zorse.encoders.mini.model import Mini


def look(encoder: Mini, pack: Path) -> dict[str, dict]:
    """For each set ``{right, of, seen as}``; nothing here is trained on."""
    from zorse.jobs.demo import LABELS, photographs

    demo = json.loads((pack / "images" / "demo" / "labels.json").read_text())
    sets = {
        "scikit photographs, 20 names": (photographs(), list(LABELS)),
        "pack demonstration, 12 names": (
            {pack / "images" / "demo" / row["file"]: row["class"] for row in demo},
            [row["class"] for row in demo],
        ),
    }
    out = {}
    for name, (photos, labels) in sets.items():
        images = encoder.encode_images([open_image(path) for path in photos])
        scores = images @ encoder.encode_text(labels).T
        found = {truth: labels[i] for truth, i in zip(photos.values(), scores.argmax(1), strict=True)}
        right = sum(truth == answer for truth, answer in found.items())
        out[name] = {"right": right, "of": len(photos), "seen as": found}
    return out
