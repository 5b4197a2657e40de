"""An index against its folder: what is found, what is kept up to date, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zorse.core.errors import InputError, NotAvailableError
from zorse.search import Composer, ImageIndex, LateFusion, Query, build_index, check_index
from zorse.search import duplicates as module
from zorse.search.duplicates import duplicates
from zorse.search.pictures import read_images
from zorse.search.table import exists, open_table, to_arrow, writing


@pytest.fixture
def photos(paint):
    for name in ("red", "green", "blue", "yellow"):
        paint(f"photos/{name}/one.png", name)
    paint("photos/red/dark.png", "#800000")
    return paint("photos/top.png", "cyan").parent


@pytest.fixture
def index(photos, tmp_path, colours):
    build_index(photos, tmp_path / "index", colours)
    return tmp_path / "index"


def opened(index, colours):
    return ImageIndex.open(index, encoder=colours)


def names(hits):
    return [hit.path.rsplit("photos/")[1] for hit in hits]


def test_text_image_and_condition(index, colours, photos):
    images = opened(index, colours)
    assert len(images) == 6
    assert set(names(images.search("something red", top_k=2))) == {"red/one.png", "red/dark.png"}
    best = images.search(image=photos / "blue" / "one.png", top_k=1)[0]
    assert (best.folder, best.labels, best.score) == ("blue", ("blue",), pytest.approx(1))
    assert best.bytes == (photos / "blue" / "one.png").stat().st_size
    assert names(images.search("red", where="folder = 'green'")) == ["green/one.png"]
    assert names(images.search("red", where="array_has(labels, 'blue')")) == ["blue/one.png"]
    assert names(images.search("red", where="folder = ''")) == ["top.png"]
    either = names(images.search("red", where="folder = 'green' or folder = 'blue' -- both"))
    assert sorted(either) == ["blue/one.png", "green/one.png"]
    assert images.search("red", where="folder = 'nowhere'") == []


def test_the_order_is_that_of_all_inner_products(index, colours):
    images = opened(index, colours)
    rows = images.table.search().select(["path", "embedding"]).to_arrow().to_pylist()
    query = colours.encode_text(["yellow"])[0]
    expected = sorted(((float(np.dot(row["embedding"], query)), row["path"]) for row in rows), reverse=True)
    hits = images.search("yellow", top_k=6)
    np.testing.assert_allclose([hit.score for hit in hits], [score for score, _ in expected], atol=1e-6)
    assert names(images.search("yellow", top_k=1)) == ["yellow/one.png"]


def test_without_and_composed(index, colours, photos):
    images = opened(index, colours)
    # Cyan is green and blue: without green, blue comes first.
    assert names(images.search("cyan", without="green", where="folder <> ''", top_k=1)) == ["blue/one.png"]
    both = images.search("blue", photos / "red" / "one.png", top_k=6)
    apart = {text: {h.path: h.score for h in images.search(text, top_k=6)} for text in ("red", "blue")}
    assert len(both) == 6
    assert apart["red"] != apart["blue"]


def test_late_fusion_is_the_sum_of_standardised_similarities(colours):
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(50, 3)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    image = Image.new("RGB", (8, 8), "red")
    parts = [colours.encode_images([image])[0], *colours.encode_text(["blue", "green"])]
    expected = sum(
        w * (gallery @ p - (gallery @ p).mean()) / (gallery @ p).std() for w, p in zip((1, 1, -0.5), parts, strict=True)
    )
    fused = gallery @ LateFusion(0.5).compose(Query("blue", image, ("green",)), colours, lambda: gallery)
    np.testing.assert_allclose(
        (fused - fused.mean()) / fused.std(), (expected - expected.mean()) / expected.std(), atol=1e-5
    )


def test_a_composer_of_ones_own(index, colours):
    class Always:
        def compose(self, query, encoder, gallery):
            return np.array([0, 1, 0], np.float32)

    assert isinstance(Always(), Composer)
    assert names(opened(index, colours).search("red", top_k=1, composer=Always())) == ["green/one.png"]


def test_only_what_changed_is_encoded(index, photos, colours, paint):
    encoded = colours.encoded
    again = build_index(photos, index, colours)
    assert (again.unchanged, again.added, again.changed, again.removed, again.rows) == (6, 0, 0, 0, 6)
    assert colours.encoded == encoded
    paint("photos/new.png", "#102030")
    paint("photos/red/one.png", "#fe0102")
    os.utime(photos / "red" / "one.png", ns=(1, 1))
    (photos / "blue" / "one.png").rename(photos / "green" / "two.png")
    (photos / "top.png").unlink()
    report = build_index(photos, index, colours)
    assert (report.added, report.changed, report.removed, report.unchanged, report.rows) == (2, 1, 2, 3, 6)
    assert colours.encoded == encoded + 2  # the image that only moved is not encoded again
    images = opened(index, colours)
    assert set(names(images.search("blue", top_k=6))) == {
        *("new.png", "red/one.png", "red/dark.png", "green/one.png", "green/two.png", "yellow/one.png")
    }
    assert images.search(image=photos / "red" / "one.png", top_k=1)[0].score == pytest.approx(1)
    assert names(images.search("blue", top_k=1)) == ["green/two.png"]


def test_a_touched_file_with_the_same_content_is_unchanged(index, photos, colours):
    os.utime(photos / "top.png", ns=(5, 5))
    encoded = colours.encoded
    assert build_index(photos, index, colours).unchanged == 6
    assert colours.encoded == encoded


def test_other_sources_stay(index, photos, colours, paint):
    more = paint("more/a.png", "red").parent
    assert build_index(more, index, colours).rows == 7
    (photos / "top.png").unlink()
    assert build_index(more, index, colours).rows == 7
    assert build_index([photos, more, photos / "red"], index, colours).rows == 6


def test_an_image_that_cannot_be_read_is_told_and_leaves(index, photos, colours):
    (photos / "broken.jpg").write_bytes(b"no image")
    (photos / "top.png").write_bytes(b"")
    report = build_index(photos, index, colours)
    assert sorted(path.rsplit("/")[-1] for path, _ in report.failed) == ["broken.jpg", "top.png"]
    assert (report.rows, report.removed) == (5, 1)


def test_a_shard_and_a_caption(tmp_path, photos, colours):
    import tarfile

    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(photos / "red" / "one.png", "x/0.png")
    (photos / "top.txt").write_text("the sky\nat noon\n")
    build_index([tmp_path / "shard.tar", photos], tmp_path / "index", colours)
    images = opened(tmp_path / "index", colours)
    assert images.search("red", where="caption is null and path like '%shard.tar%'")[0].path.endswith(
        "shard.tar/x/0.png"
    )
    assert images.search("cyan", where="caption like 'the sky%'")[0].caption == "the sky at noon"
    assert build_index(tmp_path / "shard.tar", tmp_path / "index", colours).unchanged == 1


def test_a_caption_that_comes_later_is_taken_in_and_nothing_encoded(index, photos, colours):
    before = colours.encoded
    for text, told in (("at noon", (1, 5)), ("at noon", (0, 6)), ("at dawn", (1, 5)), (None, (1, 5))):
        beside = photos / "red" / "one.txt"
        beside.unlink() if text is None else beside.write_text(text)
        report = build_index(photos, index, colours)
        assert (report.changed, report.unchanged, report.rows) == (*told, 6)
        found = opened(index, colours).search("red", where="caption is not null")
        assert [hit.caption for hit in found] == ([] if text is None else [text])
    assert colours.encoded == before


def test_a_name_that_is_not_utf8_is_found_on_the_disk_again(tmp_path, colours, paint):
    plain = paint("latin/plain.png", "red")
    name = plain.with_name(os.fsdecode(b"caf\xe9.png"))
    try:
        plain.rename(name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    build_index(plain.parent, tmp_path / "index", colours)
    found = check_index(tmp_path / "index")
    assert (found.rows, found.problems, found.missing, found.stale) == (1, [], [], [])
    hit = opened(tmp_path / "index", colours).search("red")[0]
    assert read_images([hit.path]) == {hit.path: name.read_bytes()}
    name.unlink()
    assert check_index(tmp_path / "index").missing == [hit.path]


def test_stopping_keeps_what_is_done(photos, tmp_path, colours):
    report = build_index(photos, tmp_path / "i", colours, batch_size=1, jobs=1, stopped=lambda: colours.encoded > 0)
    assert report.stopped
    assert 0 < report.rows < 6
    report = build_index(photos, tmp_path / "i", colours)
    assert (report.stopped, report.rows) == (False, 6)


def test_another_encoder_is_refused_with_both_fingerprints(index, photos, colours):
    colours.fingerprint = "other"
    for attempt in (lambda: opened(index, colours), lambda: build_index(photos, index, colours)):
        with pytest.raises(InputError, match=r"fingerprint colours-image.*fingerprint other"):
            attempt()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "needs a text or an image"),
        ({"without": "red"}, "needs a text or an image"),
        ({"text": " "}, "empty"),
        ({"text": "red", "top_k": 0}, "at least one"),
        ({"text": "red", "where": "colour = 'red'"}, "colour"),
        ({"text": "red", "where": "folder =="}, "folder =="),
        ({"text": "red", "where": "folder = 'a'; drop"}, "one SQL expression"),
        ({"text": "red", "where": "folder = 'red' ad bytes > 3000"}, "ad bytes"),
        ({"text": "red", "where": "folder = 'red' limit 3"}, "limit 3"),
        ({"text": "red", "where": "folder = 'red', bytes > 3000"}, "bytes > 3000"),
        ({"text": "red", "where": 3}, "one SQL expression"),
        ({"text": "red", "top_k": 1.5}, "whole number"),
        ({"image": b"nothing"}, "not an image"),
    ],
)
def test_bad_questions(index, colours, asked, told):
    with pytest.raises(InputError, match=told):
        opened(index, colours).search(**asked)


def test_no_index_no_images_a_damaged_table(index, tmp_path, colours):
    with pytest.raises(InputError, match="holds no index"):
        ImageIndex.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        build_index(tmp_path / "empty", tmp_path / "nowhere", colours)
    assert not (tmp_path / "nowhere").exists()
    for file in (index / "images.lance" / "data").iterdir():
        file.write_bytes(b"junk")
    with pytest.raises(NotAvailableError, match="damaged"):
        opened(index, colours).search("red")
    for file in (index / "images.lance" / "_versions").iterdir():
        file.write_bytes(b"junk")
    with pytest.raises(NotAvailableError, match="damaged"):
        ImageIndex.open(index)


def test_one_writer_at_a_time(index, photos, colours):
    with writing(index), pytest.raises(NotAvailableError, match="another process"):
        build_index(photos, index, colours)
    assert build_index(photos, index, colours).unchanged == 6


def test_a_check_tells_what_is_wrong_and_what_has_changed(index, photos, colours):
    found = check_index(index)
    assert (found.rows, found.problems, found.missing, found.stale) == (6, [], [], [])
    (photos / "top.png").unlink()
    os.utime(photos / "red" / "one.png", ns=(7, 7))
    table = open_table(index)
    row = table.search().limit(1).to_arrow()
    spoiled = {name: row[name].to_pylist() for name in row.column_names if name != "embedding"} | {"encoder": ["x"]}
    table.add(to_arrow(table, spoiled, np.full((1, 3), 2, np.float32)))
    found = check_index(index)
    assert [path.rsplit("photos/")[1] for path in found.missing] == ["top.png"]
    assert "red/one.png" in {path.rsplit("photos/")[1] for path in found.stale}
    assert [problem.partition(" ")[2] for problem in found.problems] == [
        *("paths occur twice", "rows are of another encoder", "vectors are not of unit length")
    ]


def test_pictures_decide_between_vectors_that_are_alike(tmp_path, colours):
    rng = np.random.default_rng(0)
    # The tests' encoder sees the mean colour only: to it all of these are the same.
    one, other = (Image.fromarray(rng.permutation(np.arange(16384) % 256).reshape(128, 128).astype("u1")) for _ in "ab")
    (tmp_path / "p").mkdir()
    small = one.resize((16, 16), Image.Resampling.BOX).resize((128, 128), Image.Resampling.BICUBIC)
    small.save(tmp_path / "p/one.png")
    small.resize((60, 60)).save(tmp_path / "p/smaller.jpg", quality=90)
    other.resize((16, 16), Image.Resampling.BOX).resize((128, 128)).save(tmp_path / "p/other.png")
    build_index(tmp_path / "p", tmp_path / "i", colours)
    images = opened(tmp_path / "i", colours)
    assert [{m.path.rsplit("/")[-1] for m in g} for g in duplicates(images)] == [{"one.png", "smaller.jpg"}]
    assert len(duplicates(images, pixels=False)[0]) == 3


def test_cells_find_the_pairs_that_a_comparison_of_all_finds(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 24))
    rows = np.concatenate([rows, rows[:100] + 0.02 * rng.normal(size=(100, 24))]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    every = set(zip(*(side.tolist() for side in module._pairs(rows, 0.98)), strict=True))
    assert {(i, 600 + i) for i in range(100)} <= every
    monkeypatch.setattr(module, "_ALL_PAIRS", 100)
    found = set(zip(*(side.tolist() for side in module._pairs(rows, 0.98)), strict=True))
    assert found <= every
    assert len(found) > 0.9 * len(every)


def test_copies_and_near_copies_are_grouped_by_the_largest(tmp_path, colours, paint):
    paint("p/a.png", "#ff0000", (40, 40))
    paint("p/b.png", "#fe0101", (8, 8))
    paint("p/c.png", "#0000ff")
    (tmp_path / "p/d.png").write_bytes((tmp_path / "p/c.png").read_bytes())
    paint("p/e.png", "#00ff00")
    build_index(tmp_path / "p", tmp_path / "i", colours)
    images = opened(tmp_path / "i", colours)
    groups = [[m.path[-5:] for m in group] for group in duplicates(images, 0.99)]
    assert groups == [["a.png", "b.png"], ["c.png", "d.png"]]
    assert [[m.copy for m in group] for group in duplicates(images, 0.99)] == [[False, False], [False, True]]
    assert duplicates(images, 0.99, where="path not like '%b.png'")[0][0].path.endswith("c.png")
    with pytest.raises(InputError, match="colour"):
        duplicates(images, 0.99, where="colour = 1")


KILLED = """
import os, signal, sys, threading, time
sys.path.insert(0, {tests!r})
from conftest import ColourEncoder
from zorse.search import build, build_index
build._FLUSH_ROWS = 3
class Slow(ColourEncoder):
    def encode_pixels(self, pixels):
        time.sleep(0.01)
        return super().encode_pixels(pixels)
