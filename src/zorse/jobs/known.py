"""Whether an image shows any of the labels at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError, InputError
from zorse.core.image import open_image

KINDS = ("mcm", "glmcm")


class Known:
    """Out-of-distribution confidence from names alone: MCM by whole images, GL-MCM by their patches as well.

    Parameters
    ----------
    kind : {"mcm", "glmcm"}
    table : ClassTable
    encoder : encoder
        GL-MCM reads every image once more, for its patches.

    Raises
    ------
    InputError
        If there is no such kind.
    CapabilityError
        If the encoder has no patches in the space of its texts.
    """

    def __init__(self, kind: str, table: ClassTable, encoder: Any):
        if kind not in KINDS:
            raise InputError(f"ood is {' or '.join(KINDS)}; got {kind!r}")
        from zorse import catalogue

        self.encoder, self.patches = encoder, kind == "glmcm"
        if self.patches and not hasattr(encoder, "encode_patches"):
            raise CapabilityError(f"model {encoder.name!r} has no patches in the space of its texts; take ood='mcm'")
        # Fitted without samples: both compare with class vectors alone.
        method: Any = catalogue.all_methods()["gl_mcm" if self.patches else "mcm"]
        self.method = method().fit(None, None, classes=table)

    def __call__(self, items: Sequence[Any]) -> list[float]:
        """The confidence for each embedded image."""
        vectors = np.stack([item.vector for item in items])
        if not self.patches:
            return self.method.confidence(vectors).tolist()
        for item in items:
            if not hasattr(item, "ref"):
                raise CapabilityError("ood='glmcm' looks at patches, so that it needs images, not their embeddings")
        patches = self.encoder.encode_patches([open_image(item.ref.read()) for item in items])
        return self.method.confidence(patches, vectors).tolist()
