"""Records as SAM's generator makes them, and the table for spreadsheets."""

import csv
import json

import numpy as np

from hqsam.formats import sam, write
from hqsam.formats.coco import to_coco
from hqsam.formats.document import Document, MaskedObject

SQUARE = np.pad(np.ones((4, 6), bool), ((3, 13), (2, 22)))
FACTS = {"stability_score": 0.97, "point_coords": [[4.5, 5.5]]}
DOCUMENT = Document(
    "cup.jpg", (20, 30), (MaskedObject.of(SQUARE, "cup, blue", 0.9, FACTS), MaskedObject.of(SQUARE[::-1]))
)


def test_a_record_has_the_keys_of_sa_1b(tmp_path):
    (path,) = write(DOCUMENT, tmp_path, ["sam"])
    content = json.loads(path.read_text())
    assert content["image"] == {"image_id": 1, "file_name": "cup.jpg", "width": 30, "height": 20}
    first, second = content["annotations"]
    assert first["bbox"] == [2, 3, 6, 4] and first["area"] == 24 and first["predicted_iou"] == 0.9
    assert first["stability_score"] == 0.97 and first["point_coords"] == [[4.5, 5.5]] and first["label"] == "cup, blue"
    assert "predicted_iou" not in second and second["id"] == 2


def test_records_come_back_with_all_that_was_known(tmp_path):
    (again,) = sam.read(sam.write(DOCUMENT, tmp_path)[0])
    assert again == DOCUMENT


def test_coco_has_what_is_known_beside_its_own_keys():
    first, second = to_coco([DOCUMENT])["annotations"]
    assert first["stability_score"] == 0.97 and first["bbox"] == [2, 3, 6, 4] and "stability_score" not in second


def test_the_table_has_a_line_an_object_and_a_column_for_each_number(tmp_path):
    (path,) = write(DOCUMENT, tmp_path, ["csv"])
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        **{"number": "1", "label": "cup, blue", "score": "0.9", "area": "24", "stability_score": "0.97"},
        **{"x0": "2", "y0": "3", "x1": "8", "y1": "7"},
    }
    assert second["score"] == "" and second["stability_score"] == ""


def test_a_table_of_nothing_still_names_its_columns(tmp_path):
    (path,) = write(Document("cup.jpg", (20, 30)), tmp_path, ["csv"])
    assert path.read_text().split() == ["number,label,score,area,x0,y0,x1,y1"]
