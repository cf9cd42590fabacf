"""The interaction function, run as CVAT's agent runs it."""

import json
import sys
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import MissingExtra, PromptError

pytest.importorskip("cvat_sdk")

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk.masks import decode_mask

from hqsam.integrations.cvat import interaction

CUP = [[170, 15], [412, 210]]


class InThisProcess:
    """Stands in for the agent's executor, which runs one worker of its own."""

    def submit(self, work, /, *arguments):
        future = Future()
        future.set_result(work(*arguments))
        return future

    def result(self, future):
        return future.result()


@pytest.fixture
def agent(nano, coffee, monkeypatch):
    """The agent's own driver of interaction functions; only the download of frames is replaced."""
    pytest.importorskip("cvat_cli")
    from cvat_cli._internal import agent_driver, agent_driver_interaction

    function = interaction.InteractionFunction(nano)
    monkeypatch.setattr(agent_driver, "_current_function", function, raising=False)
    driver_type = agent_driver_interaction.AgentInteractionFunctionDriver
    driver_type.init_worker(None)
    driver = driver_type(None, InThisProcess(), function.spec)
    frame = SimpleNamespace(media=SimpleNamespace(load_image=lambda: Image.open(coffee)))
    fetched = []
    monkeypatch.setattr(driver, "_get_sample_from_ar_params", lambda params: fetched.append(params) or (frame, ()))
    return SimpleNamespace(driver=driver, fetched=fetched, function=function)


def interact(agent, pos_points=(), neg_points=(), obj_bbox=(), **more):
    params = {"type": "interact", "task": 1, "frame": 0, "pos_points": pos_points, "neg_points": neg_points}
    return agent.driver.calculate_result_for_ar(params | {"obj_bbox": obj_bbox} | more, None)


def mask_in(result, width=600, height=400):
    (shape,) = json.loads(json.dumps(result, default=lambda one: one.to_dict()))["shapes"]
    assert shape["type"] == "mask"
    return decode_mask(shape["points"], image_width=width, image_height=height)


def test_a_box_and_clicks_give_the_librarys_own_masks(agent, nano, coffee):
    session = nano.open(coffee)
    box = session.segment(box=(170, 15, 412, 210))
    assert np.array_equal(mask_in(interact(agent, obj_bbox=CUP)), box.masks[0])
    clicks = session.segment(points=[(300, 100), (200, 300)], labels=[1, 0])
    assert np.array_equal(mask_in(interact(agent, [[300, 100]], [[200, 300]])), clicks.masks[0])
    both = session.segment(box=(170, 15, 412, 210), points=[(200, 300)], labels=[0])
    assert np.array_equal(mask_in(interact(agent, [], [[200, 300]], CUP)), both.masks[0])


def test_an_image_is_encoded_once_for_all_its_prompts(agent, monkeypatch):
    encoded = []
    plain = agent.function.preprocess_image
    monkeypatch.setattr(agent.function, "preprocess_image", lambda *given: encoded.append(1) or plain(*given))
    for point in ([300, 100], [310, 90], [250, 60]):
        interact(agent, [point])
    assert len(encoded) == len(agent.fetched) == 1


def test_a_region_of_the_frame_has_coordinates_of_its_own(agent, nano, coffee):
    region = Image.open(coffee).crop((150, 0, 450, 250))
    expected = nano.open(region).segment(box=(20, 15, 262, 210))
    found = interact(agent, obj_bbox=[[20, 15], [262, 210]], roi=[150, 0, 450, 250])
    assert np.array_equal(mask_in(found, 300, 250), expected.masks[0])


def test_the_mask_has_its_score(agent, nano, coffee):
    (shape,) = interact(agent, obj_bbox=CUP)["shapes"]
    (score,) = shape["attributes"]
    assert score.spec_id == cvataa.InteractionResultAttributes.CONFIDENCE
    expected = float(nano.open(coffee).segment(box=(170, 15, 412, 210)).scores[0])
    assert float(score.value) == pytest.approx(expected, abs=1e-3)


def test_cvat_is_told_that_points_and_boxes_are_both_optional(agent):
    fields = agent.driver.get_remote_function_fields(agent.function.spec)
    assert fields == {"min_pos_points": 0, "min_neg_points": 0, "startswith_box_optional": True}
    agent.driver.validate_function_compatibility(fields | {"startswith_box": False})


def test_no_prompt_at_all_is_refused(agent):
    with pytest.raises(PromptError):
        interact(agent)


def test_cvats_loader_finds_create_and_gives_it_the_parameters(nano_path):
    pytest.importorskip("cvat_cli")
    from cvat_cli._internal.common import FunctionLoader

    module = interaction.__name__
    function = FunctionLoader(module, None, {"model": nano_path, "device": "cpu"}).load()
    assert isinstance(function.spec, cvataa.InteractionFunctionSpec)
    by_file = FunctionLoader(None, Path(interaction.__file__), {"model": nano_path}).load()
    assert isinstance(by_file.spec, cvataa.InteractionFunctionSpec)


def test_without_cvat_sdk_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvat_sdk.auto_annotation", None)
    with pytest.raises(MissingExtra, match=r"hqsam\[cvat\]"):
        interaction.create("nano")
