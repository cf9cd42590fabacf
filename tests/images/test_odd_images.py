"""Files as cameras, microscopes, satellites and phones write them are read as they are meant, and told of."""

import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.errors import ImageError, ImageWarning, MissingExtra, OptionError
from hqsam.images.image_info import is_image_name
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import read_image
from hqsam.images.windows import open_windows


@pytest.fixture
def gray():
    """A scene of all 256 values, 60 x 80."""
    rows, columns = np.mgrid[:60, :80]
    return ((rows * 80 + columns) * 255 // 4799).astype(np.uint8)


def told(kind, read):
    """The result of `read`, which has to warn of this kind and no other."""
    with pytest.warns(ImageWarning) as said:
        result = read()
    assert {warning.message.kind for warning in said} == {kind}
    return result


def nearly(image, expected, within=1):
    return int(np.abs(image.astype(int) - expected.astype(int)).max()) <= within


def colours(gray):
    return np.dstack([gray, gray[::-1], gray[:, ::-1]])


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_signal_of_fewer_bits_than_its_file_is_seen_as_the_camera_saw_it(gray, tmp_path, bits, suffix):
    path = tmp_path / f"camera{suffix}"
    cv2.imwrite(str(path), gray.astype(np.uint16) << (bits - 8))
    assert nearly(told("depth", lambda: read_image(path))[..., 0], gray)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_of_fewer_bits_are_seen_too(gray, tmp_path, bits, suffix):
    path = tmp_path / f"camera{suffix}"
    deep = colours(gray).astype(np.uint16) << (bits - 8)
    cv2.imwrite(str(path), deep[..., ::-1]) if suffix == ".png" else tifffile.imwrite(path, deep, photometric="rgb")
    assert nearly(told("depth", lambda: read_image(path)), colours(gray))


@pytest.mark.parametrize("values", [(814, 1014), (29000, 31000), (0, 40), (50000, 50010)])
def test_a_narrow_signal_keeps_its_levels(gray, tmp_path, values):
    low, high = values
    deep = (low + gray.astype(float) / 255 * (high - low)).round().astype(np.uint16)
    path = tmp_path / "narrow.png"
    Image.fromarray(deep).save(path)
    read = told("depth", lambda: read_image(path))
    assert len(np.unique(read)) >= min(200, high - low) and np.ptp(read) == 255


def test_one_hot_pixel_does_not_darken_all_others(gray, tmp_path):
    deep = gray.astype(np.uint16) << 2
    deep[5, 5] = 65535
    Image.fromarray(deep).save(tmp_path / "hot.png")
    assert nearly(told("depth", lambda: read_image(tmp_path / "hot.png"))[10:, :, 0], gray[10:])


def test_a_whole_range_of_sixteen_bits_is_taken_as_it_is_without_a_word(gray, tmp_path):
    deep = colours(gray).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    for path in (tmp_path / "deep.png", tmp_path / "deep.tif"):
        np.testing.assert_array_equal(read_image(path), colours(gray))
    np.testing.assert_array_equal(read_image(deep), colours(gray))


def test_the_user_s_range_is_taken_whatever_the_values(gray, tmp_path):
    path = tmp_path / "camera.png"
    Image.fromarray(gray.astype(np.uint16) << 2).save(path)
    assert nearly(read_image(path, value_range=(0, 4095))[..., 0], gray >> 2)
    assert nearly(read_image(gray.astype(np.float32) - 100, value_range=(-100, 155))[..., 0], gray)
    assert nearly(read_image(gray, value_range=(0, 510))[..., 0], gray / 2)
    for wrong in ((5, 5), (9, 1), (0, float("nan")), (float("-inf"), 0)):
        with pytest.raises(OptionError, match="value_range"):
            read_image(path, value_range=wrong)


def test_what_tags_say_of_the_range_is_believed_if_the_values_are_in_it(gray, tmp_path):
    deep = gray.astype(np.uint16) * 8 + 1000  # to 3040
    path = tmp_path / "tagged.tif"
    for told_by in (
        {"extratags": [(280, 3, 1, 1000, True), (281, 3, 1, 3040, True)]},
        {"description": "ImageJ=1.54\nmin=1000.0\nmax=3040.0\n", "metadata": None},
    ):
        tifffile.imwrite(path, deep, **told_by)
        assert nearly(told("depth", lambda: read_image(path))[..., 0], gray)
        with (
            pytest.warns(ImageWarning, match=r"1000 to 3040 \(the file"),
            open_windows(path) as windows,
        ):
            assert nearly(windows.read(slice(3, 30), slice(5, 70))[..., 0], gray[3:30, 5:70])
    tifffile.imwrite(path, deep, description='<OME><Pixels SignificantBits="12"/></OME>', metadata=None)
    assert nearly(told("depth", lambda: read_image(path))[..., 0], deep >> 4)
    tifffile.imwrite(path, deep, extratags=[(280, 3, 1, 0, True), (281, 3, 1, 9, True)])
    assert len(np.unique(told("depth", lambda: read_image(path)))) > 200  # nothing of it is from 0 to 9


def test_a_png_s_significant_bits_are_believed(gray, tmp_path):
    path = tmp_path / "sbit.png"
    Image.fromarray(gray.astype(np.uint16) * 4 + 100).save(path)  # to 1120: eleven bits by their values, twelve in fact
    data = path.read_bytes()
    chunk = b"sBIT" + bytes([12])
    chunk = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:33] + chunk + data[33:])
    assert nearly(told("depth", lambda: read_image(path))[..., 0], (gray.astype(int) * 4 + 100) >> 4)


