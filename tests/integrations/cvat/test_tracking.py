"""The tracking function, run as CVAT's agent runs it."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError, MissingExtra, PromptError

pytest.importorskip("cvat_sdk")

from cvat_sdk.masks import decode_mask, encode_mask

from hqsam.integrations.cvat import tracking
from hqsam.masks.boundary import iou
from tests.integrations.cvat.test_interaction import InThisProcess
from tests.predict.seeing import seeing_segmenter
from tests.video.clips import moving_disc

WIDTH, HEIGHT = 128, 96


@pytest.fixture
def clip():
    frames, truth = moving_disc(6)
    return [Image.fromarray(frame) for frame in frames], truth


@pytest.fixture
def agent(clip, monkeypatch):
    """The agent's own driver of tracking functions; only the download of frames is replaced."""
    pytest.importorskip("cvat_cli")
    from cvat_cli._internal import agent_driver, agent_driver_tracking

    function = tracking.TrackingFunction(seeing_segmenter()[0])
    monkeypatch.setattr(agent_driver, "_current_function", function, raising=False)
    driver_type: Any = agent_driver_tracking.AgentTrackingFunctionDriver
    names = iter("abcdefgh")
    driver_type.init_worker(lambda: next(names))
    driver = driver_type(None, InThisProcess(), function.spec)
    monkeypatch.setattr(
        driver,
        "_get_sample_from_ar_params",
        lambda params: (SimpleNamespace(media=SimpleNamespace(load_image=lambda: clip[0][params["frame"]])), ()),
    )
    driver.validate_function_compatibility(driver_type.get_remote_function_fields(function.spec))

    def start(*shapes, frame=0):
        params = {"type": "init_tracking", "task": 1, "frame": frame, "shapes": list(shapes)}
        return driver.calculate_result_for_ar(params, None)["states"]

    def track(states, frame):
        return driver.calculate_result_for_ar({"type": "track", "task": 1, "frame": frame, "states": states}, None)[
            "shapes"
        ]

    return SimpleNamespace(start=start, track=track)


def mask_shape(mask):
    return {"type": "mask", "points": encode_mask(mask)}


def test_masks_polygons_and_rectangles_are_followed_and_keep_their_type(agent, clip):
    truth = clip[1]
    rows, columns = np.nonzero(truth[0])
    corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([30 + 14 * np.cos(angles), 48 + 14 * np.sin(angles)], axis=1)
    states = agent.start(
        mask_shape(truth[0]),
        {"type": "polygon", "points": circle.ravel().tolist()},
        {"type": "rectangle", "points": [float(one) for one in corners]},
    )
    for frame in range(1, 6):
        mask, polygon, rectangle = agent.track(states, frame)
        found = decode_mask(mask["points"], image_width=WIDTH, image_height=HEIGHT)
        assert iou(found, truth[frame]) > 0.9
        rows, columns = np.nonzero(truth[frame])
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(np.array(rectangle["points"]) - box).max() <= 3
        ring = np.reshape(polygon["points"], (-1, 2))
        assert (polygon["type"], rectangle["type"]) == ("polygon", "rectangle")
        assert np.abs(np.concatenate([ring.min(0), ring.max(0)]) - box).max() <= 3


def test_a_shape_that_is_not_seen_gives_none_and_is_found_again(agent, clip):
    pictures, truth = clip
    pictures[2] = pictures[3] = Image.new("RGB", (WIDTH, HEIGHT))
    states = agent.start(mask_shape(truth[0]))
    found = [agent.track(states, frame)[0] for frame in range(1, 6)]
    assert [one is None for one in found] == [False, True, True, False, False]
    assert iou(decode_mask(found[-1]["points"], image_width=WIDTH, image_height=HEIGHT), truth[5]) > 0.8


def test_shapes_start_on_any_frame_and_know_nothing_of_each_other(agent, clip):
    truth = clip[1]
    (late,) = agent.start(mask_shape(truth[3]), frame=3)
    (early,) = agent.start(mask_shape(truth[0]))
    (one,) = agent.track([late], 4)
    (other,) = agent.track([early], 1)
    for shape, frame in ((one, 4), (other, 1)):
        assert iou(decode_mask(shape["points"], image_width=WIDTH, image_height=HEIGHT), truth[frame]) > 0.9


def test_shapes_without_a_pixel_and_damaged_masks_are_refused(agent):
    with pytest.raises(PromptError, match="no pixel"):
        agent.start({"type": "polygon", "points": [500.0, 500, 510, 500, 510, 510]})
    with pytest.raises(DataError, match="runs of a mask"):
        agent.start({"type": "mask", "points": [3, 4, 0, 0, 9, 9]})


def test_without_cvat_sdk_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvat_sdk.auto_annotation", None)
    with pytest.raises(MissingExtra, match=r"hqsam\[cvat\]"):
        tracking.create()


def test_a_model_with_a_memory_follows_by_it_as_in_a_video():
    from tests.video.test_memory_following import frames, segmenter

    function = tracking.TrackingFunction(segmenter())
    mask = np.pad(np.ones((40, 50), bool), ((20, 36), (30, 48)))
    video = segmenter().open_video(list(frames(6)))
    video.add(frame=0, mask=mask)
    first, *others = [function.preprocess_image(None, Image.fromarray(frame)) for frame in frames(6)]
    state = function.init_tracking_state(None, first, SimpleNamespace(type="mask", points=encode_mask(mask)))
    for expected, frame in zip(list(video.track(1)), others, strict=True):
        shape = function.track(SimpleNamespace(original_shape_type="mask"), frame, state)
        assert (decode_mask(shape.points, image_width=WIDTH, image_height=HEIGHT) == expected.mask(0)).all()
