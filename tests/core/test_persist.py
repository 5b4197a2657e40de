import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import ClassTable, InputError, NotAvailableError, Paper, ZeroShotClassifier, load, save
from zorse.core.persist import digest, duplicate


class Stub(ZeroShotClassifier):
    """Holds one value of every kind that can be saved."""

    paper = Paper("Stub", "Nobody", "None", 2000, "https://example.org", ("stub",))

    def __init__(self, inner=None, scale=2.0):
        self.inner = inner
        self.scale = scale

    def _fit(self, X, rows, table):
        self.network_ = nn.Sequential(nn.Linear(X.shape[1], 3, bias=False), nn.LeakyReLU(0.1), nn.BatchNorm1d(3)).eval()
        self.towers_ = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ModuleList([nn.LayerNorm((4,))])})
        self.bytes_ = np.arange(5, dtype=np.uint8)
        self.names_ = np.array(["x", "ÿz"])
        self.objects_ = np.array(["x", "longer"], dtype=object)
        self.tensor_ = torch.arange(4.0).reshape(2, 2).T
        self.history_ = [{"loss": 0.5}, {"loss": float("inf")}]
        self.shape_ = (3, "a", None, True)
        self.scalar_ = np.float32(1.5)

    def _scores(self, X, table):
        with torch.no_grad():
            return (
                self.network_(torch.tensor(X, dtype=torch.float32)).double().numpy()[:, : table.n_classes] * self.scale
            )


@pytest.fixture
def model():
    X, y = np.random.RandomState(0).randn(9, 4), np.repeat(["a", "b", "c"], 3)
    return Stub(inner=Stub().fit(X, y)).fit(X, y, classes=ClassTable(["c", "a", "b"], np.eye(3), ("C", "A", "B")))


def test_everything_comes_back(model, tmp_path):
    save(model, tmp_path / "deep" / "model")
    again = load(tmp_path / "deep" / "model")
    X = np.random.RandomState(1).randn(5, 4)
    np.testing.assert_array_equal(again.scores(X), model.scores(X))
    np.testing.assert_array_equal(again.inner.scores(X), model.inner.scores(X))
    assert again.candidates_.names == ("C", "A", "B")
    assert again.history_ == model.history_
    assert again.shape_ == model.shape_
    assert again.scalar_ == 1.5
    assert again.scalar_.dtype == np.float32
    assert again.names_.tolist() == ["x", "ÿz"]
    assert again.objects_.dtype == object
    assert again.bytes_.dtype == np.uint8
    assert torch.equal(again.tensor_, model.tensor_)
    assert digest(again) == digest(model)


def test_no_file_is_a_pickle(model, tmp_path):
    save(model, tmp_path)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".safetensors"]
    json.loads((tmp_path / "model.json").read_text())


def test_a_duplicate_shares_no_memory(model):
    copy = duplicate(model)
    copy.bytes_[0] = 9
    copy.network_[0].weight.data.zero_()
    assert model.bytes_[0] == 0
    assert model.network_[0].weight.abs().sum() > 0


def test_digest_sees_a_change_anywhere(model):
    before = digest(model)
    model.towers_["b"][0].weight.data[0] = 5
    assert digest(model) != before


def test_what_cannot_be_saved_is_named(model, tmp_path):
    model.callback_ = print
    with pytest.raises(InputError, match=r"Stub\.callback_"):
        save(model, tmp_path / "m")


def test_damage_is_seen(model, tmp_path):
    with pytest.raises(InputError, match=r"model\.json is missing"):
        load(tmp_path)
    save(model, tmp_path)
    tensors = next(tmp_path.glob("*.safetensors"))
    body = bytearray(tensors.read_bytes())
    body[-1] ^= 1
    tensors.write_bytes(body)
    with pytest.raises(InputError, match="damaged"):
        load(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="not a saved model"):
        load(tmp_path)


def test_overwriting_leaves_one_model(model, tmp_path):
    save(model, tmp_path)
    model.bytes_ = model.bytes_ + 1
    save(model, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert load(tmp_path).bytes_[0] == 1


@pytest.mark.parametrize("name", ["os:system", "antigravity:fly", "zorse.core.classes:ClassTable", "zorse.nowhere:X"])
def test_a_file_cannot_choose_what_is_imported(model, tmp_path, name):
    save(model, tmp_path)
    path = tmp_path / "model.json"
    header = json.loads(path.read_text())
    header["model"]["method"] = name
    path.write_text(json.dumps(header))
    with pytest.raises(InputError):
        load(tmp_path)
    assert "antigravity" not in sys.modules


def test_a_folder_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAvailableError, match="cannot write"):
        save(model, tmp_path / "file" / "model")
