"""The proposed-splits format, on small files of every variant and on the published split files."""

import contextlib
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from zorse.core import InputError, MissingDependencyError
from zorse.data import read_xlsa
from zorse.data.defects import defects
from zorse.data.files import read_parts
from zorse.data.matlab import MatFile

NAMES = ["008.Zebra", "polar+bear", "access_road", "cat"]  # neither sorted nor in the order of their folders
Y = np.array([3, 1, 2, 2, 4, 1, 3, 4, 1, 2])  # from 1, as in the files
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(5, 10))
ORIGINAL = np.array([[-1, 4, 0, 4], [8, 6, 2, 4], [4, 2, 3, 0.0]])
ATT = ORIGINAL / np.linalg.norm(ORIGINAL, axis=0)
# Classes 1 and 2 learn, 3 is for validation, 4 unseen; train_loc holds the test sample 9 (of class 1) as published.
LOCS = {
    "trainval_loc": [6, 2, 3, 7, 4, 1],
    "test_seen_loc": [9, 10],
    "test_unseen_loc": [5, 8],
    "train_loc": [2, 3, 4, 6, 9, 10],
    "val_loc": [1, 7],
}


def splits(**changed):
    column = {name: np.array(rows, np.uint16)[:, None] for name, rows in LOCS.items()}
    cells = np.array([[name] for name in NAMES], dtype=object)
    held = {"att": ATT, "original_att": ORIGINAL, "allclasses_names": cells, **column} | changed
    return {name: value for name, value in held.items() if value is not None}


def write_v5(path, held, **options):
    savemat(path, held, **options)


