"""Tasks by name and by path."""

import numpy as np
import pytest
from scipy.io import savemat

from zorse.benchmark.tasks import load_task
from zorse.core import InputError, UnknownNameError
from zorse.data import save_bundle, toy_zsl


def xlsa(folder):
    folder.mkdir(parents=True)
    savemat(folder / "res101.mat", {"features": np.eye(3), "labels": np.array([[1], [2], [1]])})
    locs = {"trainval_loc": [[1]], "test_seen_loc": [[3]], "test_unseen_loc": [[2]]}
    savemat(folder / "att_splits.mat", {"att": np.array([[1.0, 0], [0, 1]]), **locs})
    savemat(folder / "sent_splits.mat", {"att": np.array([[1.0, 0], [0, 1], [1, 1]]), **locs})
    return folder


def test_names_and_paths(tmp_path, monkeypatch):
    bundle, folder = save_bundle(toy_zsl(n_seen=4), tmp_path / "toy"), xlsa(tmp_path / "MADE")
    assert len(load_task("toy").seen) == 8
    assert len(load_task(bundle).seen) == 4
    assert len(load_task(str(save_bundle(toy_zsl(n_seen=5), tmp_path / "x.npz"))).seen) == 5
    assert load_task(folder).name == "MADE"
    assert load_task(folder).classes.n_semantics == 2
    assert load_task(folder / "sent_splits.mat").classes.n_semantics == 3
    assert load_task(folder / "res101.mat").classes.n_semantics == 2
    monkeypatch.chdir(tmp_path)  # where a folder is called as a task is
    assert len(load_task("toy").seen) == 8
    assert len(load_task("./toy").seen) == 4


def test_what_is_neither_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match=r"did you mean digits\? \(or the path of a bundle"):
        load_task("digit")
    with pytest.raises(InputError, match="does not exist"):
        load_task(tmp_path / "MADE")
    with pytest.raises(InputError, match=r"absent\.npz does not exist"):
        load_task("absent.npz")
    with pytest.raises(InputError, match="holds no task; expected a bundle"):
        load_task(tmp_path)
    xlsa(tmp_path / "data" / "MADE")
    with pytest.raises(InputError, match=r"; try .*data/MADE"):
        load_task(tmp_path)
