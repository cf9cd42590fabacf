"""Edges as fine as the photo."""

import numpy as np
import pytest
import torch
from PIL import Image

from hqsam.engines import EncodedImage, Engine
from hqsam.errors import OptionError
from hqsam.masks.boundary import boundary_iou, iou
from hqsam.masks.boxes import box_of_mask
from hqsam.predict.session import Session
from tests.predict.seeing import discs, seeing_segmenter

THREE = [(300, 260, 60), (620, 300, 45), (900, 560, 50)]


@pytest.fixture
def seeing():
    return seeing_segmenter()


def boxes_of(masks):
    return np.array([box_of_mask(mask) for mask in masks])


def stars(size_hw, x, y, radius, rays=12):
    """A thing with thin parts, that a coarse grid cannot show."""
    down, across = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    angle = np.arctan2(down - y, across - x)
    mask = np.hypot(across - x, down - y) < radius * (0.75 + 0.25 * np.cos(rays * angle))
    return np.repeat(np.where(mask, np.uint8(255), np.uint8(0))[..., None], 3, axis=2), mask


def test_an_edge_on_a_large_photo_comes_closer_to_the_true_one(seeing):
    segmenter, _ = seeing
    photo, truth = stars((768, 1024), 500, 400, 120)
    session = segmenter.open(photo)
    plain, fine = (session.segment(box=box_of_mask(truth), detail=detail).masks[0] for detail in (False, True))
    assert boundary_iou(fine, truth, 0.005) > 0.6 > 0.2 > boundary_iou(plain, truth, 0.005)
    assert iou(fine, truth) > 0.9 > 0.7 > iou(plain, truth)


def test_detail_never_looks_again_where_the_photo_is_seen_closely_enough(seeing):
    segmenter, engine = seeing
    photo, truth = stars((96, 128), 60, 48, 40)
    session = segmenter.open(photo)
    plain, fine = (session.segment(box=box_of_mask(truth), detail=detail) for detail in (False, True))
    np.testing.assert_array_equal(plain.masks, fine.masks)
    assert len(engine.encoded_sizes) == 1 and fine.patches == ()


def test_one_encoding_serves_all_objects_of_a_crop(seeing):
    segmenter, engine = seeing
    photo, truths = discs((1024, 1024), (300, 300, 40), (390, 300, 40), (340, 390, 38), (800, 800, 40))
    session = segmenter.open(photo)
    fine = session.segment(boxes=boxes_of(truths), detail=True)
    assert len(engine.encoded_sizes) == 1 + 2  # the photo, the three that lie together, the fourth
    assert [iou(mask, truth) > 0.9 for mask, truth in zip(fine.masks, truths, strict=True)] == [True] * 4


def test_of_a_large_object_only_tiles_along_its_edge_are_encoded(seeing):
    segmenter, engine = seeing
    photo, (truth,) = discs((1024, 1024), (512, 512, 440))
    session = segmenter.open(photo)
    plain = session.segment(box=box_of_mask(truth))
    fine = session.segment(box=box_of_mask(truth), detail=True)
    tiles = len(engine.encoded_sizes) - 1
    assert 20 < tiles < 60, f"{tiles} of 121 tiles"
    assert boundary_iou(fine.masks[0], truth, 0.002) > 0.9 > boundary_iou(plain.masks[0], truth, 0.002)


def test_there_is_no_seam_where_tiles_meet(seeing):
    segmenter, _ = seeing
    photo, (truth,) = discs((1024, 1024), (512, 512, 440))
    fine = segmenter.open(photo).segment(box=box_of_mask(truth), detail=True).masks[0]
    y, x = np.nonzero(fine != truth)
    assert np.abs(np.hypot(x + 0.5 - 512, y + 0.5 - 512) - 440).max() < 3  # a seam would be a step of several pixels


class Distracted(Engine):
    """Sees the photo as it is, and in every crop something else."""

    def __init__(self, engine):
        self.engine, self.config, self.device, self.digest = engine, engine.config, engine.device, engine.digest
        self.looks = 0

    def encode(self, images):
        self.looks += 1
        if self.looks == 1:
            return self.engine.encode(images)
        cells = torch.full((1, 1, 32, 32), -5.0)
        cells[..., :3, :3] = 5
        return [EncodedImage({"cells": cells})]

    def decode(self, *asked):
        return self.engine.decode(*asked)

    def decode_selected(self, *asked):
        return self.engine.decode_selected(*asked)


def test_an_answer_about_something_else_is_not_taken(seeing):
    segmenter, engine = seeing
    segmenter = type(segmenter)(Distracted(engine))
    photo, _ = discs((768, 1024), (500, 400, 100))
    session = segmenter.open(photo)
    plain, fine = (session.segment(points=[(500, 400)], labels=[1], detail=detail) for detail in (False, True))
    np.testing.assert_array_equal(plain.masks, fine.masks)


def test_far_from_the_edge_the_first_answer_stays(seeing):
    segmenter, engine = seeing
    photo, _ = discs((1024, 1024), (500, 400, 250))
    session = segmenter.open(photo)
    photo[360:440, 460:540] = 0  # what a crop sees, and the first look did not: a hole deep inside
    fine = session.segment(points=[(420, 330)], labels=[1], detail=True)
    assert len(engine.encoded_sizes) > 1 and fine.masks[0][360:440, 460:540].all()


