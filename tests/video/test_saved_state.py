"""A folder keeps the state of a video: work goes on there as if it had not stopped, also after a kill."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image
from safetensors import SafetensorError

from hqsam.errors import DataError, OutputError
from hqsam.video.track_store import TrackFile
from hqsam.weights import save
from tests.predict.seeing import seeing_segmenter
from tests.tiny import tiny_segmenter
from tests.video.clips import moving_disc, two_discs


def followed(video):
    return {frame.index: (frame.rle, frame.scores.tolist(), frame.status) for frame in video.track()}


def test_an_interrupted_video_goes_on_where_it_was(tmp_path):
    frames, truth = two_discs()
    segmenter, engine = seeing_segmenter()
    whole = segmenter.open_video(frames)
    first = segmenter.open_video(frames, results=tmp_path)
    for video in (whole, first):
        one = video.add(frame=0, mask=truth[0][0], label="right")
        video.add(frame=2, box=(90, 55, 110, 85), label="left")
        video.correct(one, frame=4, points=[(41, 26)], labels=[1])
    list(first.track(0, 6))
    first.close()
    second = segmenter.open_video(frames, results=tmp_path)
    before = len(engine.encoded_sizes)
    assert followed(second) == followed(whole)
    assert len(engine.encoded_sizes) - before == 6 + 12 - 3  # this one's last six; the three prompted were encoded
    assert second.masks_of(11).labels == ("right", "left")
    assert second.objects[1].prompted[4].prompt["points"].tolist() == [[41, 26]]
    assert second.add(frame=0, box=(1, 1, 50, 50)).object_id.tolist() == [3]


def test_every_prompt_is_saved_at_once(tmp_path):
    frames, _ = two_discs()
    first = seeing_segmenter()[0].open_video(frames, results=tmp_path)
    one = first.add(frame=0, box=(10, 10, 60, 50))
    first.correct(one, frame=0, points=[(41, 26)], labels=[1])
    second = seeing_segmenter()[0].open_video(frames, results=tmp_path)  # as after a kill: the first was not closed
    assert set(second.objects[1].prompted[0].prompt) == {"box", "points", "labels"}


def test_masks_that_were_written_after_the_last_state_are_found_again(tmp_path):
    frames, truth = moving_disc()
    segmenter, _ = seeing_segmenter()
    first = segmenter.open_video(frames, results=tmp_path)
    first.add(frame=0, mask=truth[0])
    state = (tmp_path / "state.safetensors").read_bytes()
    expected = followed(first)
    first.close()
    (tmp_path / "state.safetensors").write_bytes(state)
    with (tmp_path / "tracks.jsonl").open("a") as file:
        file.write('{"object": 1, "fra')  # killed while it wrote
    second = segmenter.open_video(frames, results=tmp_path)
    assert second.tracks.frames_of(1) == [0]
    assert followed(second) == expected


def test_a_killed_process_is_resumed(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from tests.tiny import tiny_segmenter
        from tests.video.clips import moving_disc
        frames, truth = moving_disc(200, step=(0.2, 0))
        video = tiny_segmenter().open_video(frames, results=sys.argv[1])
        video.add(frame=0, mask=truth[0])
        for frame in video.track():
            if frame.index == 3:
                Path(sys.argv[1], "started").touch()
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=os.environ | {"PYTHONPATH": _path()})
    deadline = time.monotonic() + 120
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 4 <= len((tmp_path / "tracks.jsonl").read_text().splitlines()) < 200
    frames, truth = moving_disc(200, step=(0.2, 0))
    resumed = tiny_segmenter().open_video(frames, results=tmp_path)
    assert resumed.object_ids == [1]
    whole = tiny_segmenter().open_video(frames)
    whole.add(frame=0, mask=truth[0])
    assert [frame.rle for frame in resumed.track(0, 30)] == [frame.rle for frame in whole.track(0, 30)]


def test_a_folder_of_another_video_or_with_damaged_files_is_refused(tmp_path):
    frames, truth = moving_disc()
    segmenter, _ = seeing_segmenter()
    video = segmenter.open_video(frames, results=tmp_path)
    video.add(frame=0, mask=truth[0])
    list(video.track())
    video.close()
    with pytest.raises(OutputError, match="another frames: 12, and this is 11"):
        segmenter.open_video(frames[:-1], results=tmp_path)
    with pytest.raises(OutputError, match="another model"):
        tiny_segmenter().open_video(frames, results=tmp_path)
    lines = (tmp_path / "tracks.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "tracks.jsonl").write_text("".join([lines[0], "damaged\n", *lines[2:]]))
    with pytest.raises(DataError, match="line 2 of"):
        segmenter.open_video(frames, results=tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="remove it to start anew"):
        segmenter.open_video(frames, results=tmp_path)


def test_frames_that_were_changed_under_the_same_names_are_noticed(tmp_path):
    frames, truth = moving_disc(4)
    folder, state = tmp_path / "clip", tmp_path / "state"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")
    segmenter, _ = seeing_segmenter()
    video = segmenter.open_video(folder, results=state)
    video.add(frame=0, mask=truth[0])
    video.close()
    assert len(segmenter.open_video(folder, results=state).masks_of(0)) == 1
    about = (folder / "2.png").stat()
    os.utime(folder / "2.png", ns=(about.st_atime_ns, about.st_mtime_ns + 5_000_000))
    with pytest.raises(OutputError, match="frames of clip were changed since"):
        segmenter.open_video(folder, results=state)
    in_memory = segmenter.open_video(frames, results=tmp_path / "other")
    in_memory.add(frame=0, mask=truth[0])
    in_memory.close()
    with pytest.raises(OutputError, match="were changed"):
        segmenter.open_video([frames[1], *frames[1:]], results=tmp_path / "other")


def test_a_full_disk_ends_following_with_the_reason_and_the_masks_before_are_whole(tmp_path, monkeypatch):
    frames, truth = moving_disc()
    segmenter, _ = seeing_segmenter()
    video = segmenter.open_video(frames, results=tmp_path)
    video.add(frame=0, mask=truth[0])
    list(video.track(0, 5))
    write = os.write

    def full(descriptor, data):
        if b'"frame": 7' in bytes(data):
            write(descriptor, data[:20])
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        list(video.track())
    monkeypatch.setattr(os, "write", write)
    assert len(list(segmenter.open_video(frames, results=tmp_path).track())) == 12


def test_a_full_disk_where_the_state_is_saved_is_told_in_words(tmp_path, monkeypatch):
    frames, truth = moving_disc(4)
    video = seeing_segmenter()[0].open_video(frames, results=tmp_path)

    def full(*_, **__):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(save, "save_file", full)
    with pytest.raises(OutputError, match=r"cannot write .*state\.safetensors.*No space left"):
        video.add(frame=0, mask=truth[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tracks.jsonl"]


def test_a_temporary_file_of_masks_goes_with_the_video():
    frames, truth = moving_disc(3)
    video = seeing_segmenter()[0].open_video(frames)
    video.add(frame=0, mask=truth[0])
    assert isinstance(video.tracks, TrackFile)
    folder = video.tracks.path.parent
    assert folder.is_dir()
    open_files = psutil.Process().num_fds() if os.name == "posix" else 0
    del video
    assert not folder.exists()
    assert os.name != "posix" or psutil.Process().num_fds() == open_files - 1


def _path():
    return os.pathsep.join([str(Path.cwd()), *(path for path in sys.path if path)])
