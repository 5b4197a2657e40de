import csv
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

import zorse
from zorse.core import CapabilityError, ClassTable, InputError, UnknownNameError
from zorse.jobs import Classifier

LABELS = ["red", "green", "blue"]


@pytest.fixture
def painted(paint):
    """Four images in folders named after what they are, one in a folder that is no label, one broken."""
    for colour in ("red", "Green", "blue"):
        paint(f"{colour}/one.png", colour.lower())
    paint("blue/two.png", "red")
    root = paint("holiday/x.png", "green").parent.parent
    (root / "blue" / "broken.png").write_bytes(b"no image")
    return root


def test_scores_are_the_softmax_of_scaled_cosines(colours, paint):
    table = zorse.classify([paint("a.png", "red")], LABELS, colours)
    image, texts = np.array([1, 1e-6, 1e-6]), np.array([[1.1, 0.1, 0.1], [0.1, 1.1, 0.1], [0.1, 0.1, 1.1]])
    cosines = texts @ image / np.linalg.norm(texts, axis=1) / np.linalg.norm(image)
    expected = np.exp(20 * cosines) / np.exp(20 * cosines).sum()
    (row,) = table
    assert [name for name, _ in row.top] == ["red", "green", "blue"]
    assert np.allclose([p for _, p in row.top], expected, atol=1e-5)
    assert row.score == row.top[0][1]


def test_a_sigmoid_model_gives_each_label_its_own_probability(colours, paint):
    colours.logit_scale, colours.logit_bias = 10.0, -8.0
    (row,) = zorse.classify([paint("a.png", "red")], LABELS, colours)
    cosine = 1.1 / math.sqrt(1.1**2 + 2 * 0.1**2)
    assert row.score == pytest.approx(1 / (1 + math.exp(8 - 10 * cosine)), abs=1e-5)
    assert sum(p for _, p in row.top) < 1


def test_rows_keep_the_order_and_a_broken_file_is_a_row(colours, painted):
    table = zorse.classify(painted, LABELS, colours)
    assert [row.path for row in table] == sorted(row.path for row in table)
    assert len(table) == 6
    (failed,) = table.failed
    assert failed.path.endswith("broken.png")
    assert failed.label is None
    assert failed.error
    assert table.summary.failed == 1


def test_more_images_than_a_block_come_out_in_order(colours, paint):
    paths = [paint(f"{i:03}.png", LABELS[i % 3]) for i in range(70)]
    table = zorse.classify(paths, LABELS, colours, batch_size=7)
    assert table.labels == [LABELS[i % 3] for i in range(70)]
    assert [row.path for row in table] == [str(p) for p in paths]


def test_new_labels_over_stored_embeddings_encode_no_image(colours, painted, tmp_path):
    store = tmp_path / "store"
    first = zorse.classify(painted, LABELS, colours, store=store)
    encoded = colours.encoded
    again = zorse.classify(painted, ["yellow", "cyan"], colours, store=store)
    assert colours.encoded == encoded == 3  # copies are encoded once
    assert [row.path for row in again] == [row.path for row in first]
    assert set(again.labels) <= {"yellow", "cyan", None}


def test_unknown_below(colours, paint):
    grey = paint("grey.png", "grey")
    (row,) = zorse.classify([grey], LABELS, colours, unknown_below=0.5)
    assert row.label == "unknown"
    assert row.score == pytest.approx(1 / 3, abs=1e-4)
    assert row.top[0][0] in LABELS
    (row,) = zorse.classify([paint("red.png", "red")], LABELS, colours, unknown_below=0.5)
    assert row.label == "red"


def test_top_k_is_cut_and_capped(colours, paint):
    path = paint("a.png", "red")
    assert len(zorse.classify([path], LABELS, colours, top_k=2)[0].top) == 2
    assert len(zorse.classify([path], LABELS, colours, top_k=99)[0].top) == 3


def test_truth_by_folder(colours, painted):
    agreement = zorse.classify(painted, [*LABELS, "yellow"], colours, truth="folder").summary.agreement
    assert agreement.n == 4  # the broken file and the folder "holiday" are not scored
    assert agreement.top1.value == 3 / 4
    assert agreement.per_class == {"blue": (1, 2), "green": (1, 1), "red": (1, 1)}
    assert agreement.per_class_mean == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert agreement.strangers == {"holiday": 1}
    assert agreement.mistaken_for("blue") == ("red", 1)
    assert agreement.top5 is None  # with four labels it says nothing