@pytest.mark.parametrize("values", [(0, 255), (-100, 155), (0.2, 0.21), (1e4, 5e6)])
def test_floats_of_any_range_are_stretched(gray, tmp_path, values):
    low, high = values
    path = tmp_path / "floats.tif"
    floats = (low + gray.astype(np.float32) / 255 * (high - low)).astype(np.float32)
    for pixels, more in (
        (floats, {}),
        (floats.astype(np.float64), {}),
        (floats, {"tile": (16, 16)}),
    ):
        tifffile.imwrite(path, pixels, **more)
        assert nearly(told("depth", lambda: read_image(path))[..., 0], gray)
        with pytest.warns(ImageWarning), open_windows(path) as windows:
            assert nearly(windows.read(slice(0, 60), slice(7, 80))[..., 0], gray[:, 7:])


def test_pixels_without_a_value_do_not_decide_the_range(gray, tmp_path):
    path = tmp_path / "map.tif"
    floats = gray.astype(np.float32) / 1000
    expected = gray.copy()
    for nodata, tags in ((np.nan, []), (-3.4e38, []), (-9999, [(42113, 2, 6, "-9999", True)])):
        floats[:9], expected[:9] = nodata, 0
        tifffile.imwrite(path, floats, extratags=tags)
        read = told("depth", lambda: read_image(path))[..., 0]
        assert (read[:9] == 0).all() and len(np.unique(read[9:])) > 180


def test_integers_below_zero_are_stretched(gray, tmp_path):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, gray.astype(np.int16) * 8 - 1000)  # as CT has them
    assert nearly(told("depth", lambda: read_image(path))[..., 0], gray)


def test_all_windows_of_an_image_have_one_range(tmp_path):
    values = np.linspace(800, 1000, 1500).astype(np.uint16)
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, np.tile(values, (900, 1)), tile=(64, 64), compression="zlib")
    with pytest.warns(ImageWarning), open_windows(path) as windows:
        left, right = windows.read(slice(0, 64), slice(0, 128)), windows.read(slice(0, 64), slice(1372, 1500))
    whole = told("depth", lambda: read_image(path))
    assert nearly(left, whole[:64, :128], 3) and nearly(right, whole[:64, 1372:], 3)


def test_of_a_stack_one_page_is_read_and_the_others_are_told(tmp_path):
    path = tmp_path / "stack.tif"
    pages = [np.full((8, 9, 3), value, np.uint8) for value in (10, 20, 30)]
    tifffile.imwrite(path, np.stack(pages), photometric="rgb")
    assert told("pages", lambda: read_image(path))[0, 0, 0] == 10
    with pytest.warns(ImageWarning, match="page 1 of 3 was read, no other"), open_windows(path) as windows:
        assert windows.read(slice(0, 2), slice(0, 2))[0, 0, 0] == 10
    with open_windows(path, ReadOptions(page=3)) as windows:
        assert windows.read(slice(0, 2), slice(0, 2))[0, 0, 0] == 30
    assert read_image(path, page=2)[0, 0, 0] == 20
    with Image.open(path) as image:
        image.seek(2)
        assert read_image(image)[0, 0, 0] == 30  # a frame that the caller chose
        assert read_image(image, page=2)[0, 0, 0] == 20


