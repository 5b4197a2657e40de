"""zorse adapt over CLIP-type (softmax) and SigLIP-type (sigmoid) checkpoints; over one without texts it says so."""

import json

import numpy as np
import pytest

import zorse
from zorse.core import CapabilityError, InputError
from zorse.encoders import load_encoder
from zorse.jobs.adapt import adapt
from zorse.jobs.adapted import load_adapted, save_adapted


@pytest.mark.parametrize("family", ["clip", "siglip2"])
@pytest.mark.parametrize("method", ["gda", "tip_adapter", "coop:epochs=1,n_context=2"])
def test_few_shots_over_a_checkpoint(checkpoint, squares, tmp_path, family, method):
    base = str(checkpoint(family))
    result = adapt(squares, None, method=method, model=base, labelled="folder", shots=4, device="cpu")
    encoder = load_encoder(base, device="cpu")
    assert result.record["fingerprint"] == encoder.fingerprint
    assert result.record["figures"]["held_out"] == 6
    assert result.fitted.scale == pytest.approx(encoder.logit_scale)
    save_adapted(result.fitted, result.record, tmp_path / "model")
    answers = zorse.classify(squares, None, model=str(tmp_path / "model"), device="cpu")
    vectors = encoder.encode_images(sorted(squares.rglob("*.png")))
    expected = load_adapted(tmp_path / "model", encoder).predict(vectors.astype(float))
    found = {answer.path: answer.label for answer in answers}
    assert [found[str(path)] for path in sorted(squares.rglob("*.png"))] == expected.tolist()
    assert json.loads((tmp_path / "model" / "adapted.json").read_text())["base"] == base


@pytest.mark.parametrize("family", ["clip", "siglip2"])
def test_no_labels_over_a_checkpoint(checkpoint, squares, family):
    result = adapt(squares, ["red", "green", "blue"], model=str(checkpoint(family)), device="cpu")
    assert result.record["unlabelled"] == 18
    assert np.isfinite(result.fitted.weights_).all()


def test_another_base_is_refused(checkpoint, squares, tmp_path):
    result = adapt(squares, None, model=str(checkpoint("clip")), labelled="folder", shots=4, device="cpu")
    save_adapted(result.fitted, result.record, tmp_path / "model")
    with pytest.raises(InputError, match="is another model"):
        load_adapted(tmp_path / "model", load_encoder(str(checkpoint("siglip2")), device="cpu"))


def test_a_base_without_texts_is_refused(checkpoint, squares):
    with pytest.raises(CapabilityError, match="has no text tower"):
        adapt(squares, ["red", "green"], model=str(checkpoint("vit")), device="cpu")
