import json

import numpy as np
import pyarrow.parquet as pq
import pytest


def test_vectors_and_paths(zorse_, photos, tmp_path):
    (photos / "red" / "broken.png").write_bytes(b"")
    code, out, err = zorse_("embed", photos, "--out", tmp_path / "x.npz", "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["images"], told["failed"], told["dim"]) == (5, 1, 3)
    assert "broken.png" in err
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["vectors"].shape == (4, 3)
        assert np.allclose(np.linalg.norm(arrays["vectors"], axis=1), 1)
        assert [key.rpartition("/")[2] for key in arrays["keys"]] == ["one.png", "two.png", "one.png", "one.png"]
    assert zorse_("embed", photos, "--out", tmp_path / "x.parquet")[0] == 1
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.num_rows == 5
    assert table["error"].null_count == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{photos}", "--out", "{tmp}/x.csv"], "x.csv"),
        (["{photos}", "--out", "{tmp}/no/x.npz"], "no"),
        (["{photos}"], "--out"),
        (["{photos}", "--out", "{tmp}/x.npz", "--batch-size", "0"], "batch_size"),
        (["{photos}", "--out", "{tmp}/x.npz", "--model", "minni"], "mini"),
        (["{tmp}/nowhere", "--out", "{tmp}/x.npz"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(zorse_, photos, tmp_path, arguments, told):
    code, out, err = zorse_("embed", *(a.format(photos=photos, tmp=tmp_path) for a in arguments))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert told in err
