"""Where to click: numbers as the official generator has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.point_grid import GridCrop, build_point_grid, generate_crops, is_near_crop_edge, points_in_crop


def test_a_grid_is_of_the_centres_of_cells_row_by_row():
    assert build_point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert build_point_grid(1).tolist() == [[0.5, 0.5]]


def test_crops_are_the_official_ones():
    """By the official function, for an image of 1365 x 2048 and one layer."""
    crops = generate_crops((1365, 2048), MaskGeneratorConfig(crop_n_layers=1))
    boxes = {crop.box_xyxy for crop in crops}
    assert boxes == {
        (0, 0, 2048, 1365),
        *((0, 0, 1257, 915), (0, 450, 1257, 1365), (792, 0, 2048, 915), (792, 450, 2048, 1365)),
    }
    assert crops[-1].box_xyxy == (0, 0, 2048, 1365), "the largest last, whose masks make way for those of crops"


@given(st.tuples(st.integers(1, 400), st.integers(1, 400)), st.integers(0, 3), st.floats(0, 0.9))
def test_each_layer_of_crops_covers_the_image(size_hw, layers, overlap):
    crops = generate_crops(size_hw, MaskGeneratorConfig(crop_n_layers=layers, crop_overlap_ratio=overlap))
    for layer in range(layers + 1):
        seen = np.zeros(size_hw, bool)
        for crop in crops:
            x0, y0, x1, y1 = crop.box_xyxy
            assert 0 <= x0 < x1 <= size_hw[1] and 0 <= y0 < y1 <= size_hw[0]
            if crop.layer == layer:
                seen[y0:y1, x0:x1] = True
        assert seen.all()


def test_deeper_layers_may_have_fewer_points():
    config = MaskGeneratorConfig(points_per_side=8, crop_n_points_downscale_factor=2, crop_n_layers=2)
    counts = {crop.layer: len(points_in_crop(crop, config)) for crop in generate_crops((300, 300), config)}
    assert counts == {0: 64, 1: 16, 2: 4}


def test_points_given_are_scaled_to_the_view():
    config = MaskGeneratorConfig(point_grids=[np.array([[0.5, 0.25]])])
    assert points_in_crop(GridCrop((10, 10, 30, 50), 0), config).tolist() == [[10.0, 10.0]]


@pytest.mark.parametrize(
    ("box", "cut"),
    [((30, 30, 60, 60), False), ((30, 30, 99, 60), True), ((0, 30, 60, 60), False), ((30, 15, 60, 60), False)],
)
def test_a_mask_is_cut_off_where_the_view_ends_and_the_image_does_not(box, cut):
    crop = GridCrop((0, 0, 100, 100), 1)
    assert is_near_crop_edge(np.array([box], float), crop, (300, 300)).tolist() == [cut]
