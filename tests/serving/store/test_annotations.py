"""What people keep: changed in transactions, with every version."""

import numpy as np
import pytest

from hqsam.masks.rle import decode, encode

SIZE = (400, 600)


def a_mask(left=10, size_hw=SIZE):
    mask = np.zeros(size_hw, bool)
    mask[20:50, left : left + 30] = True
    return mask


def rle(left=10, size_hw=SIZE):
    return encode(a_mask(left, size_hw))


@pytest.fixture
def cup(server, coffee):
    return server.client.annotate(coffee, a_mask(), "cup")


def change(server, annotation, **fields):
    return server.ask("PATCH", f"/v1/annotations/{annotation['id']}", {"version": annotation["version"], **fields})


def test_what_is_kept_is_there_again_with_box_and_area(server, coffee, cup):
    found = next(one for one in server.client.annotations(coffee) if one["id"] == cup["id"])
    assert found == cup
    assert np.array_equal(decode(found["rle"]), a_mask())
    assert found["box"] == [10, 20, 40, 50] and found["area"] == 900
    assert (found["class_name"], found["version"], found["visible"], found["locked"]) == ("cup", 1, True, False)


def test_a_change_is_a_new_version_and_leaves_the_rest(server, cup):
    changed = change(server, cup, class_name="mug", rle=rle(100), colour="#aabbcc").json
    assert changed["version"] == 2 and changed["class_name"] == "mug" and changed["colour"] == "#aabbcc"
    assert changed["box"] == [100, 20, 130, 50] and changed["created"] == cup["created"]
    assert change(server, changed, colour=None).json["colour"] is None


def test_a_change_of_an_old_version_is_refused(server, cup):
    assert change(server, cup, class_name="mug").status == 200
    answer = change(server, cup, class_name="glass")
    assert (answer.status, answer.code) == (409, "conflict")
    assert server.ask("GET", f"/v1/annotations/{cup['id']}").json["class_name"] == "mug"


def test_history_has_every_version_and_any_can_be_restored(server, cup):
    address = f"/v1/annotations/{cup['id']}"
    change(server, cup, rle=rle(200))
    assert server.ask("DELETE", address).status == 204
    assert server.ask("GET", address).status == 404
    past = server.ask("GET", f"{address}/history").json
    assert [one["action"] for one in past] == ["created", "changed", "deleted"]
    assert [one["annotation"]["box"][0] for one in past] == [10, 200, 200]
    back = server.ask("POST", f"{address}/restore", {"version": 1}).json
    assert back["version"] == 4 and back["rle"] == cup["rle"]
    assert server.ask("GET", address).json == back
    assert server.ask("POST", f"{address}/restore", {"version": 99}).status == 404


def test_deleting_an_old_version_is_refused(server, cup):
    change(server, cup, visible=False)
    assert server.ask("DELETE", f"/v1/annotations/{cup['id']}?version=1").code == "conflict"
    assert server.ask("DELETE", f"/v1/annotations/{cup['id']}?version=2").status == 204


def test_the_same_key_twice_is_one_annotation_and_brings_back_a_deleted_one(server, coffee):
    new = {"rle": rle(), "key": "made-by-the-page-1", "class_name": "cup"}
    address = f"/v1/images/{coffee}/annotations"
    first = server.ask("POST", address, new).json
    assert server.ask("POST", address, {**new, "class_name": "other"}).json == first
    server.ask("DELETE", f"/v1/annotations/{first['id']}")
    again = server.ask("POST", address, {**new, "class_name": "other"}).json
    assert again["id"] == first["id"] and again["class_name"] == "other" and again["version"] == 3


def test_several_at_once_are_all_kept_or_none(server, coffee):
    before = len(server.client.annotations(coffee))
    address = f"/v1/images/{coffee}/annotations"
    assert len(server.ask("POST", address, [{"rle": rle()}, {"rle": rle(50)}]).json) == 2
    assert server.ask("POST", address, [{"rle": rle()}, {"rle": rle(10, (30, 30))}]).status == 422
    assert len(server.client.annotations(coffee)) == before + 2


def test_the_list_of_photos_counts_annotations_and_says_when_they_changed(server, coffee, cup):
    before = server.ask("GET", f"/v1/images/{coffee}").json
    server.client.annotate(coffee, a_mask(), "spoon")
    after = server.ask("GET", f"/v1/images/{coffee}").json
    assert after["annotation_count"] == before["annotation_count"] + 1 and after["updated"] > before["updated"]


def test_a_photo_can_be_marked_as_done(server, coffee):
    assert server.ask("PATCH", f"/v1/images/{coffee}", {"status": "done"}).json["status"] == "done"
    listed = server.ask("GET", "/v1/images?status=done").json
    assert coffee in [one["id"] for one in listed["images"]] and listed["done"] >= 1
    server.ask("PATCH", f"/v1/images/{coffee}", {"status": "todo"})


def test_notes_are_kept_as_they_came(server, coffee):
    notes = {"points": [[1, 2.5]], "words": "ä \u0000 \u2028", "deep": [[{"a": None}]]}
    made = server.ask("POST", f"/v1/images/{coffee}/annotations", {"rle": rle(), "prompts": notes}).json
    assert server.ask("GET", f"/v1/annotations/{made['id']}").json["prompts"] == notes


@pytest.mark.parametrize(
    "wrong",
    [
        {"rle": {"size": [400, 600], "counts": "0"}},
        {"rle": {"size": [400, 601], "counts": "PP"}},
        {"rle": {"size": [400, 600], "counts": "not a mask!"}},
        {"rle": {"size": [400, 600], "counts": "oooooooooooooooooooooo0"}},
        {"rle": rle(), "class_name": ""},
        {"rle": rle(), "class_name": "two\nlines"},
        {"rle": rle(), "colour": "red"},
        {"rle": rle(), "id": 7},
    ],
    ids=lambda wrong: str(list(wrong.items())[-1])[:40],
)
def test_what_cannot_be_an_annotation_is_refused(server, coffee, wrong):
    assert server.ask("POST", f"/v1/images/{coffee}/annotations", wrong).status == 422


def test_numbers_that_json_cannot_say_are_refused(server, coffee):
    body = f'{{"rle": {{"size": [400, 600], "counts": "{rle()["counts"]}"}}, "prompts": [NaN]}}'.replace("\\", "\\\\")
    answer = server.ask(
        "POST",
        f"/v1/images/{coffee}/annotations",
        body,
        {"Authorization": "Bearer a-token-of-the-tests", "Content-Type": "application/json"},
    )
    assert answer.status == 422
