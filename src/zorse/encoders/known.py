"""Models worth knowing by name."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KnownModel:
    """What ``zorse models`` tells of a model.

    ``parameters`` counts all towers, ``image_size`` is the edge in pixels; ``texts`` is False for features only.
    ``licence`` is what the publisher states for the weights, else for the code they come with.
    """

    name: str
    parameters: int
    image_size: int
    licence: str
    languages: str
    use: str
    texts: bool = True


def _parameters_of_mini() -> int:
    """Counted in the header of the weights, without loading them."""
    weights = Path(__file__).parent / "mini" / "weights" / "model.safetensors"
    if not weights.exists():
        return 0
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


KNOWN_MODELS: tuple[KnownModel, ...] = (
    KnownModel(
        "mini",
        _parameters_of_mini(),
        64,
        "trained on research-only data",
        "English",
        "inside the package, offline: for trying, teaching and tests",
    ),
    KnownModel(
        "google/siglip2-base-patch16-224",
        375_187_970,
        224,
        "Apache-2.0",
        "109 languages",
        "the first to try for serious work",
    ),
    KnownModel(
        "google/siglip2-so400m-patch14-384",
        1_136_008_498,
        384,
        "Apache-2.0",
        "109 languages",
        "the most accurate here; wants a GPU",
    ),
    KnownModel(
        "google/siglip-base-patch16-224",
        203_155_970,
        224,
        "Apache-2.0",
        "English",
        "SigLIP 2's predecessor; needs zorse[sentencepiece]",
    ),
    KnownModel(
        "openai/clip-vit-base-patch32",
        151_277_313,
        224,
        "MIT (code)",
        "English",
        "the fastest of CLIP's; what papers compare with",
    ),
    KnownModel("openai/clip-vit-base-patch16", 149_620_737, 224, "MIT (code)", "English", "CLIP at finer detail"),
    KnownModel("openai/clip-vit-large-patch14", 427_616_513, 224, "MIT (code)", "English", "CLIP's largest at 224 px"),
    KnownModel(
        "facebook/metaclip-b32-400m",
        151_277_313,
        224,
        "CC-BY-NC-4.0",
        "English",
        "CLIP on data whose curation is known",
    ),
    KnownModel(
        "kakaobrain/align-base",
        172_117_841,
        289,
        "see its page",
        "English",
        "ALIGN's convolutional image tower",
    ),
    KnownModel(
        "OFA-Sys/chinese-clip-vit-base-patch16",
        188_262_913,
        224,
        "see its page",
        "Chinese",
        "labels in Chinese",
    ),
    KnownModel(
        "facebook/dinov2-base",
        86_580_480,
        224,
        "Apache-2.0",
        "none",
        "features of shape and texture, for methods that fit",
        texts=False,
    ),
)
