"""A video unpacked into a folder of JPEGs."""

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import OutputError
from hqsam.video.frames.unpack import unpack
from tests.video.clips import gray_frames, write_video

pytest.importorskip("av")


def test_frames_are_written_once_and_an_interrupted_call_goes_on(tmp_path):
    video, folder, seen = write_video(tmp_path / "clip.mp4", gray_frames(6)), tmp_path / "frames", []
    assert unpack(video, folder, lambda done, total: seen.append((done, total))) == 6
    assert seen == [(number, 6) for number in range(1, 7)]
    files = sorted(file.name for file in folder.glob("*.jpg"))
    assert files == [f"{number:05d}.jpg" for number in range(6)]
    pixels = np.asarray(Image.open(folder / "00004.jpg")).astype(int)
    assert abs(pixels[50, 60].mean() - 4 * 6) < 4
    (folder / "00002.jpg").unlink()
    time = (folder / "00001.jpg").stat().st_mtime_ns
    unpack(video, folder)
    assert (folder / "00002.jpg").is_file()
    assert (folder / "00001.jpg").stat().st_mtime_ns == time


def test_a_folder_of_another_video_is_refused(tmp_path):
    unpack(write_video(tmp_path / "clip.mp4", gray_frames(3)), tmp_path / "frames")
    with pytest.raises(OutputError, match="has the frames of"):
        unpack(write_video(tmp_path / "clip.mp4", gray_frames(5)), tmp_path / "frames")
