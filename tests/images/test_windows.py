"""Photos, a window at a time."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.errors import ImageError, ImageWarning
from hqsam.images import tiff_page
from hqsam.images import windows as windows_room
from hqsam.images.windows import open_windows

HEIGHT, WIDTH = 301, 403


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def assert_every_window_is(expected, path):
    with open_windows(path) as windows:
        assert windows.size_hw == (HEIGHT, WIDTH)
        for y0, y1, x0, x1 in ((0, HEIGHT, 0, WIDTH), (10, 70, 90, 200), (280, HEIGHT, 380, WIDTH), (63, 65, 0, 1)):
            found = windows.read(slice(y0, y1), slice(x0, x1))
            np.testing.assert_array_equal(found, expected[y0:y1, x0:x1])
            assert found.dtype == np.uint8


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (64, 96)},
        {"tile": (64, 96), "compression": "zlib", "predictor": True},
        {"rowsperstrip": 37, "compression": "zlib"},
        {"rowsperstrip": 40},
        {"tile": (64, 96), "planarconfig": "separate"},
        {"rowsperstrip": 50, "planarconfig": "separate"},
    ],
    ids=str,
)
def test_a_tiff_is_read_however_it_is_stored(photo, stored, tmp_path):
    planes = stored.get("planarconfig") == "separate"
    pixels = np.ascontiguousarray(photo.transpose(2, 0, 1)) if planes else photo
    tifffile.imwrite(tmp_path / "photo.tif", pixels, photometric="rgb", **stored)
    assert_every_window_is(photo, tmp_path / "photo.tif")


def test_gray_sixteen_bits_and_more_channels_become_rgb(photo, tmp_path):
    path = tmp_path / "photo.tif"
    gray = np.repeat(photo[..., :1], 3, axis=2)
    tifffile.imwrite(path, photo[..., 0], photometric="minisblack")
    assert_every_window_is(gray, path)
    tifffile.imwrite(path, 255 - photo[..., 0], photometric="miniswhite", tile=(64, 64))
    assert_every_window_is(gray, path)
    tifffile.imwrite(path, photo.astype(np.uint16) << 8, photometric="rgb", tile=(64, 64))
    assert_every_window_is(photo, path)
    near_infrared = np.dstack([photo, photo[..., :1]])
    tifffile.imwrite(path, near_infrared, photometric="rgb", extrasamples=["unspecified"], tile=(64, 64))
    with pytest.warns(ImageWarning, match="of its 4 bands the first three"):
        assert_every_window_is(photo, path)


def test_the_finest_page_of_a_pyramid_is_read(photo, tmp_path):
    with tifffile.TiffWriter(tmp_path / "photo.tif") as file:
        file.write(photo, subifds=1, photometric="rgb", tile=(64, 64))
        file.write(photo[::2, ::2], subfiletype=1, photometric="rgb", tile=(64, 64))
    assert_every_window_is(photo, tmp_path / "photo.tif")


def test_other_files_are_read_whole(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    assert_every_window_is(photo, tmp_path / "photo.png")


def test_no_more_is_decoded_than_a_window_needs_and_nothing_twice(photo, tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "photo.tif", photo, photometric="rgb", tile=(64, 96), compression="zlib")
    with open_windows(tmp_path / "photo.tif") as windows:
        decoded = []
        page = tiff_page.TiffPage
        decode = page._decode
        monkeypatch.setattr(page, "_decode", lambda self, index: decoded.append(index) or decode(self, index))
        windows.read(slice(64, 128), slice(0, 100))
        windows.read(slice(70, 100), slice(50, 190))
    assert decoded == [5, 6]  # five tiles are beside each other


def test_what_was_decoded_is_forgotten_when_it_is_too_much(photo, tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "photo.tif", photo, photometric="rgb", tile=(64, 96), compression="zlib")
    monkeypatch.setattr(tiff_page, "_KEPT_BYTES", 3 * 64 * 96 * 3)
    assert_every_window_is(photo, tmp_path / "photo.tif")
    with open_windows(tmp_path / "photo.tif") as windows:
        windows.read(slice(0, HEIGHT), slice(0, WIDTH))
        assert len(windows._values._decoded) == 3


def test_what_cannot_be_read_in_parts_says_why(photo, tmp_path, monkeypatch):
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, photo[..., 0].astype(np.complex64))
    with pytest.raises(ImageError, match="8 or 16 bits"), open_windows(path):
        pass
    on_its_side = {"photometric": "rgb", "extratags": [(274, 3, 1, 6, True)]}
    tifffile.imwrite(path, photo, **on_its_side)
    with open_windows(path) as windows:  # as a whole
        assert windows.size_hw == (WIDTH, HEIGHT)
    monkeypatch.setattr(tiff_page, "LARGEST_SEGMENT", 1000)
    monkeypatch.setattr(windows_room, "LARGEST_SEGMENT", 1000)
    with pytest.raises(ImageError, match="lies on its side"), open_windows(path):
        pass
    tifffile.imwrite(path, photo, photometric="rgb", compression="zlib", rowsperstrip=HEIGHT)
    with pytest.raises(ImageError, match="save it as a tiled TIFF"), open_windows(path):
        pass


def test_a_file_that_is_no_tiff_or_cut_short_is_refused(photo, tmp_path):
    path = tmp_path / "photo.tif"
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match="cannot read"), open_windows(path):
        pass
    tifffile.imwrite(path, photo, photometric="rgb")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ImageError, match="cut short"), open_windows(path) as windows:
        windows.read(slice(0, HEIGHT), slice(0, WIDTH))
    with pytest.raises(ImageError, match="there is no such file"), open_windows(tmp_path / "none.tif"):
        pass


def test_an_unknown_compression_names_the_package_that_knows_it(photo, tmp_path):
    pytest.importorskip("tifffile")
    try:
        import imagecodecs  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        Image.fromarray(photo).save(tmp_path / "photo.tif", compression="tiff_lzw")
        with (
            pytest.raises(ImageError, match="pip install imagecodecs"),
            open_windows(tmp_path / "photo.tif") as windows,
        ):
            windows.read(slice(0, 9), slice(0, 9))
