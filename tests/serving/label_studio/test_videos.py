"""Rectangles that were drawn on frames of a video are followed into the next ones."""

import base64

import numpy as np
import pytest

from hqsam.errors import ImageError, PromptError
from hqsam.serving.http.label_studio.videos import follow_regions, read_regions
from hqsam.video.frames import open_frames
from hqsam.weights.save import save_model
from tests.predict.seeing import seeing_segmenter
from tests.serving.servers import running, settings_in
from tests.video.clips import moving_disc, two_discs, write_video
from tests.video.test_memory_following import frames as noise_frames
from tests.video.test_memory_following import model

WIDTH, HEIGHT = 128, 96
CONFIG = """
<View>
  <Video name="video" value="$video"/>
  <VideoRectangle name="box" toName="video"/>
  <Labels name="label" toName="video"><Label value="cup"/></Labels>
</View>"""


def box_of(mask):
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def rectangle(frame, mask, **more):
    """A keyframe; Label Studio counts frames from 1."""
    x0, y0, x1, y1 = (int(side) for side in box_of(mask))
    sides = {"x": x0 / WIDTH, "y": y0 / HEIGHT, "width": (x1 - x0) / WIDTH, "height": (y1 - y0) / HEIGHT}
    percent = {name: side * 100 for name, side in sides.items()}
    return {"frame": frame + 1, "enabled": True, "rotation": 0, "time": frame / 25, **percent} | more


def region(*sequence, number="r1"):
    value = {"framesCount": 12, "duration": 0.48, "sequence": list(sequence), "labels": ["cup"]}
    return {"id": number, "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}


def follow(frames, *regions, count=3):
    return follow_regions(seeing_segmenter()[0], open_frames(frames), read_regions(regions), count, lambda: None)


def is_near(found, mask):
    sides = np.array([found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]]) / 100
    return np.abs(sides * np.tile((WIDTH, HEIGHT), 2) - box_of(mask)).max() <= 3


def test_two_regions_are_followed_from_the_last_keyframe_and_keep_their_ids():
    frames, truth = two_discs()
    one = region(rectangle(0, truth[0][0]), rectangle(2, truth[2][0]))
    other = region(rectangle(2, truth[2][1]), number="r2")
    found = follow(frames, one, other)
    assert [made["id"] for made in found] == ["r1", "r2"]
    assert [key["frame"] for key in found[0]["value"]["sequence"]] == [1, 3, 4, 5, 6]
    assert found[0]["value"]["sequence"][:2] == one["value"]["sequence"]
    for row, made in enumerate(found):
        assert made["value"]["labels"] == ["cup"]
        for key in made["value"]["sequence"][-3:]:
            assert is_near(key, truth[key["frame"] - 1][row])
            assert key["time"] == pytest.approx((key["frame"] - 1) / 25)


def test_an_object_that_is_lost_is_switched_off_from_there_on():
    frames, truth = moving_disc()
    for frame in frames[2:]:
        frame[:] = 0
    (found,) = follow(frames, region(rectangle(0, truth[0])))
    assert [(key["frame"], key["enabled"]) for key in found["value"]["sequence"]] == [(1, True), (2, True), (3, False)]


def test_nothing_is_followed_beyond_the_end():
    frames, truth = moving_disc()
    (found,) = follow(frames, region(rectangle(10, truth[10])), count=50)
    assert [key["frame"] for key in found["value"]["sequence"]] == [11, 12]


def test_damaged_regions_and_keyframes_beyond_the_end_are_refused():
    frames, truth = moving_disc()
    with pytest.raises(PromptError, match="VideoRectangle"):
        read_regions([region() | {"type": "keypointlabels"}])
    with pytest.raises(PromptError, match="no rectangle of a Label Studio video"):
        read_regions([{"type": "videorectangle", "value": {}}])
    with pytest.raises(PromptError, match="no rectangle of a Label Studio video"):
        follow(frames, region({"frame": 1, "x": "left"}))
    with pytest.raises(ImageError, match="no frame 40"):
        follow(frames, region(rectangle(40, truth[0])))
    assert read_regions([region(rectangle(0, truth[0], enabled=False))]) == []


def request_for(path, *drawn):
    """The request of Label Studio for a video, which goes along in its address."""
    url = f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
    tasks = [{"id": 7, "data": {"video": url}}]
    return {"tasks": tasks, "label_config": CONFIG, "params": {"context": {"result": list(drawn)}}}


def test_a_sam_2_follows_by_its_memory(tmp_path):
    pytest.importorskip("av")
    clip = write_video(tmp_path / "clip.mp4", noise_frames(5))
    save_model(model("hiera", 3.0), tmp_path / "sam2.safetensors")
    settings = settings_in(tmp_path, label_studio=True, model=str(tmp_path / "sam2.safetensors"), precision="float32")
    box = np.pad(np.ones((54, 60), bool), ((16, 26), (20, 48)))
    with running(settings) as server:
        password = server.service.settings.label_studio_password
        basic = {"Authorization": f"Basic {base64.b64encode(f'hqsam:{password}'.encode()).decode()}"}
        answer = server.ask("POST", "/predict", request_for(clip, region(rectangle(0, box))), basic)
        video = server.service.models.segmenter(None).open_video(clip)
        video.add(frame=0, box=box_of(box))
        expected = {frame.index + 1: frame.mask(0) for frame in video.track()}
    assert video.tracker.name == "memory" and answer.status == 200
    (made,) = answer.json["results"][0]["result"]
    found = {key["frame"]: key for key in made["value"]["sequence"] if key["enabled"]}
    assert list(found) == [1, 2, 3, 4, 5] and len({key["x"] for key in found.values()}) > 1
    assert all(is_near(found[number], expected[number]) for number in (2, 3, 4, 5))


def test_the_backend_answers_for_the_video_of_a_task(ask, tmp_path):
    pytest.importorskip("av")
    frames, truth = moving_disc(4)
    body = request_for(write_video(tmp_path / "clip.mp4", frames), region(rectangle(0, truth[0])))
    answer = ask("/predict", body)
    assert answer.status == 200, answer.body
    (made,) = answer.json["results"][0]["result"]
    assert [key["frame"] for key in made["value"]["sequence"]][:2] == [1, 2]
    body["tasks"][0]["data"]["video"] = "data:video/mp4;base64,AAAA"
    assert "as a video" in ask("/predict", body).json["error"]["message"]
