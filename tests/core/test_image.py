"""Every kind of image file a folder may hold, opened as what a person would see."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import sklearn
import torch
from PIL import Image

from zorse.core.image import ImageError, open_image


def saved(image, kind, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(content, **options) -> np.ndarray:
    image = open_image(content, **options)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth, coloured, without any symmetry: 24 rows, 40 columns."""
    y, x = np.mgrid[0:24, 0:40]
    return np.stack([6 * x, 10 * y, 120 + 2 * x - 3 * y], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_lossless_formats_keep_every_pixel(scene, kind):
    options = {"irreversible": False} if kind == "JPEG2000" else {}
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(scene), kind, **options)), scene)


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
        (9, lambda a: a),  # not in the standard
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_exif_orientation(scene, orientation, seen, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    content = saved(Image.fromarray(scene), kind, exif=exif, **options)
    assert np.abs(pixels(content) - seen(scene)).max() <= (3 if kind == "JPEG" else 0)
    if kind == "PNG":  # the same through a PIL image that nobody has turned yet
        np.testing.assert_array_equal(pixels(Image.open(io.BytesIO(content))), seen(scene))


def test_damaged_exif_does_not_damage_the_picture(scene):
    content = saved(Image.fromarray(scene), "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff nonsense")
    np.testing.assert_array_equal(pixels(content), scene)


def test_palette_keeps_colours_and_shows_white_through_transparency():
    indices = np.array([[0, 1], [2, 3]], np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.ravel())
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    opaque = [[[10, 20, 30], [200, 0, 0]], [[0, 200, 0], [0, 0, 200]]]
    np.testing.assert_array_equal(pixels(saved(image, "PNG")), opaque)
    np.testing.assert_array_equal(pixels(saved(image, "GIF")), opaque)
    clear = [[[255, 255, 255], [200, 0, 0]], [[0, 200, 0], [0, 0, 200]]]
    np.testing.assert_array_equal(pixels(saved(image, "PNG", transparency=0)), clear)
    np.testing.assert_array_equal(pixels(saved(image, "GIF", transparency=0)), clear)
    half = [[[132, 137, 142], [200, 0, 0]], [[0, 200, 0], [0, 0, 200]]]  # 255 + (c - 255) * 128 / 255
    assert np.abs(pixels(saved(image, "PNG", transparency=bytes([128, 255, 255, 255]))) - half).max() <= 1


def test_one_bit():
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    for kind in ("PNG", "TIFF", "BMP"):
        np.testing.assert_array_equal(pixels(saved(image, kind))[..., 0], [[0, 255], [255, 0]])


def test_alpha_lies_over_white(scene):
    alpha = np.linspace(0, 255, 24 * 40).reshape(24, 40, 1).astype(np.uint8)
    expected = 255 + (scene.astype(float) - 255) * alpha / 255
    rgba = Image.fromarray(np.concatenate([scene, alpha], -1))
    assert np.abs(pixels(saved(rgba, "PNG")) - expected).max() <= 1
    assert np.abs(pixels(saved(rgba, "WEBP", lossless=True, exact=True)) - expected).max() <= 1
    assert np.abs(pixels(np.asarray(rgba)) - expected).max() <= 1
    grey = Image.merge("LA", (Image.fromarray(scene[..., 0]), Image.fromarray(alpha[..., 0])))
    assert np.abs(pixels(saved(grey, "PNG"))[..., 0] - expected[..., 0]).max() <= 1
    keyed = pixels(saved(Image.fromarray(scene), "PNG", transparency=tuple(int(v) for v in scene[3, 5])))
    np.testing.assert_array_equal(keyed[3, 5], [255] * 3)
    np.testing.assert_array_equal(keyed[4, 5], scene[4, 5])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(values), kind))[..., 1], np.arange(256).reshape(16, 16))


def test_sixteen_bits_big_endian():
    values = np.arange(0, 65536, 257, dtype=">u2").reshape(16, 16)
    image = Image.frombytes("I;16B", (16, 16), values.tobytes())
    np.testing.assert_array_equal(pixels(image)[..., 1], np.arange(256).reshape(16, 16))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [[0, 128, 255]]),
        ([[0.0, 100.0, 255.0]], [[0, 100, 255]]),
        ([[0.0, 257.0, 65535.0]], [[0, 1, 255]]),
        ([[-1.0, 0.0, 1.0]], [[0, 128, 255]]),
        ([[np.nan, 0.5, 1.0]], [[0, 128, 255]]),
    ],
)
def test_float_tiff(values, expected):
    content = saved(Image.fromarray(np.array(values, np.float32)), "TIFF")
    np.testing.assert_array_equal(pixels(content)[..., 0], expected)


