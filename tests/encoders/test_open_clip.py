"""open_clip, an extra: skipped where it, or a torchvision that fits torch, is not installed."""

import json
import sys
import warnings

import numpy as np
import pytest
import torch

from zorse.core.errors import InputError, MissingDependencyError, UnknownNameError
from zorse.encoders import load_encoder
from zorse.encoders.protocols import DualEncoder


@pytest.fixture(scope="session")
def open_clip():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import open_clip
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"open_clip cannot be imported: {error}")
    return open_clip


@pytest.fixture(scope="session")
def weights(open_clip, tmp_path_factory):
    """A small architecture of open_clip with random weights, in a safetensors file."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("open_clip")
    vision = {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
    (folder / "zorse-tiny.json").write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    model = open_clip.create_model("zorse-tiny")
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


def test_equals_open_clip(open_clip, weights, pictures, texts):
    encoder = load_encoder(f"open_clip:zorse-tiny/{weights}", device="cpu")
    assert isinstance(encoder, DualEncoder)
    model, _, transform = open_clip.create_model_and_transforms("zorse-tiny", pretrained=str(weights))
    model.eval()
    tokens = open_clip.get_tokenizer("zorse-tiny")(texts)
    with torch.no_grad():
        images = model.encode_image(torch.stack([transform(p) for p in pictures]), normalize=True)
        rows = model.encode_text(tokens, normalize=True)  # all 77 positions
    np.testing.assert_allclose(encoder.encode_images(pictures, batch_size=2), images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_text(texts, batch_size=2), rows, atol=1e-5)
    assert encoder.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))
    assert encoder.image_size == (32, 32)
    assert encoder.fingerprint == load_encoder(f"open_clip:zorse-tiny/{weights}", device="cpu").fingerprint
    with pytest.warns(UserWarning, match="the rest is cut"):
        encoder.encode_text(["zebra " * 100])


def test_wrong_names(open_clip, weights, tmp_path):
    with pytest.raises(UnknownNameError, match="ViT-B-32"):
        load_encoder("open_clip:ViT-B-23/laion2b_s34b_b79k")
    with pytest.raises(UnknownNameError, match=r"did you mean .*laion2b_s34b_b79k"):
        load_encoder("open_clip:ViT-B-32/laion2b_s34b_b97k")
    with pytest.raises(InputError, match=r"is not a \.safetensors file"):
        load_encoder(f"open_clip:zorse-tiny/{tmp_path}/weights.pt")


def test_without_open_clip_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)  # what Python keeps for a package that is not there
    with pytest.raises(MissingDependencyError, match=r"pip install 'zorse\[open-clip\]'"):
        load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k")