def test_top5_counts_ranks_beyond_top_k(colours, paint):
    paths = {str(paint(f"{i}.png", "red")): truth for i, truth in enumerate(("red", "blue", "dark blue", "pale blue"))}
    labels = ["red", "yellow", "green", "cyan", "blue", "dark blue", "pale blue"]
    table = zorse.classify(list(paths), labels, colours, truth=paths, top_k=1)
    ranks = [row.rank for row in table]
    assert ranks[0] == 1
    assert table.summary.agreement.top5.value == np.mean([rank <= 5 for rank in ranks])
    assert any(rank > 5 for rank in ranks)


def test_hyphens_and_underscores_of_a_folder_are_spaces(colours, paint):
    paint("Dark_Red/a.png", "red")
    root = paint("dark-green/a.png", "green").parent.parent
    table = zorse.classify(root, ["dark red", "dark green"], colours, truth="folder")
    assert table.summary.agreement.top1.value == 1


def test_tables(colours, painted, tmp_path):
    table = zorse.classify(painted, LABELS, colours, top_k=2)
    dicts = table.to_dicts()
    assert list(dicts[0]) == ["path", "label", "score", "top", "error"]
    assert table.to_arrow().column("label").to_pylist() == [d["label"] for d in dicts]
    assert list(table.to_pandas()["path"]) == [d["path"] for d in dicts]
    for suffix in ("csv", "jsonl", "parquet"):
        table.write(tmp_path / f"rows.{suffix}")
    assert [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == dicts
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] or None for row in rows] == [d["label"] for d in dicts]
    assert [json.loads(row["top"]) for row in rows] == [d["top"] for d in dicts]
    read = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [[s["label"] for s in row["top"]] for row in read] == [[name for name, _ in d["top"]] for d in dicts]


def test_a_ready_class_table_needs_no_text_tower(colours, paint):
    class ImagesOnly:
        name, dim, image_size, fingerprint = "images", 3, (8, 8), "images"
        preprocess, encode_pixels = staticmethod(colours.preprocess), staticmethod(colours.encode_pixels)

    path = paint("a.png", "blue")
    table = ClassTable(np.array(["x", "y"]), np.eye(3)[[0, 2]])
    assert zorse.classify([path], table, ImagesOnly()).labels == ["y"]
    with pytest.raises(CapabilityError, match=r"images.*text"):
        zorse.classify([path], LABELS, ImagesOnly())


def test_descriptions_by_cupl(colours, paint):
    told = {"a": ["the red of blood."], "b": ["the green of grass."]}
    assert zorse.classify([paint("x.png", "green")], ["a", "b"], colours, "cupl", descriptions=told).labels == ["b"]


def test_the_encoders_scale_is_the_default_and_can_be_set(colours):
    assert Classifier(LABELS, colours).method.scale == 20
    assert Classifier(LABELS, colours, "clip:scale=3").method.scale == 3.0


@pytest.mark.parametrize(
    ("method", "error", "told"),
    [
        ("clipp", UnknownNameError, "clip"),
        ("clip:scal=3", InputError, "'scal'; it has: scale"),
        ("clip:scale=hot", InputError, "scale must be a number; got 'hot'"),
        ("clip:scale=true", InputError, "scale must be a number"),
        ("clip:3", InputError, "key=value"),
        ("eszsl", CapabilityError, r"ESZSL cannot work from class names alone; those that can: .*clip"),
    ],
)
def test_a_method_that_cannot_be_used(colours, method, error, told):
    with pytest.raises(error, match=told):
        Classifier(LABELS, colours, method)


@pytest.mark.parametrize(
    ("labels", "options", "told"),
    [
        ([], {}, "labels"),
        (["cat"], {}, "'cat'"),
        (["cat", " CAT "], {}, "(?i)'cat'"),
        (LABELS, {"top_k": 0}, "top_k.*0"),
        (LABELS, {"unknown_below": 1.5}, r"unknown_below.*1\.5"),
        (LABELS, {"truth": "file"}, "'file'"),
        (LABELS, {"templates": ["a photo"]}, "'a photo'"),
        (LABELS, {"descriptions": {"blu": ["x y"]}}, "'blu'.*blue"),
        (["t-shirt", "t shirt"], {"truth": "folder"}, "t-shirt"),
    ],
)
def test_requests_that_cannot_be_met(colours, labels, options, told):
    with pytest.raises(InputError, match=told):
        Classifier(labels, colours, **options)


def test_no_images(colours, tmp_path):
    with pytest.raises(InputError, match="image"):
        zorse.classify(tmp_path, LABELS, colours)
