"""Class tables that come from disk in parts."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zorse.core import InputError
from zorse.data import stream_tables

VECTORS = np.random.default_rng(0).normal(size=(25, 4)).astype(np.float32)
NAMES = [f"class {i}" for i in range(25)]


def saved(tmp_path, vectors, name="vectors.npy"):
    np.save(tmp_path / name, vectors)
    return tmp_path / name


def as_parquet(path, vectors, names, kind=None):
    column = pa.array([list(map(float, v)) for v in vectors], kind or pa.list_(pa.float32()))
    pq.write_table(pa.table({"label": names, "vector": column}), path, row_group_size=7)
    return path


@pytest.mark.parametrize("chunk", [1, 10, 25, 1000])
def test_parts_make_the_whole(tmp_path, chunk):
    tables = list(stream_tables(saved(tmp_path, VECTORS), NAMES, chunk=chunk))
    assert all(table.n_classes <= chunk for table in tables)
    np.testing.assert_array_equal(np.concatenate([table.vectors for table in tables]), VECTORS)
    np.testing.assert_array_equal(np.concatenate([table.labels for table in tables]), NAMES)


def test_without_labels_a_class_is_its_row(tmp_path):
    labels = np.concatenate([table.labels for table in stream_tables(saved(tmp_path, VECTORS), chunk=7)])
    np.testing.assert_array_equal(labels, np.arange(25))


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 4), pa.large_list(pa.float64())])
def test_parquet(tmp_path, kind):
    tables = list(stream_tables(as_parquet(tmp_path / "c.parquet", VECTORS, NAMES, kind), chunk=10))
    np.testing.assert_array_equal(np.concatenate([table.vectors for table in tables]), VECTORS)
    np.testing.assert_array_equal(np.concatenate([table.labels for table in tables]), NAMES)


def test_parquet_is_not_held_in_memory(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(300_000, 16)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 16)
    pq.write_table(pa.table({"label": np.arange(300_000), "vector": column}), tmp_path / "c.parquet")
    del column
    size, before = (tmp_path / "c.parquet").stat().st_size, pa.total_allocated_bytes()
    held = max(pa.total_allocated_bytes() - before for _ in stream_tables(tmp_path / "c.parquet", chunk=1000))
    assert held < size / 2


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(InputError, match="no file"):
        list(stream_tables(tmp_path / "none.npy"))
    with pytest.raises(InputError, match=r"neither \.npy nor"):
        list(stream_tables(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="shape"):
        list(stream_tables(saved(tmp_path, VECTORS[0])))
    with pytest.raises(InputError, match="expected 25 labels"):
        list(stream_tables(saved(tmp_path, VECTORS), NAMES[:3]))
    with pytest.raises(InputError, match="read as an array"):
        list(stream_tables(saved(tmp_path, np.array([[{}]], dtype=object))))
    hole = VECTORS.copy()
    hole[12, 1] = np.nan
    with pytest.raises(InputError, match="class 12"):
        list(stream_tables(saved(tmp_path, hole), NAMES, chunk=5))
    path = as_parquet(tmp_path / "ragged.parquet", [[1, 2], [3, 4], [5]], ["a", "b", "c"])
    with pytest.raises(InputError, match="row 2"):
        list(stream_tables(path))
    with pytest.raises(InputError, match="no column 'name'; it has label, vector"):
        list(stream_tables(path, label_column="name"))
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(InputError, match="Parquet"):
        list(stream_tables(tmp_path / "text.parquet"))
