"""Files that version 0.1 wrote, in every format that is read, still hold the masks that were written."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from hqsam.formats import FORMATS

ARCHIVE = Path(__file__).with_name("files_of_version_0.1.zip")
SIZE_HW = (100, 150)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("version_0_1")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def written(folder: Path, name: str) -> np.ndarray:
    """The masks that were saved, kept beside the files as packed bits."""
    pixels = SIZE_HW[0] * SIZE_HW[1]
    bits = np.unpackbits(np.load(folder / f"{name}_masks.npy"))
    return bits[: len(bits) // pixels * pixels].reshape(-1, *SIZE_HW).astype(bool)


@pytest.mark.parametrize(
    ("name", "file", "labels"),
    [
        ("coco", "segment/coffee_coco.json", ("cup", "spoon")),
        ("sam", "segment/coffee_sam.json", ("cup", "spoon")),
        ("labelme", "segment/coffee.json", ("cup", "spoon")),
        ("yolo", "segment/coffee.txt", ("cup", "spoon")),
        ("svg", "segment/coffee.svg", ("cup", "spoon")),
        ("geojson", "segment/coffee.geojson", ("cup", "spoon")),
        ("coco", "everything/coffee_coco.json", None),
        ("sam", "everything/coffee_sam.json", None),
    ],
)
def test_a_file_of_version_0_1_gives_its_masks_and_labels_back(folder, name, file, labels):
    [instances] = FORMATS[name].read(folder / file)
    assert instances.image_size_hw == SIZE_HW
    np.testing.assert_array_equal(np.asarray(instances.masks), written(folder, file.partition("/")[0]))
    if labels:
        assert instances.labels == labels


def test_a_mask_png_of_version_0_1_has_its_label_and_score(folder):
    for number, label in enumerate(["cup", "spoon"]):
        [instances] = FORMATS["png"].read(folder / f"segment/coffee_mask_{number + 1:02}.png")
        np.testing.assert_array_equal(instances.masks[0], written(folder, "segment")[number])
        assert instances.labels == (label,) and 0 < instances.scores[0] <= 1


def test_a_label_map_of_version_0_1_has_each_object_where_no_smaller_one_lies_over_it(folder):
    [instances] = FORMATS["label_map"].read(folder / "segment/coffee_labels.png")
    masks = written(folder, "segment")
    np.testing.assert_array_equal(np.asarray(instances.masks).any(axis=0), masks.any(axis=0))
    assert len(instances) == len(masks)


def test_records_of_version_0_1_keep_what_was_known_of_each_mask(folder):
    [instances] = FORMATS["sam"].read(folder / "everything/coffee_sam.json")
    assert {"point_coords", "stability_score", "crop_box"} <= set(instances.columns)
