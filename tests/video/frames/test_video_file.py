"""Video files: any frame at any time, upright, also where a file is not as it should be."""

import struct
import warnings

import numpy as np
import pytest

from hqsam.errors import ImageError, ImageWarning, MissingExtra
from hqsam.video.frames import open_frames
from tests.video.clips import gray_frames, packets_of, write_video

pytest.importorskip("av")

STEP = 6


def number_in(frame):
    return round(float(frame[-10:, -10:].mean()) / STEP)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size_hw"),
    [
        ("clip.mp4", "libx264", "yuv420p", (64, 98)),
        ("clip.mov", "mpeg4", "yuv420p", (64, 98)),
        ("clip.webm", "libvpx-vp9", "yuv420p", (63, 97)),
        ("clip.avi", "mpeg4", "yuv420p", (64, 98)),
        ("odd.mp4", "libx264", "yuv444p", (63, 97)),
        ("clip.mkv", "ffv1", "yuv444p", (63, 97)),
    ],
)
def test_every_frame_of_a_file_is_found_in_any_order(tmp_path, name, codec, pixels, size_hw):
    path = write_video(tmp_path / name, gray_frames(size_hw=size_hw), codec, pixels)
    video = open_frames(path)
    assert (len(video), video.size_hw, video.name) == (30, size_hw, name)
    for number in [*range(30), 25, 3, 29, 0, 12]:
        assert number_in(video.read(number)) == number


def test_a_gif_is_a_video(tmp_path):
    video = open_frames(write_video(tmp_path / "clip.gif", gray_frames(8, step=30), "gif", "rgb8"))
    assert len(video) == 8
    assert video.read(7).mean() > video.read(0).mean()


def test_times_follow_a_rate_that_varies(tmp_path):
    times = np.cumsum([0, *([10, 90, 35] * 10)])[:30].tolist()
    video = open_frames(write_video(tmp_path / "varying.mp4", gray_frames(), times_ms=times))
    assert [number_in(video.read(number)) for number in (0, 7, 29, 13)] == [0, 7, 29, 13]
    assert video.seconds(29) == pytest.approx((times[29] - times[0]) / 1000, abs=0.002)


def test_far_frames_are_found_from_key_frames_and_frames_that_depend_on_later_ones(tmp_path):
    path = write_video(tmp_path / "long.mp4", gray_frames(200, step=1), bf="3", g="40")
    video = open_frames(path)
    for number in (180, 20, 199, 100):
        assert abs(float(video.read(number)[-10:, -10:].mean()) - number) < 1.5


def test_a_rotation_flag_turns_the_frames(tmp_path):
    path = write_video(tmp_path / "phone.mp4", gray_frames())
    data = bytearray(path.read_bytes())
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    place = data.find(upright, data.find(b"tkhd"))
    data[place : place + len(turned)] = turned
    path.write_bytes(data)
    video = open_frames(path)
    assert video.size_hw == (98, 64)
    frame = video.read(20)
    assert frame[3, -3, 0] > 200  # the red corner, which was above left
    assert number_in(frame) == 20


def test_in_place_of_a_damaged_frame_comes_the_one_before_and_a_warning(tmp_path):
    path = write_video(tmp_path / "damaged.mp4", gray_frames(), g="5", bf="0")
    data = bytearray(path.read_bytes())
    place, length = packets_of(path)[12]
    data[place : place + length] = np.random.default_rng(0).bytes(length)
    path.write_bytes(data)
    video = open_frames(path)
    with pytest.warns(ImageWarning, match="frame 12 of damaged.mp4 is damaged; frame 11"):
        assert number_in(video.read(12)) == 11
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)  # frames that depend on it
        assert len([video.read(number) for number in range(30)]) == 30
        assert [number_in(video.read(number)) for number in range(15, 30)] == list(range(15, 30))


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes_or_refused(tmp_path):
    path = write_video(tmp_path / "cut.mkv", gray_frames(), "ffv1", "yuv444p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        video = open_frames(path)
        assert 5 < len(video) < 30
        assert number_in(video.read(3)) == 3


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 4096])
def test_what_is_no_video_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(ImageError, match=r"clip\.mp4"):
        open_frames(tmp_path / "clip.mp4")


def test_one_frame_is_a_video(tmp_path):
    video = open_frames(write_video(tmp_path / "one.mp4", gray_frames(1)))
    assert len(video) == 1
    with pytest.raises(ImageError, match="no frame 1"):
        video.read(1)


def test_without_pyav_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.mp4", gray_frames(2))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtra, match=r"hqsam\[video\]"):
        open_frames(path)
