import csv

import numpy as np
import pytest
from PIL import Image

from hqsam import load
from hqsam.formats.files import write_png
from hqsam.video import saved_state
from hqsam.weights.save import save_model
from tests.video.clips import gray_frames, two_discs, write_video
from tests.video.test_memory_following import model


@pytest.fixture
def track(hqsam, tiny_file, tmp_path, monkeypatch):
    """Run `hqsam track` on a folder of eight frames, or another video, with a tiny model on the CPU."""
    monkeypatch.chdir(tmp_path)
    frames, truth = two_discs(8)
    (tmp_path / "clip").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "clip" / f"{number:05d}.png")
    write_png(tmp_path / "both.png", (truth[0][0] * 1 + truth[0][1] * 2).astype(np.uint8))

    def run(*words):
        return hqsam("track", *words, "--model", tiny_file, "--device", "cpu", "--precision", "float32")

    return run


def table(path):
    return list(csv.DictReader((path / "tracks.csv").read_text().splitlines()))


def files(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_label_map_names_the_objects_and_results_are_written(track, tmp_path):
    finished = track("clip", "--mask", "both.png", "--format", "davis,csv,ytvis,coco", "--preview")
    assert finished.code == 0, finished.err
    assert finished.out.split() == ["out/masks", "out/tracks.csv", "out/ytvis.json", "out/coco.json"]
    assert "has no memory for video" in finished.err
    names = [f"masks/{t:05d}.png" for t in range(8)]
    state = ["preview.jpg", "state.safetensors", "tracks.csv", "tracks.jsonl", "ytvis.json"]
    assert files(tmp_path / "out") == sorted(["coco.json", *names, *state])
    assert [(row["frame"], row["object_id"]) for row in table(tmp_path / "out")] == [
        (str(t), str(number)) for t in range(8) for number in (1, 2)
    ]


def test_a_box_on_a_later_frame_is_followed_both_ways(track, tmp_path):
    assert track("clip", "--box", "10,10,60,50", "--frame", "3", "--direction", "both").code == 0
    assert [row["frame"] for row in table(tmp_path / "out")] == [str(t) for t in range(8)]


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--direction", "reverse", "--frame", "6", "--stop", "3"], [4, 5, 6]),
        (["--direction", "both", "--frame", "4", "--start", "2", "--stop", "6"], [2, 3, 4, 5]),
        (["--direction", "both", "--frame", "4", "--start", "5", "--stop", "7"], [5, 6]),
    ],
)
def test_a_range_counts_in_every_direction(track, tmp_path, words, expected):
    assert track("clip", "--box", "10,10,60,50", *words).code == 0
    found = {int(row["frame"]) for row in table(tmp_path / "out")} - {4} | ({4} if 4 in expected else set())
    assert sorted(found) == expected


def test_pictures_that_no_run_has_written_are_not_removed(track, tmp_path):
    (tmp_path / "out" / "masks").mkdir(parents=True)
    write_png(tmp_path / "out" / "masks" / "mine.png", np.ones((4, 4), np.uint8))
    assert track("clip", "--box", "10,10,60,50", "--stop", "1", "--format", "csv", "--existing", "replace").code == 0
    assert (tmp_path / "out" / "masks" / "mine.png").exists()


def test_objects_are_saved_together_so_that_a_kill_between_them_begins_anew(track, tmp_path, monkeypatch):
    written = []
    write = saved_state._write
    monkeypatch.setattr(
        saved_state, "_write", lambda video, *rest: (written.append(len(video.objects)), write(video, *rest))
    )
    assert track("clip", "--box", "10,10,60,50", "--box", "80,50,120,90", "--stop", "1").code == 0
    assert set(written) == {2}


def test_several_objects_by_clicks_have_labels_of_their_own(track, tmp_path):
    words = ["--point", "1:25,26", "--point", "2:100,70", "--not-point", "2:25,26", "--stop", "2"]
    assert track("clip", *words, "--label", "cup", "--label", "ball").code == 0
    rows = table(tmp_path / "out")
    assert [(row["object_id"], row["label"]) for row in rows[:2]] == [("1", "cup"), ("2", "ball")]
    assert track("clip", *words, "--label", "cup", "--label", "ball").code == 0  # the same ones: it goes on
    other = track("clip", *words, "--label", "cup")
    assert (other.code, "other prompts" in other.err) == (2, True)


def test_every_and_stop_leave_frames_out(track, tmp_path):
    assert track("clip", "--mask", "both.png", "--every", "3", "--stop", "7").code == 0
    assert sorted({row["frame"] for row in table(tmp_path / "out")}) == ["0", "3", "6"]


