"""What carried an answer: each test plants it, and it must be what is named."""

import json

import numpy as np
import pytest
from PIL import Image

import zorse
from zorse.core import ClassTable
from zorse.methods.memory.caps_adapter import CapSAdapter
from zorse.methods.memory.cased import CaSED
from zorse.methods.memory.tip_x import TipX
from zorse.methods.memory.x_more import XMoRe
from zorse.methods.prompting.guided_cropping import GuidedCropping
from zorse.methods.prompting.roboshot import RoboShot
from zorse.methods.prompting.wca import WCA
from zorse.methods.transductive.zlap import ZLaP
from zorse.semantics.memory import Memory

LABELS = ["red", "green", "blue"]


def cosines(encoder, texts, colour):
    return encoder.encode_text(texts) @ (np.array(colour) / np.linalg.norm(colour))


@pytest.fixture
def corner(tmp_path):
    """A grey image whose bottom left quarter is red."""
    image = Image.new("RGB", (64, 64), (90, 90, 90))
    image.paste((255, 0, 0), (0, 32, 32, 64))
    image.save(tmp_path / "corner.png")
    return tmp_path / "corner.png"


def explained(image, encoder, method, **options):
    (row,) = zorse.classify([image], LABELS, encoder, method, explain=True, **options)
    return row


def test_fudd_names_the_texts_that_decided_not_its_template(colours, paint):
    told = {
        "red": {"green": ["warm, as yellow is", "hot and red"], "blue": ["warm, as yellow is"]},
        "green": {"red": ["a green field"]},
    }
    row = explained(paint("orange.png", "#ffa500"), colours, "fudd", descriptions=told)
    texts = ["warm, as yellow is", "hot and red", "a green field"]
    yellow, red, green = cosines(colours, texts, (255, 165, 0))
    assert row.label == "red"
    assert row.because == (
        ("warm, as yellow is", pytest.approx(yellow - green, abs=1e-5)),
        ("hot and red", pytest.approx(red - green, abs=1e-5)),
    )


def test_fudd_names_the_template_where_no_text_is_about_the_answer(colours, paint):
    told = {"green": {"blue": ["a green field"]}}
    row = explained(paint("red.png", "red"), colours, "fudd", descriptions=told)
    assert row.because[0][0] == "a photo of a red."


def test_wca_names_the_crop_that_shows_the_answer(colours, corner):
    row = explained(corner, colours, "wca:image_scale=0.0,n_crops=12")
    image, leads = Image.open(corner), {}
    for box in WCA(n_crops=12).boxes(64, 64)[0].tolist():
        seen = np.asarray(image.crop(box).resize((8, 8)), dtype=float).mean(axis=(0, 1))
        red, green = cosines(colours, ["red", "green"], seen)
        leads["crop {},{} to {},{}".format(*box)] = (red - green) / 13
    best = max(leads, key=leads.get)
    at = [text for text, _ in row.because].index(best)
    assert row.because[at][1] == pytest.approx(leads[best], abs=1e-5)
    box = [float(n) / 64 for n in best.removeprefix("crop ").replace(" to ", ",").split(",")]
    assert row.crops[at] == pytest.approx(box)
    assert sum(text.startswith("crop") for text, _ in row.because) == 3
    assert sum("red" in text for text, _ in row.because) == 3  # and the descriptions


@pytest.mark.parametrize("unit", [False, True])
def test_crops_and_descriptions_of_wca_add_up_to_the_lead(unit):
    rng = np.random.default_rng(0)
    table = ClassTable([0, 1], rng.normal(size=(2, 6)), prompts=tuple(rng.normal(size=(n, 6)) for n in (3, 4)))
    X = rng.normal(size=(1, 2, 5, 6))
    model = WCA(unit=unit, scale=1.0).fit(None, None, classes=table)
    lead = -np.diff(model.scores(X)[0])[0]
    reasons = model.because(X, 0, 1)
    assert sum(r.weight for r in reasons if r.kind == "crop") == pytest.approx(lead, abs=1e-6)
    assert sum(r.weight for r in reasons if r.kind == "prompt") == pytest.approx(lead, abs=1e-6)


