"""Folders of frames as sequences: objects get a number, are followed, corrected, undone and exported."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from hqsam.masks.boundary import iou
from hqsam.masks.rle import decode, encode
from hqsam.video.propagation import take_followed
from tests.serving.sequences import FRAMES, follow, frames_in, sequence_server
from tests.tiny import tiny_model
from tests.video.test_memory_following import frames as noise_frames
from tests.video.test_memory_following import model


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return frames_in(tmp_path_factory.mktemp("truth") / "clip")


@pytest.fixture
def site(tmp_path):
    frames_in(tmp_path / "clip")
    frames_in(tmp_path / "clip" / "other", 2)
    with sequence_server(tmp_path) as server:
        yield server


@pytest.fixture
def ids(site):
    return [one["id"] for one in site.client.images() if "/" not in one["name"]]


def add(site, image_id, mask, name="disc", **more):
    rle = encode(mask)
    answer = site.ask("POST", f"/v1/images/{image_id}/annotations", {"class_name": name, "rle": rle, **more})
    assert answer.status == 201, answer.body
    return answer.json


def masks(site, image_id):
    """Masks by the numbers of their objects."""
    found = site.ask("GET", f"/v1/images/{image_id}/annotations").json
    return {one["track"]: (decode(one["rle"]), one["tracked"], one["class_name"]) for one in found}


def sequence(site, image_id):
    return site.ask("GET", f"/v1/images/{image_id}/sequence").json


def test_a_folder_is_a_sequence_and_another_folder_in_it_is_another_one(site, ids):
    found = sequence(site, ids[3])
    assert (found["name"], found["place"], found["images"], found["tracks"]) == ("", 3, ids, [])
    inside = next(one["id"] for one in site.client.images() if one["name"] == "other/00001.png")
    assert (sequence(site, inside)["name"], len(sequence(site, inside)["images"])) == ("other", 2)
    assert site.ask("GET", "/v1/project").json["sequences"] is True


def test_objects_are_followed_corrected_and_followed_on(site, ids, truth):
    one, two = add(site, ids[0], truth[0][0], "right"), add(site, ids[0], truth[0][1], "left")
    assert (one["track"], one["tracked"]) == (None, False)
    job = follow(site, ids[0], frames=4)
    assert (job["state"], job["kind"], job["done"], job["total"], job["unit"]) == ("done", "follow", 4, 4, "frames")
    assert job["followed"]["images"] == ids[1:5]
    for place in range(1, 5):
        found = masks(site, ids[place])
        assert [(found[n][1], found[n][2]) for n in (1, 2)] == [(True, "right"), (True, "left")]
        assert all(iou(found[n][0], truth[place][n - 1]) > 0.5 for n in (1, 2))
    assert masks(site, ids[5]) == {}

    here = next(a for a in site.ask("GET", f"/v1/images/{ids[4]}/annotations").json if a["track"] == 1)
    corrected = truth[4][0].copy()
    corrected[:20] = False
    change = {"version": here["version"], "rle": encode(corrected)}
    assert site.ask("PATCH", f"/v1/annotations/{here['id']}", change).json["tracked"] is False
    assert follow(site, ids[4], frames=50)["followed"]["images"] == ids[5:]
    (right, left) = sequence(site, ids[0])["tracks"]
    assert (right["keyframes"], right["tracked"]) == ([0, 4], [1, 2, 3, 5, 6, 7])
    assert (left["class_name"], left["keyframes"]) == ("left", [0])
    assert site.ask("POST", f"/v1/images/{ids[-1]}/follow", {}).code == "option"
    assert two["class_name"] == "left"


def test_following_again_keeps_what_was_corrected_and_makes_the_rest_anew(site, ids, truth):
    add(site, ids[0], truth[0][0])
    follow(site, ids[0], frames=7)
    here = site.ask("GET", f"/v1/images/{ids[3]}/annotations").json[0]
    other = encode(truth[3][1])  # the other disc from here on
    site.ask("PATCH", f"/v1/annotations/{here['id']}", {"version": here["version"], "rle": other})
    follow(site, ids[0], frames=7)
    assert masks(site, ids[3])[1][0].tolist() == truth[3][1].tolist()
    assert iou(masks(site, ids[2])[1][0], truth[2][0]) > 0.5
    assert iou(masks(site, ids[5])[1][0], truth[5][1]) > 0.5
    assert [len(masks(site, number)) for number in ids] == [1] * FRAMES


@pytest.fixture
def remembering(tmp_path):
    """A server with a SAM 2, on frames that it has something to say about."""
    (tmp_path / "clip").mkdir()
    for number, picture in enumerate(noise_frames(FRAMES)):
        Image.fromarray(picture).save(tmp_path / "clip" / f"{number:05d}.png")
    with sequence_server(tmp_path, model("hiera", object_bias=3.0), precision="float32") as server:
        yield server


def video_of_library(server):
    """The same frames and model, without the server."""
    video = server.service.models.segmenter(None).open_video(list(noise_frames(FRAMES)))
    assert video.tracker.name == "memory"
    return video


def same(one, other):
    """In batches of another size, and from features that were stored, a pixel may differ."""
    return one.keys() == other.keys() and all((one[place] ^ other[place]).mean() < 0.002 for place in one)


def test_a_sam_2_follows_by_its_memory_and_goes_on_from_what_was_followed(remembering):
    ids = [one["id"] for one in remembering.client.images()]
    mask = np.pad(np.ones((40, 50), bool), ((20, 36), (30, 48)))
    add(remembering, ids[0], mask)
    follow(remembering, ids[0], frames=7)
    whole = {place: masks(remembering, ids[place])[1][0] for place in range(FRAMES)}
    video = video_of_library(remembering)
    video.add(frame=0, mask=mask)
    assert same(whole, {frame.index: frame.mask(0) for frame in video.track()})

    follow(remembering, ids[3], frames=4)
    again = {place: masks(remembering, ids[place])[1][0] for place in range(3, FRAMES)}
    known, begun_anew = video_of_library(remembering), video_of_library(remembering)
    known.add(frame=0, mask=mask)
    for place in (1, 2, 3):
        take_followed(known, known.objects[1], place, whole[place])
    begun_anew.add(frame=3, mask=whole[3])
    assert same(again, {frame.index: frame.mask(0) for frame in known.track(3)})
    assert not same(again, {frame.index: frame.mask(0) for frame in begun_anew.track()})


def test_a_renamed_object_stays_followed_and_a_changed_mask_does_not(site, ids, truth):
    add(site, ids[0], truth[0][0])
    follow(site, ids[0], frames=1)
    here = site.ask("GET", f"/v1/images/{ids[1]}/annotations").json[0]
    renamed = {"version": here["version"], "class_name": "ball", "rle": here["rle"]}
    there = site.ask("PATCH", f"/v1/annotations/{here['id']}", renamed).json
    assert there["tracked"] is True
    for rle, is_tracked in ((encode(truth[1][1]), False), (here["rle"], True)):  # corrected, and taken back
        change = {"version": there["version"], "rle": rle, "prompts": [{"tracked": True}]}
        there = site.ask("PATCH", f"/v1/annotations/{here['id']}", change).json
        assert there["tracked"] is is_tracked


def test_against_time_and_chosen_objects_alone(site, ids, truth):
    first, second = (add(site, ids[5], mask) for mask in truth[5])
    job = follow(site, ids[5], frames=2, reverse=True, annotations=[second["id"]])
    assert job["followed"]["images"] == [ids[4], ids[3]]
    assert list(masks(site, ids[3])) == [2]
    assert iou(masks(site, ids[3])[2][0], truth[3][1]) > 0.5
    assert first["track"] is None


def test_what_was_followed_is_undone_as_one(site, ids, truth):
    add(site, ids[0], truth[0][0])
    batch = follow(site, ids[0], frames=3)["followed"]["batch"]
    assert site.ask("POST", f"/v1/batches/{batch}/undo").json["undone"] == 3
    assert [len(masks(site, number)) for number in ids] == [1] + [0] * 7


def test_a_lost_object_is_reported_and_drawn_again_as_the_same_one(site, ids, truth, tmp_path):
    for place in range(3, FRAMES):
        Image.new("RGB", (128, 96)).save(tmp_path / "clip" / f"{place:05d}.png")
    add(site, ids[0], truth[0][0], "ball")
    job = follow(site, ids[0], frames=5)
    assert job["followed"]["lost"] == [{"track": 1, "class_name": "ball", "image_id": ids[3]}]
    assert masks(site, ids[4]) == {}
    again = add(site, ids[6], truth[6][0], "ball")
    assert site.ask("PUT", f"/v1/annotations/{again['id']}/track", {"track": 1}).json["track"] == 1
    assert sequence(site, ids[0])["tracks"][0]["keyframes"] == [0, 6]
    assert site.ask("PUT", f"/v1/annotations/{again['id']}/track", {"track": 9}).status == 404
    another = add(site, ids[6], truth[6][1])
    assert site.ask("PUT", f"/v1/annotations/{another['id']}/track", {"track": 1}).code == "conflict"


def test_a_sequence_is_exported_as_davis_ytvis_and_coco(site, ids, truth):
    assert site.ask("GET", f"/v1/images/{ids[0]}/sequence/export?format=davis").status == 404
    add(site, ids[0], truth[0][0], "right")
    add(site, ids[0], truth[0][1], "left")
    follow(site, ids[0], frames=7)

    def export(name):
        return site.ask("GET", f"/v1/images/{ids[2]}/sequence/export?format={name}")

    with zipfile.ZipFile(io.BytesIO(export("davis").body)) as archive:
        assert archive.namelist() == [f"clip/{place:05d}.png" for place in range(FRAMES)]
        labels = np.asarray(Image.open(archive.open("clip/00004.png")))
    found = masks(site, ids[4])
    assert all((labels[found[n][0]] == n).all() for n in (1, 2))
    ytvis = json.loads(export("ytvis").body)
    assert [len(one["segmentations"]) for one in ytvis["annotations"]] == [FRAMES, FRAMES]
    coco = json.loads(export("coco").body)
    assert {(one["image_id"], one["track_id"]) for one in coco["annotations"]} == {
        (place, track) for place in range(1, FRAMES + 1) for track in (1, 2)
    }
    assert [image["frame_id"] for image in coco["images"]] == list(range(FRAMES))


def test_a_frame_of_another_size_ends_the_job_with_its_name_and_the_frames_before_stay(site, ids, truth, tmp_path):
    Image.new("RGB", (64, 96)).save(tmp_path / "clip" / "00003.png")
    add(site, ids[0], truth[0][0])
    job = follow(site, ids[0], frames=6)
    assert job["state"] == "failed"
    assert "00003.png is 64 x 96 and the frames before are 128 x 96" in job["error"]["message"]
    assert [len(masks(site, number)) for number in ids] == [1, 1, 1] + [0] * 5
    assert job["followed"]["images"] == ids[1:3]


def test_requests_that_make_no_sense_are_refused(site, ids, truth, server):
    assert site.ask("POST", f"/v1/images/{ids[0]}/follow", {}).code == "prompt"
    assert site.ask("POST", f"/v1/images/{ids[0]}/follow", {"frames": 0}).status == 422
    assert site.ask("GET", "/v1/images/999/sequence").status == 404
    uploaded = site.upload(io_png()).json["id"]
    assert site.ask("GET", f"/v1/images/{uploaded}/sequence").code == "option"
    coffee = next(iter(server.client.images()))["id"]
    assert "--sequence" in server.ask("POST", f"/v1/images/{coffee}/follow", {}).json["error"]["message"]


def test_a_source_that_the_model_has_not_is_refused_before_anything_is_followed(tmp_path):
    truth = frames_in(tmp_path / "clip", 2)
    with sequence_server(tmp_path, tiny_model("plain_tiny_vit")) as server:
        first = next(iter(server.client.images()))["id"]
        add(server, first, truth[0][0])
        assert (
            "plain SAM" in server.ask("POST", f"/v1/images/{first}/follow", {"source": "hq"}).json["error"]["message"]
        )


def io_png():
    file = io.BytesIO()
    Image.new("RGB", (9, 7)).save(file, "PNG")
    return file.getvalue()
