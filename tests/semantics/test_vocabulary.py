import json

import numpy as np
import pytest

from zorse.cli import main
from zorse.core import InputError, NotAvailableError
from zorse.jobs.vocabulary import VocabularyClassifier
from zorse.nn.vectors import unit_rows
from zorse.semantics import vocabulary
from zorse.semantics.vocabulary import Vocabulary

NAMES = [f"naïve name {i}" for i in range(300)]
VECTORS = unit_rows(np.random.default_rng(0).normal(size=(300, 16)))


def encode(names):
    return VECTORS[[int(name.split()[-1]) for name in names]]


def build(folder, names=NAMES, **options):
    return Vocabulary.build(names, encode, folder, dim=16, fingerprint="f", **options)


def test_names_and_nearest_vectors_come_back(tmp_path):
    built = build(tmp_path, block=64)
    assert list(built.names) == NAMES
    assert built.names[-1] == NAMES[-1]
    assert built.names[2:4] == tuple(NAMES[2:4])
    rows, cosines = built.search(VECTORS[:5] + 0.01, 3)
    exact = (VECTORS[:5] + 0.01) @ VECTORS.T
    np.testing.assert_array_equal(rows, np.argsort(-exact, axis=1)[:, :3])
    np.testing.assert_allclose(cosines, -np.sort(-exact, axis=1)[:, :3], atol=5e-3)  # half precision


def test_a_build_goes_on_where_it_stopped_and_is_not_repeated(tmp_path):
    asked = []

    def failing(names):
        asked.append(len(names))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return encode(names)

    with pytest.raises(KeyboardInterrupt):
        Vocabulary.build(NAMES, failing, tmp_path, dim=16, fingerprint="f", block=100)
    with pytest.raises(InputError, match="200 of 300 names"):
        Vocabulary(tmp_path)
    Vocabulary.build(NAMES, failing, tmp_path, dim=16, fingerprint="f", block=100)
    assert asked == [100, 100, 100, 100]
    Vocabulary.build(NAMES, failing, tmp_path, dim=16, fingerprint="f")
    assert len(asked) == 4
    assert len(build(tmp_path, NAMES[:50])) == 50  # other names: built anew


@pytest.mark.parametrize("step", ["_write_names", "_refuse_twice", "_encode"])
def test_a_folder_whose_rebuild_was_killed_is_not_taken_for_the_old_one(step, tmp_path, monkeypatch):
    build(tmp_path)
    with monkeypatch.context() as patch:

        def killed(*_):
            raise KeyboardInterrupt

        patch.setattr(vocabulary, step, killed)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, NAMES[::-1])
    (tmp_path / ".index.faiss.1.partial").write_text("left by a killed process")
    built = build(tmp_path)
    assert list(built.names) == NAMES
    np.testing.assert_allclose(built.vectors, VECTORS, atol=1e-3)
    assert not list(tmp_path.glob(".*.partial"))


def test_who_searches_a_folder_keeps_what_it_held(tmp_path):
    before = build(tmp_path)
    build(tmp_path, NAMES[::-1])
    assert before.names[0] == NAMES[0]
    np.testing.assert_allclose(before.vectors[0], VECTORS[0], atol=1e-3)


def test_two_cannot_build_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")

    def second(names):
        build(tmp_path)

    with pytest.raises(NotAvailableError, match="another process"):
        Vocabulary.build(NAMES, second, tmp_path, dim=16, fingerprint="f")


def test_names_come_from_a_file_line_by_line_and_are_not_read_again(tmp_path, monkeypatch):
    file = tmp_path / "names.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(["", *NAMES[:100], "  ", *NAMES[100:], ""]).encode())
    built = build(tmp_path / "index", file)
    assert list(built.names) == NAMES
    monkeypatch.setattr(vocabulary, "label_lines", None)
    assert len(build(tmp_path / "index", file)) == 300


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"cat 1\ndog 2\nCat_1\n", r"duplicate label: 'Cat_1' \(label 3\) is 'cat 1' \(label 1\)"),
        (b"cat 1\n\n", "only one label in .*names.txt"),
        (b"\n", "no labels in .*names.txt"),
        (b"cat 1\n\xff\n", r"not UTF-8 text \(line 2\)"),
        (b'["cat 1", "dog 2"]', "name it .json"),
    ],
)
def test_a_file_without_usable_names_is_refused(content, told, tmp_path):
    file = tmp_path / "names.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=told):
        build(tmp_path / "index", file)
    with pytest.raises(InputError, match=r"there is no file|cannot read"):
        build(tmp_path / "index", tmp_path / "missing.txt")


def test_an_index_ranks_its_shortlist_exactly(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(1)
    vectors = unit_rows(rng.normal(size=(20_000, 16)))
    names = [f"n {i}" for i in range(len(vectors))]
    for name, value in {"EXACT_BELOW": 1000, "SAMPLE": 6000, "LISTS": 32}.items():
        monkeypatch.setattr(Vocabulary, name, value)
    built = Vocabulary.build(names, lambda part: vectors[[int(n[2:]) for n in part]], tmp_path, dim=16, fingerprint="f")
    queries = unit_rows(vectors[::400] + 0.05 * rng.normal(size=(50, 16)))
    rows, cosines = built.search(queries, 5)
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :5]
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(rows, exact, strict=True)]) > 0.9
    np.testing.assert_allclose(cosines, np.einsum("qd,qkd->qk", queries, vectors[rows]), atol=5e-3)
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_what_is_no_vocabulary_is_refused(tmp_path, colours):
    with pytest.raises(InputError, match="no label vectors"):
        Vocabulary(tmp_path)
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="something else"):
        build(tmp_path)
    with pytest.raises(InputError, match="line break"):
        build(tmp_path / "new", ["a", "b\nc"])
    with pytest.raises(InputError, match="another model"):
        build(tmp_path / "other").check(colours)


def test_images_are_named_as_without_an_index(colours, paint, tmp_path, capsys, monkeypatch):
    import zorse
    from zorse.jobs.embed import embed_stream

    labels, images = ["red", "green", "blue"], [paint("r.png", "red"), paint("b.png", "blue")]
    many = VocabularyClassifier(labels, colours, tmp_path / "labels", top_k=2)
    found = list(many.predict(embed_stream(images, colours)))
    plain = zorse.classify(images, labels, colours, top_k=2)
    assert [row.label for row in found] == plain.labels
    assert found[0].score == pytest.approx(plain[0].score, abs=2e-2)
    file, report = tmp_path / "names.txt", tmp_path / "report.html"
    file.write_text("red\ngreen\nblue\n")
    monkeypatch.setattr("zorse.jobs.report._LABELS", 2)
    command = ["classify", str(images[0]), "--labels-file", str(file), "--label-index", str(tmp_path / "index")]
    assert main(command) == 0
    assert '"label": "red"' in capsys.readouterr().out
    assert main(["classify", *map(str, images), "--label-index", str(tmp_path / "index"), "--report", str(report)]) == 0
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()] == ["red", "blue"]
    page = report.read_text()
    assert "All 3 labels" in page
    assert "and 1 more" in page
    assert "over the 3 labels nearest" in page
    assert main(["classify", str(images[0]), "--label-index", str(tmp_path / "none")]) == 2
    assert "give --labels-file" in capsys.readouterr().err
    assert main([*command, "--tree", "wordnet"]) == 2
    assert "--tree needs all of them" in capsys.readouterr().err
