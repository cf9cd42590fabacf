"""Frames that are images: folders, patterns, lists and arrays."""

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError, ImageWarning
from hqsam.video.frames import open_frames
from hqsam.video.frames.live import LiveFrames


@pytest.fixture
def folder(tmp_path):
    for number in (10, 1, 2):
        Image.new("RGB", (20, 10), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no frame")
    return tmp_path


def reds(video):
    return [int(video.read(number)[0, 0, 0]) for number in range(len(video))]


def test_the_frames_of_a_folder_are_in_the_order_of_their_numbers(folder):
    video = open_frames(folder)
    assert reds(video) == [1, 2, 10]
    assert (video.size_hw, video.frame_name(2), video.name) == ((10, 20), "10.png", folder.name)


def test_in_place_of_a_damaged_file_comes_the_one_before_and_a_warning_but_not_of_one_that_is_gone(folder):
    video = open_frames(folder)
    for name in ("2.png", "10.png"):
        (folder / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.warns(ImageWarning, match=r"10\.png \(frame 2 of .*\) is damaged; 1\.png is used in its place"):
        assert video.read(2)[0, 0, 0] == 1
    (folder / "10.png").unlink()
    with pytest.raises(ImageError, match=r"10\.png"):
        video.read(2)
    (folder / "1.png").write_bytes(b"damaged")
    with pytest.raises(ImageError, match=r"1\.png"):
        video.read(0)


def test_a_pattern_names_frames(folder):
    assert reds(open_frames(str(folder / "1*.png"))) == [1, 10]
    with pytest.raises(ImageError, match="no image for the pattern"):
        open_frames(str(folder / "*.jpg"))


def test_lists_of_paths_of_images_and_of_arrays_are_videos(folder):
    paths = [folder / "2.png", folder / "1.png"]
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    for video in (paths, [Image.open(path) for path in paths], list(arrays), arrays):
        assert reds(open_frames(video)) == [2, 1]


def test_frames_of_another_size_are_refused_when_they_come(folder):
    Image.new("RGB", (21, 10)).save(folder / "11.png")
    video = open_frames(folder)
    assert video.read(2).shape == (10, 20, 3)
    with pytest.raises(ImageError, match=r"frame 3 \(11.png\) is 21 x 10 .* 20 x 10"):
        video.read(3)


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ("missing.mp4", "there is no file"),
        ([], "empty"),
        (3, "int is no video"),
        (np.zeros((4, 4, 3), np.uint8), "frames, H, W, 3"),
    ],
)
def test_what_is_no_video_is_refused(video, words):
    with pytest.raises(ImageError, match=words):
        open_frames(video)


def test_an_empty_folder_and_a_single_image_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="no image in the folder"):
        open_frames(tmp_path / "empty")
    with pytest.raises(ImageError, match="single image"):
        open_frames(folder / "1.png")


def test_a_stream_holds_the_last_frames_and_refuses_other_sizes():
    live = LiveFrames(2)
    frame = np.zeros((10, 20, 3), np.uint8)
    for number in range(3):
        frame[:] = number  # the same array, as cameras do
        assert live.push(frame) == number
    assert reds_of(live) == [1, 2]
    with pytest.raises(ImageError, match="frame 0 of the stream is not held"):
        live.read(0)
    with pytest.raises(ImageError, match="frame 3 is 5 x 10"):
        live.push(frame[:, :5])
    assert len(live) == 3


def reds_of(live):
    return [int(live.read(number)[0, 0, 0]) for number in (1, 2)]
