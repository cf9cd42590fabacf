"""Rasters of maps by GDAL: windows, bands, depths, pixels without data, addresses."""

import http.server
import threading
from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import ImageError, ImageWarning
from hqsam.geo.vector_prompts import VectorPrompts
from hqsam.images.raster import open_raster
from hqsam.images.raster_source import gdal_name, is_raster
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.reading import read_image, read_placed
from hqsam.images.value_range import ValueRange
from hqsam.images.windows import open_windows
from hqsam.predict.tiles.features_in_tiles import features_in_tiles
from tests.geo.rasters import NORTH_UP, UTM, random_bands, rasterio, write_raster
from tests.tiny import tiny_segmenter

ALL = slice(0, 300), slice(0, 200)


def opened(path, **options):
    """Read a whole raster: its pixels, and which of them have data."""
    with open_raster(path, ReadOptions(**options)) as raster:
        whole = slice(0, raster.size_hw[0]), slice(0, raster.size_hw[1])
        return raster.read(*whole), raster.valid(*whole)


@pytest.fixture
def rgb(tmp_path):
    return write_raster(
        tmp_path / "rgb.tif", random_bands(3, 300, 200), photometric="RGB", tiled=True, blockxsize=64, blockysize=64
    )


def test_windows_are_parts_of_the_whole_with_the_place_of_the_file(rgb):
    expected = random_bands(3, 300, 200).transpose(1, 2, 0)
    with open_windows(rgb) as windows:
        assert windows.size_hw == (300, 200)
        assert windows.georeference.transform == NORTH_UP and windows.georeference.crs == UTM
        for rows, columns in (ALL, (slice(3, 90), slice(60, 131)), (slice(299, 300), slice(199, 200))):
            np.testing.assert_array_equal(windows.read(rows, columns), expected[rows, columns])
    np.testing.assert_array_equal(read_image(rgb), expected)


def test_bands_are_chosen_by_number_and_by_what_the_file_calls_them(tmp_path):
    bands = random_bands(5, 40, 50)
    path = write_raster(tmp_path / "five.tif", bands)
    with rasterio.open(path, "r+") as file:
        names = ("gray", "blue", "green", "red", "undefined")
        file.colorinterp = [rasterio.enums.ColorInterp[name] for name in names]
    with pytest.warns(ImageWarning, match="of its 5 bands 4, 3, 2 were taken"):
        np.testing.assert_array_equal(opened(path)[0], bands[[3, 2, 1]].transpose(1, 2, 0))
    np.testing.assert_array_equal(opened(path, bands=(5, 1, 2))[0], bands[[4, 0, 1]].transpose(1, 2, 0))
    np.testing.assert_array_equal(opened(path, bands=(2,))[0], np.repeat(bands[1][..., None], 3, axis=2))
    with pytest.raises(ImageError, match="has 5 bands, and the bands 6, 1, 2 were asked for"):
        opened(path, bands=(6, 1, 2))


def test_deep_bands_are_stretched_each_by_its_own_percentiles(tmp_path):
    bands = np.stack([np.linspace(0, 1000 * (band + 1), 90 * 80).reshape(90, 80) for band in range(3)]).astype(
        np.uint16
    )
    path = write_raster(tmp_path / "deep.tif", bands)
    with pytest.warns(ImageWarning, match="2th and the 98th percentile"):
        pixels, _ = opened(path)
    low, high = np.percentile(bands[1], (2, 98))
    expected = np.rint(np.clip((bands[1] - low) / (high - low), 0, 1) * 255)
    assert np.abs(pixels[..., 1] - expected).max() <= 1
    pixels, _ = opened(path, stretch=(0, 100))
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[-1, -1].tolist() == [255, 255, 255]
    pixels, _ = opened(path, value_range=(0, 2000))
    assert pixels[-1, -1].tolist() == [128, 255, 255]