def write_v73(path, held, chunks=None):
    """As MATLAB writes it: a block of 512 bytes before the HDF5, axes reversed, cells as references."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in held.items():
            value = np.asarray(value)
            if value.dtype == object:
                group = file.require_group("#refs#")
                refs = []
                for i, text in enumerate(value.ravel()):
                    cell = group.create_dataset(f"{name}{i}", data=np.array([[ord(c)] for c in text], np.uint16))
                    cell.attrs["MATLAB_class"] = np.bytes_("char")
                    refs.append(cell.ref)
                file.create_dataset(name, data=np.array([refs], dtype=h5py.ref_dtype))
            else:
                options = {"chunks": chunks, "compression": "gzip"} if chunks and name == "features" else {}
                file.create_dataset(name, data=value.T, **options).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def by_hand(matrix, stored, order="<", compressed=False):
    """A version-5 file with one matrix of doubles, kept in the smaller type ``stored`` as MATLAB does."""

    def element(kind, data):
        return struct.pack(f"{order}II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    code = {"u1": 2, "i2": 3, "f8": 9}[stored]
    numbers = matrix.astype(order + stored).tobytes(order="F")
    body = element(6, struct.pack(f"{order}II", 6, 0)) + element(5, struct.pack(f"{order}ii", *matrix.shape))
    body += element(1, b"features")
    small = struct.pack(f"{order}I", len(numbers) << 16 | code) + numbers.ljust(4, b"\0")
    body += small if len(numbers) <= 4 else element(code, numbers)
    whole = element(14, body)
    if compressed:
        packed = zlib.compress(whole)
        whole = struct.pack(f"{order}II", 15, len(packed)) + packed
    return (
        b"MATLAB 5.0 MAT-file".ljust(124)
        + struct.pack(f"{order}H", 0x0100)
        + b"MI"[:: -1 if order == "<" else 1]
        + whole
    )


VARIANTS = {
    "plain": write_v5,
    "compressed": lambda path, held: write_v5(path, held, do_compression=True),
    "7.3": write_v73,
    "7.3 chunked": lambda path, held: write_v73(path, held, chunks=(3, 5)),
}


@pytest.fixture(params=list(VARIANTS))
def write(request):
    return VARIANTS[request.param]


def folder(tmp_path, write=write_v5, features=FEATURES, labels=Y, splits_name="att_splits.mat", **changed):
    files = [np.array([f"/data/JPEGImages/{y}/{i}.jpg"], dtype=object) for i, y in enumerate(labels)]
    write(tmp_path / "res101.mat", {"image_files": np.array(files), "features": features, "labels": labels[:, None]})
    write(tmp_path / splits_name, splits(**changed))
    return tmp_path


def test_every_variant_is_read_as_written(tmp_path, write):
    task = read_xlsa(folder(tmp_path, write), name="made")
    assert task.X.dtype == np.float32
    np.testing.assert_array_equal(task.X, FEATURES.T.astype(np.float32))
    assert task.y.tolist() == [NAMES[y - 1] for y in Y]
    assert task.classes.labels.tolist() == NAMES
    assert task.classes.names == ("Zebra", "polar bear", "access road", "cat")
    np.testing.assert_array_equal(task.classes.vectors, ATT.T)
    assert (task.train_index + 1).tolist() == LOCS["trainval_loc"]  # in their order
    assert (task.test_seen_index + 1).tolist() == LOCS["test_seen_loc"]
    assert (task.test_unseen_index + 1).tolist() == LOCS["test_unseen_loc"]
    assert task.name == "made"
    double = read_xlsa(tmp_path, dtype="float64").X
    np.testing.assert_array_equal(double, FEATURES.T)


def test_validation_keeps_away_from_the_test(tmp_path, write):
    task = read_xlsa(folder(tmp_path, write), split="validation", dtype="float64")
    X, y = task.train
    np.testing.assert_array_equal(X, FEATURES.T[[1, 2, 3, 5]])  # without rows 8 and 9, which are tested
    assert y.tolist() == ["008.Zebra", "polar+bear", "polar+bear", "008.Zebra"]
    np.testing.assert_array_equal(task.test_unseen[0], FEATURES.T[[0, 6]])
    assert task.unseen.tolist() == ["access_road"]
    assert "cat" not in task.classes.labels
    assert len(task.X) == 6
    assert len(task.test_seen_index) == 0


def test_original_and_missing_attributes(tmp_path):
    folder(tmp_path)
    assert read_xlsa(tmp_path, semantics="original_att").classes.vectors[0].tolist() == [-1, 8, 4]
    filled = read_xlsa(tmp_path, semantics="original_att", missing="mean").classes.vectors
    assert filled[0].tolist() == [8 / 3, 8, 4]
    assert (filled[1:] == ORIGINAL.T[1:]).all()
    scaled = read_xlsa(tmp_path, missing="mean").classes.vectors
    np.testing.assert_allclose(scaled, filled / np.linalg.norm(filled, axis=1, keepdims=True))


def test_minus_one_is_a_value_where_others_are_negative(tmp_path):
    original = ORIGINAL - [[0], [9], [0]]
    original[1, 0] = -1
    folder(tmp_path, original_att=original)
    filled = read_xlsa(tmp_path, semantics="original_att", missing="mean").classes.vectors
    assert filled[0, 0] != -1
    assert filled[0, 1] == -1


def test_fields_may_be_absent(tmp_path):
    gone = {"allclasses_names": None, "original_att": None, "trainval_loc": None, "test_seen_loc": None}
    task = read_xlsa(folder(tmp_path, splits_name="sent_splits.mat", **gone))
    assert task.classes.labels.tolist() == [1, 2, 3, 4]
    assert task.classes.names is None
    # What learns is what is in train_loc or val_loc and not tested.
    assert task.train_index.tolist() == [0, 1, 2, 3, 5, 6, 8, 9]
    assert len(task.test_seen_index) == 0
    for options in ({"semantics": "original_att"}, {"missing": "mean"}):
        with pytest.raises(InputError, match=r"sent_splits\.mat has no 'original_att'"):
            read_xlsa(tmp_path, **options)


def test_sentences_beside_attributes_are_a_view_in_the_attributes_order(tmp_path):
    folder(tmp_path)
    order = [2, 0, 3, 1]
    sentences = np.arange(8.0).reshape(2, 4)
    cells = np.array([[NAMES[i]] for i in order], dtype=object)
    savemat(tmp_path / "sent_splits.mat", splits(att=sentences[:, order], allclasses_names=cells))
    task = read_xlsa(tmp_path)
    np.testing.assert_array_equal(task.classes.views[0], sentences.T)
    np.testing.assert_array_equal(task.classes.vectors, ATT.T)
    assert read_xlsa(tmp_path, splits="sent_splits.mat").classes.views is None


def test_samples_may_lie_in_rows(tmp_path, write):
    task = read_xlsa(folder(tmp_path, write, features=FEATURES.T))
    np.testing.assert_array_equal(task.X, FEATURES.T.astype(np.float32))
    X = read_xlsa(tmp_path, split="validation").X
    np.testing.assert_array_equal(X, FEATURES.T.astype(np.float32)[[0, 1, 2, 3, 5, 6]])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("stored", "shape"), [("u1", (3, 4)), ("i2", (1, 2)), ("u1", (1, 3)), ("f8", (2, 5))])
def test_a_matrix_by_the_letter_of_the_format(tmp_path, order, compressed, stored, shape):
    matrix = np.arange(7, 7 + np.prod(shape)).reshape(shape).astype(float)
    path = tmp_path / "m.mat"
    path.write_bytes(by_hand(matrix, stored, order, compressed))
    np.testing.assert_array_equal(loadmat(path)["features"], matrix)  # what we wrote is such a file
    file = MatFile(path)
    assert file.shape("features") == shape
    np.testing.assert_array_equal(np.concatenate([block for _, block in file.columns("features")]), matrix.T)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"att": None}, r"att_splits\.mat has no 'att'"),
        ({"att": ATT[:, :3]}, "'att' has 3 columns, 'allclasses_names' 4 names"),
        ({"att": ATT * [1, np.nan, 1, 1]}, r"must be finite; not so for polar\+bear"),
        ({"test_unseen_loc": None}, "has no test_unseen_loc"),
        ({"trainval_loc": None, "train_loc": None, "val_loc": None}, "has no trainval_loc"),
        (
            {"trainval_loc": np.array([[0, 2]])},
            "'trainval_loc' holds 0, expected whole numbers from 1 to 10; the format",
        ),
        ({"test_seen_loc": np.array([[11]])}, "'test_seen_loc' holds 11, expected whole numbers from 1 to 10$"),
        ({"test_seen_loc": np.array([[1.5]])}, r"holds 1\.5"),
        (
            {"trainval_loc": np.array([[1, 2, 8]]), "test_unseen_loc": np.array([[5]])},
            "unseen classes occur in training: cat",
        ),
        ({"features": FEATURES[:, :9]}, "'features' is 5 x 9, but there are 10 labels"),
        ({"features": FEATURES + 1j}, "'features' is no full matrix of real numbers"),
        ({"labels": Y - 1}, "'labels' holds 0, expected whole numbers from 1 to 4; the format counts from 1"),
        ({"labels": Y + 1}, "'labels' holds 5"),
    ],
)
def test_defects_are_told(tmp_path, changed, message):
    with pytest.raises(InputError, match=message):
        read_xlsa(folder(tmp_path, **changed))


def test_absent_and_damaged_files_are_told(tmp_path, write):
    with pytest.raises(InputError, match="is no folder"):
        read_xlsa(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no att_splits\.mat or sent_splits\.mat"):
        read_xlsa(tmp_path)
    folder(tmp_path, write)
    with pytest.raises(InputError, match="semantics must be att or original_att; got 'word2vec'"):
        read_xlsa(tmp_path, semantics="word2vec")
    whole = (tmp_path / "res101.mat").read_bytes()
    for n in (0, 100, 300, len(whole) * 2 // 3):
        (tmp_path / "res101.mat").write_bytes(whole[:n])
        with pytest.raises(InputError, match=r"res101\.mat"):
            read_xlsa(tmp_path)
    (tmp_path / "res101.mat").unlink()
    with pytest.raises(InputError, match=r"res101\.mat cannot be read: No such file"):
        read_xlsa(tmp_path)


def test_a_byte_gone_wrong_is_told_or_read_over_but_never_breaks_out(tmp_path, write):
    """scipy's reader ends the process on some of these."""
    folder(tmp_path, write)
    rng = np.random.default_rng(0)
    for name in ("res101.mat", "att_splits.mat"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for at in rng.integers(len(whole), size=rng.choice([1, 3, 30])):
                damaged[at] = rng.integers(256)
            (tmp_path / name).write_bytes(damaged)
            for read in (read_xlsa, lambda path: defects(*read_parts(path))):
                with contextlib.suppress(InputError):
                    read(tmp_path)
        (tmp_path / name).write_bytes(whole)


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    write_v73(tmp_path / "att_splits.mat", splits())
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"needs h5py; install it with: pip install 'zorse\[hdf5\]'"):
        read_xlsa(tmp_path)