def test_guided_cropping_names_the_box_of_the_answer(colours, corner):
    row = explained(corner, colours, "guided_cropping")
    (text, weight), (whole, _) = row.because
    assert (row.label, text, whole) == ("red", "crop 0,32 to 32,64", "the whole image")
    assert weight > 0
    assert row.crops == ((0, 0.5, 0.5, 1), None)


def test_a_crop_of_the_whole_image_is_told_from_the_image_itself(colours, paint):
    row = explained(paint("red.png", "red"), colours, "guided_cropping")
    assert sorted(text for text, _ in row.because) == ["the whole image", "the whole image as a crop"]
    assert row.crops == (None, None)


def test_reasons_of_guided_cropping_add_up_to_the_lead():
    rng = np.random.default_rng(0)
    table = ClassTable([0, 1], rng.normal(size=(2, 6)))
    X = rng.normal(size=(1, 5, 3, 6))
    model = GuidedCropping(scale=1.0).fit(None, None, classes=table)
    assert sum(r.weight for r in model.because(X, 0, 1)) == pytest.approx(-np.diff(model.scores(X)[0])[0], abs=1e-6)


@pytest.mark.filterwarnings("ignore:.*may take most")  # the space of colours has three directions
def test_roboshot_names_its_insights(colours, paint):
    told = {"harmful": [["on green grass", "on blue sky"]], "helpful": [["a red skin", "a cyan skin"]]}
    row = explained(paint("x.png", "#a00080"), colours, "roboshot", descriptions=told)
    texts = [text for text, _ in row.because]
    assert {"harmful: on green grass / on blue sky", "helpful: a red skin / a cyan skin", "the whole image"} == {*texts}


@pytest.mark.parametrize("kind", ["harmful", "helpful"])
def test_one_insight_of_roboshot_explains_the_whole_change(kind):
    rng = np.random.default_rng(0)
    table = ClassTable([0, 1], rng.normal(size=(2, 6)))
    x = rng.normal(size=(1, 6))
    model = RoboShot(**{kind: rng.normal(size=(1, 2, 6))}, scale=1.0).fit(None, None, classes=table)
    whole, insight = model.because(x, 0, 1)
    assert whole.weight + insight.weight == pytest.approx(-np.diff(model.scores(x)[0])[0], abs=1e-6)
    assert insight.text == f"{kind}: pair 1"


def test_a_method_that_cannot_tell_says_so(colours, paint):
    images = [paint(f"{colour}.png", colour) for colour in LABELS]
    with pytest.warns(UserWarning, match="InMaP can't tell what carries"):
        table = zorse.classify(images, LABELS, colours, "inmap", explain=True)
    assert all(text.startswith("own prompt, not what decided: ") for row in table for text, _ in row.because)


def test_the_page_draws_the_crops_and_lists_them(zorse_, corner, tmp_path):
    page, rows = tmp_path / "page.html", tmp_path / "rows.jsonl"
    options = ("--labels", "red,green,blue", "--method", "guided_cropping", "--explain")
    code, _, err = zorse_("classify", corner, *options, "--report", page, "--output", rows)
    assert code == 0, err
    assert json.loads(rows.read_text())["because"][0][0] == "crop 0,32 to 32,64"
    html = page.read_text()
    assert 'style="left:0.0%;top:50.0%;width:50.0%;height:50.0%"><b>1</b>' in html
    assert "<b>1</b> crop 0,32 to 32,64 (+" in html
    assert html.count('class="crop"') == 1