def test_pixels_without_data_are_known_and_black(tmp_path):
    bands = random_bands(3, 60, 70, np.uint16, 4000) + np.uint16(1)
    bands[:, :20, :30] = 0
    bands[0, 50, 50] = 0  # of one band alone
    path = write_raster(tmp_path / "gaps.tif", bands, nodata=0)
    pixels, valid = opened(path, stretch=(2, 98))
    assert not valid[:20, :30].any() and valid.sum() == 60 * 70 - 600
    assert not pixels[:20, :30].any()
    assert read_placed(path, ReadOptions(stretch=(2, 98))).valid.sum() == valid.sum()


def test_floats_without_a_value_have_no_data(tmp_path):
    heights = np.linspace(-5, 9000, 50 * 40, dtype=np.float32).reshape(1, 50, 40)
    heights[0, :10] = np.nan
    heights[0, 10:12] = -9999
    path = write_raster(tmp_path / "heights.tif", heights, nodata=-9999)
    pixels, valid = opened(path, stretch=(0, 100))
    assert not valid[:12].any() and valid[12:].all() and pixels[-1, -1, 0] == 255


def test_alpha_is_no_data_where_it_is_transparency_and_a_colour_where_it_varies_like_one(tmp_path):
    bands = random_bands(4, 60, 70)
    profile = {"photometric": "RGB", "ALPHA": "YES"}
    near_infrared = write_raster(tmp_path / "nir.tif", bands, **profile)
    with pytest.warns(ImageWarning, match="varies like a colour"):
        pixels, valid = opened(near_infrared)
    np.testing.assert_array_equal(pixels, bands[:3].transpose(1, 2, 0))
    assert valid is None
    bands[3] = 255
    bands[3, :, :9] = 0
    _, valid = opened(write_raster(tmp_path / "alpha.tif", bands, **profile))
    assert not valid[:, :9].any() and valid[:, 9:].all()


def test_a_palette_becomes_its_colours(tmp_path):
    classes = random_bands(1, 30, 40, most=3)
    path = write_raster(tmp_path / "classes.tif", classes)
    colours = {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 99, 0), 3: (1, 2, 3)}
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {number: (*colour, 255) for number, colour in colours.items()})
    pixels, _ = opened(path)
    np.testing.assert_array_equal(pixels, np.array(list(colours.values()), np.uint8)[classes[0]])


def test_a_vrt_is_read_and_has_its_place(rgb, tmp_path):
    from rasterio.vrt import WarpedVRT

    path = tmp_path / "view.vrt"
    with rasterio.open(rgb) as source, WarpedVRT(source, crs="EPSG:3857") as warped:
        pytest.importorskip("rasterio.shutil").copy(warped, path, driver="VRT")
        expected = warped.read().transpose(1, 2, 0)
    placed = read_placed(path, DEFAULTS)
    assert placed.georeference.crs == "EPSG:3857"
    np.testing.assert_array_equal(
        placed.pixels, np.where(placed.valid[..., None], expected, 0) if placed.valid is not None else expected
    )


def test_plain_photos_are_not_read_by_gdal(tmp_path):
    from PIL import Image

    for name in ("a.jpg", "a.png", "a.tif"):
        Image.new("RGB", (20, 30)).save(tmp_path / name)
        assert not is_raster(tmp_path / name, DEFAULTS)
    assert not is_raster(tmp_path / "missing.tif", DEFAULTS)


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/a/field.tif", "/vsicurl/https://example.org/a/field.tif"),
        ("http://127.0.0.1:99/field.tif", "/vsicurl/http://127.0.0.1:99/field.tif"),
        ("s3://bucket/a/field.tif", "/vsis3/bucket/a/field.tif"),
        ("gs://bucket/field.tif", "/vsigs/bucket/field.tif"),
        ("/vsizip/maps.zip/field.tif", "/vsizip/maps.zip/field.tif"),
    ],
)
def test_addresses_become_gdal_s_names_also_from_a_path(address, name, kind):
    assert gdal_name(kind(address)) == name and is_raster(kind(address), DEFAULTS)