def test_all_that_is_wrong_is_named_together(tmp_path):
    """As zorse datasets check does it; rows and indices are from 0 there, labels as they stand in the file."""
    folder(tmp_path)
    assert defects(*read_parts(tmp_path)) == []
    features = FEATURES.copy()
    features[1, 6] = np.inf
    changed = {"trainval_loc": np.array([[0, 1, 2, 11]]), "test_seen_loc": np.array([[9.5]])}
    folder(tmp_path, features=features, labels=np.where(Y == 4, 5, Y), **changed)
    assert defects(*read_parts(tmp_path / "att_splits.mat")) == [
        "test_seen_index: test_seen_loc must hold whole numbers; got 9.5",
        "features: NaN or infinite in row 6",
        "labels: 5 has no class row (rows 4, 7)",
        "train_index: no such rows -1, 10; there are 10 samples",
    ]
    folder(tmp_path, test_unseen_loc=None)
    assert defects(*read_parts(tmp_path)) == ["test_unseen_index: is missing"]
    for gone, told in (({"att": None}, "has no 'att'"), ({"features": FEATURES[:, :3]}, None)):
        folder(tmp_path, **gone)
        if told:
            with pytest.raises(InputError, match=told):
                read_parts(tmp_path)
        else:
            assert defects(*read_parts(tmp_path))[0] == "labels: 10 for 3 samples"
    assert read_parts(tmp_path / "nowhere") is None


