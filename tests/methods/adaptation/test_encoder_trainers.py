"""The losses that train encoders, against loops written from the papers."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from zorse.core import InputError, seeded
from zorse.methods.adaptation.adaptclipzs import AdaptCLIPZS
from zorse.methods.adaptation.clip_art import CLIPArt
from zorse.methods.adaptation.countclip import NUMBERS, CountCLIP, counting, miscounted
from zorse.methods.adaptation.fit_clip import FitCLIP, distilled
from zorse.methods.adaptation.lp_ft import LPFT
from zorse.methods.adaptation.mcip import MCIP, several_captions, with_margin
from zorse.methods.adaptation.reclip_towers import ReCLIPTowers
from zorse.methods.adaptation.streetclip import StreetCLIP
from zorse.testing.tiny import TinyEncoder, tiny_pictures

RNG = torch.Generator().manual_seed(0)
IMAGES, Y = tiny_pictures()
SMALL = {"epochs": 2, "batch_size": 6, "lr": 1e-2, "device": "cpu", "random_state": 0}


def unit(n, d=6):
    return normalize(torch.randn(n, d, generator=RNG, dtype=torch.float64), dim=1)


def test_fitclip_brings_both_softmaxes_to_the_teachers():
    S, T = (3 * torch.randn(4, 3, generator=RNG, dtype=torch.float64) for _ in range(2))
    total = 0.0
    for s, t in ((S, T), (S.T, T.T)):
        for i in range(len(s)):
            p, q = torch.exp(t[i]) / torch.exp(t[i]).sum(), torch.exp(s[i]) / torch.exp(s[i]).sum()
            total -= sum(p[j] * torch.log(q[j]) for j in range(len(p))) / len(s) / 2
    torch.testing.assert_close(distilled(S, T), total)


def test_a_student_that_is_its_teacher_has_no_gradient():
    S = torch.randn(4, 3, generator=RNG, dtype=torch.float64, requires_grad=True)
    distilled(S, S.detach()).backward()
    torch.testing.assert_close(S.grad, torch.zeros_like(S))


def test_fitclip_without_students_is_the_encoder_given():
    given = TinyEncoder()
    back = FitCLIP(encoder=given, ensemble=0.0, **SMALL).fit(IMAGES, texts=FitCLIP.example_texts(Y))
    np.testing.assert_array_equal(back.encoder_.encode_images(IMAGES), given.encode_images(IMAGES))


def test_fitclips_loss_is_a_share_of_captions_and_a_share_of_the_teacher():
    """Where all captions are one and nothing moves, teacher and student agree and the pool is known."""
    given, n, half = TinyEncoder(), len(Y), len(Y) // 2
    texts = ["a square" if i < half else None for i in range(n)]
    given_share = {"share": 0.7, "temperature": 2.0, "epochs": 1, "batch_size": n, "lr": 0.0, "random_state": 0}
    model = FitCLIP(encoder=given, device="cpu", **given_share).fit(IMAGES, texts=texts)
    cosines = given.encode_images(IMAGES).astype(float) @ given.encode_text(["a square"])[0].astype(float)

    def shares(logits):
        return np.exp(logits) / np.exp(logits).sum()

    contrast = (np.log(half) - np.mean(np.log(shares(given.logit_scale * cosines[:half])))) / 2
    p = shares(given.logit_scale / 2 * cosines[half:])
    taught = (np.log(n - half) - (p * np.log(p)).sum()) / 2
    assert model.history_[0]["fitclip"] == pytest.approx(0.7 * contrast + 0.3 * 4 * taught, rel=1e-4)


def test_fitclips_teacher_is_the_encoder_given(monkeypatch):
    given, plain, asked = TinyEncoder(), TinyEncoder.pixel_vectors, []
    monkeypatch.setattr(TinyEncoder, "pixel_vectors", lambda self, x: asked.append(self is given) or plain(self, x))
    FitCLIP(encoder=given, **SMALL).fit(IMAGES, texts=FitCLIP.example_texts(Y))
    assert any(asked)
    assert not all(asked)


def test_adaptclipzs_loss_is_that_of_bags():
    given, n = TinyEncoder(), len(Y)
    told = {name: [f"a square of {name}"] for name in set(Y.tolist())}
    options = {"epochs": 1, "batch_size": n, "lr": 0.0, "temperature_lr": 0.0, "device": "cpu", "random_state": 0}
    model = AdaptCLIPZS(encoder=given, temperature=3.0, **options).fit(IMAGES, Y, told)
    texts = given.encode_text([told[name][0] for name in Y.tolist()]).astype(float)
    logits, total = given.logit_scale / 3 * given.encode_images(IMAGES).astype(float) @ texts.T, 0.0
    for l in (logits, logits.T):
        for i in range(n):
            own = [j for j in range(n) if Y[j] == Y[i]]
            total -= np.mean([l[i, j] - np.log(np.exp(l[i]).sum()) for j in own]) / n
    assert model.history_[0]["adaptclipzs"] == pytest.approx(total, rel=1e-4)


def test_adaptclipzs_moves_its_temperature_at_a_rate_of_its_own():
    """Adam's first step is as long as the rate."""
    options = {"epochs": 1, "batch_size": len(Y), "lr": 0.0, "temperature_lr": 0.05, "device": "cpu", "random_state": 0}
    given = TinyEncoder()
    model = AdaptCLIPZS(encoder=given, **options).fit(IMAGES, Y, AdaptCLIPZS.example_texts(Y))
    assert abs(given.logit_scale / model.scale_ - 2) == pytest.approx(0.05, rel=1e-2)


