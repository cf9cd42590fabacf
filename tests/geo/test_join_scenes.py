"""Objects of several scenes of one area, joined across the overlaps."""

from dataclasses import replace

import numpy as np
import pytest

from hqsam.errors import DataError, InputError
from hqsam.geo.georeference import Georeference
from hqsam.geo.join_scenes import join_scenes
from hqsam.masks.boundary import iou
from hqsam.masks.instances import Instances

PLACE = Georeference((0.5, 0.0, 400_000.0, 0.0, -0.5, 5_200_000.0), "EPSG:32633")
SIZE = (200, 300)
DISCS = {"left": (60, 60, 30), "middle": (150, 100, 40), "right": (250, 150, 25), "small": (145, 30, 12)}


def disc(x, y, radius, size_hw=SIZE):
    rows, columns = np.indices(size_hw) + 0.5
    return np.hypot(columns - x, rows - y) < radius


def scene(left, right, scores=None, **more):
    """The discs as far as they are in columns of the area, as if these columns were an image of their own."""
    seen = {name: disc(*where)[:, left:right] for name, where in DISCS.items()}
    seen = {name: mask for name, mask in seen.items() if mask.any()}
    return Instances.from_masks(
        np.stack(list(seen.values())),
        labels=list(seen),
        scores=scores or [0.5] * len(seen),
        metadata={"georeference": PLACE.window(left, 0)},
        image_name=f"{left}.tif",
        **more,
    )


def test_what_two_scenes_saw_is_one_object_and_whole():
    found = join_scenes([scene(0, 170), scene(120, 300)])
    assert found.labels == ("left", "middle", "small", "right")
    assert found.columns["scenes"] == [1, 2, 2, 1]
    assert found.image_size_hw == SIZE and found.metadata["georeference"] == PLACE
    for label, mask in zip(found.labels, found.masks, strict=True):
        np.testing.assert_array_equal(mask, disc(*DISCS[label]), err_msg=label)


def test_the_order_of_the_scenes_changes_nothing_but_the_order_of_the_objects():
    found = join_scenes([scene(120, 300), scene(0, 170)])
    assert found.metadata["georeference"] == PLACE and found.image_size_hw == SIZE
    assert sorted(found.labels) == sorted(DISCS)
    for label, mask in zip(found.labels, found.masks, strict=True):
        np.testing.assert_array_equal(mask, disc(*DISCS[label]), err_msg=label)


def test_an_object_goes_on_over_three_scenes():
    long = np.zeros(SIZE, bool)
    long[90:110] = True
    parts = [
        Instances.from_masks([long[:, a:b]], metadata={"georeference": PLACE.window(a, 0)}, image_name=f"{a}.tif")
        for a, b in ((0, 120), (100, 220), (200, 300))
    ]
    found = join_scenes(parts)
    assert found.columns["scenes"] == [3]
    np.testing.assert_array_equal(found.mask(0), long)


def test_neighbours_that_do_not_agree_stay_two():
    one = Instances.from_masks([disc(140, 100, 20)[:, :170]], metadata={"georeference": PLACE})
    other = Instances.from_masks([disc(150, 140, 20)[:, 120:]], metadata={"georeference": PLACE.window(120, 0)})
    assert len(join_scenes([one, other])) == 2
    assert len(join_scenes([one, other], least_agreement=0.0)) == 1


def test_the_label_and_the_columns_are_those_of_the_part_of_higher_score():
    one, other = scene(0, 170, [0.5, 0.9, 0.4], columns={"owner": ["a", "b", "c"], "only": [1, 2, 3]}), scene(120, 300)
    other = other.with_labels(["mid", "east", "tiny"]).with_columns(owner=["d", "e", "f"])
    found = join_scenes([one, other])
    assert found.labels == ("left", "middle", "tiny", "east")
    assert found.columns["owner"] == ("a", "b", "f", "e") and "only" not in found.columns
    middle_areas = one.areas[1], other.areas[0]
    assert found.scores[1] == pytest.approx(np.average([0.9, 0.5], weights=middle_areas))
    assert np.isnan(join_scenes([replace(one, scores=np.full(3, np.nan))]).scores).all()


def test_scenes_at_another_resolution_and_in_another_crs_come_onto_the_grid_of_the_first():
    pytest.importorskip("pyproj")
    from hqsam.geo.crs import transform_points

    west = scene(0, 170)
    corners = np.array([[400_060.0, 5_200_000.0], [400_150.0, 5_199_900.0]])
    (x0, y0), (x1, y1) = transform_points(corners, "EPSG:32633", "EPSG:4326")
    fine = (400, 360)  # a quarter of a metre a pixel
    place = Georeference(((x1 - x0) / 360, 0.0, x0, 0.0, (y1 - y0) / 400, y0), "EPSG:4326")
    masks = [np.kron(disc(*DISCS[name])[:, 120:], np.ones((2, 2), bool)) for name in ("middle", "right")]
    east = Instances.from_masks(masks, fine, labels=["middle", "right"], metadata={"georeference": place})
    found = join_scenes([west, east])
    assert found.labels == ("left", "middle", "small", "right")
    assert found.columns["scenes"] == [1, 2, 1, 1]
    x, y = np.rint(PLACE.to_pixels(found.metadata["georeference"].to_map(np.zeros(2)))).astype(int).tolist()
    for row, label in enumerate(found.labels):
        mask = np.zeros((400, 400), bool)
        mask[50 + y : 50 + y + found.image_size_hw[0], 50 + x : 50 + x + found.image_size_hw[1]] = found.mask(row)
        assert iou(mask[50:250, 50:350], disc(*DISCS[label])) > 0.95, label


def test_scenes_without_objects_do_not_hinder():
    nothing = replace(Instances.empty(SIZE), metadata={"georeference": PLACE.window(280, 10)})
    found = join_scenes([scene(0, 300), nothing])
    assert len(found) == 4 and found.image_size_hw == (210, 580)
    assert len(join_scenes([nothing])) == 0


def test_what_cannot_be_joined_is_said():
    with pytest.raises(InputError, match="no scene"):
        join_scenes([])
    with pytest.raises(DataError, match="photo has no place on a map; join results of gpkg"):
        join_scenes([scene(0, 170), Instances.empty(SIZE, "photo")])
    far = replace(
        scene(0, 170), metadata={"georeference": Georeference((0.5, 0, 900_000, 0, -0.5, 200_000), PLACE.crs)}
    )
    with pytest.raises(DataError, match="so far apart"):
        join_scenes([scene(0, 170), far])
    unknown = replace(scene(0, 170), metadata={"georeference": Georeference(PLACE.transform)})
    with pytest.raises(DataError, match="reference system"):
        join_scenes([scene(0, 170), unknown])
