"""Records as SAM's generator makes them, and the table for spreadsheets."""

import csv
import json

import numpy as np
import pytest

from hqsam.errors import DataWarning
from hqsam.formats import coco, sam, write
from hqsam.formats.coco import to_coco
from hqsam.masks.instances import Instances
from tests.formats.samples import everything_of, named, trip

SQUARE = np.pad(np.ones((4, 6), bool), ((3, 13), (2, 22)))
COLUMNS = {"stability_score": (0.97, None), "point_coords": ([[4.5, 5.5]], None)}
CUPS = named(
    *(SQUARE, SQUARE[::-1]), labels=["cup, blue", "object"], scores=[0.9, None], columns=COLUMNS, image_name="cup.jpg"
)


def test_a_record_has_the_keys_of_sa_1b(tmp_path):
    (path,) = write(CUPS, tmp_path, ["sam"])
    content = json.loads(path.read_text())
    assert content["image"] == {"image_id": 1, "file_name": "cup.jpg", "width": 30, "height": 20}
    first, second = content["annotations"]
    assert first["bbox"] == [2, 3, 6, 4] and first["area"] == 24 and first["predicted_iou"] == 0.9
    assert first["stability_score"] == 0.97 and first["point_coords"] == [[4.5, 5.5]] and first["label"] == "cup, blue"
    assert "predicted_iou" not in second and second["id"] == 2


def test_records_come_back_with_all_that_was_known(tmp_path):
    assert everything_of(trip(sam, CUPS, tmp_path)) == everything_of(CUPS)


def test_coco_has_what_is_known_beside_its_own_keys():
    first, second = to_coco([CUPS])["annotations"]
    assert first["stability_score"] == 0.97 and first["bbox"] == [2, 3, 6, 4] and "stability_score" not in second


FIELDS = {"id": ("A7", None), "image_id": (9, 10), "Area": (812.5, 1.0), "bbox": ("b", "c"), "score": (3, 4)}
FIELDS |= {"segmentation": ("s", None), "category_id": (5, 6), "label": ("x", "y"), "predicted_iou": (7, 8)}
OF_A_FIELD = named(SQUARE, SQUARE[::-1], labels="house", scores=[0.9, None], columns={**FIELDS, "id_given": (1, 2)})


@pytest.mark.parametrize("module", [coco, sam])
def test_no_attribute_hides_what_a_format_needs(tmp_path, module):
    assert everything_of(trip(module, OF_A_FIELD, tmp_path)) == everything_of(OF_A_FIELD)


def test_no_attribute_hides_a_column_of_the_table(tmp_path):
    columns = {"Number": (7, 8), "area": (9, 9), "x0": (1, 1), "height": (3, 4)}
    (path,) = write(named(SQUARE, SQUARE, columns=columns), tmp_path, ["csv"])
    with path.open(newline="") as file:
        first, _ = csv.DictReader(file)
    assert (first["number"], first["area"], first["x0"]) == ("1", "24", "2")
    assert (first["Number_given"], first["area_given"], first["x0_given"], first["height"]) == ("7", "9", "1", "3")


def test_the_table_has_a_line_an_object_and_a_column_for_each_number(tmp_path):
    (path,) = write(CUPS, tmp_path, ["csv"])
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        **{"number": "1", "label": "cup, blue", "score": "0.9", "area": "24", "stability_score": "0.97"},
        **{"x0": "2", "y0": "3", "x1": "8", "y1": "7"},
    }
    assert second["score"] == "" and second["stability_score"] == ""


def test_a_table_of_nothing_still_names_its_columns(tmp_path):
    (path,) = write(Instances.empty((20, 30), "cup.jpg"), tmp_path, ["csv"])
    assert path.read_text().split() == ["number,label,score,area,x0,y0,x1,y1"]


def test_a_record_that_does_not_fit_leaves_the_others(tmp_path):
    content = json.loads(write(CUPS, tmp_path, ["sam"])[0].read_text())
    content["annotations"][0]["segmentation"]["size"] = [3, 3]
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.warns(DataWarning, match=r"masks of another size than their image \(1\)"):
        assert sam.read(tmp_path / "bad.json")[0].areas.tolist() == [24]