def test_counting_is_a_choice_between_two():
    i, t, wrong = unit(3), unit(3), unit(3)
    each = [
        -torch.log(torch.exp(5 * i[k] @ t[k]) / (torch.exp(5 * i[k] @ t[k]) + torch.exp(5 * i[k] @ wrong[k])))
        for k in range(3)
    ]
    torch.testing.assert_close(counting(i, t, wrong, 5.0), sum(each) / 3)


def test_a_miscounted_caption_has_another_number():
    with seeded(0):
        drawn = {miscounted("Three dogs and a cat in two baskets") for _ in range(200)}
        assert miscounted("a dog often sleeps") is None
    assert drawn == {f"{n} dogs and a cat in two baskets" for n in NUMBERS if n != "three"}


def test_without_weight_nothing_counts():
    texts, given = CountCLIP.example_texts(Y), TinyEncoder()
    plain, counts = (CountCLIP(encoder=given, weight=w, **SMALL).fit(IMAGES, texts=texts) for w in (0.0, 1.0))
    assert plain.history_[0]["countclip"] < counts.history_[0]["countclip"]


def test_arcface_turns_the_right_angle():
    angles = torch.tensor([[0.3, 1.2], [2.0, 3.1]], dtype=torch.float64)
    own = torch.tensor([[True, False], [False, True]])
    out = with_margin(torch.cos(angles), own, 0.1)
    expected = [[math.cos(0.4), math.cos(1.2)], [math.cos(2.0), math.cos(3.1) - 0.1 * math.sin(0.1)]]
    torch.testing.assert_close(out, torch.tensor(expected, dtype=torch.float64))


def test_several_captions_in_loops():
    log_p = torch.randn(3, 4, generator=RNG, dtype=torch.float64).log_softmax(dim=1)
    mine = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 1]]).bool()
    total = 0.0
    for i in range(3):
        own = [j for j in range(4) if mine[i, j]]
        total -= sum(log_p[i, j] for j in own) / len(own) / 3
        total += 0.1 * max(-log_p[i, j] for j in range(4) if not mine[i, j]) / 3
    torch.testing.assert_close(several_captions(log_p, mine, 0.1), total)


