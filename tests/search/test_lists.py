"""Inverted lists: learned where a table is large, with as many probes as the recall asks for."""

import numpy as np
import pytest

from zorse.core.errors import InputError
from zorse.data.clip_retrieval import read_parts, write_parts
from zorse.search import ImageIndex, check_index, export_embeddings, import_embeddings
from zorse.search import lists as module

DIM = 32


class Vectors:
    """An encoder that is never asked to encode."""

    name, dim, fingerprint = "vectors", DIM, "vectors-1"


def clustered(n, seed, groups=40):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(groups, DIM))
    rows = centres[rng.integers(groups, size=n)] + 0.5 * rng.normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def part(n, seed, name="a"):
    return {"img": clustered(n, seed)}, {
        "image_path": [f"{name}/{row:05d}.jpg" for row in range(n)],
        "caption": [None if row % 2 else f"number {row}" for row in range(n)],
    }


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EXACT_BELOW", 2000)
    write_parts(tmp_path / "clip", [part(1500, 1, "a"), part(1500, 2, "b")])
    report = import_embeddings(tmp_path / "clip", tmp_path / "index", Vectors())
    assert (report.rows, report.added, report.changed, report.unchanged) == (3000, 3000, 0, 0)
    return tmp_path


def test_probes_keep_the_recall_they_promise(large):
    images = ImageIndex.open(large / "index", encoder=Vectors())
    assert images.about.lists == round(3000**0.5)
    assert images.about.recall["image"] >= module.TARGET or images.about.probes == images.about.lists
    shares = []
    for query in clustered(60, 9):
        exact = [hit.path for hit in images.nearest(query, exact=True)]
        shares.append(len({*exact} & {hit.path for hit in images.nearest(query)}) / len(exact))
    assert np.mean(shares) > 0.8  # of other questions than those it was chosen by; the promise is .95


def test_exact_search_is_numpys(large):
    images = ImageIndex.open(large / "index", encoder=Vectors())
    vectors = np.concatenate([p.image for p in read_parts(large / "clip")]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = [name for p in read_parts(large / "clip") for name in p.paths]
    for query in clustered(5, 3):
        expected = np.sort(vectors @ query)[::-1][:10]
        hits = images.nearest(query, exact=True)
        np.testing.assert_allclose([hit.score for hit in hits], expected, atol=1e-5)
        np.testing.assert_allclose([vectors[paths.index(hit.path)] @ query for hit in hits], expected, atol=1e-5)
        ids, similarity = module.exact(images.table, query[None], 10)
        np.testing.assert_allclose(similarity[0], expected, atol=1e-5)
        assert len({*ids[0].tolist()}) == 10


def test_a_condition_that_leaves_few_rows_finds_all_of_them(large):
    images = ImageIndex.open(large / "index", encoder=Vectors())
    for query in clustered(5, 4):
        assert len(images.nearest(query, 10, where="path IN ('a/00001.jpg', 'b/00700.jpg', 'b/01499.jpg')")) == 3


def test_rows_outside_the_lists_are_found_and_put_in(large):
    opened = ImageIndex.open(large / "index", encoder=Vectors())
    write_parts(large / "clip2", [part(50, 5, "c")])
    report = import_embeddings(large / "clip2", large / "index", Vectors())
    assert (report.rows, report.added) == (3050, 50)
    assert check_index(large / "index").outside == 50
    images = ImageIndex.open(large / "index", encoder=Vectors())
    for at, query in enumerate(clustered(50, 5)[:5]):
        assert images.nearest(query, 1)[0].path == f"c/{at:05d}.jpg"
    write_parts(large / "clip3", [part(300, 6, "d")])
    import_embeddings(large / "clip3", large / "index", Vectors())
    found = check_index(large / "index")
    assert (found.outside, found.problems, found.rows) == (0, [], 3350)
    # A reader that was there before goes on to the newest version, whose files are others.
    assert opened.nearest(clustered(300, 6)[7], 1)[0].path == "d/00007.jpg"


def test_an_import_again_reads_only_what_changed(large):
    report = import_embeddings(large / "clip", large / "index", Vectors())
    assert (report.unchanged, report.added, report.changed, report.removed) == (3000, 0, 0, 0)
    write_parts(large / "clip", [part(1400, 7, "a")])
    report = import_embeddings(large / "clip", large / "index", Vectors())
    assert (report.unchanged, report.added, report.changed, report.removed, report.rows) == (1500, 0, 1400, 100, 2900)
    images = ImageIndex.open(large / "index", encoder=Vectors())
    assert images.nearest(clustered(1400, 7)[3], 1)[0].path == "a/00003.jpg"


def test_out_and_in_again(large):
    images = ImageIndex.open(large / "index", encoder=Vectors())
    assert export_embeddings(images, large / "out") == 3000
    (back,) = read_parts(large / "out")
    where = {path: row for row, path in enumerate(back.paths)}
    for original in read_parts(large / "clip"):
        for row in range(0, 1500, 300):
            there = where[original.paths[row]]
            assert back.captions[there] == original.captions[row]
            np.testing.assert_allclose(back.image[there], original.image[row], atol=2e-3)
    with pytest.raises(InputError, match="already"):
        export_embeddings(images, large / "out")


def test_texts_go_out_with_the_images(tmp_path, colours, paint):
    from zorse.search import build_index

    paint("photos/red.png", "red").with_suffix(".txt").write_text("something blue")
    build_index(tmp_path / "photos", tmp_path / "index", colours)
    export_embeddings(ImageIndex.open(tmp_path / "index", encoder=colours), tmp_path / "out", texts=True)
    (back,) = read_parts(tmp_path / "out")
    np.testing.assert_allclose(back.text, colours.encode_text(["something blue"]), atol=1e-3)
    assert back.captions == ["something blue"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "img_emb" / "img_emb_0.npy").write_bytes(b"junk"), "img_emb_0.npy"),
        (lambda folder: (folder / "metadata" / "metadata_0.parquet").write_bytes(b"junk"), "metadata_0.parquet"),
        (lambda folder: (folder / "img_emb" / "img_emb_0.npy").unlink(), "layout"),
        (lambda folder: np.save(folder / "img_emb" / "img_emb_0.npy", np.ones((3, DIM), np.float16)), "3 and 20 rows"),
        (lambda folder: np.save(folder / "img_emb" / "img_emb_0.npy", np.ones((20, 7), np.float16)), "7 numbers"),
        (lambda folder: write_parts(folder, [part(20, 1), part(20, 1)]), "twice"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(tmp_path, spoil, told):
    write_parts(tmp_path / "clip", [part(20, 1)])
    spoil(tmp_path / "clip")
    with pytest.raises(InputError, match=told):
        import_embeddings(tmp_path / "clip", tmp_path / "index", Vectors())


def test_a_vector_without_direction_is_left_out(tmp_path):
    vectors, columns = part(5, 1)
    vectors["img"][1], vectors["img"][3] = 0, np.nan
    write_parts(tmp_path / "clip", [(vectors, columns)])
    report = import_embeddings(tmp_path / "clip", tmp_path / "index", Vectors())
    assert ([path for path, _ in report.failed], report.rows) == (["a/00001.jpg", "a/00003.jpg"], 3)
    assert check_index(tmp_path / "index").problems == []
