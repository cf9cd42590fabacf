"""Whatever is wrong in one place of an annotation file, every reader reads the rest, or refuses the file in words."""

import copy
import json
import random
import warnings

import pytest

from hqsam.data.check import check_datasets
from hqsam.data.open_dataset import open_datasets
from hqsam.errors import DataError
from hqsam.formats import coco
from tests.data.drawn import SIZE_HW, photo

HEIGHT, WIDTH = SIZE_HW
JUNK = [
    *(None, True, -1, 0, 3.5, 1e300, 10**30, float("nan"), float("inf"), "", "x", "7", "007", "\0", "../../a.jpg"),
    *([], [[]], {}, {"a": 1}, [1, 2], [[1, 2, 3]], [[None] * 6], [["a"] * 6], [[1, 2, 3, 4, 5, 6, 7]], [[1e9] * 8]),
    *({"size": [HEIGHT, WIDTH], "counts": "zz"}, {"size": [HEIGHT, WIDTH], "counts": [5]}, {"counts": [768]}),
    *({"size": None, "counts": [768]}, {"size": ["24", "32"], "counts": [0, 768]}, [[{"x": 1, "y": 2}] * 4]),
    *([1, 2, 3, 4, 5, 6], [[1, 2], [3, 4], [5, 6]], "[[1, 2, 3, 4, 5, 6]]"),
]
SQUARE = [[2, 3, 12, 3, 12, 13, 2, 13]]
WHOLE = {
    "images": [{"id": n, "file_name": f"{n}.jpg", "height": HEIGHT, "width": WIDTH} for n in (1, 2)],
    "annotations": [
        {"id": n, "image_id": 1 + n % 2, "category_id": 1, "segmentation": SQUARE, "bbox": [2, 3, 10, 10], "iscrowd": 0}
        for n in range(4)
    ],
    "categories": [{"id": 1, "name": "cat"}],
}


def damaged(draw: random.Random) -> dict:
    content = copy.deepcopy(WHOLE)
    rows = content[draw.choice(["images", "annotations", "annotations", "categories"])]
    place = draw.randrange(len(rows))
    if draw.random() < 0.1:
        rows[place] = draw.choice(JUNK)
        return content
    key = draw.choice(list(rows[place]))
    if draw.random() < 0.25:
        del rows[place][key]
    else:
        rows[place][key] = draw.choice(JUNK)
    return content


@pytest.mark.parametrize("seed", range(150))
def test_one_damaged_entry_neither_hides_the_others_nor_ends_in_a_traceback(seed, tmp_path):
    for number in (1, 2):
        photo(tmp_path / f"{number}.jpg")
    content = damaged(random.Random(seed))
    (tmp_path / "all.json").write_text(json.dumps(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = sum(len(one) for one in coco.read(tmp_path / "all.json"))
    try:
        report = check_datasets(open_datasets(tmp_path / "all.json"), workers=1)
    except DataError:
        assert read == 0
        return
    trained = sum(one.objects for one in report.sets.values())
    assert read >= 2 or report.issues  # an image that is lost takes its two annotations along
    assert trained <= read <= 4
    assert trained == 4 or report.issues
