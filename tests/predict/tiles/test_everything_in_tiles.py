"""Everything in a large photo, with an engine that sees."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.errors import OutputError
from hqsam.formats import coco
from hqsam.images.read_options import ReadOptions
from hqsam.masks.boundary import iou
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.tiles.everything_in_tiles import everything_in_tiles, journal_settings
from hqsam.predict.tiles.tile_run import TileOptions
from tests.predict.seeing import SeeingEngine, discs

CIRCLES = [(100, 90, 40), (230, 120, 60), (420, 300, 90), (60, 330, 30), (560, 60, 44)]
CONFIG = MaskGeneratorConfig(points_per_side=8, stability_score_thresh=0.8)


@pytest.fixture
def photo(tmp_path):
    """A tiled TIFF with discs, and the disc's masks in order of size."""
    pixels, masks = discs((400, 620), *CIRCLES)
    tifffile.imwrite(tmp_path / "photo.tif", pixels, photometric="rgb", tile=(64, 64), compression="zlib")
    return tmp_path / "photo.tif", masks


def run(photo, folder, engine=None, config=CONFIG, **options):
    tiles = TileOptions(**{"side": 256, "overlap": 0.25} | options)
    return everything_in_tiles(engine or SeeingEngine(), photo, folder, config, tiles)


def test_every_object_is_found_once_and_whole(photo, tmp_path):
    path, truths = photo
    result = run(path, tmp_path / "out")
    [found] = coco.read(result.coco)
    assert result.count == len(found) == len(truths)
    for truth in truths:
        assert max(iou(mask, truth) for mask in found.masks) > 0.85


def test_the_label_map_says_the_same_as_the_records(photo, tmp_path):
    result = run(photo[0], tmp_path / "out")
    labels = tifffile.imread(result.label_map)
    content = json.loads(result.coco.read_text())
    assert labels.dtype == np.uint32 and labels.shape == (400, 620)
    [found] = coco.read(result.coco)
    for annotation, one in zip(content["annotations"], found, strict=True):
        np.testing.assert_array_equal(labels == annotation["id"], one.mask(0))  # discs do not overlap
        assert 0.9 < annotation["score"] < 1 and annotation["tiles"] >= 1
    assert max(annotation["tiles"] for annotation in content["annotations"]) > 1


def test_the_label_map_is_a_tiled_tiff(photo, tmp_path):
    with tifffile.TiffFile(run(photo[0], tmp_path / "out").label_map) as file:
        assert file.pages[0].is_tiled and file.pages[0].compression.name == "ADOBE_DEFLATE"


def test_other_files_than_tiff_will_do(photo, tmp_path):
    path, truths = photo
    Image.fromarray(tifffile.imread(path)).save(tmp_path / "photo.png")
    assert run(tmp_path / "photo.png", tmp_path / "out").count == len(truths)


class Killed(BaseException):
    pass


def killed_after(tiles):
    """A progress that ends the run when so many tiles are done."""

    def stop(done, total):
        if done == tiles:
            raise Killed

    return stop


def test_a_killed_run_is_not_finished_with_other_weights(photo, tmp_path):
    with pytest.raises(Killed):
        run(photo[0], tmp_path / "out", progress=killed_after(2))
    other = SeeingEngine()
    other.digest = lambda: "other"
    with pytest.raises(OutputError, match="with other model;"):
        run(photo[0], tmp_path / "out", other)


def test_a_run_that_had_done_nothing_yet_stands_in_nobody_s_way(photo, tmp_path):
    path, truths = photo

    with pytest.raises(Killed):
        run(path, tmp_path / "out", progress=killed_after(0))
    assert run(path, tmp_path / "out", side=200).count == len(truths)


@pytest.mark.parametrize("mode", ["CMYK", "P", "1"])
def test_a_tiff_that_cannot_be_read_in_parts_is_read_as_a_whole(tmp_path, mode):
    pixels, truths = discs((300, 300), (100, 90, 40))
    Image.fromarray(pixels).convert(mode).save(tmp_path / "photo.tif")
    assert run(tmp_path / "photo.tif", tmp_path / "out").count == len(truths)
    Image.fromarray(pixels).save(tmp_path / "jpeg.tif", format="jpeg", quality=95)
    assert run(tmp_path / "jpeg.tif", tmp_path / "out").count == len(truths)