def test_a_photo_on_the_web_is_no_raster():
    assert not is_raster("https://example.org/cup.jpg", DEFAULTS) and not is_raster("s3://bucket/cup.png", DEFAULTS)


def test_a_damaged_raster_is_an_error_that_names_it(rgb, tmp_path):
    (tmp_path / "cut.tif").write_bytes(rgb.read_bytes()[:5000])
    with pytest.raises(ImageError, match=r"cut\.tif"):
        read_image(tmp_path / "cut.tif", stretch=(2, 98))


class RangeRequests(http.server.SimpleHTTPRequestHandler):
    """Serves files as S3 and web servers do, with parts; what was asked for is kept."""

    asked: list

    def do_GET(self):
        path = Path(self.directory) / self.path.lstrip("/").partition("?")[0]
        if not path.is_file():
            self.send_error(404)
            return
        data, size = path.read_bytes(), path.stat().st_size
        span = self.headers.get("Range")
        self.asked.append((self.command, self.path, span))
        first, last = 0, size - 1
        if span:
            first, last = (int(number) for number in span.removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[first : last + 1])

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *words):
        pass


@pytest.fixture
def web(tmp_path):
    """A local web server of a folder: its address, and the requests that it had."""
    asked = []
    handler = type("Handler", (RangeRequests,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *words: handler(*words, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_windows_are_read_over_the_web_without_the_whole_file(web, tmp_path):
    address, asked = web
    (tmp_path / "bucket").mkdir()
    bands = random_bands(3, 1500, 1500)
    write_raster(
        tmp_path / "bucket" / "field.tif", bands, photometric="RGB", tiled=True, blockxsize=256, blockysize=256
    )
    with open_raster(f"http://{address}/bucket/field.tif") as raster:
        part = raster.read(slice(600, 700), slice(1300, 1450))
        assert raster.georeference.crs == UTM
    np.testing.assert_array_equal(part, bands[:, 600:700, 1300:1450].transpose(1, 2, 0))
    assert asked and all(span for command, _, span in asked if command == "GET")
    with pytest.raises(ImageError, match=r"missing\.tif"), open_raster(f"http://{address}/missing.tif"):
        pass


def test_windows_are_read_from_an_object_store(web, tmp_path, monkeypatch):
    address, asked = web
    (tmp_path / "bucket").mkdir()
    bands = random_bands(3, 600, 600)
    write_raster(
        tmp_path / "bucket" / "field.tif", bands, photometric="RGB", tiled=True, blockxsize=256, blockysize=256
    )
    settings = {
        "AWS_S3_ENDPOINT": address,
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with open_raster("s3://bucket/field.tif") as raster:
        np.testing.assert_array_equal(raster.read(slice(0, 90), slice(0, 80)), bands[:, :90, :80].transpose(1, 2, 0))
    assert any("/bucket/field.tif" in path for _, path, _ in asked)


def test_another_page_than_the_first_is_refused(rgb):
    path = rgb[0] if isinstance(rgb, tuple) else rgb
    with pytest.raises(ImageError, match="page 5 was asked for"), open_raster(path, ReadOptions(page=5)):
        pass


def test_a_range_beyond_a_type_scales_its_values():
    values = np.array([[[0], [255]]], np.uint8)
    assert ValueRange(0, 4095).to_8_bit(values).ravel().tolist() == [0, 16]


def test_features_of_an_image_whose_masks_cannot_be_stored_are_refused_at_once(tmp_path):
    path = tmp_path / "huge.tif"
    side = {"width": 100_000, "height": 100_000, "count": 1, "dtype": "uint8", "tiled": True, "sparse_ok": True}
    transform = rasterio.Affine(*NORTH_UP)
    with rasterio.open(path, "w", driver="GTiff", crs=UTM, transform=transform, bigtiff="yes", **side):
        pass
    with pytest.raises(ImageError, match="cannot be stored"):
        features_in_tiles(tiny_segmenter(), path, VectorPrompts("none", (), ()), tmp_path)