def test_the_smaller_copies_of_a_pyramid_are_no_pages(gray, tmp_path):
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(gray, photometric="minisblack")
        file.write(gray[::2, ::2], subfiletype=1, photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).shape == (60, 80, 3)


def test_more_bands_than_three_are_told(gray, tmp_path):
    path = tmp_path / "bands.tif"
    many = np.dstack([gray, gray, gray, 255 - gray, gray])
    for planes in (False, True):
        pixels = np.ascontiguousarray(many.transpose(2, 0, 1)) if planes else many
        how = {"planarconfig": "separate"} if planes else {"planarconfig": "contig"}
        tifffile.imwrite(path, pixels, photometric="minisblack", extrasamples=["unspecified"] * 4, **how)
        assert nearly(told("bands", lambda: read_image(path))[..., 1], gray)
    tifffile.imwrite(path, many[..., :4], photometric="rgb", extrasamples=["unspecified"])
    assert nearly(told("bands", lambda: read_image(path))[..., 1], gray)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_fourth_band_that_is_no_transparency_is_left_out_and_told(gray, tmp_path, suffix):
    path = tmp_path / f"infrared{suffix}"
    for fourth in (255 - gray // 2, np.zeros_like(gray)):
        Image.fromarray(np.dstack([colours(gray), fourth])).save(path)
        np.testing.assert_array_equal(told("alpha", lambda: read_image(path)), colours(gray))
    if suffix == ".tif":
        with pytest.warns(ImageWarning, match="fourth channel"), open_windows(path) as windows:
            np.testing.assert_array_equal(windows.read(slice(0, 60), slice(0, 80)), colours(gray))


def test_real_transparency_is_laid_on_white_without_a_word(gray, tmp_path):
    path = tmp_path / "cutout.tif"
    alpha = np.where(np.arange(80) < 40, 255, 0).astype(np.uint8) * np.ones_like(gray)
    tifffile.imwrite(path, np.dstack([colours(gray), alpha]), photometric="rgb", extrasamples=["unassalpha"])
    read = read_image(path)
    assert (read[:, 40:] == 255).all() and np.array_equal(read[:, :40], colours(gray)[:, :40])
    with open_windows(path) as windows:
        np.testing.assert_array_equal(windows.read(slice(0, 60), slice(0, 80)), read)


def test_a_heic_photo_is_read_upright_where_pillow_heif_is_installed(gray, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "IMG_0001.HEIC"
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(colours(gray)))
    pillow_heif.from_pillow(Image.fromarray(stored)).save(path, quality=-1, chroma=444, exif=exif.tobytes())
    assert is_image_name(path.name)
    assert read_image(path).shape == (60, 80, 3)
    assert np.abs(read_image(path).astype(int) - colours(gray)).mean() < 3


def test_an_avif_photo_is_read(gray, tmp_path):
    Image.fromarray(colours(gray)).save(tmp_path / "photo.avif", quality=95)
    assert np.abs(read_image(tmp_path / "photo.avif").astype(int) - colours(gray)).mean() < 6


def test_without_pillow_heif_the_command_that_installs_it_is_told(tmp_path, monkeypatch):
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(ImageError, match="it is HEIC, and damaged"):  # a header and nothing else
        read_image(path)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r'pip install "hqsam\[heif\]"'):
        read_image(path)


def test_signed_bytes_half_floats_and_white_as_zero_are_read_as_they_are_meant(gray, tmp_path):
    path = tmp_path / "odd.tif"
    for pixels, how in (
        ((gray.astype(int) - 128).astype(np.int8), {}),
        ((gray / 100).astype(np.float16), {}),
        (1023 - (gray.astype(np.uint16) << 2), {"photometric": "miniswhite"}),
    ):
        tifffile.imwrite(path, pixels, **how)
        assert nearly(told("depth", lambda: read_image(path))[..., 0], gray, 2)
        with pytest.warns(ImageWarning), open_windows(path) as windows:
            assert nearly(windows.read(slice(0, 60), slice(0, 80))[..., 0], gray, 2)


def test_of_two_bands_the_first_is_gray_and_the_other_told(gray, tmp_path):
    path = tmp_path / "two.tif"
    two = np.dstack([gray, 255 - gray])
    tifffile.imwrite(path, two, photometric="minisblack", extrasamples=["unspecified"], planarconfig="contig")
    assert nearly(told("bands", lambda: read_image(path))[..., 0], gray)
