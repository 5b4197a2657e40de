"""Every kind of source, in order, lazily, and what is said when it is empty or mistyped."""

import io
import json
import os
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from zorse.core.errors import InputError
from zorse.core.image import ImageError, open_image
from zorse.data.images import find_images


def photo(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def shade(ref) -> int:
    return int(np.asarray(open_image(ref.read()))[0, 0, 0])


def plant(folder: Path, *names: str) -> Path:
    for position, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo(position))
    return folder


def tar(path: Path, members, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def keys(source, below: Path | None = None, **options) -> list[str]:
    found = [ref.key for ref in find_images(source, **options)]
    return found if below is None else [Path(key).relative_to(below).as_posix() for key in found]


def test_a_folder_is_sorted_recursive_and_skips_what_is_hidden(tmp_path):
    plant(tmp_path, "b.JPG", "a.png", "c/x.jfif", "c/w.WebP", "a/z.tif", ".hidden.png", ".cache/y.png", "c/.z.png")
    plant(tmp_path, "__MACOSX/a.png")
    (tmp_path / "notes.txt").write_text("a.png")
    (tmp_path / "b.png").mkdir()  # a folder that looks like a file
    source = find_images(tmp_path)
    assert keys(source, tmp_path) == ["a/z.tif", "a.png", "b.JPG", "c/w.WebP", "c/x.jfif"]
    assert keys(source, tmp_path) == keys([str(tmp_path)], tmp_path)  # again, and in a list
    assert source.count() == 5
    assert [ref.label_hint for ref in source] == ["a", tmp_path.name, tmp_path.name, "c", "c"]
    assert keys(tmp_path, tmp_path, recursive=False) == ["a.png", "b.JPG"]


def test_links_that_lead_back_end(tmp_path):
    plant(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b")
    (tmp_path / "z").symlink_to(tmp_path / "a")
    assert [Path(key).name for key in keys(tmp_path)] == ["1.png", "2.png"]


def test_a_dangling_link_is_an_image_that_cannot_be_read(tmp_path):
    plant(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    first, second = find_images(tmp_path)
    assert shade(first) == 0
    with pytest.raises(ImageError, match="no such file"):
        second.read()


def test_a_pipe_in_a_folder_does_not_block(tmp_path):
    plant(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    assert keys(tmp_path, tmp_path) == ["a.png"]
    with pytest.raises(ImageError, match="not a file"):
        next(iter(find_images(tmp_path / "b.png"))).read()


def test_globs(tmp_path):
    plant(tmp_path, "a/1.png", "a/2.JPG", "b/3.png", "b/c/4.png", "x[1].png")
    (tmp_path / "a" / "readme.txt").write_text("not a list of images")
    assert keys(f"{tmp_path}/a/*", tmp_path) == ["a/1.png", "a/2.JPG"]
    assert keys(f"{tmp_path}/*/*.png", tmp_path) == ["a/1.png", "b/3.png"]
    assert keys(f"{tmp_path}/**/*.png", tmp_path) == ["a/1.png", "b/3.png", "b/c/4.png", "x[1].png"]
    assert keys(f"{tmp_path}/*", tmp_path) == ["a/1.png", "a/2.JPG", "b/3.png", "b/c/4.png", "x[1].png"]
    assert keys(f"{tmp_path}/**", tmp_path) == ["a/1.png", "a/2.JPG", "b/3.png", "b/c/4.png", "x[1].png"]
    assert keys(f"{tmp_path}/x[1].png", tmp_path) == ["x[1].png"]  # the file that is called so
    assert keys(f"{tmp_path}/a/{{1..1}}.png", tmp_path) == ["a/1.png"]
    with pytest.raises(InputError, match=r"matches .*\*\.gif"):
        find_images(f"{tmp_path}/*.gif")


def test_a_range_in_braces_counts_with_its_zeros(tmp_path):
    plant(tmp_path, *(f"{n:03d}.png" for n in range(12)))
    assert keys(f"{tmp_path}/{{008..011}}.png", tmp_path) == ["008.png", "009.png", "010.png", "011.png"]
    with pytest.raises(InputError, match=r"012\.png does not exist"):
        find_images(f"{tmp_path}/{{008..012}}.png")


def test_a_list_of_paths_is_relative_to_itself(tmp_path, monkeypatch):
    plant(tmp_path / "set", "a.png", "b/c.png", "with space.png")
    outside = plant(tmp_path, "out.png") / "out.png"
    listed = tmp_path / "set" / "list.txt"
    listed.write_bytes(f"\ufeffb/c.png\n\n  a.png\r\nwith space.png\n{outside}\ngone.png\n".encode())
    monkeypatch.chdir(tmp_path)
    refs = list(find_images("set/list.txt"))
    assert [Path(ref.key).as_posix() for ref in refs] == [
        *("set/b/c.png", "set/a.png", "set/with space.png"),
        *(str(outside), "set/gone.png"),
    ]
    assert [shade(ref) for ref in refs[:4]] == [1, 0, 2, 0]
    assert refs[0].label_hint == "b"
    with pytest.raises(ImageError, match="no such file"):
        refs[4].read()
    assert find_images("set/list.txt").count() == 5


@pytest.mark.parametrize(("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz"), ("s.tar", "w:xz")])
def test_webdataset_shards(tmp_path, name, mode):
    shard = tar(
        tmp_path / name,
        [
            ("000.jpg", photo(1)),
            ("000.json", json.dumps({"class": "otter", "split": "val"}).encode()),
            ("000.png", photo(99)),  # a mask
            ("001.cls", b"7\n"),
            ("001.jpg", photo(2)),
            ("002.jpg", photo(3)),
            ("002.txt", b"a photo of a heron"),
            ("003.seg.png", photo(99)),
            ("dir/004.PNG", photo(4)),
            ("dir/004.json", b"broken {"),
            ("005.npy", b"123"),
            ("dir/cat.0.jpg", photo(5)),
            ("dir/cat.1.jpg", photo(6)),
            ("dir/.hidden.jpg", photo(99)),
        ],
        mode,
    )
    refs = list(find_images(shard))
    told = {Path(ref.key).relative_to(shard).as_posix(): (shade(ref), ref.label_hint) for ref in refs}
    assert told == {
        "000.jpg": (1, "otter"),
        "001.jpg": (2, "7"),
        "002.jpg": (3, "a photo of a heron"),
        "003.seg.png": (99, None),
        "dir/004.PNG": (4, "dir"),
        "dir/cat.0.jpg": (5, "dir"),
        "dir/cat.1.jpg": (6, "dir"),
    }
    (tmp_path / "classnames.txt").write_text("\n".join(f"class {n}" for n in range(10)))
    assert [ref.label_hint for ref in find_images(shard)][:2] == ["otter", "class 7"]


def test_a_packed_shard_is_read_member_by_member(tmp_path):
    shard = tar(tmp_path / "s.tar.gz", [(f"{n:03d}.png", photo(n)) for n in range(100)], "w:gz")
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) * 2 // 3])
    refs = list(find_images(shard))
    good = [ref for ref in refs if not isinstance(ref.source, ImageError)]
    assert [shade(ref) for ref in good] == list(range(len(good)))
    assert 20 < len(good) < 100
    with pytest.raises(ImageError, match="broken tar"):
        refs[-1].read()
    assert len(refs) == len(good) + 1


@pytest.mark.parametrize("cut", [0, 10, 700, 2000])
def test_a_cut_or_false_tar_is_one_error_and_the_rest_goes_on(tmp_path, cut):
    shard = tar(tmp_path / "s.tar", [(f"{n}.png", photo(n)) for n in range(4)])
    shard.write_bytes(shard.read_bytes()[:cut])
    plant(tmp_path, "after.png")
    refs = list(find_images([shard, tmp_path / "after.png"]))
    assert shade(refs[-1]) == 0
    assert sum(isinstance(ref.source, ImageError) for ref in refs) == 1


def test_a_folder_of_shards(tmp_path):
    (tmp_path / "d").mkdir()
    tar(tmp_path / "d" / "0.tar", [("0.png", photo(0))])
    tar(tmp_path / "d" / "1.tar.gz", [("1.png", photo(1))], "w:gz")
    source = find_images(tmp_path)
    assert [shade(ref) for ref in source] == [0, 1]
    assert source.count() is None
    plant(tmp_path, "x.png")  # beside images a tar is somebody's archive
    assert keys(tmp_path, tmp_path) == ["x.png"]


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_parquet_as_hugging_face_writes_it(tmp_path):
    rows = [{"bytes": photo(n), "path": f"{n}.png"} for n in range(70)] + [None, {"bytes": None, "path": "side/x.png"}]
    table = pa.table({"text": ["."] * 72, "image": pa.array(rows, IMAGE), "label": [n % 2 for n in range(72)]})
    told = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(told)}), tmp_path / "t.parquet")
    plant(tmp_path, "side/x.png")
    source = find_images(tmp_path / "t.parquet")
    refs = list(source)
    assert source.count() == len(refs) == 72
    assert [shade(ref) for ref in refs[:70]] == list(range(70))
    assert [ref.label_hint for ref in refs[:4]] == ["cat", "dog", "cat", "dog"]
    assert refs[3].key == f"{tmp_path}/t.parquet#3"
    with pytest.raises(ImageError, match="no image in this row"):
        refs[70].read()
    assert shade(refs[71]) == 0


