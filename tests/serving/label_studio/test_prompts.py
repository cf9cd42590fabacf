import numpy as np
import pytest

from hqsam.errors import DataError, PromptError
from hqsam.masks.rle_pack import pack
from hqsam.masks.runs import runs_from_parts
from hqsam.serving.http.label_studio.bitmasks import read_bitmask, write_bitmask
from hqsam.serving.http.label_studio.labeling_config import LabelingConfig
from hqsam.serving.http.label_studio.prompts import read_prompts
from tests.serving.label_studio.requests import BITMASKS, BRUSHES, HEIGHT, WIDTH, click, rectangle

SIZE = HEIGHT, WIDTH


def test_percent_are_pixels_of_the_image_and_stay_in_it():
    (one,) = read_prompts([click(300, 100), click(600, 400), rectangle(-50, 0, 900, 400)], SIZE)
    assert one.points[0] == pytest.approx((300, 100))
    assert 599 < one.points[1][0] < 600 and 399 < one.points[1][1] < 400
    assert one.box == pytest.approx((0, 0, 600, 400))


def test_a_rotated_rectangle_gives_the_box_around_it():
    """A quarter turn about its upper left corner lays it on its left side."""
    (one,) = read_prompts([rectangle(300, 100, 400, 150, rotation=90)], SIZE)
    assert one.box == pytest.approx((250, 100, 300, 200))


def test_clicks_belong_to_the_rectangle_that_they_lie_in_and_clicks_beside_to_all():
    drawn = rectangle(0, 0, 100, 100), rectangle(200, 0, 300, 100), click(250, 50), click(50, 50, is_positive=False)
    first, second = read_prompts(drawn, SIZE)
    assert first.point_labels == [0]
    assert second.point_labels == [1, 0]


def test_strokes_of_a_brush_are_a_rough_mask():
    mask = np.zeros(SIZE, bool)
    mask[100:200, 50:80] = True
    value = {"format": "rle", "rle": pack(runs_from_parts([(mask, 0, 0)], HEIGHT), SIZE), "brushlabels": ["cup"]}
    (one,) = read_prompts([{"type": "brushlabels", "to_name": "image", "value": value}], SIZE)
    assert np.array_equal(one.mask, mask) and one.says_where


def test_a_bitmask_is_a_rough_mask_too_and_a_damaged_one_is_refused():
    mask = np.zeros(SIZE, bool)
    mask[100:200, 50:80] = True
    value = {"imageDataURL": write_bitmask(mask), "bitmasklabels": ["cup"]}
    (one,) = read_prompts([{"type": "bitmasklabels", "to_name": "image", "value": value}], SIZE)
    assert np.array_equal(one.mask, mask)
    for address, size_hw in ((value["imageDataURL"], (10, 10)), (value["imageDataURL"][:200], SIZE), ("text", SIZE)):
        with pytest.raises(PromptError, match="bitmask"):
            read_bitmask(address, size_hw)


def test_an_unknown_kind_is_refused_with_the_kinds_that_are_known():
    ellipse = {"type": "ellipselabels", "to_name": "image", "value": {"ellipselabels": ["cup"]}}
    with pytest.raises(PromptError, match="rectanglelabels"):
        read_prompts([ellipse], SIZE)


def test_the_first_tag_with_the_label_takes_the_mask():
    both = BITMASKS.replace("</View>", BRUSHES.split("<Image")[1].split("/>", 1)[1])
    tag = LabelingConfig(both).mask_tag("image", "cup")
    assert tag.type == "bitmasklabels"
    config = LabelingConfig(
        '<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i" value="$labels"/></View>'
    )
    assert config.mask_tag("i", "whatever").type == "brushlabels" and config.image_field("i") == "i"


@pytest.mark.parametrize("xml", ['<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "", "<View", "text"])
def test_what_is_no_configuration_is_refused(xml):
    with pytest.raises(DataError, match="labelling configuration"):
        LabelingConfig(xml)


def test_a_tag_of_several_images_is_refused():
    with pytest.raises(DataError, match="several images"):
        LabelingConfig('<View><Image name="i" valueList="$images"/></View>').image_field("i")