def test_a_killed_run_goes_on_where_it_was_with_the_same_result(photo, tmp_path):
    path, _ = photo
    expected = run(path, tmp_path / "at once")
    told = []

    def stop(done, total):
        told.append((done, total))
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        run(path, tmp_path / "out", progress=stop)
    assert not list((tmp_path / "out").glob("*_coco.json"))
    with (tmp_path / "out" / "photo_tiles.journal").open("ab") as journal:
        journal.write(b'{"tile": [1, 1], "obj')  # a kill in the middle of writing
    engine = SeeingEngine()
    result = run(path, tmp_path / "out", engine)
    assert len(engine.encoded_sizes) == told[-1][1] - 4
    assert result.coco.read_bytes() == expected.coco.read_bytes()
    np.testing.assert_array_equal(tifffile.imread(result.label_map), tifffile.imread(expected.label_map))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["photo_coco.json", "photo_labels.tif"]


def test_the_journal_of_other_work_is_not_gone_on_with(photo, tmp_path):
    with pytest.raises(Killed):
        run(photo[0], tmp_path / "out", progress=killed_after(2))
    with pytest.raises(OutputError, match="unfinished run with other side; finish that one, delete the file"):
        run(photo[0], tmp_path / "out", side=200)
    with pytest.raises(OutputError, match="other settings"):
        run(photo[0], tmp_path / "out", config=MaskGeneratorConfig(points_per_side=9, stability_score_thresh=0.8))


def test_a_photo_without_objects_gives_empty_results(tmp_path):
    tifffile.imwrite(tmp_path / "black.tif", np.zeros((300, 300, 3), np.uint8), photometric="rgb")
    result = run(tmp_path / "black.tif", tmp_path / "out")
    assert result.count == 0 and not tifffile.imread(result.label_map).any()
    assert json.loads(result.coco.read_text())["annotations"] == []


MEASURED = """
import resource, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {root!r})
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.tiles.everything_in_tiles import everything_in_tiles
from hqsam.predict.tiles.tile_run import TileOptions
from tests.predict.seeing import SeeingEngine

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

folder, before = Path({folder!r}), 0
for name in ("small", "large"):
    config = MaskGeneratorConfig(points_per_side=8, stability_score_thresh=0.8)
    result = everything_in_tiles(SeeingEngine(), folder / (name + ".tif"), folder, config, TileOptions())
    print(name, result.count, peak())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks the operating system for the peak as Unix counts it")
def test_memory_does_not_grow_with_the_photo(tmp_path, request):
    """Four times as wide and as high, 200 MB of pixels: the peak stays where it was, but for what is kept decoded."""
    tile, _ = discs((1024, 1024), (600, 400, 300), (180, 850, 120))
    pieces = [tile[top : top + 512, left : left + 512] for top in (0, 512) for left in (0, 512)]
    for name, times in (("small", 2), ("large", 8)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            file.write(
                (pieces[2 * (row % 2) + column % 2] for row in range(2 * times) for column in range(2 * times)),
                shape=(1024 * times, 1024 * times, 3),
                dtype=np.uint8,
                tile=(512, 512),
                photometric="rgb",
                compression="zlib",
            )
    code = MEASURED.format(root=str(request.config.rootpath), folder=str(tmp_path))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert told[1] == "8" and told[4] == "128"
    grown = int(told[5]) - int(told[2])
    assert grown < 160, f"{grown} MB more for a photo of 201 MB than for one of 13 MB"


def test_the_settings_of_a_run_have_the_fingerprint_that_0_1_gave_them():
    """So that a run that 0.1 began goes on."""
    named = journal_settings(SeeingEngine(), MaskGeneratorConfig(points_per_side=9), ReadOptions())
    assert named["settings"] == "ae1e869579941513"
