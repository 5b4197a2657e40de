"""Which weights move, how far, and that interrupting, parting or averaging is what it says."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from zorse.core import InputError
from zorse.data.images import find_images
from zorse.encoders import TrainableEncoder, load_encoder
from zorse.methods.adaptation.clip_art import CLIPArt
from zorse.methods.adaptation.fit_clip import FitCLIP
from zorse.methods.adaptation.wise_ft import WiSEFT
from zorse.methods.pretraining.clip import CLIP
from zorse.nn.contrast import bag_contrast, image_text_contrast
from zorse.templates.encoder_trainer import weights_of
from zorse.testing.tiny import TinyEncoder, tiny_pictures
from zorse.training import Clock, Turn, between, chosen, follow, rate_groups, running, warm_cosine
from zorse.training.run import current_run

IMAGES, Y = tiny_pictures()
CAPTIONS = [f"a {name} square" for name in Y.tolist()]
SMALL = {"epochs": 3, "batch_size": 6, "lr": 1e-2, "device": "cpu", "random_state": 0}


def moved(before, after):
    ours, theirs = weights_of(before), weights_of(after)
    return {name for name in ours if not torch.equal(ours[name], theirs[name])}


def test_frozen_patterns_stay():
    given = TinyEncoder()
    fitted = CLIPArt(encoder=given, frozen=("text.*", "image.0.*"), **SMALL).fit(IMAGES, texts=CAPTIONS)
    assert moved(given, fitted.encoder_) == {name for name in weights_of(given) if name[:7] in ("image.1", "image.4")}
    with pytest.raises(InputError, match=r"no weight is called 'txt.\*'"):
        CLIPArt(encoder=given, frozen=("txt.*",), **SMALL).fit(IMAGES, texts=CAPTIONS)
    with pytest.raises(InputError, match="leaves nothing to train"):
        CLIPArt(encoder=given, frozen=("*",), **SMALL).fit(IMAGES, texts=CAPTIONS)


def test_a_frozen_image_tower_encodes_each_image_once(monkeypatch):
    given, seen = TinyEncoder(), []
    plain = TinyEncoder.pixel_vectors
    monkeypatch.setattr(TinyEncoder, "pixel_vectors", lambda self, x: seen.append(len(x)) or plain(self, x))
    CLIPArt(encoder=given, frozen=("image.*",), **SMALL).fit(IMAGES, texts=CAPTIONS)
    assert sum(seen) == len(IMAGES)


def test_a_share_of_none_is_the_encoder_given():
    given = TinyEncoder()
    back = WiSEFT(encoder=given, ensemble=0.0, **SMALL).fit(IMAGES, Y)
    assert not moved(given, back.encoder_)
    full, half = (WiSEFT(encoder=given, ensemble=share, **SMALL).fit(IMAGES, Y).encoder_ for share in (1.0, 0.5))
    for a, b, c in zip(*(weights_of(e).values() for e in (given, full, half)), strict=True):
        torch.testing.assert_close((a + b) / 2, c)


def test_the_head_of_names_is_where_the_encoder_was():
    given = TinyEncoder()
    back = WiSEFT(encoder=given, ensemble=0.0, **SMALL).fit(IMAGES, Y)
    texts = given.encode_text([f"a photo of a {name}" for name in back.table_.labels])
    np.testing.assert_allclose(back.table_.vectors, texts, atol=1e-6)


def test_it_learns_the_colours():
    fitted = WiSEFT(encoder=TinyEncoder(), ensemble=1.0, **SMALL | {"epochs": 40}).fit(IMAGES, Y)
    model = CLIP(fitted.scale_).fit(None, None, classes=fitted.table_)
    assert model.score(fitted.encoder_.encode_images(IMAGES), Y) == 1.0
    assert fitted.history_[-1]["wiseft"] < fitted.history_[0]["wiseft"]


def test_parts_have_the_loss_of_the_whole():
    given = TinyEncoder()
    whole, parts = (WiSEFT(encoder=given, parts=n, **SMALL).fit(IMAGES, Y).history_ for n in (1, 4))
    assert [h["wiseft"] for h in parts] == pytest.approx([h["wiseft"] for h in whole], rel=1e-2)


def test_an_interrupted_training_goes_on_with_its_average(tmp_path):
    given, more = TinyEncoder(), {"ema": 0.5, "rates": {"more.head": 2.0}, **SMALL}
    straight = WiSEFT(encoder=given, **more).fit(IMAGES, Y)

    class Stop(Exception):
        pass

    def stop(progress):
        if progress.epoch == 2:
            raise Stop

    with running(checkpoint=tmp_path, progress=stop):
        current_run().every = 0.0
        with pytest.raises(Stop):
            WiSEFT(encoder=given, **more).fit(IMAGES, Y)
    with running(checkpoint=tmp_path):
        resumed = WiSEFT(encoder=given, **more).fit(IMAGES, Y)
    assert not moved(straight.encoder_, resumed.encoder_)
    plain = WiSEFT(encoder=given, **more | {"ema": None}).fit(IMAGES, Y)
    assert moved(plain.encoder_, resumed.encoder_)


def test_bfloat16_trains_and_differs():
    given = TinyEncoder()
    full, half = (WiSEFT(encoder=given, amp=amp, **SMALL).fit(IMAGES, Y) for amp in (False, True))
    assert moved(full.encoder_, half.encoder_)
    assert half.history_[-1]["wiseft"] == pytest.approx(full.history_[-1]["wiseft"], rel=0.1)


def test_pixels_read_anew_are_the_pixels_kept(monkeypatch):
    kept = CLIPArt(encoder=TinyEncoder(), **SMALL).fit(IMAGES, texts=CAPTIONS)
    monkeypatch.setattr("zorse.templates.encoder_trainer.CACHE", 0)
    anew = CLIPArt(encoder=TinyEncoder(), **SMALL).fit(IMAGES, texts=CAPTIONS)
    assert not moved(kept.encoder_, anew.encoder_)


def test_what_is_missing_is_named():
    trainer = CLIPArt(encoder=TinyEncoder(), **SMALL)
    with pytest.raises(InputError, match="texts is missing"):
        trainer.fit(IMAGES)
    with pytest.raises(InputError, match="12 images, but captions for 11"):
        trainer.fit(IMAGES, texts=[*CAPTIONS[:-1], []])
    with pytest.raises(InputError, match="no text for 'green' and 1 more"):
        trainer.fit(IMAGES, Y, {"blue": "a blue square"})
    with pytest.raises(InputError, match="there are none"):
        trainer.fit([], texts=[])
    fitted = FitCLIP(encoder=TinyEncoder(), **SMALL).fit(IMAGES, texts=[*CAPTIONS[:3], *[None] * 9])
    assert fitted.history_


def test_mini_trains_from_an_image_source_and_is_read_back(tmp_path):
    for i, (image, name) in enumerate(zip(IMAGES[:6], Y.tolist())):
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "pictures" / name / f"{i}.png")
    source = list(find_images(tmp_path / "pictures"))
    labels = [ref.label_hint for ref in source]
    mini = load_encoder("mini", device="cpu")
    before = mini.encode_text(["a red square"])
    fitted = WiSEFT(epochs=1, batch_size=6, lr=1e-4, device="cpu", random_state=0).fit(source, labels)
    assert isinstance(fitted.encoder_, TrainableEncoder)
    fitted.save(tmp_path / "trained")
    again = load_encoder(str(tmp_path / "trained"), device="cpu")
    assert again.name == str(tmp_path / "trained")
    np.testing.assert_allclose(again.encode_images(IMAGES[:2]), fitted.encoder_.encode_images(IMAGES[:2]), atol=1e-6)
    np.testing.assert_array_equal(mini.encode_text(["a red square"]), before)
    assert len({mini.fingerprint, fitted.encoder_.fingerprint, again.fingerprint}) == 3


def test_vectors_with_gradients_are_the_vectors():
    mini = load_encoder("mini", device="cpu")
    texts = ["a dog", "a photo of a very small dog"]
    np.testing.assert_allclose(mini.text_vectors(texts).detach().numpy(), mini.encode_text(texts), atol=1e-5)
    pixels = torch.stack([mini.preprocess(Image.fromarray(image)) for image in IMAGES[:2]])
    np.testing.assert_allclose(mini.pixel_vectors(pixels).numpy(), mini.encode_images(IMAGES[:2]), atol=1e-5)


def test_a_turn_in_parts_shortens_its_gradient_and_follows_its_rate():
    p = nn.Parameter(torch.zeros(2))
    x = torch.arange(10.0).reshape(5, 2)
    sgd = {"optimizer": lambda params: torch.optim.SGD(params, lr=1.0)}
    turn = Turn("only", lambda b, c: (p * b[0]).sum(dim=1).mean(), [p], parts=2, most=1.0, **sgd)
    turn.move((x,), Clock(0, 0, 0.0))
    mean = x.mean(dim=0)
    torch.testing.assert_close(-p.detach(), mean / mean.norm(), rtol=1e-4, atol=1e-5)
    turn = Turn(
        "only", lambda b, c: p.sum(), [p], lambda ps: torch.optim.SGD(ps, lr=1.0), rate=lambda c: 1 - c.fraction
    )
    before = p.detach().clone()
    turn.move((x,), Clock(0, 3, 0.75))
    torch.testing.assert_close(before - p.detach(), torch.full((2,), 0.25))


def test_weights_by_pattern():
    named = {f"{tower}.{i}": torch.zeros(1) for tower in ("image", "text") for i in range(2)}
    assert list(chosen(named, frozen=("text.*",))) == ["image.0", "image.1"]
    assert list(chosen(named, trained=("*.1",))) == ["image.1", "text.1"]
    groups = rate_groups(named, 0.1, {"image.0": 10.0, "image.*": 0.5})
    assert sorted((round(g["lr"], 6), len(g["params"])) for g in groups) == [(0.05, 1), (0.1, 2), (1.0, 1)]
    with pytest.raises(InputError, match="no trained weight is called 'more'"):
        rate_groups(named, 0.1, {"more": 1.0})


def test_averages_and_points_between():
    a, w = torch.zeros(3), torch.ones(3)
    for n in range(1, 4):
        follow([a], [w], 0.9)
        torch.testing.assert_close(a, torch.full((3,), 1 - 0.9**n))
    e = torch.full((3,), 4.0)
    between([torch.zeros(3)], [e], 0.25)
    torch.testing.assert_close(e, torch.ones(3))


def test_rates_rise_then_fall():
    rate = warm_cosine(0.2)
    at = [rate(Clock(0, 0, f)) for f in (0.1, 0.2, 0.6)]
    np.testing.assert_allclose(at, [0.5, 1.0, 0.5])
    assert rate(Clock(0, 0, 0.999)) < 0.01


def test_contrast_is_two_cross_entropies_in_loops():
    rng = torch.Generator().manual_seed(0)
    x, t = (nn.functional.normalize(torch.randn(4, 5, generator=rng), dim=1) for _ in range(2))
    total = 0.0
    for i in range(4):
        total -= torch.log(torch.exp(3 * x[i] @ t[i]) / sum(torch.exp(3 * x[i] @ t[j]) for j in range(4))) / 8
        total -= torch.log(torch.exp(3 * x[i] @ t[i]) / sum(torch.exp(3 * x[j] @ t[i]) for j in range(4))) / 8
    torch.testing.assert_close(image_text_contrast(x, t, 3.0), total)


def test_bags_are_averaged_over_pairs_of_a_class():
    logits, y = torch.randn(5, 5, generator=torch.Generator().manual_seed(0)), [0, 1, 0, 2, 1]
    total = 0.0
    for L in (logits, logits.T):
        for i in range(5):
            own = [j for j in range(5) if y[j] == y[i]]
            total += sum(torch.log(torch.exp(L[i]).sum()) - L[i, j] for j in own) / len(own) / 5
    torch.testing.assert_close(bag_contrast(logits, torch.tensor(y)), total)
