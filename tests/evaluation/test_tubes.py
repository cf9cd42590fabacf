from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import DataError
from hqsam.evaluation import average_precision as coco
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import EvaluationSample, OpenSplit
from hqsam.evaluation.tubes import Tube, score_split, tube_iou
from hqsam.masks import rle
from hqsam.masks.boundary import boundary, iou
from tests import needs
from tests.evaluation.crowded import SIZE_HW, crowded
from tests.masks.strategies import dense_noise


def tube(masks, **about):
    """None where it is not seen."""
    return Tube({frame: rle.encode(mask) for frame, mask in enumerate(masks) if mask is not None}, **about)


videos = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.integers(1, 4).flatmap(
        lambda frames: st.tuples(
            *[st.lists(st.none() | dense_noise(size), min_size=frames, max_size=frames) for _ in range(2)],
            st.just(size),
        )
    )
)


@given(videos)
def test_the_iou_of_tubes_is_that_of_all_frames_side_by_side(video):
    one, other, size_hw = video
    nothing = np.zeros(size_hw, bool)
    stacks = [np.hstack([nothing if mask is None else mask for mask in each]) for each in (one, other)]
    expected = iou(*stacks) if any(stack.any() for stack in stacks) else 0.0
    value = tube_iou([tube(one)], [tube(other)], range(len(one)), size_hw)
    assert value.tolist() == [[pytest.approx(expected)]]


def test_hand_worked_a_tube_that_is_found_in_one_of_two_frames():
    mask = np.zeros((10, 10), bool)
    mask[2:6, 2:6] = True
    assert tube_iou([tube([mask, None])], [tube([mask, mask])], [0, 1], (10, 10)) == [[0.5]]


def test_boundaries_are_those_of_each_frame():
    mask = np.ones((100, 100), bool)
    edges = tube([mask, mask]).boundaries
    assert np.array_equal(rle.decode(edges.masks[1]), boundary(mask))


def test_the_mean_area_is_over_frames_in_which_it_is_seen():
    small, large, nothing = np.zeros((10, 10), bool), np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    small[:2, :2], large[:4, :4] = True, True
    assert tube([small, None, large, nothing]).mean_area == 10
    assert tube([None, nothing]).mean_area == 0


def split_of(annotations, frames=1):
    """Images as videos, every one `frames` frames long."""
    videos = [{"id": one["id"], "height": one["height"], "width": one["width"]} for one in annotations["images"]]
    samples = tuple(
        EvaluationSample(
            f"x/{video['id']}/{frame}", Path("photo.jpg"), list, None, {"video_id": video["id"], "frame": frame}
        )
        for video in videos
        for frame in range(frames)
    )
    objects = [
        {**one, "video_id": one["image_id"], "segmentations": [one["segmentation"]] * frames}
        for one in annotations["annotations"]
    ]
    return OpenSplit("x", samples, {"videos": videos, "annotations": objects, "categories": annotations["categories"]})


def rows_of(results, frames=1):
    return [
        Row(
            f"x/{one['image_id']}/{frame}",
            f"det-{track}",
            SIZE_HW,
            {
                "video_id": one["image_id"],
                "frame": frame,
                "category_id": one["category_id"],
                "score": one["score"],
                "track": track,
            },
            None,
            None,
            0.1,
            one["segmentation"],
        )
        for track, one in enumerate(results)
        for frame in range(frames)
    ]


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_still_videos_score_as_their_images_do(seed, frames):
    needs.package("faster_coco_eval", install='pip install "hqsam[evaluate]"')
    annotations, results = crowded(seed)
    annotations["annotations"] = [one for one in annotations["annotations"] if not one["iscrowd"]]
    scores = score_split(split_of(annotations, frames), rows_of(results, frames))
    masks = coco.average_precision(annotations, results)
    edges = coco.average_precision(annotations, results, boundary=0.02)
    for name in ("AP", "AP50", "AP75"):
        assert scores[name] == pytest.approx(masks[name], abs=1e-12)
        assert scores[name.replace("AP", "AP_B")] == pytest.approx(edges[name], abs=1e-12)


BOX = np.zeros(SIZE_HW, bool)
BOX[30:90, 30:90] = True


def video_of(*objects):
    """One video of the given objects: a class, and a mask or None for each frame."""
    annotations = [
        {
            "id": number,
            "video_id": 1,
            "category_id": category,
            "segmentations": [None if mask is None else rle.encode(mask) for mask in masks],
        }
        for number, (category, masks) in enumerate(objects, start=1)
    ]
    video = {"id": 1, "height": SIZE_HW[0], "width": SIZE_HW[1]}
    frames = range(len(objects[0][1]))
    samples = [
        EvaluationSample(f"x/1/{frame}", Path("photo.jpg"), list, None, {"video_id": 1, "frame": frame})
        for frame in frames
    ]
    return OpenSplit("x", tuple(samples), {"videos": [video], "annotations": annotations})


def row(frame, mask, track=1, category=1, **about):
    about = {"video_id": 1, "frame": frame, "track": track, "category_id": category} | about
    return Row(f"x/1/{frame}", f"track-{track}", mask.shape, about, None, None, 0.5, rle.encode(mask))


def test_a_track_that_is_lost_after_three_of_four_frames_overlaps_by_three_quarters():
    split = video_of((1, [BOX] * 4))
    scores = score_split(split, [row(frame, BOX) for frame in range(3)])
    assert scores["AP"] == pytest.approx(0.6) and scores["AP75"] == 1
    assert scores["AP_B"] == pytest.approx(0.6)


def test_what_is_found_where_the_object_is_hidden_counts_against_it():
    scores = score_split(video_of((1, [BOX, None])), [row(0, BOX), row(1, BOX)])
    assert scores["AP50"] == 1 and scores["AP"] == pytest.approx(0.1)


def test_sizes_are_those_of_ytvis():
    scores = score_split(video_of((1, [BOX])), [row(0, BOX)])
    assert scores["AP_S"] == 1 and "AP_M" not in scores  # 3600 pixels are below 128 x 128


def test_the_area_that_an_annotation_states_is_its_size():
    split = video_of((1, [BOX, BOX]))
    split.annotations["annotations"][0]["areas"] = [None, 40000]
    assert "AP_M" in score_split(split, [row(0, BOX), row(1, BOX)])  # (3600 + 40000) / 2


def test_classes_count_the_same_and_a_class_that_was_not_there_does_not_count():
    split = video_of((1, [BOX]), (2, [BOX]))
    assert score_split(split, [row(0, BOX)])["AP"] == 0.5
    assert score_split(split, [row(0, BOX), row(0, BOX, track=2, category=7)])["AP"] == 0.5


def test_a_frame_that_was_not_asked_about_does_not_count():
    whole = video_of((1, [BOX, BOX]))
    half = OpenSplit("x", whole.samples[:1], whole.annotations)
    assert score_split(half, [row(0, BOX)])["AP"] == 1


def test_an_answer_without_a_track_or_of_another_size_is_refused():
    split = video_of((1, [BOX]))
    stray = Row(
        "x/1/0", "det", SIZE_HW, {"video_id": 1, "category_id": 1, "frame": 0}, None, None, 0.5, rle.encode(BOX)
    )
    with pytest.raises(DataError, match="has no 'track'"):
        score_split(split, [stray])
    with pytest.raises(DataError, match=r"is \(4, 5\) .*, and its video \(120, 160\)"):
        score_split(split, [row(0, np.ones((4, 5), bool))])
