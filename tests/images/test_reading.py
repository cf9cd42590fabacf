"""Whatever photo comes, uint8 RGB upright is made of it, or an error that says what it is."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError, ImageWarning, OptionError
from hqsam.images.reading import name_of, read_image


@pytest.fixture
def photo():
    """7 rows, 11 columns; every pixel differs."""
    rows, columns = np.mgrid[:7, :11]
    return np.stack([rows * 30, columns * 20, 255 - rows * 11 - columns], axis=-1).astype(np.uint8)


def test_a_path_an_open_file_a_pil_image_and_an_array_are_the_same_photo(photo, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    with Image.open(path) as picture:
        for source in (path, str(path), io.BytesIO(path.read_bytes()), picture, photo, photo.tolist()):
            read = read_image(source)
            assert read.dtype == np.uint8
            np.testing.assert_array_equal(read, photo)


def test_an_image_is_called_as_its_file_is(photo, tmp_path):
    path = tmp_path / "cup.png"
    Image.fromarray(photo).save(path)
    with path.open("rb") as file, Image.open(path) as picture:
        assert {name_of(source) for source in (path, str(path), file, picture)} == {"cup.png"}
    assert name_of(photo) == name_of(io.BytesIO()) == name_of(Image.fromarray(photo)) == "image"


def stored(upright, orientation):
    """The pixels as a camera stores them, for each value of the EXIF tag (its standard's own table)."""
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }  # fmt: skip
    return np.ascontiguousarray(turned[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_a_photo_that_was_stored_turned_is_read_upright(photo, tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(stored(photo, orientation)).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), photo)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(read_image(picture), photo)


def test_an_unknown_orientation_is_taken_as_upright(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 99
    Image.fromarray(photo).save(tmp_path / "odd.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "odd.png"), photo)


def test_gray_is_the_same_in_all_channels(photo):
    gray = photo[..., 0]
    for source in (gray, gray[..., None], Image.fromarray(gray)):
        np.testing.assert_array_equal(read_image(source), np.stack([gray] * 3, axis=-1))


def test_transparency_is_laid_on_white(photo):
    rgba = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    rgba[0, :, 3] = 0
    for source in (rgba, Image.fromarray(rgba)):
        read = read_image(source)
        assert (read[0] == 255).all()
        np.testing.assert_array_equal(read[1:], photo[1:])


def test_a_palette_is_looked_up_and_its_transparent_colour_is_white(photo, tmp_path):
    picture = Image.fromarray(photo).quantize(4)
    np.testing.assert_array_equal(read_image(picture), np.asarray(picture.convert("RGB")))
    picture.save(tmp_path / "clear.png", transparency=int(np.asarray(picture)[0, 0]))
    assert (read_image(tmp_path / "clear.png")[0, 0] == 255).all()


@pytest.mark.parametrize(("mode", "clear"), [("L", 0), ("RGB", (0, 0, 0)), ("1", 0)])
def test_a_colour_that_a_file_names_as_transparent_is_white(tmp_path, mode, clear):
    picture = Image.new("L", (3, 2), 0).convert(mode)
    picture.save(tmp_path / "clear.png", transparency=clear)
    assert (read_image(tmp_path / "clear.png") == 255).all()


def test_one_bit_is_black_and_white():
    assert read_image(Image.new("1", (3, 2), 1)).tolist() == [[[255] * 3] * 3] * 2


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LA"])
def test_other_colour_spaces_become_rgb(photo, mode):
    picture = Image.fromarray(photo).convert(mode)
    np.testing.assert_array_equal(read_image(picture), np.asarray(picture.convert("RGB")))


def test_a_cmyk_jpeg_is_a_photo(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    red, green, blue = read_image(tmp_path / "print.jpg")[8, 8]
    assert red > 200
    assert green < 50 > blue


def test_sixteen_bits_keep_their_high_byte(tmp_path):
    gray = np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16)
    Image.fromarray(gray).save(tmp_path / "deep.png")
    Image.fromarray(gray).save(tmp_path / "deep.tiff")
    for source in (gray, gray.astype(">u2"), tmp_path / "deep.png", tmp_path / "deep.tiff"):
        assert read_image(source)[..., 1].tolist() == [[0, 0, 1], [128, 255, 255]]


def test_a_sixteen_bit_pgm_which_pillow_reads_as_integers_is_scaled_too(tmp_path):
    (tmp_path / "deep.pgm").write_bytes(b"P5 2 1 65535\n" + struct.pack(">HH", 0, 65535))
    assert read_image(tmp_path / "deep.pgm")[0, :, 0].tolist() == [0, 255]


def test_floats_run_from_zero_to_one(photo):
    np.testing.assert_array_equal(read_image(photo / 255), photo)
    np.testing.assert_array_equal(read_image((photo / 255).astype(np.float32)), photo)


def test_integers_of_other_sizes_run_to_255(photo):
    np.testing.assert_array_equal(read_image(photo.astype(np.int64)), photo)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(ImageWarning, match=r"moving.gif: page 1 of 2 was read, no other.*--page N"):
        assert read_image(tmp_path / "moving.gif")[0, 0].tolist() == [255, 0, 0]
    assert read_image(tmp_path / "moving.gif", page=2)[0, 0].tolist() == [0, 0, 255]
    with pytest.raises(ImageError, match="has 2 pages and page 3 was asked for"):
        read_image(tmp_path / "moving.gif", page=3)


@pytest.mark.parametrize("size", [(1, 1), (20000, 3), (3, 20000)])
def test_tiny_and_thin_photos_are_photos(tmp_path, size):
    Image.new("RGB", size, "teal").save(tmp_path / "thin.png")
    assert read_image(tmp_path / "thin.png").shape == (size[1], size[0], 3)


BAD_ARRAYS = {
    "bool": (np.ones((4, 4), bool), "mask"),
    "floats up to 255": (np.full((4, 4, 3), 200.0), "0 to 1"),
    "negative floats": (np.full((4, 4, 3), -0.1), "0 to 1"),
    "NaN": (np.full((4, 4, 3), np.nan), "nan"),
    "large integers": (np.full((4, 4, 3), 256), "255"),
    "channels first": (np.zeros((3, 8, 9), np.uint8), r"transpose\(1, 2, 0\)"),
    "two channels": (np.zeros((8, 9, 2), np.uint8), "expected"),
    "a batch": (np.zeros((1, 8, 9, 3), np.uint8), "expected"),
    "one row of numbers": (np.zeros(9, np.uint8), "expected"),
    "no pixels": (np.zeros((0, 9, 3), np.uint8), "expected"),
    "None": (None, "NoneType"),
    "bytes": (b"\xff\xd8", "bytes"),
    "a number": (7, "expected"),
    "a ragged list": ([[1, 2], [3]], "list"),
    "complex": (np.zeros((4, 4), complex), "ndarray"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_an_array_that_is_no_photo_is_refused(name):
    array, message = BAD_ARRAYS[name]
    with pytest.raises(ImageError, match=message):
        read_image(array)


def test_a_missing_file_a_folder_an_empty_file_an_address_and_a_text_are_refused(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a photo at all")
    for name, message in {
        "missing.jpg": "no such file",
        "": "folder",
        "empty.jpg": "0 bytes",
        "text.jpg": "not an image",
        "a\0b.jpg": "cannot read",
    }.items():
        with pytest.raises(ImageError, match=message):
            read_image(tmp_path / name)
    with pytest.raises(ImageError, match="download"):
        read_image("https://example.org/cup.jpg")
    with pytest.raises(ImageError, match="not an image"):
        read_image(io.BytesIO(b""))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif"])
def test_a_file_cut_short_anywhere_is_refused_or_read_whole(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"whole{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    for share in (0.02, 0.1, 0.3, 0.5, 0.8):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ImageError, match="cannot read"):
            read_image(path)


def header_of_a_png(width, height):
    """A PNG that claims to be this large and holds next to nothing."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "bomb.png").write_bytes(header_of_a_png(100_000, 100_000))
    with pytest.raises(ImageError, match=r"100000 x 100000.*HQSAM_MAX_PIXELS"):
        read_image(tmp_path / "bomb.png")


def test_the_limit_is_an_argument_or_a_variable(photo, tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    with pytest.raises(ImageError, match="11 x 7"):
        read_image(path, max_pixels=76)
    monkeypatch.setenv("HQSAM_MAX_PIXELS", "76")
    with pytest.raises(ImageError, match="76"):
        read_image(path)
    assert read_image(path, max_pixels=77).shape == (7, 11, 3)
    monkeypatch.setenv("HQSAM_MAX_PIXELS", "many")
    with pytest.raises(OptionError, match="many"):
        read_image(path)


def test_a_photo_that_pillow_would_warn_of_is_read_and_pillow_keeps_its_own_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("L", (120, 90)).save(tmp_path / "large.png")
    assert read_image(tmp_path / "large.png").shape == (90, 120, 3)
    assert Image.MAX_IMAGE_PIXELS == 1000
