"""An exported model gives what the model gives, and does it without torch."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from zorse.core import CapabilityError, ClassTable, InputError, NotAvailableError
from zorse.encoders import is_exported, load_encoder
from zorse.jobs import classify
from zorse.jobs import export as job

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")

LABELS = ["cat", "striped horse", "red car", "cup of coffee"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("photographs")
    for i, picture in enumerate(pictures):
        picture.save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory, checkpoint, photographs):
    """``exported("clip")``: the folder of an export, and the model it was made from."""
    made = {}

    def build(family):
        if family not in made:
            model = load_encoder("mini" if family == "mini" else str(checkpoint(family)), device="cpu")
            out = tmp_path_factory.mktemp(f"exported_{family}") / "out"
            job.export(model, out, check=str(photographs), labels=LABELS)
            made[family] = out, model
        return made[family]

    return build


@pytest.mark.parametrize("family", ["mini", "clip", "siglip", "chinese_clip"])
def test_vectors_are_those_of_the_model(exported, pictures, texts, family):
    folder, model = exported(family)
    ours = load_encoder(str(folder))
    assert np.abs(ours.encode_images(pictures, batch_size=2) - model.encode_images(pictures)).max() < 1e-4
    # Every length of a batch and one text alone: what is fixed while a graph is written would show.
    for some in (texts, texts[1:2], [*texts, "", "a_small_dog", "Größe 斑马"]):
        assert np.abs(ours.encode_text(some, batch_size=2) - model.encode_text(some)).max() < 1e-4
    assert (ours.logit_scale, ours.logit_bias, ours.dim) == (model.logit_scale, model.logit_bias, model.dim)
    assert ours.image_size == model.image_size


@pytest.mark.parametrize("family", ["mini", "clip", "siglip"])
def test_a_long_text_is_cut_as_the_model_cuts_it(exported, family):
    folder, model = exported(family)
    long = ["a photo of a cat on the road " * 30]
    with pytest.warns(UserWarning, match="the rest is cut"):
        ours = load_encoder(str(folder)).encode_text(long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.abs(ours - model.encode_text(long)).max() < 1e-4


@pytest.mark.parametrize("family", ["mini", "siglip"])  # a softmax, and sigmoids
def test_the_classifier_graph_gives_the_probabilities_of_classify(exported, pictures, family):
    folder, model = exported(family)
    graph = onnxruntime.InferenceSession(folder / "classifier.onnx", providers=["CPUExecutionProvider"])
    assert json.loads(graph.get_modelmeta().custom_metadata_map["labels"]) == LABELS
    pixels = torch.stack([model.preprocess(picture.convert("RGB")) for picture in pictures]).numpy()
    scores, p = graph.run(["scores", "probabilities"], {"pixels": pixels})
    assert scores.shape == p.shape == (len(pictures), len(LABELS))
    for row, told in zip(p, classify(pictures, LABELS, model), strict=True):
        np.testing.assert_allclose([dict(told.top)[label] for label in LABELS], row, rtol=1e-3, atol=1e-6)


def test_classify_and_embed_run_without_torch_and_scikit_learn(exported, photographs, tmp_path):
    folder, model = exported("mini")
    code = f"""
