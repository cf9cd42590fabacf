"""Results of videos in every format, read back by what reads such files."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageWarning, MissingExtra, OptionError, OutputError
from hqsam.evaluation.suites.davis import boxes_of_label_maps
from hqsam.evaluation.suites.suite import Split
from hqsam.evaluation.suites.ytvis import open_ytvis
from hqsam.formats import coco
from hqsam.masks.boundary import iou
from hqsam.masks.rle import decode
from hqsam.video.writers import WRITERS
from hqsam.video.writers.davis import PALETTE
from tests.predict.seeing import seeing_segmenter
from tests.video.clips import two_discs


@pytest.fixture(scope="module")
def video():
    """Two discs of which the second is prompted in the third frame, in frames 0 to 7."""
    frames, truth = two_discs(8)
    video = seeing_segmenter()[0].open_video(frames)
    video.add(frame=0, mask=truth[0][0], label="cup")
    video.add(frame=2, mask=truth[2][1], label="ball")
    list(video.track())
    return video


def test_label_maps_have_the_numbers_of_objects_in_the_palette_of_davis(video, tmp_path):
    assert video.save(tmp_path) == [tmp_path / "masks"]
    files = sorted((tmp_path / "masks").iterdir())
    assert [file.name for file in files] == [f"{t:05d}.png" for t in range(8)]
    for index, file in enumerate(files):
        frame = video.masks_of(index)
        with Image.open(file) as image:
            assert image.mode == "P"
            assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
            labels = np.asarray(image)
        assert set(np.unique(labels)) == {0, *frame.object_id.tolist()}
        assert all((labels == number).any() for number in frame.object_id)
    assert PALETTE[255] == (224, 224, 192)
    assert len(set(PALETTE)) == 256


def test_more_objects_than_a_label_map_counts_are_refused(tmp_path):
    frames, truth = two_discs(1)
    video = seeing_segmenter()[0].open_video(frames)
    video.next_id = 256
    video.add(mask=truth[0][0])
    with pytest.raises(OutputError, match="counts to 255"):
        video.save(tmp_path, "davis")


def test_ytvis_is_read_by_the_reader_of_ytvis(video, tmp_path):
    video.save(tmp_path, "ytvis")
    folder = tmp_path / "frames" / "video"
    folder.mkdir(parents=True)
    for name in (f"{t:05d}.jpg" for t in range(8)):
        Image.new("RGB", (128, 96)).save(folder / name)
    split = Split(name="ours", images="frames", truth="ytvis.json")
    samples = open_ytvis(tmp_path, split).samples
    assert [len(sample.targets()) for sample in samples] == [1, 1, 2, 2, 2, 2, 2, 2]
    for index, sample in enumerate(samples):
        for row, target in enumerate(sample.targets()):
            assert (target.truth == video.masks_of(index).mask(row)).all()
    content = json.loads((tmp_path / "ytvis.json").read_text())
    assert [one["name"] for one in content["categories"]] == ["ball", "cup"]
    assert content["annotations"][1]["segmentations"][:2] == [None, None]


def test_coco_has_numbers_of_the_video_of_frames_and_of_objects(video, tmp_path):
    video.save(tmp_path, "coco")
    content = json.loads((tmp_path / "coco.json").read_text())
    assert content["videos"][0]["length"] == 8
    assert [image["frame_id"] for image in content["images"]] == list(range(8))
    assert {image["video_id"] for image in content["images"]} == {1}
    assert len(content["annotations"]) == 14
    last = content["annotations"][-1]
    assert (last["instance_id"], last["track_id"], last["image_id"]) == (2, 2, 8)
    assert (decode(last["segmentation"]) == video.masks_of(7).mask(1)).all()
    assert [len(instances) for instances in coco.read(tmp_path / "coco.json")] == [1, 1, 2, 2, 2, 2, 2, 2]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX can limit the size of a file")
@pytest.mark.parametrize("name", ["davis", "ytvis", "coco", "csv", "overlay", "cutout", "cutout_png"])
def test_a_full_disk_leaves_no_half_written_result(video, tmp_path, name):
    import resource

    if WRITERS[name].needs_pyav:
        pytest.importorskip("av")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, hard))
    try:
        with pytest.raises(OutputError):
            video.save(tmp_path, name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert len(video.masks_of(7)) == 2


def test_the_table_has_a_line_for_each_object_in_each_frame(tmp_path):
    frames, truth = two_discs(30)  # both leave the picture
    video = seeing_segmenter()[0].open_video(frames)
    video.add(mask=truth[0][0])
    with pytest.warns(ImageWarning, match="not seen"):
        list(video.track())
    video.save(tmp_path, "csv")
    rows = list(csv.DictReader((tmp_path / "tracks.csv").read_text().splitlines()))
    assert len(rows) == 30
    assert (rows[0]["status"], rows[0]["label"], int(rows[0]["area"])) == ("prompted", "object", truth[0][0].sum())
    assert [int(rows[0][side]) for side in ("x0", "y0", "x1", "y1")] == video.masks_of(0).boxes[0].tolist()
    assert (rows[-1]["status"], rows[-1]["area"], rows[-1]["x0"]) == ("absent", "0", "")


def test_the_overlay_is_a_video_with_the_colour_of_each_object(video, tmp_path):
    av = pytest.importorskip("av")
    video.save(tmp_path, "overlay")
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        drawn = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert len(drawn) == 8
    inside = video.masks_of(5).mask(0)
    plain = np.asarray(video.read(5)).astype(int)
    assert np.abs(drawn[5].astype(int) - plain)[inside].mean() > 20
    beside = np.zeros_like(inside)
    beside[:10, 60:70] = True
    assert np.abs(drawn[5].astype(int) - plain)[beside].mean() < 5


def test_the_cutout_has_alpha_as_video_and_as_pngs(video, tmp_path):
    av = pytest.importorskip("av")
    video.save(tmp_path, "cutout", "cutout_png")
    files = sorted((tmp_path / "cutouts").iterdir())
    frame = video.masks_of(7)
    both = frame.mask(0) | frame.mask(1)
    with Image.open(files[7]) as image:
        alpha = np.asarray(image)[..., 3]
    assert iou(alpha > 127, both) > 0.97
    with av.open(str(tmp_path / "cutout.webm")) as container:
        decoder = av.codec.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder drops alpha
        frames = [one for packet in container.demux(video=0) for one in decoder.decode(packet if packet.size else None)]
        shown = [one.to_ndarray(format="rgba") for one in frames]
    assert len(shown) == 8
    assert iou(shown[7][..., 3] > 127, both) > 0.9


def test_odd_sizes_and_a_rate_that_varies_can_be_written(tmp_path):
    av = pytest.importorskip("av")
    frames, truth = two_discs(5, (97, 129))
    video = seeing_segmenter()[0].open_video(frames)
    video.add(mask=truth[0][0])
    list(video.track(every=2))
    video.save(tmp_path, "overlay")
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        decoded = list(container.decode(video=0))
    assert [round(float(frame.time) * 1000) for frame in decoded] == [0, 80, 160]
    assert (decoded[0].height, decoded[0].width) == (98, 130)


def test_unknown_formats_and_missing_packages_are_said_before_anything_is_written(video, tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="choose from davis"):
        video.save(tmp_path / "out", "davis", "avi")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtra, match=r"hqsam\[video\]"):
        video.save(tmp_path / "out", "davis", "overlay")
    assert not (tmp_path / "out").exists()


def test_our_label_maps_are_answers_of_a_tracker_for_the_davis_suite(video, tmp_path):
    from hqsam.evaluation.samples import EvaluationSample

    video.save(tmp_path / "bear", "davis")
    (tmp_path / "bear" / "masks").rename(tmp_path / "answers")
    (tmp_path / "answers" / "clip").mkdir()
    for file in list((tmp_path / "answers").glob("*.png")):
        file.rename(tmp_path / "answers" / "clip" / file.name)
    frame = Path(tmp_path / "00003.jpg")
    Image.new("RGB", (128, 96)).save(frame)
    sample = EvaluationSample("clip/00003", frame, list, about={"video_id": "clip"})
    boxes = dict(boxes_of_label_maps(tmp_path / "answers", [sample])["clip/00003"])
    assert {number: list(box) for number, box in boxes.items()} == {
        number: video.masks_of(3).boxes[number - 1].tolist() for number in (1, 2)
    }


def test_a_disk_that_is_full_leaves_no_half_video(video, tmp_path, monkeypatch):
    pytest.importorskip("av")
    from hqsam.video.writers import video_encoder

    def full(path, mode):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video_encoder.require("av", extra="video"), "open", full)
    with pytest.raises(OutputError, match="the disk is full"):
        video.save(tmp_path / "out", "overlay")
    assert list((tmp_path / "out").iterdir()) == []
