"""Learned contexts: what is put before a name is what would stand there as words."""

import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.encoders import PromptEncoder, load_encoder

FAMILIES = [
    "mini",
    "clip",
    "clip_legacy",
    "siglip",
    "siglip2",
    "align",
    "chinese_clip",
    "altclip",
    "metaclip_2",
    "vision_text",
]
NAMES = ["cat", "striped horse", "dog", "small red car"]


@pytest.fixture(params=FAMILIES)
def encoder(request, checkpoint):
    return load_encoder(request.param if request.param == "mini" else str(checkpoint(request.param)), device="cpu")


def test_embedded_words_before_a_name_are_the_words(encoder):
    assert isinstance(encoder, PromptEncoder)
    (words,) = encoder.token_vectors(["a photo of the"])
    assert words.shape[1] == encoder.token_dim
    with torch.no_grad():
        vectors = encoder.encode_tokens(words.expand(len(NAMES), -1, -1), NAMES)
    expected = encoder.encode_text([f"a photo of the {name}" for name in NAMES])
    np.testing.assert_allclose(vectors.numpy(), expected, atol=1e-5)


def test_contexts_of_different_lengths_replace_names(encoder):
    with torch.no_grad():
        vectors = encoder.encode_tokens(encoder.token_vectors(NAMES), [""] * len(NAMES))
    np.testing.assert_allclose(vectors.numpy(), encoder.encode_text(NAMES), atol=1e-5)


def test_the_gradient_of_a_context_is_that_of_finite_differences(encoder):
    torch.manual_seed(0)
    context = (0.1 * torch.randn(2, 3, encoder.token_dim)).requires_grad_()
    towards = torch.randn(2, encoder.dim)
    (encoder.encode_tokens(context, NAMES[:2]) * towards).sum().backward()
    step = 1e-3 * context.grad / context.grad.norm()
    with torch.no_grad():
        ahead, behind = (encoder.encode_tokens(context + sign * step, NAMES[:2]) * towards for sign in (1, -1))
    slope = float((ahead.sum() - behind.sum()) / 2e-3)
    assert slope == pytest.approx(float(context.grad.norm()), rel=0.05)


def test_a_context_that_leaves_no_room_for_a_name_is_refused(encoder):
    with pytest.raises(InputError, match=r"'dog'.*learn a shorter context"):
        encoder.encode_tokens(torch.zeros(1, 600, encoder.token_dim), ["dog"])