CAPTIONS = ["a red and yellow flag", "a red rose", "green grass", "a blue sea", "the cyan sea"]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (TipX, {"n_shots": 2, "alpha": 100.0, "beta": 10.0, "gamma": 0.0}),
        (CapSAdapter, {"delta": 0.0, "alpha": 100.0, "gamma": 0.0}),
        (XMoRe, {"k": 3}),
        (CaSED, {"k": 3}),
    ],
)
def test_the_caption_that_spoke_for_the_answer_is_named(colours, paint, method, options):
    memory = Memory(colours.encode_text(CAPTIONS), None, CAPTIONS)
    descriptions = {"red": ["red yellow", "red"], "green": ["green"], "blue": ["blue"]}
    row = explained(
        paint("orange.png", "#ff8000"), colours, method(memory, **options, scale=20.0), descriptions=descriptions
    )
    captions = [text for text, _ in row.because if text.startswith("caption: ")]
    # X-MoRe and CaSED ask which caption is the answer's, the others which looks like the image.
    planted = "a red rose" if method in (XMoRe, CaSED) else "a red and yellow flag"
    assert (row.label, captions[0]) == ("red", f"caption: {planted}")
    assert "the whole image" in [text for text, _ in row.because]


@pytest.mark.parametrize("method", [TipX, CapSAdapter, XMoRe, CaSED, ZLaP])
def test_reasons_add_up_to_the_lead(method):
    rng = np.random.default_rng(0)
    names, rest = rng.normal(size=(4, 6)), rng.normal(size=(30, 6))
    table = ClassTable([0, 1, 2, 3], names, prompts=tuple(rng.normal(size=(2, 6)) for _ in names))
    if method is ZLaP:
        model = ZLaP().fit(None, None, classes=table, unlabelled=rest)
    else:
        model = method(rest).fit(None, None, classes=table)
    x = rng.normal(size=(1, 6))
    scores = model.scores(x)[0] if method in (TipX, CapSAdapter, ZLaP) else model.predict_proba(x)[0]
    other, best = np.argsort(scores)[-2:]
    reasons = model.because(x, int(best), int(other))
    assert sum(r.weight for r in reasons) == pytest.approx(scores[best] - scores[other], abs=1e-5)
    assert any(r.kind != "whole" for r in reasons)


@pytest.mark.parametrize("at", range(5))
def test_an_image_of_the_graph_is_explained_by_its_links(at):
    rng = np.random.default_rng(0)
    table, X = ClassTable([0, 1, 2], rng.normal(size=(3, 6))), rng.normal(size=(20, 6))
    model = ZLaP(k=3).fit(None, None, classes=table, unlabelled=X)
    scores = model.scores(X[[at]])[0]
    other, best = np.argsort(scores)[-2:]
    reasons = model.because(X[[at]], int(best), int(other))
    assert sum(r.weight for r in reasons) == pytest.approx(scores[best] - scores[other], abs=1e-5)
    assert at not in {r.sample for r in reasons}


def test_zlap_names_the_image_that_it_follows_not_itself(colours, paint):
    paths = [paint(f"{i}.png", colour) for i, colour in enumerate(["#ff1010", "#ff8080", "#10ff10", "#1010ff"])]
    table = zorse.classify(paths, LABELS, colours, "zlap:k=2", explain=True)
    row = table[1]
    assert row.label == "red"
    assert {"the text of red", f"image {paths[0]}"} <= {text for text, _ in row.because}
    assert f"image {paths[1]}" not in {text for text, _ in row.because}


def test_without_a_memory_the_prompts_are_left(colours, paint):
    with pytest.warns(UserWarning, match="given no memory"):
        row = explained(paint("red.png", "red"), colours, "tip_x")
    assert row.because[0][0] == "a photo of a red."


def test_the_page_lists_captions_as_text(colours, paint):
    from zorse.jobs.report import Report

    memory = Memory(colours.encode_text(["a <b>red</b> rose"]), None, ["a <b>red</b> rose"])
    table = zorse.classify([paint("red.png", "red")], LABELS, colours, XMoRe(memory, scale=20.0), explain=True)
    report = Report()
    report.add(table[0])
    assert "caption: a &lt;b&gt;red&lt;/b&gt; rose (+" in report.html(table.summary)
