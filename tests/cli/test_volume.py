"""`hqsam volume`, and stacks in the other commands."""

import csv
import json

import numpy as np
import pytest

from hqsam.formats.files import write_png
from tests.images.stacks.files import write_ome_tiff, write_ome_zarr
from tests.volumes.stacks import balls, tiff_of_balls, zarr_of_balls

pytest.importorskip("zarr", reason="needs hqsam[science]")


@pytest.fixture
def run(hqsam, tiny_file, tmp_path, monkeypatch):
    """Run a command with a tiny model, whose weights are random, on the CPU."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return hqsam(*words, "--model", tiny_file, "--device", "cpu", "--precision", "float32")

    return call


def test_a_prompt_on_a_slice_gives_labels_and_a_table(run, tmp_path):
    tiff_of_balls(tmp_path / "cells.ome.tif")
    finished = run("volume", "cells.ome.tif", "--box", "11,16,59,64", "--z", "5", "--start", "4", "--stop", "7")
    assert finished.code == 0, finished.err
    assert finished.out.splitlines() == ["1 object", "out/cells_labels.ome.tif", "out/cells_measured.csv"]
    labels = pytest.importorskip("tifffile").imread(tmp_path / "out" / "cells_labels.ome.tif")
    assert labels.shape == balls()[0].shape and labels[5].any() and not labels[8:].any()


def test_a_label_names_the_objects_of_a_mask_file(run, tmp_path):
    tiff_of_balls(tmp_path / "cells.ome.tif")
    write_png(tmp_path / "mask.png", balls()[1][0][5].astype(np.uint8) * 255)
    words = ("--mask", "mask.png", "--z", "5", "--start", "5", "--stop", "6", "--format", "measured")
    for name, label in (("object", ()), ("nucleus", ("--label", "nucleus"))):
        assert run("volume", "cells.ome.tif", *words, *label).code == 0
        rows = list(csv.DictReader((tmp_path / "out" / "cells_measured.csv").read_text().splitlines()))
        assert [row["label"] for row in rows] == [name]


def test_everything_goes_into_the_ome_zarr(run, tmp_path):
    path = zarr_of_balls(tmp_path / "cells.ome.zarr")
    words = ("--stop", "2", "--points-per-side", "4", "--min-score", "0", "--min-stability", "0", "--labels", "cells")
    finished = run("volume", "cells.ome.zarr", *words)
    assert finished.code == 0, finished.err
    assert (path / "labels" / "cells" / "zarr.json").is_file()
    count = int(finished.out.split()[0])
    rows = list(csv.DictReader((tmp_path / "out" / "cells_measured.csv").read_text().splitlines()))
    assert len(rows) == count
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["cells_measured.csv"]


def test_a_search_that_was_killed_goes_on(run, tmp_path, monkeypatch):
    tiff_of_balls(tmp_path / "cells.ome.tif")
    words = ("--points-per-side", "2", "--min-score", "0", "--min-stability", "0", "--most-share", "1")
    words += ("--stop", "3", "--format", "labels")
    assert run("volume", "cells.ome.tif", *words, "--out", "at once").code == 0
    with monkeypatch.context() as patched:
        patched.setattr("hqsam.volumes.volume_objects.VolumeObjects.save", _killed)
        with pytest.raises(_Killed):
            run("volume", "cells.ome.tif", *words)
    journal = tmp_path / "out" / "cells.ome.tif_planes.journal"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    finished = run("volume", "cells.ome.tif", *words)
    assert finished.code == 0, finished.err
    assert not journal.exists()
    imread = pytest.importorskip("tifffile").imread
    at_once, resumed = (imread(tmp_path / folder / "cells_labels.ome.tif") for folder in ("at once", "out"))
    assert at_once.any()
    np.testing.assert_array_equal(at_once, resumed)


class _Killed(BaseException):
    pass


def _killed(*_, **__):
    raise _Killed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--z", "99"), "z=0 to 15"),
        (("--along", "t"), "nothing to go through along t"),
        (("--channel", "3"), "3 was asked for"),
        (("--box", "500,500,600,600"), "outside"),
        (("--format", "png"), "no format"),
        (("--format", "ome_zarr"), "is none"),
    ],
)
def test_mistakes_are_told_before_the_model_is_loaded(run, tmp_path, words, said):
    tiff_of_balls(tmp_path / "cells.ome.tif")
    finished = run("volume", "cells.ome.tif", *words)
    assert finished.code in (1, 2) and said in finished.err and "model:" not in finished.err, finished.err
    assert not (tmp_path / "out").exists()


def test_segment_and_everything_take_a_plane(run, tmp_path):
    values = np.stack([np.zeros_like(balls()[0]), balls()[0]])
    write_ome_tiff(tmp_path / "cells.ome.tif", values, "CZYX")
    plane = ("--channel", "GFP", "--z", "5", "--t", "0")
    formats = ("--format", "coco,measured,ome_tiff")
    finished = run("segment", "cells.ome.tif", "--box", "11,16,59,64", *plane, *formats)
    assert finished.code == 0, finished.err
    assert "note" not in finished.err
    [row] = csv.DictReader((tmp_path / "out" / "cells.ome_measured.csv").read_text().splitlines())
    assert row["unit"] == "micrometer" and {"mean_DAPI", "mean_GFP"} <= set(row)
    assert json.loads((tmp_path / "out" / "cells.ome_coco.json").read_text())["images"][0]["width"] == 128
    finished = run("everything", "cells.ome.tif", "--points-per-side", "2", "--format", "coco")
    assert finished.code == 0 and "z=8 was read" in finished.err, finished.err


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_tiles_of_an_ome_zarr_become_its_labels(run, tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = write_ome_zarr(tmp_path / "cells.ome.zarr", balls()[0], "zyx", version)
    words = ("--tile", "64", "--points-per-side", "2", "--min-score", "0", "--min-stability", "0", "--z", "5")
    finished = run("tiles", "cells.ome.zarr", *words, "--labels", "nuclei")
    assert finished.code == 0, finished.err
    [coco] = (tmp_path / "out").glob("*_coco.json")
    written = zarr.open_group(str(path / "labels" / "nuclei"), mode="r")["0"][:]
    numbers = {each["id"] for each in json.loads(coco.read_text())["annotations"]}
    assert set(np.unique(written[5]).tolist()) - {0} <= numbers and written[5].any()
    assert not written[:5].any() and not written[6:].any()
    finished = run("tiles", "cells.ome.zarr", *words, "--out", "cells.ome.zarr/more")
    assert finished.code != 0 and "lies within" in finished.err


def test_tiles_of_an_ome_tiff_become_an_ome_tiff(run, tmp_path):
    tiff_of_balls(tmp_path / "cells.ome.tif")
    finished = run("tiles", "cells.ome.tif", "--tile", "64", "--points-per-side", "2", "--min-score", "0", "--z", "5")
    assert finished.code == 0, finished.err
    with pytest.importorskip("tifffile").TiffFile(tmp_path / "out" / "cells.ome_labels.ome.tif") as file:
        assert file.is_ome and 'PhysicalSizeX="0.25"' in file.ome_metadata


def test_a_folder_of_stacks_is_found(run, tmp_path):
    (tmp_path / "plate").mkdir()
    zarr_of_balls(tmp_path / "plate" / "one.ome.zarr")
    tiff_of_balls(tmp_path / "plate" / "two.ome.tif")
    finished = run("everything", "plate", "--points-per-side", "2", "--format", "coco", "--json", "--z", "5")
    assert finished.code == 0, finished.err
    assert [json.loads(line)["image"] for line in finished.out.splitlines()] == [
        "plate/one.ome.zarr",
        "plate/two.ome.tif",
    ]
