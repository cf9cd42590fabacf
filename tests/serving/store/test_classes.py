"""A project has one list of classes: with fixed numbers, colours and keys, changed everywhere at once."""

import numpy as np
import pytest

from hqsam.masks.rle import encode
from tests.serving.servers import TOKEN, photos_in, running, settings_in


@pytest.fixture
def own(_nano, tmp_path):
    """A server with two images of annotations: two cups and a spoon, and a cup."""
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))) as server:
        first, second, _ = server.client.images()
        for image, name, left in ((first, "cup", 0), (first, "cup", 50), (first, "spoon", 90), (second, "cup", 7)):
            mask = np.zeros((image["height"], image["width"]), bool)
            mask[20:50, left : left + 30] = True
            server.client.annotate(image["id"], mask, name)
        yield server


def classes(server):
    return server.ask("GET", "/v1/classes").json


def told(server):
    return [(one["number"], one["name"], one["key"], one["annotation_count"]) for one in classes(server)]


def names(server):
    return [[one["class_name"] for one in server.client.annotations(image["id"])] for image in server.client.images()]


def test_classes_are_one_list_whose_order_colours_and_keys_can_be_set(own):
    wanted = [{"name": "spoon", "colour": "#112233", "key": "s"}, {"name": "knife"}, {"name": "cup", "key": "9"}]
    answer = own.ask("PUT", "/v1/classes", wanted)
    assert answer.json == classes(own)
    assert told(own) == [(2, "spoon", "s", 1), (3, "knife", "3", 0), (1, "cup", "9", 3)]
    assert answer.json[0]["colour"] == "#112233" and len({one["colour"] for one in answer.json}) == 3


def test_a_class_that_comes_with_an_annotation_gets_a_number_a_colour_and_a_key(own):
    assert told(own) == [(1, "cup", "1", 3), (2, "spoon", "2", 1)]
    annotation = own.client.annotations(1)[0]
    own.ask("PATCH", f"/v1/annotations/{annotation['id']}", {"version": 1, "class_name": "mug"})
    assert told(own)[2] == (3, "mug", "3", 1)
    assert all(one["colour"].startswith("#") for one in classes(own))


def test_classes_beyond_nine_have_no_key_until_somebody_gives_them_one(own):
    own.ask("PUT", "/v1/classes", [{"name": f"class {number}"} for number in range(12)])
    assert [one["key"] for one in classes(own)][:9] == ["3", "4", "5", "6", "7", "8", "9", None, None]
    number = classes(own)[8]["number"]
    assert own.ask("PATCH", f"/v1/classes/{number}", {"key": "q"}).json["classes"][8]["key"] == "q"
    assert own.ask("PATCH", f"/v1/classes/{number}", {"key": "3"}).status == 422
    assert own.ask("PATCH", f"/v1/classes/{number}", {"key": None}).json["classes"][8]["key"] is None


def test_a_class_with_annotations_stays_and_a_number_is_never_given_twice(own):
    own.ask("PUT", "/v1/classes", [{"name": "cup"}, {"name": "fork"}])
    assert told(own) == [(1, "cup", "1", 3), (3, "fork", "3", 0), (2, "spoon", "2", 1)]
    own.ask("PUT", "/v1/classes", [{"name": "cup"}])
    own.ask("PUT", "/v1/classes", [{"name": "cup"}, {"name": "plate"}, {"name": "fork"}])
    assert [one[:2] for one in told(own)] == [(1, "cup"), (4, "plate"), (3, "fork"), (2, "spoon")]
    for wrong in ([{"name": "knife", "number": 1}], [{"name": "cup", "number": 9}]):
        assert own.ask("PUT", "/v1/classes", wrong).code == "conflict"
    assert own.ask("PUT", "/v1/classes", [{"name": "cup"}, {"name": "cup"}]).status == 422


def test_a_class_is_added_or_changed_without_the_rest_of_the_list(own):
    own.ask("PUT", "/v1/classes", [{"name": "knife"}, {"name": "cup"}, {"name": "spoon"}])
    own.ask("POST", "/v1/classes", {"name": "cup", "colour": "#112233", "key": "3"})
    answer = own.ask("POST", "/v1/classes", {"name": "fork", "key": "3"})
    assert answer.json == classes(own) and answer.json[1]["colour"] == "#112233"
    assert told(own) == [(3, "knife", "3", 0), (1, "cup", "1", 3), (2, "spoon", "2", 1), (4, "fork", "4", 0)]
    own.ask("DELETE", "/v1/classes/3")
    own.ask("POST", "/v1/classes", {"name": "knife", "key": "k"})
    assert told(own)[-1] == (3, "knife", "k", 0)
    assert own.ask("POST", "/v1/classes", {"name": "plate", "number": 1}).code == "conflict"


def test_a_class_is_renamed_everywhere_and_back_by_undo(own):
    change = own.ask("PATCH", "/v1/classes/1", {"name": "mug"}).json
    assert change["changed"] == 3 and names(own)[0] == ["mug", "mug", "spoon"] and names(own)[1] == ["mug"]
    assert told(own)[0] == (1, "mug", "1", 3)
    assert own.ask("PATCH", "/v1/classes/1", {"name": "spoon"}).code == "conflict"
    undo = own.ask("POST", f"/v1/batches/{change['batch']}/undo").json
    assert (undo["undone"], undo["skipped"]) == (3, 0) and names(own)[0] == ["cup", "cup", "spoon"]
    assert told(own) == [(1, "cup", "1", 3), (2, "spoon", "2", 1)]
    own.ask("POST", f"/v1/batches/{undo['batch']}/undo")  # the undo of an undo
    assert told(own)[0] == (1, "mug", "1", 3) and names(own)[1] == ["mug"]


