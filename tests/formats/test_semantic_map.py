"""Semantic maps: numbers of classes as pixels, and their colours."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import OptionError, OutputError
from hqsam.formats import semantic_map, write
from hqsam.masks.instances import Instances


@pytest.fixture
def instances():
    masks = np.zeros((3, 4, 5), bool)
    masks[0, :2], masks[1, 1:], masks[2, 3, 4] = True, True, True
    return Instances.from_masks(masks, labels=["cup", "spoon", "cup"], image_name="table.jpg")


def test_pixels_are_numbers_of_classes_and_the_palette_their_colours(instances, tmp_path):
    picture, table = write(
        instances, tmp_path, ["semantic_map"], classes=["spoon", "x", "cup"], colours=[(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    )
    assert table.read_text().splitlines() == ["number,name,colour", "1,spoon,#010203", "2,x,#040506", "3,cup,#070809"]
    with Image.open(picture) as image:
        expected = np.full((4, 5), 1)
        expected[:2] = expected[3, 4] = 3
        assert np.array_equal(np.asarray(image), expected) and image.convert("RGB").getpixel((0, 0)) == (7, 8, 9)


def test_without_a_list_classes_are_in_alphabetical_order_and_a_label_beyond_a_list_is_refused(instances, tmp_path):
    _, table = write(instances, tmp_path, ["semantic_map"])
    assert [line.split(",")[:2] for line in table.read_text().splitlines()[1:]] == [["1", "cup"], ["2", "spoon"]]
    with pytest.raises(OptionError, match="'cup'"):
        write(instances, tmp_path, ["semantic_map"], classes=["spoon"])


def test_images_of_a_folder_share_their_numbers_and_colours_of_classes(instances, tmp_path):
    write(instances, tmp_path, ["semantic_map"], classes=["cup", "spoon"], colours=[(1, 2, 3), (4, 5, 6)])
    other = replace(instances.with_labels(["spoon", "fork", "spoon"]), image_name="kitchen.jpg")
    picture, table = write(other, tmp_path, ["semantic_map"])
    first, second, third = table.read_text().splitlines()[1:]
    assert (first, second) == ("1,cup,#010203", "2,spoon,#040506") and third.startswith("3,fork,")
    with Image.open(picture) as image:
        assert set(np.unique(image).tolist()) == {2, 3}


def test_a_table_of_something_else_is_left_as_it_is(instances, tmp_path):
    (tmp_path / "classes.csv").write_text("pupil;mark\nEva;1\n")
    with pytest.raises(OutputError, match="no table of classes"):
        write(instances, tmp_path, ["semantic_map"])
    assert (tmp_path / "classes.csv").read_text().startswith("pupil")


def test_more_than_255_classes_are_16_bits(instances, tmp_path):
    names = [f"class {number}" for number in range(300)]
    picture, _ = write(
        instances.with_labels([names[299], names[0], names[0]]), tmp_path, ["semantic_map"], classes=names
    )
    with Image.open(picture) as image:
        assert int(np.asarray(image).max()) == 300


def test_classes_come_back_with_their_names(instances, tmp_path):
    picture, table = write(instances, tmp_path, ["semantic_map"], classes=["spoon", "x", "cup"])
    expected = np.zeros((4, 5), bool)
    expected[:2] = expected[3, 4] = True
    for beside in ("notes", "table", "neither"):
        (again,) = semantic_map.read(picture)
        assert again.labels == (("spoon", "cup") if beside != "neither" else ("1", "3"))
        assert np.array_equal(again.masks, [~expected, expected])
        if beside == "notes":  # as another tool would have saved it
            with Image.open(picture) as image:
                image.load()
            Image.fromarray(np.asarray(image)).save(picture)
        else:
            table.unlink(missing_ok=True)