def test_the_crop_is_asked_with_the_same_clicks_and_the_mask(seeing):
    segmenter, engine = seeing
    photo, _ = discs((1024, 1024), (600, 500, 60))
    segmenter.open(photo).segment(points=[(600, 500), (30, 30)], labels=[1, 0], detail=True)
    first, again = engine.asked
    assert first.mask_logits is None and first.labels.tolist() == [[1, 0, -1]]
    assert again.mask_logits is not None and again.labels.tolist() == [[1, -1]]  # the other click is not in the crop
    crop = engine.config.image_size
    np.testing.assert_allclose(again.points[0, 0].numpy(), crop / 2, atol=6)  # the mask, to a cell, is in its middle
    inside = again.mask_logits[0, 0] > 0
    assert inside[13:18, 13:18].all() and not inside[:6].any()


def test_progress_counts_the_crops_and_may_stop_them(seeing):
    segmenter, engine = seeing
    photo, truths = discs((768, 1024), *THREE)
    session, told = segmenter.open(photo), []
    session.segment(boxes=boxes_of(truths), detail=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]

    def stop(done, total):
        raise KeyboardInterrupt

    before = len(engine.encoded_sizes)
    with pytest.raises(KeyboardInterrupt):
        session.segment(boxes=boxes_of(truths), detail=True, progress=stop)
    assert len(engine.encoded_sizes) == before + 1


def test_everything_that_an_answer_can_do_it_can_with_detail(seeing, tmp_path):
    segmenter, _ = seeing
    photo, truths = discs((768, 1024), *THREE)
    fine = segmenter.open(photo).segment(boxes=boxes_of(truths), detail=True)
    one = fine[1]
    np.testing.assert_array_equal(one.masks[0], fine.masks[1])
    np.testing.assert_array_equal(fine[[2, 0]].masks, fine.masks[[2, 0]])
    assert np.abs(fine.boxes - boxes_of(truths)).max() <= 2
    assert [area.sum() for area in fine.remove_specks(10).masks] == [mask.sum() for mask in fine.masks]
    fine.save(tmp_path, "png", "cutout", "coco", "svg", image=photo)
    assert (np.asarray(Image.open(tmp_path / "image_mask_02.png")) > 0).sum() == fine.masks[1].sum()


def test_a_soft_edge_lies_on_the_fine_one(seeing):
    segmenter, _ = seeing
    photo, (truth,) = discs((768, 1024), (500, 400, 100))
    fine = segmenter.open(photo).segment(box=box_of_mask(truth), detail=True)
    alpha = fine.soft_alpha()
    np.testing.assert_array_equal(alpha > 0.5, fine.masks[0])
    assert abs(alpha.sum() / truth.sum() - 1) < 0.01 and ((alpha > 0.05) & (alpha < 0.95)).any()


def test_an_answer_with_detail_can_be_refined(seeing):
    segmenter, engine = seeing
    photo, truths = discs((768, 1024), *THREE)
    session = segmenter.open(photo)
    fine = session.segment(box=boxes_of(truths)[0], detail=True)
    session.segment(points=[(300, 260)], labels=[1], refine=fine)
    np.testing.assert_array_equal(engine.asked[-1].mask_logits[0, 0].numpy(), fine.logits[0])
    again = session.segment(points=[(300, 260)], labels=[1], refine=fine, detail=True)
    assert iou(again.masks[0], truths[0]) > 0.97


def test_three_candidates_get_detail_each(seeing):
    segmenter, _ = seeing
    photo, (truth,) = discs((768, 1024), (500, 400, 100))
    fine = segmenter.open(photo).segment(box=box_of_mask(truth), candidates=3, detail=True)
    assert fine.prompt_index.tolist() == [0, 0, 0] and len(fine.patches) == 3
    assert all(iou(mask, truth) > 0.97 for mask in fine.masks)


def test_an_empty_mask_stays_empty(seeing):
    segmenter, engine = seeing
    photo = np.zeros((768, 1024, 3), np.uint8)
    fine = segmenter.open(photo).segment(box=(100, 100, 200, 200), detail=True)
    assert not fine.masks.any() and len(engine.encoded_sizes) == 1


def test_a_session_without_its_image_says_so(seeing):
    segmenter, engine = seeing
    session = segmenter.open(discs((768, 1024), (500, 400, 100))[0])
    without = Session(session.frame, session.encoded, engine)
    with pytest.raises(OptionError, match=r"segmenter\.open"):
        without.segment(points=[(500, 400)], labels=[1], detail=True)


def test_with_a_real_network_all_kinds_of_prompts_work(tiny_segmenter):
    photo = np.random.default_rng(3).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    session = tiny_segmenter.open(photo)
    for prompt in (
        {"box": (200, 100, 300, 180)},
        {"points": [(250, 150), (260, 140)], "labels": [1, 0]},
        {"boxes": [(200, 100, 300, 180), (10, 10, 60, 50)], "points": np.full((2, 1, 2), 40), "labels": [[1], [1]]},
        {"mask": np.pad(np.ones((60, 60), bool), ((100, 240), (200, 340)))},
    ):
        for source in ("sum", "hq", "sam"):
            fine = session.segment(**prompt, source=source, detail=True)
            assert fine.masks.shape[1:] == (400, 600) and np.isfinite(fine.logits).all()
