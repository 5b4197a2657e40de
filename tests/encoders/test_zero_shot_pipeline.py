"""The whole job against transformers' own zero-shot pipeline, which encodes every text anew for every image."""

import numpy as np
import pytest

import zorse

LABELS = ["cat", "small dog", "red car", "zebra"]


@pytest.mark.filterwarnings("ignore")  # of transformers about its own processors
@pytest.mark.parametrize("family", ["clip", "siglip2"])
def test_same_probabilities_as_the_pipeline(checkpoint, pictures, family):
    from transformers import pipeline

    folder = str(checkpoint(family))
    theirs = pipeline("zero-shot-image-classification", model=folder, device="cpu")(
        pictures, candidate_labels=LABELS, hypothesis_template="a photo of a {}."
    )
    ours = zorse.classify(pictures, LABELS, folder)
    for row, answers in zip(ours, theirs, strict=True):
        expected = {answer["label"]: answer["score"] for answer in answers}
        # Relative, because a sigmoid over random weights gives probabilities of 1e-16.
        assert np.allclose([p for _, p in row.top], [expected[name] for name, _ in row.top], rtol=1e-3, atol=0)
