"""Checkpoints of transformers are trained like any other, kept as checkpoints, and read back."""

import numpy as np
import pytest
import torch
from PIL import Image

from zorse.core import CapabilityError
from zorse.encoders import TrainableEncoder, load_encoder
from zorse.methods.adaptation.clip_art import CLIPArt
from zorse.methods.adaptation.wise_ft import WiSEFT
from zorse.testing.tiny import tiny_pictures

IMAGES, Y = tiny_pictures()
CAPTIONS = [f"a {name} car" for name in Y.tolist()]
SMALL = {"epochs": 1, "batch_size": 6, "lr": 1e-2, "device": "cpu", "random_state": 0}


@pytest.mark.parametrize("family", ["clip", "siglip2", "align"])
def test_a_checkpoint_is_trained_and_read_back(checkpoint, tmp_path, family):
    given = load_encoder(str(checkpoint(family)), device="cpu")
    assert isinstance(given, TrainableEncoder)
    before = given.encode_images(IMAGES)
    pixels = torch.stack([given.preprocess(Image.fromarray(image)) for image in IMAGES])
    np.testing.assert_allclose(given.pixel_vectors(pixels).numpy(), before, atol=1e-5)
    np.testing.assert_allclose(given.text_vectors(CAPTIONS[:2]).numpy(), given.encode_text(CAPTIONS[:2]), atol=1e-5)
    fitted = CLIPArt(encoder=given, frozen=("text.*",), **SMALL).fit(IMAGES, texts=CAPTIONS)
    np.testing.assert_array_equal(given.encode_images(IMAGES), before)
    np.testing.assert_array_equal(fitted.encoder_.encode_text(CAPTIONS), given.encode_text(CAPTIONS))
    assert np.abs(fitted.encoder_.encode_images(IMAGES) - before).max() > 1e-3
    fitted.save(tmp_path / "trained")
    again = load_encoder(str(tmp_path / "trained"), device="cpu")
    np.testing.assert_allclose(again.encode_images(IMAGES), fitted.encoder_.encode_images(IMAGES), atol=1e-6)
    assert (again.logit_scale, again.logit_bias) == (given.logit_scale, given.logit_bias)


def test_a_model_without_texts_says_so(checkpoint):
    with pytest.raises(CapabilityError, match=r"WiSEFT trains images and texts together; .* has no text tower"):
        WiSEFT(encoder=str(checkpoint("vit")), **SMALL).fit(IMAGES, Y)