def test_a_run_goes_on_without_prompts_and_refuses_other_ones(track, tmp_path):
    assert track("clip", "--box", "10,10,60,50", "--stop", "4").code == 0
    lines = (tmp_path / "out" / "tracks.jsonl").read_text()
    assert track("clip").code == 0
    assert (tmp_path / "out" / "tracks.jsonl").read_text().startswith(lines)
    assert len(table(tmp_path / "out")) == 8
    assert track("clip", "--box", "10,10,60,50").code == 0  # the same ones
    other = track("clip", "--box", "60,50,120,90")
    assert other.code == 2
    assert "other prompts" in other.err
    assert track("clip", "--box", "60,50,120,90", "--existing", "refuse").code == 1
    assert track("clip", "--box", "60,50,120,90", "--existing", "replace", "--stop", "2").code == 0
    assert len(table(tmp_path / "out")) == 2
    assert len(files(tmp_path / "out" / "masks")) == 2


def test_where_a_frame_has_another_size_results_of_those_before_it_are_there(track, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "clip" / "00005.png")
    finished = track("clip", "--box", "10,10,60,50")
    assert (finished.code, "cut the video where its size changes" in finished.err) == (1, True)
    assert [row["frame"] for row in table(tmp_path / "out")] == [str(t) for t in range(5)]
    assert len(files(tmp_path / "out" / "masks")) == 5


def test_an_official_predictor_is_followed_by_its_name(hqsam, track, tmp_path):
    save_model(model("hiera", 3.0), tmp_path / "sam2.safetensors")
    run = ("track", "clip", "--model", "sam2.safetensors", "--device", "cpu", "--precision", "float32")
    words = (*run, "--box", "10,10,60,50", "--compatible", "sam2", "--direction", "both", "--frame", "2")
    finished = hqsam(*words)
    assert (finished.code, "SAM 2's own video predictor" in finished.err) == (0, True), finished.err
    rows = table(tmp_path / "out")
    assert [row["frame"] for row in rows] == [str(t) for t in range(8)]
    video = load("sam2.safetensors", "cpu", "float32").open_video("clip", compatible="sam2")
    video.add(frame=2, box=(10, 10, 60, 50))
    areas = {frame.index: frame.areas[0] for reverse in (False, True) for frame in video.track(reverse=reverse)}
    assert [int(row["area"]) for row in rows] == [areas[t] for t in range(8)]
    assert not (tmp_path / "out" / "state.safetensors").exists() and hqsam(*words).code == 0  # made anew
    assert hqsam(*run, "--box", "10,10,60,50", "--out", "kept", "--stop", "3").code == 0
    refused = hqsam(*words, "--out", "kept")
    assert (refused.code, "no going on" in refused.err) == (1, True)
    every = hqsam(*words, "--every", "2")
    assert (every.code, "every frame" in every.err) == (2, True)
    other = track("clip", "--box", "10,10,60,50", "--compatible", "hq", "--out", "other")
    assert (other.code, "no memory of videos" in other.err) == (2, True)


def test_a_video_file_gives_an_overlay(track, tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "clip.mp4", gray_frames(5))
    assert track("clip.mp4", "--point", "10,10", "--format", "overlay", "--out", "seen").code == 0
    assert (tmp_path / "seen" / "overlay.mp4").stat().st_size > 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clip"], "say what to follow"),
        (["missing.mp4", "--box", "1,1,20,20"], "no file or folder missing.mp4"),
        (["clip", "--box", "1,1,20,20", "--frame", "8"], "its frames are 0 to 7"),
        (["clip", "--box", "1,1,20,20", "--start", "9"], "its frames are 0 to 7"),
        (["clip", "--box", "200,200,300,300"], "outside the 128 x 96 image"),
        (["clip", "--box", "1,1,20,20", "--format", "avi"], "no format 'avi'"),
        (["clip", "--box", "1,1,20,20", "--box", "2,2,30,30", "--point", "3,3"], "could belong to any"),
        (["clip", "--point", "0:3,3"], "N:x,y"),
        (["clip", "--point", "3:3,3"], "object 1 has no prompt"),
        (["clip", "--point", "3,3", "--label", "a", "--label", "b"], "2 labels for 1 objects"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_written(track, tmp_path, words, message):
    finished = track(*words)
    assert finished.code in (1, 2)
    assert message in finished.err
    assert not (tmp_path / "out" / "state.safetensors").exists()
    assert not (tmp_path / "out" / "tracks.csv").exists()