import sys
from zorse.cli import main
common = [{str(photographs)!r}, "--model", {str(folder)!r}, "-o"]
rows = main(["classify", *common, {str(tmp_path / "a.jsonl")!r}, "-l", "cat,dog"])
vectors = main(["embed", *common, {str(tmp_path / "b.npz")!r}])
print(rows, vectors, [m for m in ("torch", "sklearn", "scipy", "transformers", "pandas") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["0 0 []"], done.stdout + done.stderr
    expected = {row.path: row for row in classify(str(photographs), ["cat", "dog"], model)}
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(rows) == len(expected)
    for row in rows:
        assert row["label"] == expected[row["path"]].label
        assert row["score"] == pytest.approx(expected[row["path"]].score, abs=1e-4)


def test_the_plain_classifier_is_clip():
    from zorse.jobs.cosines import Cosines
    from zorse.methods.pretraining.clip import CLIP

    draw = np.random.default_rng(0)
    table = ClassTable(np.array(["a", "b", "c"]), draw.normal(size=(3, 5)))
    X = draw.normal(size=(7, 5))
    ours, paper = Cosines(20.0).fit(classes=table), CLIP(20.0).fit(None, None, classes=table)
    np.testing.assert_array_equal(ours.scores(X), paper.scores(X))
    fewer = ours.with_candidates(["c", "a"])
    np.testing.assert_array_equal(fewer.scores(X), paper.with_candidates(["c", "a"]).scores(X))
    with pytest.raises(InputError, match="finite"):
        ours.scores(np.full((1, 5), np.nan))


def test_other_methods_and_answers_take_an_exported_model(exported, pictures):
    folder, model = exported("mini")
    told = {"cat": ["a cat that purrs."], "dog": ["a dog that barks."]}
    for options in ({"method": "cupl", "descriptions": told}, {"ood": "mcm"}):
        ours = classify(pictures, ["cat", "dog"], str(folder), **options)
        theirs = classify(pictures, ["cat", "dog"], model, **options)
        assert ours.labels == theirs.labels
        assert [row.score for row in ours] == pytest.approx([row.score for row in theirs], abs=1e-4)
    with pytest.raises(CapabilityError):
        classify(pictures, ["cat", "dog"], str(folder), ood="glmcm")


def test_a_model_without_texts_is_exported_without(exported, checkpoint, photographs, pictures, tmp_path):
    record = job.export(str(checkpoint("vit")), tmp_path / "vit", check=str(photographs))
    assert record["text"] is None
    ours, model = load_encoder(str(tmp_path / "vit")), load_encoder(str(checkpoint("vit")), device="cpu")
    assert np.abs(ours.encode_images(pictures) - model.encode_images(pictures)).max() < 1e-4
    with pytest.raises(CapabilityError, match="no text tower"):
        classify(pictures, ["cat", "dog"], str(tmp_path / "vit"))


@pytest.mark.parametrize("family", ["mini", "clip"])  # convolutions, and a transformer
def test_int8_is_smaller_close_and_told_how_close(exported, photographs, pictures, tmp_path, family):
    folder, model = exported(family)
    record = job.export(model, tmp_path / "int8", precision="int8", check=str(photographs), accept_loss=True)
    assert record["quantised"]["image"] == {"mini": "static", "clip": "dynamic"}[family]
    size = [(path / "image.onnx").stat().st_size for path in (folder, tmp_path / "int8")]
    assert size[1] < (0.5 if family == "mini" else 1.0) * size[0]
    ours = load_encoder(str(tmp_path / "int8"))
    cosine = (ours.encode_images(pictures) * model.encode_images(pictures)).sum(axis=1)
    assert cosine.min() > 0.9  # wrong ranges or axes give nearly orthogonal vectors
    told = record["agreement"]
    assert 0 <= told["cosine_worst"] <= told["cosine"] <= 1 + 1e-6
    assert ours.fingerprint != load_encoder(str(folder)).fingerprint


def test_an_export_that_loses_too_much_is_refused_and_leaves_nothing(checkpoint, photographs, tmp_path, monkeypatch):
    model = load_encoder(str(checkpoint("vit")), device="cpu")
    monkeypatch.setattr(job, "LARGEST", 0.0)
    with pytest.raises(CapabilityError, match="loses too much"):
        job.export(model, tmp_path / "out", check=str(photographs))
    assert list(tmp_path.iterdir()) == []
    record = job.export(model, tmp_path / "out", check=str(photographs), accept_loss=True)
    assert record["misses"]


def test_agreement_below_what_int8_promises_is_told():
    good = {"images": 100, "labels": 5, "largest": 0.1, "largest_text": 0.1, "cosine_worst": 0.5}
    assert job.Agreement(**good, cosine=0.995, cosine_text=0.995, same=0.99).misses("int8") == []
    assert len(job.Agreement(**good, cosine=0.98, cosine_text=0.995, same=0.97).misses("int8")) == 2
    assert job.Agreement(**good, cosine=0.995, cosine_text=0.995, same=0.99).misses("fp32")


def test_what_cannot_be_exported_is_refused(colours, tmp_path, paint):
    with pytest.raises(CapabilityError, match="can't be exported"):
        job.export(colours, tmp_path / "out", check=str(paint("a.png", "red")))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(InputError, match="something else"):
        job.export(colours, tmp_path / "full")
    with pytest.raises(InputError, match="precision"):
        job.export(colours, tmp_path / "out", precision="int4")


def test_damaged_exports_say_what_is_wrong(exported, tmp_path):
    import shutil

    folder, _ = exported("mini")
    assert is_exported(folder)
    shutil.copytree(folder, tmp_path / "copy")
    copy = tmp_path / "copy"
    (copy / "image.onnx").write_bytes(b"not a graph")
    with pytest.raises(NotAvailableError, match=r"image\.onnx"):
        load_encoder(str(copy)).encode_images([Image.new("RGB", (20, 20))])
    (copy / "text.onnx").unlink()
    with pytest.raises(NotAvailableError, match=r"lacks text\.onnx"):
        load_encoder(str(copy))
    record = json.loads((copy / "export.json").read_text())
    (copy / "export.json").write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(InputError, match="format 99"):
        load_encoder(str(copy))
    (copy / "export.json").write_text("{")
    with pytest.raises(InputError, match="not the record"):
        load_encoder(str(copy))
    with pytest.raises(CapabilityError, match="cpu or cuda"):
        load_encoder(str(folder), device="mps")
