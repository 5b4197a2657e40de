"""The known data sets: what is said of them, and getting one into the cache."""

import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

import zorse.data.datasets as module
from zorse.benchmark.tasks import load_task
from zorse.core import InputError, NotAvailableError, UnknownNameError
from zorse.data import get_dataset
from zorse.data.datasets import DATASETS, find_dataset, read_dataset


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZORSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def archive(tmp_path, **changed):
    """An archive laid out as the published one, with data sets of other names and rubbish beside them."""
    y = np.array([1, 1, 2, 2, 3, 3])
    held = {"att": np.eye(3), "trainval_loc": [[1, 3]], "test_seen_loc": [[2, 4]], "test_unseen_loc": [[5, 6]]}
    savemat(tmp_path / "res101.mat", {"features": np.arange(12.0).reshape(2, 6), "labels": y[:, None]})
    savemat(tmp_path / "att_splits.mat", held | changed)
    path = tmp_path / "xlsa17.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for folder in ("xlsa17/data/AWA2", "xlsa17/data/CUB", "__MACOSX/xlsa17/data/AWA2"):
            for file in ("res101.mat", "att_splits.mat"):
                packed.write(tmp_path / file, f"{folder}/{file}")
        packed.writestr("xlsa17/README.txt", "read me")
    return path


@pytest.fixture
def known(monkeypatch):
    """AWA2, but with the sizes of the archive above."""
    monkeypatch.setitem(DATASETS, "AWA2", replace(DATASETS["AWA2"], sizes=(3, 1, 2, 2, 2)))


def test_what_is_said_is_whole_and_of_a_form():
    for name, known in DATASETS.items():
        archive = known.archive
        assert known.name == name
        assert archive.url.startswith(("https://", "http://"))
        assert archive.page.startswith("https://")
        assert archive.terms
        assert archive.checked_by
        assert archive.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", archive.checksum)
        # Whatever has no checksum is compared with the paper's tables.
        assert archive.checksum or known.sizes
    totals = {"AWA1": 30475, "AWA2": 37322, "APY": 15339, "CUB": 11788, "SUN": 14340, "FLO": 8189}
    assert {name: sum(known.sizes[2:]) for name, known in DATASETS.items() if known.sizes} == totals


def test_an_archive_at_hand_becomes_a_task_by_name(tmp_path, cache, known):
    with pytest.raises(NotAvailableError, match="zorse datasets get AWA2 fetches it"):
        load_task("AWA2")
    told = []
    path = get_dataset("awa2", source=archive(tmp_path), progress=lambda *call: told.append(call))
    assert path == cache / "datasets" / "AWA2"
    assert sorted(p.name for p in path.iterdir()) == ["att_splits.mat", "res101.mat"]
    assert [p.name for p in path.parent.iterdir()] == ["AWA2"]
    assert {what for what, _, _ in told} == {"unpacking"}
    task = load_task("awa2")
    assert (task.name, task.X.shape, task.train_index.tolist()) == ("AWA2", (6, 2), [0, 2])
    (tmp_path / "xlsa17.zip").unlink()
    assert get_dataset("AWA2") == path  # it is there; nothing is asked of anybody
    assert (tmp_path / "xlsa17.zip").exists() is False


def test_a_folder_called_so_serves_until_it_is_fetched(tmp_path, known, monkeypatch):
    archive(tmp_path)
    (tmp_path / "AWA2").mkdir()
    for file in ("res101.mat", "att_splits.mat"):
        (tmp_path / file).rename(tmp_path / "AWA2" / file)
    monkeypatch.chdir(tmp_path)
    assert load_task("AWA2").X.shape == (6, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, r"are \(3, 1, 2, 2, 2\), expected \(50, 10, 23527, 5882, 7913\)"),
        ({"trainval_loc": np.array([[0, 99]])}, "fields are missing or indices out of range"),
    ],
)
def test_what_is_not_as_published_is_refused(tmp_path, cache, changed, message):
    with pytest.raises(InputError, match=message):
        get_dataset("AWA2", source=archive(tmp_path, **changed))
    assert (tmp_path / "xlsa17.zip").exists()  # the caller's own
    assert not any((cache / "datasets").iterdir())


def test_a_fetched_archive_that_differs_is_removed(tmp_path, cache, monkeypatch):
    calls = []

    def fetch(url, path, **options):
        calls.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive(tmp_path).read_bytes())

    monkeypatch.setattr(module, "download", fetch)
    with pytest.raises(InputError, match=r"xlsa17\.zip was removed, the same call fetches it anew"):
        get_dataset("AWA2")
    assert not (cache / "downloads" / "xlsa17.zip").exists()
    for name in ("AWA2", "CUB"):
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], sizes=(3, 1, 2, 2, 2)))
        get_dataset(name)
    assert len(calls) == 2  # CUB comes from the archive that AWA2 came from


def test_a_checksum_is_asked_of_an_archive_at_hand(tmp_path):
    with pytest.raises(InputError, match="expected 344,862,509"):
        get_dataset("FLO-images", source=archive(tmp_path))
    with pytest.raises(InputError, match=r"is no file; expected 102flowers\.tgz"):
        get_dataset("FLO-images", source=tmp_path)


def test_images_are_unpacked_whole_and_are_no_task(tmp_path, cache, monkeypatch):
    packed = archive(tmp_path)
    known = DATASETS["AWA2-images"]
    monkeypatch.setitem(DATASETS, "AWA2-images", replace(known, archive=replace(known.archive, checksum=None)))
    path = get_dataset("AWA2-images", source=packed)
    assert (path / "xlsa17" / "README.txt").exists()
    with pytest.raises(InputError, match="is images, no task"):
        read_dataset("AWA2-images")
    with pytest.raises(UnknownNameError, match="did you mean AWA"):
        find_dataset("AWA3")