def test_integer_tiff():
    content = saved(Image.fromarray(np.array([[0, 1, 255]], np.int32)), "TIFF")
    np.testing.assert_array_equal(pixels(content)[..., 0], [[0, 1, 255]])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # full magenta and yellow: red
    content = saved(inks, kind)
    if kind == "JPEG":
        assert b"Adobe" in content  # written with inverted inks, as Photoshop does
    assert np.abs(pixels(content) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_shows_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(pixels(content), np.broadcast_to([255, 0, 0], (8, 8, 3)))


def png(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds nothing to show for it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 40_000])  # Pillow warns of the first and refuses the second
@pytest.mark.parametrize("filters", ["error", "ignore"])
def test_a_decompression_bomb_is_refused_unopened(side, filters):
    with warnings.catch_warnings():
        warnings.simplefilter(filters, Image.DecompressionBombWarning)
        with pytest.raises(ImageError) as caught:
            open_image(png(side, side))
    assert caught.value.reason == "too many pixels (decompression bomb)"


def test_every_cut_of_a_file_is_an_image_error(scene):
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        content = saved(Image.fromarray(scene), kind)
        for length in range(0, len(content) // 2, 7):
            with pytest.raises(ImageError):
                open_image(content[:length])


def test_damaged_bytes_never_raise_anything_else(scene):
    rng = np.random.default_rng(0)
    reasons = []
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "ICO", "JPEG2000"):
        content = np.frombuffer(saved(Image.fromarray(scene), kind), np.uint8)
        for _ in range(30):
            damaged = content.copy()
            damaged[rng.integers(0, len(content), 12)] = rng.integers(0, 256, 12)
            try:
                open_image(damaged.tobytes())
            except ImageError as error:
                reasons.append(error.reason)
    assert len(reasons) > 30
    assert all(0 < len(reason) < 200 for reason in reasons)


def test_reasons_are_short_and_name_the_file(tmp_path, scene):
    whole = saved(Image.fromarray(scene), "JPEG")
    for name, content, reason in [
        ("empty.jpg", b"", "empty file"),
        ("text.png", b"<html>404 Not Found</html>", "not an image"),
        ("cut.jpg", whole[: len(whole) // 2], "truncated"),
        ("script.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not an image"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ImageError) as caught:
            open_image(path)
        assert caught.value.reason == reason
        assert str(caught.value) == f"{path}: {reason}"
    for path, reason in [(tmp_path / "gone.jpg", "no such file"), (tmp_path, "not a file")]:
        with pytest.raises(ImageError) as caught:
            open_image(str(path))
        assert caught.value.reason == reason


def test_arrays(scene):
    np.testing.assert_array_equal(pixels(scene), scene)
    np.testing.assert_array_equal(pixels(scene[..., 0])[..., 2], scene[..., 0])
    np.testing.assert_array_equal(pixels(scene[:, ::-1]), scene[:, ::-1])  # not contiguous
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(pixels((scene / 255).astype(dtype)), scene)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((3, 8, 8), np.uint8), "move the channels last"),
        (np.zeros((8, 8, 2), np.uint8), "(8, 8, 2)"),
        (np.zeros((8, 8), np.int64), "int64"),
        (np.zeros((8, 8), bool), "bool"),
        (np.zeros((0, 8, 3), np.uint8), "empty"),
        (np.full((8, 8), 255.0), "255"),
        (np.full((8, 8), np.nan), "nan"),
        (np.full((8, 8), -0.1), "-0.1"),
        (torch.zeros(3, 8, 8), "permute"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_refused_with_what_was_expected(values, told):
    with pytest.raises(ImageError, match=r"expected|empty") as caught:
        open_image(values)
    assert told in str(caught.value)


def test_draft_decoding_stays_twice_the_size_asked(scene):
    photograph = Image.fromarray(scene).resize((1600, 960), Image.Resampling.BICUBIC)
    for orientation, shape in [(1, (960, 1600)), (6, (1600, 960))]:
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = saved(photograph, "JPEG", quality=90, exif=exif)
        for asked in [(30, 30), (64, 64), (100, 100), (224, 224), (300, 300), (100, 400)]:
            h, w = np.asarray(open_image(content, min_size=asked)).shape[:2]
            enough = h >= 2 * asked[0] and w >= 2 * asked[1]
            assert enough or (h, w) == shape
            if 4 * asked[0] <= shape[0] and 4 * asked[1] <= shape[1]:
                assert (h, w) != shape  # it was worth it
    assert open_image(saved(photograph, "PNG"), min_size=(30, 30)).size == (1600, 960)


def test_draft_decoding_agrees_with_the_full_one_after_resizing():
    for path in sorted((Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg")):
        for divisor in (4, 8, 16):  # just large enough for 1/2, 1/4, 1/8: the least favourable sizes
            full = open_image(path)
            side = min(full.size) // divisor
            draft = open_image(path, min_size=(side, side))
            assert draft.width * divisor // 2 == pytest.approx(full.width, abs=divisor)
            size = (round(full.width / full.height * side), side)
            full, draft = (np.asarray(i.resize(size, Image.Resampling.BICUBIC)).astype(float) for i in (full, draft))
            assert 0 < np.abs(full - draft).mean() < 5
