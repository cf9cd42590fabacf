"""Objects followed and joined through stacks, with an engine that sees."""

import csv
import warnings

import numpy as np
import pytest

from hqsam.errors import ImageError, OptionError, OutputError, PromptError
from hqsam.images.stacks.open_stack import open_stack
from hqsam.volumes.results import check_formats
from tests.images.stacks.files import with_notes, write_dicom_series, write_nifti, write_ome_tiff
from tests.predict.seeing import seeing_segmenter
from tests.storage.killing import run_until_it_says_ready_and_kill
from tests.volumes.stacks import BALLS, PLANES, SIZE_HW, balls, box_around, iou, moving, tiff_of_balls, zarr_of_balls

pytest.importorskip("tifffile", reason="needs hqsam[science]")
EVERYTHING = {"points_per_side": 8, "stability_score_thresh": 0.5}


@pytest.fixture
def segmenter():
    return seeing_segmenter()[0]


def test_a_ball_is_followed_from_its_middle_to_both_ends(segmenter, tmp_path):
    _, masks = balls()
    with segmenter.open_volume(tiff_of_balls(tmp_path / "cells.ome.tif")) as volume:
        volume.add(5, box=box_around(masks[0][5]), label="nucleus")
        found = volume.follow()
    assert len(found) == 1 and found.labels == ("nucleus",) and 0 < found.scores[0] <= 1
    assert iou(found.mask(0), masks[0]) > 0.85
    slices = sorted(found.masks[0])
    assert slices == list(range(slices[0], slices[-1] + 1)) and slices[0] in (1, 2) and slices[-1] in (8, 9)


def test_two_objects_prompted_on_different_slices_keep_apart(segmenter, tmp_path):
    _, masks = balls()
    seen = []
    with segmenter.open_volume(tiff_of_balls(tmp_path / "cells.ome.tif")) as volume:
        volume.add(4, box=box_around(masks[0][4]))
        volume.add(11, mask=masks[1][11])
        found = volume.follow(progress=lambda done, total: seen.append((done, total)))
    assert [iou(found.mask(row), masks[row]) > 0.85 for row in range(2)] == [True, True]
    assert seen[-1] == (PLANES, PLANES) and seen == sorted(seen)


def test_slices_beyond_the_end_are_not_encoded(segmenter, tmp_path):
    _, masks = balls(which=BALLS[:1])
    path = write_ome_tiff(tmp_path / "one.ome.tif", balls(which=BALLS[:1])[0], "ZYX")
    segmenter, engine = seeing_segmenter()
    with segmenter.open_volume(path) as volume:
        volume.add(5, mask=masks[0][5])
        volume.follow()
    assert len(engine.encoded_sizes) <= 12  # of 16: seven with the ball, and a few that say it ended


def test_an_object_that_jumps_is_another_one_in_depth_and_the_same_in_time(segmenter, tmp_path):
    values, masks = moving()
    values[4:] = np.roll(values[4:], 40, axis=2)  # it jumps by more than its width
    path = write_ome_tiff(tmp_path / "jump.ome.tif", values, "ZYX")
    with segmenter.open_volume(path) as volume:
        volume.add(0, mask=masks[0])
        assert max(volume.follow(least_overlap=0.3).masks[0]) == 3


def test_slices_between_two_prompts_are_followed_to_from_both(segmenter, tmp_path):
    values, masks = moving()
    masks[4:] = np.roll(masks[4:], 30, axis=2)
    values[4:] = np.roll(values[4:], 30, axis=2)
    values[4:7] |= np.roll(values[3], 18, axis=0)  # another object, nearer to where the first one was last seen
    path = write_ome_tiff(tmp_path / "jump.ome.tif", values, "ZYX")
    with segmenter.open_volume(path) as volume:
        cell = volume.add(0, mask=masks[0])
        volume.correct(cell, 7, mask=masks[7])
        found = volume.follow(least_overlap=0.4)
    assert sorted(found.masks[0]) == list(range(8))
    assert all(iou(found.mask(0)[plane], masks[plane]) > 0.85 for plane in range(8))


def test_objects_in_time_may_move(segmenter, tmp_path):
    values, masks = moving()
    path = write_ome_tiff(tmp_path / "film.ome.tif", values, "TYX")
    with segmenter.open_volume(path, along="t") as volume:
        volume.add(3, mask=masks[3])
        found = volume.follow()
        paths = found.save(tmp_path / "out", "labels", "measured")
    assert sorted(found.masks[0]) == list(range(8))
    assert all(iou(found.mask(0)[t], masks[t]) > 0.85 for t in range(8))
    rows = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert [row["time"] for row in rows] == [str(30.0 * t) for t in range(8)]
    speeds = np.diff([float(row["centroid_x"]) for row in rows])
    assert speeds == pytest.approx(6 * 0.25, abs=0.3)
    with open_stack(paths[0]) as labels:
        assert labels.layout.count("t") == 8 and labels.layout.steps["t"] == 30


