"""Every family against transformers' own outputs."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from zorse.core.errors import CapabilityError, InputError, NotAvailableError
from zorse.encoders import load_encoder
from zorse.encoders.protocols import DualEncoder, ImageEncoder, TextEncoder

DUAL = ["clip", "clip_legacy", "siglip", "siglip2", "align", "chinese_clip", "altclip", "metaclip_2", "vision_text"]
PLAIN = ["vit", "vit_classifier", "dinov2", "convnext", "resnet"]


@pytest.fixture
def load(checkpoint):
    return lambda family, **more: load_encoder(str(checkpoint(family)), device="cpu", **more)


def reference_pixels(folder, pictures):
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    return torch.cat([processor(picture, return_tensors="pt")["pixel_values"] for picture in pictures])


def reference_inputs(folder, family, texts):
    """As the families' documentation tokenises: SigLIP to 64 positions, the others to all that CLIP has."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    length = 64 if family.startswith("siglip") else 77
    if family == "siglip2":
        texts = [text.lower() for text in texts]
    return tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")


def difference(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


@pytest.mark.parametrize("family", DUAL)
def test_dual_encoder_gives_the_logits_of_transformers(load, checkpoint, pictures, texts, family):
    from transformers import AutoModel

    folder, encoder = checkpoint(family), load(family)
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        out = model(**reference_inputs(folder, family, texts), pixel_values=reference_pixels(folder, pictures))
    unit = torch.nn.functional.normalize
    images, rows = encoder.encode_images(pictures, batch_size=2), encoder.encode_text(texts, batch_size=2)
    assert images.shape == (5, encoder.dim)
    assert rows.dtype == images.dtype == np.float32
    assert difference(images, unit(out.image_embeds, dim=-1)) < 1e-5
    assert difference(rows, unit(out.text_embeds, dim=-1)) < 1e-5
    scores = encoder.logit_scale * images @ rows.T + (encoder.logit_bias or 0.0)
    assert difference(scores, out.logits_per_image) < 1e-5 * encoder.logit_scale + 1e-5
    spread = np.linalg.norm(rows[0] - rows[1])
    assert spread > 0.05, "the checkpoint cannot tell texts apart, so it tests nothing"


@pytest.mark.parametrize("family", PLAIN)
def test_backbone_gives_the_pooled_output_of_transformers(load, checkpoint, pictures, family):
    from transformers import AutoModel

    folder, encoder = checkpoint(family), load(family)
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        out = model(pixel_values=reference_pixels(folder, pictures))
    # A classifier's checkpoint has no pooler: transformers would make one of random numbers.
    pooled = out.last_hidden_state[:, 0] if family == "vit_classifier" else out.pooler_output.flatten(1)
    vectors = encoder.encode_images(pictures)
    assert vectors.shape == (5, encoder.dim)
    assert difference(vectors, torch.nn.functional.normalize(pooled, dim=-1)) < 1e-5
    assert isinstance(encoder, ImageEncoder)
    assert not isinstance(encoder, TextEncoder)
    with pytest.raises(CapabilityError, match="has no text tower"):
        encoder.encode_text(["cat"])


@pytest.mark.parametrize("family", [*DUAL, *PLAIN])
def test_preprocessing_equals_the_pillow_processors(load, checkpoint, pictures, family):
    encoder = load(family)
    ours = torch.stack([encoder.preprocess(picture) for picture in pictures])
    assert ours.dtype == torch.float32
    assert tuple(ours.shape[2:]) == encoder.image_size
    assert difference(ours, reference_pixels(checkpoint(family), pictures)) < 1e-5


@pytest.mark.parametrize("family", ["clip", "clip_legacy", "chinese_clip", "align", "vision_text"])
def test_text_vectors_do_not_depend_on_their_batch(load, texts, family):
    encoder = load(family)
    alone = np.concatenate([encoder.encode_text([text]) for text in texts])
    assert difference(encoder.encode_text(texts), alone) < 1e-6
    assert difference(encoder.encode_text(texts[::-1], batch_size=3)[::-1], alone) < 1e-6


def test_equal_texts_are_encoded_once(load, texts):
    encoder = load("clip")
    seen = []
    encoder.model.text_model.register_forward_hook(
        lambda module, args, kwargs, out: seen.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    encoder.encode_text(["cat", "zebra", "cat"] * 50, batch_size=64)
    assert [rows for rows, _ in seen] == [2]
    assert seen[0][1] < 10  # trimmed at the longest end token, not padded to 77


@pytest.mark.parametrize(("family", "takes"), [("clip", 77), ("siglip2", 64), ("align", 128)])
def test_long_text_is_cut_with_one_warning_that_names_it(load, checkpoint, family, takes):
    encoder = load(family)
    long, longer = "dog " * 200, "big zebra " * 200
    with pytest.warns(UserWarning, match="is cut") as told:
        rows = encoder.encode_text(["cat", long, longer])
    assert len(told) == 1
    assert "'dog dog" in str(told[0].message)
    assert "(and 1 more)" in str(told[0].message)
    assert f"takes {takes}" in str(told[0].message)
    if family == "clip":
        from transformers import AutoModel, AutoTokenizer

        tokens = AutoTokenizer.from_pretrained(checkpoint(family))(
            [long], truncation=True, max_length=77, return_tensors="pt"
        )
        with torch.no_grad():
            cut = AutoModel.from_pretrained(checkpoint(family)).get_text_features(**tokens).pooler_output
        assert difference(rows[1:2], torch.nn.functional.normalize(cut, dim=-1)) < 1e-5


def test_siglip2_lowers_the_case_that_its_tokenizer_keeps(load):
    encoder = load("siglip2")
    assert difference(encoder.encode_text(["A Photo of a CAT"]), encoder.encode_text(["a photo of a cat"])) == 0
    assert encoder._texts.tokenizer("CAT")["input_ids"] != encoder._texts.tokenizer("cat")["input_ids"]
    ids = next(encoder._texts(["a cat"], 1))[1]["input_ids"][0].tolist()
    end, pad = encoder._texts.tokenizer.eos_token_id, encoder._texts.tokenizer.pad_token_id
    assert len(ids) == 64
    assert ids.count(end) == 1
    assert set(ids[ids.index(end) + 1 :]) == {pad}  # no start token, one end token, padding on the right


def test_siglip_drops_case_and_punctuation(load):
    encoder = load("siglip")
    assert difference(encoder.encode_text(["A Photo,  of a CAT!"]), encoder.encode_text(["a photo of a cat"])) == 0


@pytest.mark.parametrize(("family", "grid"), [("clip", 4), ("chinese_clip", 4), ("siglip2", 4), ("vision_text", 4)])
def test_patches_of_equal_tokens_equal_the_pooled_vector(load, pictures, family, grid):
    """Each patch goes the way of the pooled vector: were all tokens one, so would the results be."""
    encoder = load(family)
    patches = encoder.encode_patches(pictures)
    assert patches.shape == (5, grid, grid, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(patches, axis=-1), 1, atol=1e-5)
    pixels = torch.stack([encoder.preprocess(picture) for picture in pictures])
    tower = encoder.model.vision_model
    forward = tower.forward

    def one_token(**kwargs):
        out = forward(**kwargs)
        token = out.last_hidden_state[:, :1]
        out.last_hidden_state = token.expand_as(out.last_hidden_state)
        if family == "siglip2":
            out.pooler_output = tower.head(out.last_hidden_state)
        return out

    tower.forward = one_token
    try:
        pooled, patches = encoder.encode_pixels(pixels), encoder.encode_patches(pictures)
    finally:
        del tower.forward
    assert difference(patches, np.broadcast_to(pooled[:, None, None], patches.shape)) < 1e-5


def test_mean_patch_of_align_is_its_pooled_vector(load, pictures):
    encoder = load("align")
    pixels = torch.stack([encoder.preprocess(picture) for picture in pictures])
    with torch.inference_mode():
        mean = encoder._patches(pixels).mean((1, 2))
    assert difference(torch.nn.functional.normalize(mean, dim=-1), encoder.encode_images(pictures)) < 1e-5


@pytest.mark.parametrize(("family", "grid"), [("vit", 4), ("dinov2", 4), ("convnext", 2), ("resnet", 48)])
def test_patches_of_a_backbone(load, pictures, family, grid):
    encoder = load(family)
    assert encoder.encode_patches(pictures[:2]).shape == (2, grid, grid, 16 if family == "resnet" else 32)


def test_bfloat16_stays_close_and_leaves_as_float32(load, pictures, texts):
    exact, half = load("clip"), load("clip", dtype="bfloat16")
    assert half.encode_images(pictures).dtype == np.float32
    assert 0 < difference(half.encode_images(pictures), exact.encode_images(pictures)) < 0.05
    assert 0 < difference(half.encode_text(texts), exact.encode_text(texts)) < 0.05
    np.testing.assert_allclose(np.linalg.norm(half.encode_images(pictures), axis=1), 1, atol=1e-6)
    assert half.fingerprint != exact.fingerprint
    assert half.text_fingerprint != exact.text_fingerprint
    with pytest.raises(InputError, match="float32 or bfloat16, not 'int8'"):
        load("clip", dtype="int8")


def test_is_frozen_and_shared_by_clone(load):
    encoder = load("clip")
    assert isinstance(encoder, DualEncoder)
    assert clone(encoder) is encoder
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert not encoder.model.training


def test_empty_and_wrong_input(load, pictures, tmp_path):
    encoder = load("clip")
    assert encoder.encode_images([]).shape == (0, 16)
    assert encoder.encode_text([]).shape == (0, 16)
    with pytest.raises(InputError, match=r"write \['cat'\]"):
        encoder.encode_text("cat")
    with pytest.raises(InputError, match="text 1 is int"):
        encoder.encode_text(["cat", 3])
    for one in (pictures[0], "cat.jpg", tmp_path):
        with pytest.raises(InputError, match="put it into a list"):
            encoder.encode_images(one)


def test_preprocessing_of_another_size_is_refused(checkpoint, tmp_path):
    import json
    import shutil

    folder = shutil.copytree(checkpoint("clip"), tmp_path / "odd")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    settings["crop_size"] = {"height": 40, "width": 40}
    settings["size"] = {"shortest_edge": 40}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="gives 40 x 40 pixels, its image tower takes 32"):
        load_encoder(str(folder))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(NotAvailableError, match=r"has no preprocessor_config\.json"):
        load_encoder(str(folder))