def test_mcip_leaves_texts_alone():
    given = TinyEncoder()
    fitted = MCIP(encoder=given, **SMALL).fit(IMAGES, Y, MCIP.example_texts(Y))
    np.testing.assert_array_equal(fitted.encoder_.encode_text(["red"]), given.encode_text(["red"]))


def test_adaptclipzs_learns_its_temperature():
    given = TinyEncoder()
    fitted = AdaptCLIPZS(encoder=given, temperature_lr=0.5, **SMALL).fit(IMAGES, Y, AdaptCLIPZS.example_texts(Y))
    kept = AdaptCLIPZS(encoder=given, temperature_lr=0.0, **SMALL).fit(IMAGES, Y, AdaptCLIPZS.example_texts(Y))
    assert kept.scale_ == pytest.approx(given.logit_scale / 2)
    assert abs(fitted.scale_ - kept.scale_) > 0.1


def test_captions_are_made_of_the_attributes_there_are():
    records = [{"medium": "oil", "culture": ["Dutch", "Flemish"]}, {"medium": "ink", "culture": ""}, {"tag": "cat"}]
    templates = ["a work in {medium}", "a {culture} work in {medium}"]
    assert CLIPArt.captions(records, templates) == [
        ["a work in oil", "a Dutch and Flemish work in oil"],
        ["a work in ink"],
        ["cat"],
    ]


def test_places_are_looked_for_within_the_country():
    class Eyes:
        """Images are their own vectors; texts have one for each word."""

        words = ("Lyon", "Nice", "Bern", "France", "Switzerland")

        def encode_images(self, images):
            return np.stack(images)

        def encode_text(self, texts):
            return np.array([[word in text for word in self.words] for text in texts], dtype=float)

    model = StreetCLIP(template="near {0}", wide="in {}")
    model.encoder_ = Eyes()
    places = ["Lyon, France", "Nice, France", "Bern, Switzerland"]
    # The second looks most like Nice, and like Switzerland.
    images = [np.array([0.3, 0.4, 0.0, 1.0, 0.0]), np.array([0.0, 0.9, 0.1, 0.2, 0.8])]
    assert model.locate(images, places).tolist() == ["Nice, France", "Bern, Switzerland"]
    with pytest.raises(InputError, match="fewer levels"):
        StreetCLIP().caption("France")


def test_a_probe_without_fine_tuning_moves_the_head_alone():
    given = TinyEncoder()
    one = LPFT(encoder=given, **SMALL | {"lr": 0.0}).fit(IMAGES, Y)
    np.testing.assert_array_equal(one.encoder_.encode_images(IMAGES), given.encode_images(IMAGES))
    x = given.encode_images(IMAGES)
    right = (x @ one.table_.vectors.T).argmax(axis=1) == np.searchsorted(one.table_.labels, Y)
    start = LPFT(encoder=given, probe_epochs=0, **SMALL | {"lr": 0.0}).fit(IMAGES, Y)
    before = (x @ start.table_.vectors.T).argmax(axis=1) == np.searchsorted(one.table_.labels, Y)
    assert right.mean() >= before.mean()


def test_towers_learn_only_by_their_norms_and_only_where_both_agree():
    given = TinyEncoder()
    model = ReCLIPTowers(encoder=given, k=3, **SMALL).fit(IMAGES, texts=["red", "green", "blue"])
    for part, tower in given.modules.items():
        for (name, before), after in zip(
            tower.named_parameters(), model.encoder_.modules[part].parameters(), strict=True
        ):
            assert torch.equal(before, after) == (not name.startswith("1."))
    assert len(model.agreed_) == len(model.history_) == SMALL["epochs"]
    both = given.encode_images(IMAGES) @ model.texts_.T + model.encoder_.encode_images(IMAGES) @ model.centroids_.T
    np.testing.assert_allclose(model.decision_function(IMAGES), model.scale_ * both / 2, rtol=1e-5)
    with pytest.raises(InputError, match="names of at least two classes"):
        ReCLIPTowers(encoder=given, **SMALL).fit(IMAGES, texts=["red"])