def test_everything_is_joined_to_objects(segmenter, tmp_path):
    _, masks = balls()
    seen = []
    with segmenter.open_volume(tiff_of_balls(tmp_path / "cells.ome.tif")) as volume:
        found = volume.everything(min_planes=2, progress=lambda *counts: seen.append(counts), **EVERYTHING)
    assert len(found) == 2 and seen == [(done, PLANES) for done in range(1, PLANES + 1)]
    for mask in masks:
        assert max(iou(found.mask(row), mask) for row in range(2)) > 0.85
    some = found[found.voxels == found.voxels.max()]
    assert len(some) == 1 and some.on_plane(5).columns["object"].tolist() == [0]


def test_what_covers_most_of_a_slice_is_background(segmenter, tmp_path):
    values, _ = balls()
    path = write_ome_tiff(tmp_path / "dark.ome.tif", 255 - values, "ZYX")
    with segmenter.open_volume(path) as volume:
        assert len(volume.everything(stop=1, **EVERYTHING)) == 0
        assert len(volume.everything(stop=1, most_share=1.0, **EVERYTHING)) == 1


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_and_table_of_an_ome_zarr(segmenter, tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = zarr_of_balls(tmp_path / "cells.ome.zarr", version)
    with segmenter.open_volume(path) as volume:
        found = volume.everything(min_planes=2, **EVERYTHING)
    labels, table = found.save(tmp_path / "out", "labels", "measured", labels="nuclei")
    assert labels == path / "labels" / "nuclei" and table == tmp_path / "out" / "cells_measured.csv"
    written = zarr.open_group(str(labels), mode="r")["0"][:]
    for row in range(2):
        np.testing.assert_array_equal(written == row + 1, found.mask(row))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for row, mask in zip(rows, (found.mask(0), found.mask(1)), strict=True):
        assert float(row["volume"]) == pytest.approx(mask.sum() * 2.0 * 0.25 * 0.25) and row["unit"] == "micrometer"
        centre = [float(row[f"centroid_{axis}"]) for axis in "zyx"]
        assert centre == pytest.approx(
            [np.nonzero(mask)[axis].mean() * step for axis, step in enumerate((2, 0.25, 0.25))]
        )
        values = balls()[0][mask]
        assert (float(row["mean_0"]), float(row["min_0"])) == pytest.approx((values.mean(), values.min()))


def test_labels_of_a_scan_are_a_nifti_with_its_affine(segmenter, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values, masks = balls()
    scan = write_nifti(tmp_path / "brain.nii.gz", values.transpose(2, 1, 0))
    volume, said = with_notes(lambda: segmenter.open_volume(scan))
    assert "no medical device" in said
    volume.add(5, mask=masks[0][5])
    [path] = volume.follow().save(tmp_path / "out")
    volume.close()
    written = nibabel.load(path)
    assert path.name == "brain_labels.nii.gz"
    np.testing.assert_array_equal(written.affine, nibabel.load(scan).affine)
    assert iou(np.asarray(written.dataobj).transpose(2, 1, 0) == 1, masks[0]) > 0.85


def test_objects_of_a_dicom_series_are_a_dicom_segmentation(segmenter, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    values, masks = balls()
    scan = write_dicom_series(tmp_path / "ct", values, FrameOfReferenceUID=highdicom.UID())
    volume, _ = with_notes(lambda: segmenter.open_volume(scan))
    volume.add(5, mask=masks[0][5], label="ball")
    found = volume.follow()
    volume.close()
    [path] = found.save(tmp_path / "out", "dicom_seg")
    seg = highdicom.seg.segread(path)
    assert path.name == "ct_seg.dcm" and [one.SegmentLabel for one in seg.SegmentSequence] == ["ball"]
    assert seg.get_volume(combine_segments=True).array.sum() == found.voxels[0]
    with pytest.raises(OptionError, match="is no DICOM series"):
        check_formats(tiff_of_balls(tmp_path / "cells.ome.tif"), tmp_path, ["dicom_seg"], "hqsam")


def test_one_label_image_is_the_same_in_all_formats(segmenter, tmp_path):
    tifffile, nibabel = pytest.importorskip("tifffile"), pytest.importorskip("nibabel")
    with segmenter.open_volume(tiff_of_balls(tmp_path / "cells.ome.tif")) as volume:
        found = volume.everything(min_planes=2, **EVERYTHING)
    tiff, nifti = found.save(tmp_path, "ome_tiff", "nifti")
    expected = np.stack([found.label_plane(z) for z in range(PLANES)])
    np.testing.assert_array_equal(tifffile.imread(tiff), expected)
    image = nibabel.load(nifti)
    np.testing.assert_array_equal(np.asarray(image.dataobj), expected.transpose(2, 1, 0))
    assert image.header.get_zooms() == pytest.approx((0.25, 0.25, 2.0)) and expected.shape[1:] == SIZE_HW
    with pytest.raises(OptionError, match="is none; choose ome_tiff"):
        found.save(tmp_path, "ome_zarr")


def test_results_do_not_go_into_the_image(segmenter, tmp_path):
    path = zarr_of_balls(tmp_path / "cells.ome.zarr")
    with segmenter.open_volume(path) as volume:
        found = volume.everything(stop=3, **EVERYTHING)
    with pytest.raises(OutputError, match="lies within"):
        found.save(path / "labels", "measured")
    with pytest.raises(OptionError, match="no format"):
        found.save(tmp_path, "png")


def test_the_channel_that_is_asked_for_is_looked_at(segmenter, tmp_path):
    values, masks = balls()
    both = np.stack([np.zeros_like(values), values])
    path = write_ome_tiff(tmp_path / "cells.ome.tif", both, "CZYX")
    with segmenter.open_volume(path, channels=("GFP",)) as volume:
        volume.add(5, box=box_around(masks[0][5]))
        assert iou(volume.follow().mask(0), masks[0]) > 0.85


def test_mistakes_are_told(segmenter, tmp_path):
    path = tiff_of_balls(tmp_path / "cells.ome.tif")
    with pytest.raises(OptionError, match="along"):
        segmenter.open_volume(path, along="c")
    with pytest.raises(ImageError, match="nothing to go through along t"):
        segmenter.open_volume(path, along="t")
    with segmenter.open_volume(path) as volume:
        with pytest.raises(PromptError, match="no object to follow"):
            volume.follow()
        with pytest.raises(ImageError, match="frame 16"):
            volume.add(16, box=(0, 0, 9, 9))
        with pytest.raises(OptionError, match="share"):
            volume.everything(most_share=0)


def test_a_stack_is_a_video_for_track(segmenter, tmp_path):
    values, masks = moving()
    path = write_ome_tiff(tmp_path / "film.ome.tif", values, "TYX")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        video = segmenter.open_video(path)
    video.add(frame=0, mask=masks[0])
    followed = list(video.track())
    assert [iou(frame.mask(0), mask) > 0.85 for frame, mask in zip(followed, masks, strict=True)] == [True] * 8
    assert followed[2].image_name == "t00002.png" and video.frames.seconds(2) == 60
    video.close()


_RUN = """
import sys, time
from pathlib import Path
from tests.predict.seeing import seeing_segmenter
from tests.storage.killing import run_until_it_says_ready_and_kill

def progress(done, total):
    if done == 7:
        print("ready", flush=True)
        time.sleep(60)

with seeing_segmenter()[0].open_volume(Path({path!r})) as volume:
    volume.everything(journal={journal!r}, progress=progress, points_per_side=8, stability_score_thresh=0.5)
"""


def test_a_killed_search_goes_on_where_it_was_with_the_same_result(tmp_path):
    path, journal = tiff_of_balls(tmp_path / "cells.ome.tif"), tmp_path / "cells.journal"
    run_until_it_says_ready_and_kill(_RUN.format(path=str(path), journal=str(journal)))
    with journal.open("ab") as file:
        file.write(b'{"plane": 7, "obj')  # a kill in the middle of writing
    at_once, resumed = (seeing_segmenter() for _ in range(2))
    with at_once[0].open_volume(path) as volume:
        expected = volume.everything(**EVERYTHING)
    seen = []
    with resumed[0].open_volume(path) as volume:
        found = volume.everything(journal=journal, progress=lambda *counts: seen.append(counts), **EVERYTHING)
    assert len(resumed[1].encoded_sizes) == PLANES - 7 and len(at_once[1].encoded_sizes) == PLANES
    assert seen == [(done, PLANES) for done in range(1, PLANES + 1)]
    assert found.masks == expected.masks and found.scores.tolist() == expected.scores.tolist() and len(found) == 2
    tables = [one.save(tmp_path / name, "measured")[0].read_text() for name, one in (("a", found), ("b", expected))]
    assert tables[0] == tables[1]


def test_planes_of_an_earlier_search_may_be_joined_otherwise(tmp_path):
    path, journal = tiff_of_balls(tmp_path / "cells.ome.tif"), tmp_path / "cells.journal"
    segmenter, engine = seeing_segmenter()
    with segmenter.open_volume(path) as volume:
        found = volume.everything(journal=journal, **EVERYTHING)
        shorter = volume.everything(journal=journal, stop=6, min_planes=3, **EVERYTHING)
    assert len(engine.encoded_sizes) == PLANES
    assert sorted(shorter.masks[0]) == [plane for plane in sorted(found.masks[0]) if plane < 6]


def test_the_journal_of_another_search_is_not_gone_on_with(segmenter, tmp_path):
    path, journal = tiff_of_balls(tmp_path / "cells.ome.tif"), tmp_path / "cells.journal"
    with segmenter.open_volume(path) as volume:
        volume.everything(journal=journal, stop=2, **EVERYTHING)
        with pytest.raises(OutputError, match="unfinished run with other settings"):
            volume.everything(journal=journal, **EVERYTHING | {"points_per_side": 4})
        with pytest.raises(OutputError, match="unfinished run with other most_share"):
            volume.everything(journal=journal, most_share=0.9, **EVERYTHING)
    write_ome_tiff(path, balls(which=BALLS[:1])[0], "ZYX")
    with (
        segmenter.open_volume(path) as volume,
        pytest.raises(OutputError, match="unfinished run with other content"),
    ):
        volume.everything(journal=journal, **EVERYTHING)
