import io
import json
import tarfile

import pytest
from PIL import Image

from hqsam.batch.image_work import open_blob
from hqsam.batch.items import ItemPrompt
from hqsam.batch.prompts import prompts_of_json
from hqsam.batch.sources import find_items
from hqsam.errors import DataError, DataWarning, ImageError, InputError, OptionError
from hqsam.images.reading import read_image


def names(items):
    return [item.name for item in items]


def test_a_folder_is_all_images_below_it_with_a_detectors_boxes_by_the_number_of_the_name(archive):
    items = find_items([str(archive)], f"{archive}.json")
    assert names(items)[:2] == ["day/0001.png", "day/0003.png"]
    assert items[0].prompts == (
        ItemPrompt(box=(6, 5, 26, 30), label="1", score=0.5),
        ItemPrompt(box=(0, 0, 10, 12), label="2", score=0.5),
    )
    assert items[4].name == "day/0009.png" and items[4].prompts == ()


def test_a_pattern_and_a_list_name_the_same_files(archive):
    text = archive.parent / "some.txt"
    text.write_text("# two of them\nnight/0000.png\n\nnight/0002.png\n")
    listed = find_items([str(text)], "everything", images=str(archive))
    assert names(listed) == ["night/0000.png", "night/0002.png"]
    found = find_items([str(archive / "night" / "000[02].png")], "everything")
    assert [item.image for item in found] == [item.image for item in listed]


def test_a_coco_file_brings_names_ids_classes_and_its_own_boxes(archive):
    content = {
        "images": [
            {"id": 70, "file_name": "day/0001.png", "height": 40, "width": 48},
            {"id": 71, "file_name": "gone.png"},
        ],
        "annotations": [
            {"id": 1, "image_id": 70, "category_id": 4, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]}
        ],
        "categories": [{"id": 4, "name": "cup"}],
    }
    path = archive.parent / "set.json"
    path.write_text(json.dumps(content))
    here, gone = find_items([str(path)], "annotations", images=str(archive))
    assert here.image_id == 70 and here.prompts == (ItemPrompt(box=(1, 2, 4, 6), label="cup"),)
    assert gone.prompts == () and gone.image.url.endswith("gone.png")

    results = archive.parent / "results.json"
    results.write_text(json.dumps([{"image_id": 70, "category_id": 4, "bbox": [0, 0, 9, 9], "score": 0.25}]))
    assert find_items([str(path)], str(results), images=str(archive))[0].prompts == (
        ItemPrompt(box=(0, 0, 9, 9), label="cup", score=0.25),
    )


def test_a_csv_has_a_column_of_paths_and_one_of_prompts(archive):
    table = archive.parent / "table.csv"
    table.write_text('file,boxes\narchive/day/0001.png,"[[1,2,30,40]]"\narchive/day/0003.png,\n')
    first, second = find_items([str(table)], "column:boxes", image_column="file")
    assert first.prompts == (ItemPrompt(box=(1, 2, 30, 40)),) and second.prompts == ()
    assert read_image(open_blob(first.image)).shape == (40, 48, 3)
    with pytest.raises(DataError, match="has no column 'path'; it has file, boxes"):
        find_items([str(table)], "column:boxes")


def test_a_parquet_table_has_boxes_as_lists(archive):
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    table = archive.parent / "table.parquet"
    boxes = [[[1.0, 2.0, 30.0, 40.0], [0.0, 0.0, 5.0, 5.0]], None]
    parquet.write_table(pa.table({"path": ["day/0001.png", "day/0003.png"], "found": boxes}), table)
    first, second = find_items([str(table)], "column:found", images=str(archive))
    assert [prompt.box for prompt in first.prompts] == [(1, 2, 30, 40), (0, 0, 5, 5)]
    assert second.prompts == ()


def test_members_of_a_tar_are_read_from_their_place_with_the_json_of_their_name(archive):
    tar = archive.parent / "shard-3.tar"
    with tarfile.open(tar, "w") as file:
        file.add(archive / "day" / "0001.png", "a/0001.png")
        data = json.dumps({"points": [[[4, 5], [6, 7]]], "point_labels": [[1, 0]]}).encode()
        info = tarfile.TarInfo("a/0001.json")
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
        file.add(archive / "day" / "0003.png", "a/0003.png")
    first, second = find_items([str(tar)], "beside")
    assert names([first, second]) == ["shard-3/a/0001.png", "shard-3/a/0003.png"]
    assert (read_image(open_blob(second.image)) == read_image(archive / "day" / "0003.png")).all()
    with open_blob(first.prompts) as file:
        assert prompts_of_json(file.read(), "it") == (ItemPrompt(points=((4, 5), (6, 7)), point_labels=(1, 0)),)
    assert second.prompts == ()


def test_a_json_beside_each_image_is_named_for_later(archive):
    items = find_items([str(archive)], "beside")
    assert items[0].prompts.url.endswith("day/0001.json")


def test_prompts_of_other_images_are_refused_and_some_of_others_noted(archive):
    path = archive.parent / "other.json"
    row = {"category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}
    path.write_text(json.dumps([{"image_id": 1000 + number, **row} for number in range(5)]))
    with pytest.raises(DataError, match=r"boxes for 5 images, none of which is here: its image_id is such as 1000"):
        find_items([str(archive)], str(path))
    path.write_text(json.dumps([{"image_id": 1, **row}, {"image_id": 99, **row}]))
    with pytest.warns(DataWarning, match="boxes of 1 images that are not here were left out, such as 99"):
        find_items([str(archive)], str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"annotations": []}, "holds a JSON dict; expected a list of detections"),
        ([{"image_id": 1}], "detection 0 of .* is not as COCO has it: KeyError: 'bbox'"),
        ([{"image_id": 1, "bbox": [1, 2, 3]}], r"is not 4 numbers"),
    ],
)
def test_a_results_file_of_another_form_is_refused(archive, content, said):
    path = archive.parent / "odd.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        find_items([str(archive)], str(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[1,2,3]]", "is not 4 numbers"),
        ('{"boxes":[[0,0,1,1]],"labels":[]}', "different lengths"),
        ('{"bbox":[]}', "has 'bbox'; expected a list of boxes"),
        ('{"points":[[[1,2]]]}', "1 points and 0 point_labels"),
        ('{"labels":["cup"]}', "neither a box nor points"),
        ("{", "is not JSON"),
    ],
)
def test_prompts_of_an_image_of_another_form_are_refused(text, said):
    with pytest.raises(DataError, match=said):
        prompts_of_json(text, "1.json")


def test_two_images_of_one_name_are_refused_and_one_named_twice_is_done_once(archive):
    (archive.parent / "other" / "day").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(archive.parent / "other" / "day" / "0001.png")
    with pytest.raises(InputError, match=r"two images have the name 'day/0001\.png'"):
        find_items([str(archive), str(archive.parent / "other")], "everything")
    with pytest.warns(DataWarning, match="10 images that are named twice are done once"):
        assert len(find_items([str(archive), str(archive)], "everything")) == 10


def test_prompts_that_an_input_cannot_have_are_refused(archive):
    with pytest.raises(OptionError, match="is a column of a table"):
        find_items([str(archive)], "column:boxes")
    with pytest.raises(OptionError, match="are those of a COCO file"):
        find_items([str(archive)], "annotations")


def test_a_prompt_file_that_is_missing_is_named(archive):
    with pytest.raises(ImageError, match=r"boxes.json: there is no such file"):
        find_items([str(archive)], str(archive.parent / "boxes.json"))
