"""The embedded encoder: its size, its promises, and what it must get right on real photographs and words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import zorse.encoders.mini as mini
from zorse.core.errors import InputError
from zorse.encoders.protocols import DualEncoder, PatchEncoder, PromptEncoder

FOLDER = Path(mini.__file__).parent / "weights"


@pytest.fixture(scope="module")
def encoder():
    return mini.load(device="cpu")


@pytest.fixture(scope="module")
def photos():
    """Photographs that ship with scikit-image and scikit-learn."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return {
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
        "astronaut": data.astronaut(),
        "flower": load_sample_image("flower.jpg"),
        "temple": load_sample_image("china.jpg"),
    }


def test_files_fit_the_package():
    files = list(FOLDER.iterdir())
    assert {f.name for f in files} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
    }
    assert sum(f.stat().st_size for f in files) <= 25e6


def test_card_warns_and_names_what_to_use_instead():
    card = (FOLDER / "README.md").read_text()
    assert card.startswith("---\nlicense: other\nlicense_name: research-use\n")
    for word in ("siglip2", "clip-vit-base-patch16", "Tiny-ImageNet", "Caltech-101", "research", "ImageNet-1k"):
        assert word in card


def test_loads_without_transformers():
    code = (
        "import torch, sys, time; start = time.process_time();"
        "import zorse.encoders.mini as mini;"
        "mini.load(device='cpu').encode_text(['dog']);"
        "print('transformers' in sys.modules, time.process_time() - start)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out[0] == "False"
    assert float(out[1]) < 1  # the processor's seconds: a busy machine must not fail the suite


def test_has_the_capabilities(encoder):
    for protocol in (DualEncoder, PatchEncoder, PromptEncoder):
        assert isinstance(encoder, protocol)
    assert encoder.logit_bias is None
    assert 1 < encoder.logit_scale < 100


def test_vectors_are_unit_rows(encoder, photos):
    for vectors in (
        encoder.encode_images(photos.values()),
        encoder.encode_text(["a dog", "", "an unspeakable word: \u00e9\u4e2d\U0001f600"]),
        encoder.encode_patches(list(photos.values())[:2]).reshape(-1, encoder.dim),
    ):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.dim
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_nothing_in_gives_nothing_out(encoder):
    assert encoder.encode_images([]).shape == (0, encoder.dim)
    assert encoder.encode_text([]).shape == (0, encoder.dim)
    assert encoder.encode_patches([]).shape[0] == 0


def test_a_text_has_one_vector_in_any_company(encoder):
    texts = ["dog", "a photo of a dog", "sea horse", "a striped horse that runs over the dry grass of the savanna"]
    together = encoder.encode_text(texts)
    alone = np.concatenate([encoder.encode_text([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    np.testing.assert_allclose(encoder.encode_text(texts * 3, batch_size=2), np.tile(together, (3, 1)), atol=2e-6)


def test_an_image_has_one_vector_in_any_company(encoder, photos):
    images = list(photos.values())
    together = encoder.encode_images(images)
    alone = np.concatenate([encoder.encode_images([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(together, encoder.encode_images(images))


def test_padding_is_masked(encoder):
    ids = torch.tensor([encoder._tokens(["dog"])[0]])
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], 1)
    mask = torch.arange(padded.shape[1])[None] < ids.shape[1]
    torch.testing.assert_close(encoder.texts(padded, mask), encoder.texts(ids), atol=1e-5, rtol=1e-5)


def test_patches_average_to_the_image(encoder, photos):
    grid = encoder.encode_patches([photos["cat"]])
    assert grid.shape == (1, 4, 4, encoder.dim)
    pixels = encoder.preprocess(_pil(photos["cat"]))[None]
    pooled = encoder.images.embed(encoder.images.map(pixels).mean((2, 3)))
    np.testing.assert_allclose(
        torch.nn.functional.normalize(pooled, dim=1).numpy(), encoder.encode_images([photos["cat"]]), atol=1e-5
    )


def test_case_underscores_and_spaces_do_not_matter(encoder):
    vectors = encoder.encode_text(["school bus", "School Bus", "school_bus", "  school   bus "])
    np.testing.assert_allclose(vectors, np.tile(vectors[:1], (4, 1)), atol=1e-6)


def test_long_texts_are_cut_with_a_warning(encoder):
    with pytest.warns(UserWarning, match="longer than the 32 word pieces"):
        encoder.encode_text(["dog " * 100])


def test_learned_context_reaches_the_text_tower(encoder):
    context = torch.zeros(2, 3, encoder.token_dim, requires_grad=True)
    vectors = encoder.encode_tokens(context, ["dog", "car"])
    vectors[:, 0].sum().backward()
    assert vectors.shape == (2, encoder.dim)
    assert context.grad.abs().sum(dim=(1, 2)).gt(0).all()
    empty = encoder.encode_tokens(torch.zeros(2, 0, encoder.token_dim), ["dog", "car"])
    np.testing.assert_allclose(empty.detach().numpy(), encoder.encode_text(["dog", "car"]), atol=1e-5)


def test_one_image_is_refused(encoder, photos):
    with pytest.raises(InputError, match="got one"):
        encoder.encode_images(_pil(photos["cat"]))


def test_fingerprints_are_stable_and_distinct(encoder):
    again = mini.load(device="cpu")
    assert again.fingerprint == encoder.fingerprint
    assert again.text_fingerprint == encoder.text_fingerprint
    assert encoder.fingerprint != encoder.text_fingerprint


def test_fingerprint_follows_preprocessing(encoder, tmp_path):
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config | {"resample": 2}))
    other = mini.Mini(tmp_path, "cpu")
    assert other.fingerprint != encoder.fingerprint
    assert other.text_fingerprint == encoder.text_fingerprint


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        ("puppy", "dog", ["car", "banana"]),
        ("kitten", "cat", ["truck", "guitar"]),
        ("sports car", "automobile", ["horse", "apple"]),
        ("school bus", "truck", ["frog", "violin"]),
        ("zebra", "horse", ["sofa", "airplane"]),
        ("cottage", "house", ["fish", "bicycle"]),
        ("a photo of a salmon", "fish", ["piano", "bridge"]),
        ("a red apple on a table", "fruit", ["airplane", "wolf"]),
    ],
)
def test_words_lie_near_their_kind(encoder, word, near, far):
    vectors = encoder.encode_text([word, near, *far])
    assert (vectors[1:] @ vectors[0]).argmax() == 0


@pytest.mark.parametrize(
    ("photo", "names"),
    [
        ("cat", ["cat", "airplane", "banana", "bridge"]),
        ("rocket", ["rocket", "dog", "flower", "cat"]),
        ("temple", ["pagoda", "dog", "banana", "bicycle"]),
    ],
)
def test_photographs_get_their_name(encoder, photos, photo, names):
    image = encoder.encode_images([photos[photo]])
    assert names[int((image @ encoder.encode_text(names).T).argmax())] == names[0]


def _pil(array):
    from PIL import Image

    return Image.fromarray(array)