def test_parquet_columns_are_found_by_type_and_name(tmp_path):
    plant(tmp_path, "a.png")
    for position, (columns, label) in enumerate(
        [
            ({"jpg": [photo(0)], "class_name": ["owl"]}, "owl"),
            ({"label": ["owl"], "thing": pa.array([photo(0)], pa.large_binary())}, "owl"),
            ({"caption": ["a.gif"], "file_name": ["a.png"]}, tmp_path.name),
            ({"image": ["a.png"], "category": [4]}, "4"),
        ]
    ):
        pq.write_table(pa.table(columns), tmp_path / f"{position}.parquet")
        (ref,) = find_images(tmp_path / f"{position}.parquet")
        assert (shade(ref), ref.label_hint) == (0, label)
    pq.write_table(pa.table({"caption": ["x"], "size": [3]}), tmp_path / "none.parquet")
    with pytest.raises(InputError, match=r"none\.parquet: no column of images .* among caption, size"):
        find_images(tmp_path / "none.parquet")
    (tmp_path / "false.parquet").write_text("no")
    with pytest.raises(InputError, match="not a Parquet file"):
        find_images(tmp_path / "false.parquet")


def test_python_objects(tmp_path):
    array = np.full((8, 8, 3), 2, np.uint8)
    plant(tmp_path, "a.png")
    opened = Image.open(tmp_path / "a.png")
    mixed = [photo(1), array, Image.fromarray(array), opened, tmp_path / "a.png", {"image": opened, "label": 3}]
    refs = list(find_images(mixed))
    assert [shade(ref) for ref in refs] == [1, 2, 2, 0, 0, 0]
    assert [ref.key for ref in refs] == ["#0", "#1", "#2", *[str(tmp_path / "a.png")] * 3]
    assert refs[5].label_hint == "3"
    assert find_images(mixed).count() == 6
    assert [shade(ref) for ref in find_images(np.stack([array, array + 1]))] == [2, 3]
    assert [shade(ref) for ref in find_images(array)] == [2]
    assert [shade(ref) for ref in find_images(photo(9))] == [9]