# What is published, joined with features of the real shape. The child's growth of its peak is measured, not its size.
PEAK = """
import resource, sys
from pathlib import Path
import numpy, scipy.io
from zorse.data import read_xlsa
from zorse.data.defects import defects
from zorse.data.files import read_parts
from zorse.data.matlab import MatFile
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
task = read_xlsa(sys.argv[1], dtype=sys.argv[2], split=sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base, *task.X.shape, float(task.X[3, 5]))
"""


@pytest.fixture(scope="module")
def awa2(shared_data, tmp_path_factory):
    """AWA2's split file beside random features of its shape, 611 MB, written a few columns at a time."""
    where = tmp_path_factory.mktemp("AWA2")
    source = shared_data / "splits" / "AWA2"
    (where / "att_splits.mat").write_bytes((source / "att_splits.mat").read_bytes())
    y = np.load(source / "xlsa17_labels.npz")["labels"].astype(float) + 1
    d, n = 2048, len(y)
    savemat(where / "res101.mat", {"labels": y[:, None]})
    block = np.random.default_rng(0).random((64, d))

    def element(kind, data):
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    head = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", d, n)) + element(1, b"features")
    with (where / "res101.mat").open("ab") as file:
        file.write(struct.pack("<II", 14, len(head) + 8 + d * n * 8) + head + struct.pack("<II", 9, d * n * 8))
        for start in range(0, n, 64):
            file.write(block[: min(64, n - start)].tobytes())
    yield where
    (where / "res101.mat").unlink()  # pytest keeps the folders of its last runs


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("dtype", "split", "rows"),
    [("float32", "test", 37322), ("float64", "test", 37322), ("float64", "validation", 23527)],
)
def test_memory_at_the_real_size(awa2, dtype, split, rows):
    command = [sys.executable, "-c", PEAK, str(awa2), dtype, split]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    grown = int(out[0]) * (1 if sys.platform == "darwin" else 1024)
    assert [int(v) for v in out[1:3]] == [rows, 2048]
    on_disk = 8 * 37322 * 2048
    assert grown < 1.3 * on_disk
    # Far below for single precision: what is returned, and a little.
    assert grown < rows * 2048 * np.dtype(dtype).itemsize + 60e6


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("dataset", "sizes"),
    [  # the paper's table of proposed splits: classes, unseen, training and test samples
        ("AWA1", (50, 10, 19832, 4958, 5685)),
        ("AWA2", (50, 10, 23527, 5882, 7913)),
        ("CUB", (200, 50, 7057, 1764, 2967)),
        ("SUN", (717, 72, 10320, 2580, 1440)),
        ("FLO", (102, 20, 5631, 1403, 1155)),
    ],
)
def test_published_split_files(shared_data, tmp_path, dataset, sizes):
    source = shared_data / "splits" / dataset
    known = dict(np.load(source / "xlsa17_labels.npz"))
    for file in source.glob("*.mat"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    y = known["labels"].astype(float)
    savemat(tmp_path / "res101.mat", {"features": np.arange(len(y))[None] * [[1.0], [0.5]], "labels": y[:, None] + 1})
    task = read_xlsa(tmp_path, name=dataset)
    parts = (task.train_index, task.test_seen_index, task.test_unseen_index)
    assert (task.classes.n_classes, len(task.unseen), *map(len, parts)) == sizes
    assert len(task.seen) == sizes[0] - sizes[1]
    np.testing.assert_array_equal(task.X[:, 0], np.arange(len(y)))
    for loc, part in zip(("trainval_loc", "test_seen_loc", "test_unseen_loc"), parts):
        if loc in known:  # the same rows counted from 0, from another source
            np.testing.assert_array_equal(part, known[loc])
    if "image_files" in known and dataset != "SUN":  # every picture lies in a folder that is called as its label
        assert all(file.split("/")[-2] == label for file, label in zip(known["image_files"], task.y, strict=True))
    development = read_xlsa(tmp_path, split="validation")
    used = development.X[:, 0].astype(int)
    assert set(used) <= set(task.train_index)
    assert len(development.train_index) + len(development.test_unseen_index) == len(task.train_index)
    assert not set(development.classes.labels) & set(task.unseen)
    if dataset.startswith("AWA"):
        missing = read_xlsa(tmp_path, semantics="original_att").classes.vectors == -1
        assert missing.sum() == 4
        filled = read_xlsa(tmp_path, semantics="original_att", missing="mean").classes.vectors
        assert filled.min() == 0
        assert 0 < filled[missing].min() < 100
