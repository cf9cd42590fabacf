"""What users get for arguments of a wrong type: an error of ours, in words.

In a process of its own, because in this one annotations are checked before the functions are called.
"""

import subprocess
import sys
from pathlib import Path

import pytest

_ASKED = {
    'hqsam.load(None, device="cpu")': "the model is None; give a name, such as nano",
    'hqsam.load(3, device="cpu")': "the model is 3; give a name",
    'hqsam.load("", device="cpu")': "the model is ''; give a name",
    "hqsam.load(device=3)": "device is 3; choose one of auto, cpu",
    "hqsam.load(device=None)": "device is None; choose one of auto, cpu",
    "answer.to_polygons(corners='middle')": "corners is 'middle'; choose one of pixel_edges, pixel_centres",
    "segmenter.everything(photo, 5)": "config is 5; give a MaskGeneratorConfig",
    "segmenter.everything(photo, 0)": "config is 0; give a MaskGeneratorConfig",
    'segmenter.everything(photo, order="x")': "order is 'x'; choose one of small_on_top",
    'segmenter.everything(photo, disjoint=True, order="x")': "order is 'x'; choose one of small_on_top",
    "segmenter.everything(photo, points_per_side=2.5)": "points_per_side is 2.5; give a whole number, 1 or more",
    'segmenter.everything(photo, points_per_side="a")': "points_per_side is 'a'; give a whole number",
    "segmenter.everything(photo, points_per_side=None)": "points_per_side is None; give a whole number",
    "segmenter.everything(photo, crop_n_layers=0.5)": "crop_n_layers is 0.5; give a whole number, 0 or more",
    'segmenter.everything(photo, pred_iou_thresh="a")': "pred_iou_thresh is 'a'; give a number up to 1",
    "segmenter.everything(photo, point_grids=5)": "point_grids is a int; give a list",
    "segmenter.everything(photo, candidates=3.0)": "candidates is 3.0; choose 1",
    'session.segment(box=(1, 1, 30, 30), candidates="second")': "candidates is 'second'; choose 1 mask a prompt",
    "session.segment(box=(1, 1, 30, 30), candidates=3.0)": "candidates is 3.0; choose 1 mask a prompt, or 3",
    'answer.overlay(photo, prompts="x")': "prompts is 'x'; choose 'shown' or 'hidden'",
    'nothing.label_map(order="x")': "order is 'x'; choose one of small_on_top",
    "answer.remove_specks(-1)": "min_area is -1; give a number of pixels, 0 or more",
    "answer.fill_holes(-1)": "max_area is -1; give a number of pixels, 0 or more",
    'answer.to_polygons(float("nan"))': "tolerance is nan; give 0",
    "answer.to_polygons(-1)": "tolerance is -1; give 0",
}

_PROGRAM = """
import numpy as np, torch, hqsam
from hqsam.errors import OptionError
from hqsam.masks.instances import Instances
from tests.tiny import tiny_segmenter

segmenter = tiny_segmenter()
photo = np.zeros((40, 60, 3), np.uint8)
session = segmenter.open(photo)
answer = session.segment(box=(1, 1, 30, 30))
nothing = Instances.empty((40, 60))
for asked in {asked!r}:
    try:
        print(repr(eval(asked))[:60])
    except OptionError as error:
        print(error)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def answers():
    root = Path(__file__).parents[2]
    program = _PROGRAM.format(asked=list(_ASKED))
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True).stdout
    return dict(zip(_ASKED, said.splitlines(), strict=True))


@pytest.mark.parametrize("asked", _ASKED)
def test_a_wrong_argument_is_told_in_words(answers, asked):
    assert answers[asked].startswith(_ASKED[asked])