def test_an_iterator_is_taken_one_by_one(tmp_path):
    taken = []

    def endless():
        for n in range(10**9):
            taken.append(n)
            yield np.full((4, 4), n % 256, np.uint8)

    source = find_images(endless())
    assert source.count() is None
    assert taken == []
    assert [shade(ref) for ref in islice(source, 3)] == [0, 1, 2]
    assert len(taken) == 3
    plant(tmp_path, "a.png")
    late = list(find_images(iter([tmp_path / "a.png", tmp_path / "gone.png"])))  # known only when its turn comes
    assert shade(late[0]) == 0
    with pytest.raises(ImageError, match="no such file"):
        late[1].read()


def test_nothing_is_opened_before_its_turn(tmp_path):
    plant(tmp_path, "a.png", "b.png")
    refs = iter(find_images(tmp_path))
    next(refs)
    (tmp_path / "b.png").write_bytes(photo(77))
    assert shade(next(refs)) == 77


def test_no_images_names_what_was_looked_at(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no images found in .*empty"):
        list(find_images([tmp_path / "empty", tmp_path]))
    with pytest.raises(InputError, match="an empty list"):
        list(find_images([]))
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(InputError, match=r"list\.txt"):
        list(find_images(tmp_path / "list.txt"))


def test_a_mistyped_path_names_its_nearest_sibling(tmp_path):
    plant(tmp_path, "photos/beach.jpg", "photos/forest.jpg")
    with pytest.raises(InputError, match=r"photos/beech\.jpg does not exist; did you mean .*photos/beach\.jpg\?"):
        find_images(tmp_path / "photos" / "beech.jpg")
    with pytest.raises(InputError, match=r"fotos/beach\.jpg does not exist; did you mean .*/photos\?"):
        find_images([tmp_path / "fotos" / "beach.jpg"])
    with pytest.raises(InputError, match=r"2 of 3 paths"):
        find_images([tmp_path / "photos", tmp_path / "qqq", tmp_path / "rrr"])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (7, "got int"),
        (None, "got NoneType"),
        ([None], "image 0: .*NoneType"),
        (torch.zeros(3, 8, 8), "got Tensor"),
        ([torch.zeros(3, 8, 8)], "permute"),
        ("https://example.org/cat.jpg", "download it first"),
    ],
)
def test_what_is_no_source_is_refused(source, told):
    with pytest.raises(InputError, match=told):
        list(find_images(source))