def test_classes_are_merged_and_removed_and_both_can_be_undone(own):
    merge = own.ask("POST", "/v1/classes/2/merge", {"into": 1}).json
    assert told(own) == [(1, "cup", "1", 4)] and merge["changed"] == 1
    own.ask("POST", f"/v1/batches/{merge['batch']}/undo")
    assert told(own) == [(1, "cup", "1", 3), (2, "spoon", "2", 1)]
    assert own.ask("DELETE", "/v1/classes/1").code == "conflict"
    removal = own.ask("DELETE", "/v1/classes/1?annotations=delete").json
    assert removal["changed"] == 3 and names(own)[:2] == [["spoon"], []]
    own.ask("POST", f"/v1/batches/{removal['batch']}/undo")
    assert names(own)[:2] == [["cup", "cup", "spoon"], ["cup"]] and told(own)[0] == (1, "cup", "1", 3)
    assert own.ask("DELETE", "/v1/classes/77").status == 404


def test_an_undo_leaves_alone_what_was_changed_since(own):
    batch = own.ask("PATCH", "/v1/classes/1", {"name": "mug"}).json["batch"]
    first = own.client.annotations(1)[0]
    own.ask("PATCH", f"/v1/annotations/{first['id']}", {"version": first["version"], "class_name": "glass"})
    undo = own.ask("POST", f"/v1/batches/{batch}/undo").json
    assert (undo["undone"], undo["skipped"]) == (2, 1) and names(own)[0] == ["glass", "cup", "spoon"]
    assert {one[1] for one in told(own)} >= {"glass", "cup", "spoon"}
    assert own.ask("POST", "/v1/batches/999/undo").status == 404


def test_the_undo_of_a_rename_gives_the_class_its_number_back_though_another_class_came_since(own):
    batch = own.ask("PATCH", "/v1/classes/1", {"name": "mug"}).json["batch"]
    own.ask("PUT", "/v1/classes", [{"name": "fork"}, {"name": "mug"}, {"name": "spoon"}])
    own.ask("POST", f"/v1/batches/{batch}/undo")
    assert [one[:2] for one in told(own)] == [(3, "fork"), (1, "cup"), (2, "spoon")]
    batch = own.ask("PATCH", "/v1/classes/1", {"name": "mug"}).json["batch"]
    own.ask("PUT", "/v1/classes", [{"name": "mug"}, {"name": "spoon"}, {"name": "fork"}, {"name": "cup"}])
    own.ask("POST", f"/v1/batches/{batch}/undo")
    assert [one[:2] for one in told(own)] == [(1, "mug"), (2, "spoon"), (3, "fork"), (4, "cup")]


def test_statistics_count_images_by_status_and_annotations_by_class(own):
    own.ask("PATCH", "/v1/images/1", {"status": "to_review"})
    counted = own.ask("GET", "/v1/statistics").json
    assert counted["images"] == {"todo": 2, "done": 0, "to_review": 1, "rejected": 0} and counted["annotations"] == 4
    assert [(one["name"], one["images"], one["annotations"]) for one in counted["classes"]] == [
        ("cup", 2, 3),
        ("spoon", 1, 1),
    ]


def test_annotations_are_listed_from_back_to_front(own):
    first, second, third = own.client.annotations(1)
    moved = own.ask("PATCH", f"/v1/annotations/{first['id']}", {"version": 1, "z": 1}).json
    assert moved["z"] == 1 and second["z"] == 0
    assert [one["id"] for one in own.client.annotations(1)] == [second["id"], third["id"], first["id"]]
    new = own.ask("POST", "/v1/images/1/annotations", {"rle": encode(np.ones((400, 600), bool)), "z": -1}).json
    assert own.client.annotations(1)[0]["id"] == new["id"]


@pytest.mark.parametrize(
    "text",
    [
        "spoon\n\ncup\n",
        "path: .\nnames: [spoon, plate, cup]\n",
        "names:\n  0: spoon\n  2: cup\n",
        '{"categories": [{"id": 1, "name": "spoon"}, {"id": 3, "name": "cup"}]}',
        '{"categories": [{"id": 0, "name": "spoon"}, {"id": 2, "name": "cup"}]}',
        "number,name,colour\n1,spoon,#000000\n3,cup,#ffffff\n",
        '[{"name": "spoon", "number": 1}, {"name": "cup", "number": 3}]',
    ],
)
def test_classes_are_set_from_a_file_with_its_numbers(own, text):
    assert send(own, text).code == "conflict"  # cup is number 1 here
    answer = send(own, text, "?renumber=true")
    assert {(one["name"], one["number"]) for one in answer.json} >= {("spoon", 1), ("cup", 3)}, answer.body
    assert [one["annotation_count"] for one in answer.json if one["name"] == "cup"] == [3]
    assert send(own, text).json == answer.json


@pytest.mark.parametrize("text", ["", "{}", "[1]", "a\rb\0", "[" * 100_000, '[{"name": "two\\nlines"}]', "names: 7"])
def test_a_file_that_holds_no_classes_is_refused_in_words(own, text):
    assert send(own, text).status == 422 and told(own) == [(1, "cup", "1", 3), (2, "spoon", "2", 1)]


def send(server, text, query=""):
    body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{text}\r\n--x--\r\n'.encode()
    kind = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    return server.ask("POST", f"/v1/classes/file{query}", body, kind)