build_index({photos!r}, {index!r}, Slow(), batch_size=2, jobs=1, progress=lambda n: print(n, flush=True))
print("done", flush=True)
"""


def test_killed_at_any_moment_it_opens_and_goes_on(tmp_path, colours, paint):
    import subprocess
    import sys

    for at in range(40):
        paint(f"photos/{at:02d}.png", (at, 200 - at, 90))
    tests = str(Path(__file__).parents[1])
    index, done = tmp_path / "index", 0
    code = KILLED.format(tests=tests, photos=str(tmp_path / "photos"), index=str(index))
    for told in (5, 26):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line == "done\n" or int(line) >= told:
                process.kill()
                break
        process.stdout.close()
        process.wait()
        if index.exists() and exists(index):
            found = check_index(index)
            assert (found.problems, found.rows >= done) == ([], True)
            done = found.rows
    encoded = colours.encoded
    report = build_index(tmp_path / "photos", index, colours)
    assert (report.rows, report.added, report.unchanged) == (40, 40 - done, done)
    assert colours.encoded - encoded == 40 - done
    assert check_index(index).problems == []


def test_a_folder_of_other_things_is_no_place_for_an_index(photos, colours):
    before = sorted(photos.rglob("*"))
    with pytest.raises(InputError, match="something else than an index"):
        build_index(photos, photos, colours)
    assert sorted(photos.rglob("*")) == before
