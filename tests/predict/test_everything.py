"""Every object of an image: what is found, what is dropped, and that it is what the plain way finds."""

import numpy as np
import pytest
import torch

import hqsam
from hqsam.engines import Engine
from hqsam.errors import OptionError
from hqsam.images.reading import read_image
from hqsam.masks import rle
from hqsam.masks.boundary import iou
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import components
from hqsam.paths import examples_folder
from hqsam.predict import crop_mask_generator
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.result import Segmentation
from tests.nano import nano_file
from tests.predict.plain_everything import plain_everything
from tests.predict.seeing import discs, seeing_segmenter
from tests.tiny import tiny_segmenter

ANY_MASK = {"points_per_side": 5, "pred_iou_thresh": -9.0, "stability_score_thresh": 0.0}
THREE = ((40, 50, 20), (150, 60, 30), (90, 150, 12))


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    return hqsam.load(nano_file(tmp_path_factory.mktemp("nano")), device="cpu", precision="float32")


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)


def mask_iou(masks, others):
    return np.array([[iou(one, other) for other in others] for one in masks])


def same(one, other):
    return one.to_rle() == other.to_rle() and np.array_equal(one.scores, other.scores)


def test_each_object_is_found_once_with_its_mask_box_point_and_area():
    segmenter, _ = seeing_segmenter()
    photo, truth = discs((200, 220), *THREE)
    everything = segmenter.everything(photo, points_per_side=16, stability_score_thresh=0.5)
    assert mask_iou(np.asarray(everything.masks), np.stack(truth)).max(axis=0).min() > 0.75
    assert len(everything) == 3
    for one in everything:
        assert one.areas[0] == one.mask(0).sum() == rle.area(one.rle[0])
        assert one.boxes[0].tolist() == box_of_mask(one.mask(0)).tolist()
        (x, y), (x0, y0, x1, y1) = one.columns["point_coords"][0, 0], one.boxes[0].tolist()
        assert x0 <= x < x1 and y0 <= y < y1
        assert one.columns["crop_box"].tolist() == [[0, 0, 220, 200]] and one.columns["stability_score"][0] > 0.5


def test_of_a_photo_of_nothing_nothing_is_found():
    segmenter, _ = seeing_segmenter()
    everything = segmenter.everything(np.zeros((50, 60, 3), np.uint8), points_per_side=4)
    assert len(everything) == 0 and everything.boxes.shape == (0, 4) and everything.masks.shape == (0, 50, 60)
    assert not everything.label_map().any() and everything.records() == []


LENIENT = {"pred_iou_thresh": 0.1, "stability_score_thresh": 0.4}
AGREEING = [
    ("coffee", {"source": "sum", "candidates": 1}),
    ("photographer", {"source": "sam", "candidates": 3, **LENIENT}),
    ("cat", {"source": "hq", "candidates": 1, "crop_n_layers": 1, "points_per_side": 6, **LENIENT}),
]


@pytest.mark.parametrize(("photo", "settings"), AGREEING, ids=[photo for photo, _ in AGREEING])
def test_what_is_kept_is_what_the_plain_way_keeps(nano, photo, settings):
    thresholds = {"pred_iou_thresh": 0.3, "stability_score_thresh": 0.7}
    config = MaskGeneratorConfig(**{"points_per_side": 12} | thresholds | settings)
    pixels = read_image(examples_folder() / f"{photo}.jpg")
    plain = plain_everything(nano._engine, pixels, config)
    fast = nano.everything(pixels, config)
    assert len(plain.masks) >= 5
    agreement = mask_iou(plain.masks, np.asarray(fast.masks))
    assert (agreement.max(axis=1) >= 0.95).mean() >= 0.97
    assert (agreement.max(axis=0) >= 0.95).mean() >= 0.97
    matched = agreement.argmax(axis=1)
    np.testing.assert_allclose(fast.scores[matched], plain.scores, atol=1e-3)
    np.testing.assert_allclose(fast.columns["stability_score"][matched], plain.stability, atol=5e-3)


@pytest.mark.parametrize("kind", ["vit", "plain_vit"])
def test_the_same_photo_gives_the_same_masks_twice(noise, kind):
    segmenter = tiny_segmenter(kind)
    first, second = (segmenter.everything(noise, **ANY_MASK) for _ in range(2))
    assert len(first) and same(first, second)


@pytest.mark.parametrize("limit", [1, 60_000, 400_000])
@pytest.mark.parametrize("candidates", [1, 3])
def test_little_memory_changes_nothing(noise, limit, candidates):
    segmenter = tiny_segmenter("vit")
    options = ANY_MASK | {"candidates": candidates, "box_nms_thresh": 0.95}
    rich, poor = (segmenter.everything(noise, memory_limit=memory, **options) for memory in (None, limit))
    assert len(rich) == len(poor)
    for one, other in zip(rich, poor, strict=True):
        assert (one.mask(0) != other.mask(0)).mean() < 1e-3 and one.scores == pytest.approx(other.scores, abs=1e-5)


def test_the_logits_that_are_held_never_take_more_than_they_may(noise, monkeypatch):
    from hqsam.predict.candidates import Candidates

    held = []
    add = Candidates.add

    def watched(self, more):
        add(self, more)
        held.append(sum(one.logits.nbytes for one in self._all if one.logits is not None))

    monkeypatch.setattr(Candidates, "add", watched)
    tiny_segmenter("vit").everything(noise, memory_limit=60_000, **ANY_MASK)
    assert held and max(held) <= 60_000


def test_progress_counts_every_click_and_may_stop_the_work(noise):
    told = []
    segmenter = tiny_segmenter("vit")
    settings = ANY_MASK | {"crop_n_layers": 1, "most_points_at_once": 10}
    segmenter.everything(noise, progress=lambda done, total: told.append((done, total)), **settings)
    assert told[-1] == (125, 125) and all(total == 125 for _, total in told)
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    def enough(done, total):
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmenter.everything(noise, progress=enough, **settings)


def test_a_stream_gives_the_same_and_can_be_closed():
    segmenter, engine = seeing_segmenter()
    photo, _ = discs((400, 440), (60, 60, 25), (330, 80, 30), (90, 330, 22), (350, 340, 28))
    settings = {"points_per_side": 12, "crop_n_layers": 1, "stability_score_thresh": 0.5}
    whole = segmenter.everything(photo, **settings)
    engine.encoded_sizes.clear()
    stream = segmenter.stream_everything(photo, **settings)
    first = next(stream)
    assert len(engine.encoded_sizes) == 1, "the first crop's objects come before the second crop is looked at"
    assert first.rle == whole[0].rle
    assert [one.rle[0] for one in stream] == whole.to_rle()[1:]
    segmenter.stream_everything(photo, **settings).close()


def test_objects_at_the_cut_of_a_crop_are_left_to_those_who_see_them_whole():
    segmenter, _ = seeing_segmenter()
    photo, truth = discs((400, 400), (200, 200, 60), (60, 60, 30))
    everything = segmenter.everything(photo, points_per_side=12, crop_n_layers=1, stability_score_thresh=0.5)
    assert len(everything) == 2
    assert mask_iou(np.asarray(everything.masks), np.stack(truth)).max(axis=0).min() > 0.85
    crops = set(map(tuple, everything.columns["crop_box"].tolist()))
    assert (0, 0, 400, 400) in crops and len(crops) == 2


class Spy(Engine):
    """An engine that tells how it was asked for everything."""

    def __init__(self, engine):
        self.config, self.device, self.encode, self.decode = engine.config, engine.device, engine.encode, engine.decode
        self.engine, self.digest, self.asked = engine, engine.digest, []

    def decode_selected(self, image, prompts, source, selection, least_score):
        self.asked.append((source, selection, least_score))
        return self.engine.decode_selected(image, prompts, source, selection, least_score)


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("vit", {}, ("sum", "best", 0.88)),
        ("vit", {"candidates": 3}, ("sum", "each", 0.88)),
        ("vit", {"source": "sam"}, ("sam", "each", 0.88)),
        ("vit", {"source": "sam", "candidates": 1}, ("sam", "best", 0.88)),
        ("vit", {"source": "hq", "pred_iou_thresh": 0.5}, ("hq", "best", 0.5)),
        ("plain_vit", {}, ("sam", "each", 0.88)),
    ],
)
def test_a_search_asks_as_the_official_generators_do(noise, kind, settings, expected):
    segmenter = tiny_segmenter(kind)
    spy = segmenter._engine = Spy(segmenter._engine)
    segmenter.everything(noise, points_per_side=2, **settings)
    assert set(spy.asked) == {expected}


def test_without_overlaps_no_pixel_has_two_masks_and_covered_none_has_no_mask(nano):
    photo = examples_folder() / "coffee.jpg"
    settings = {"points_per_side": 8, "pred_iou_thresh": 0.3}
    apart = nano.everything(photo, disjoint=True, **settings)
    assert len(apart) > 3 and np.asarray(apart.masks).sum(axis=0).max() == 1
    covered = nano.everything(photo, cover=True, **settings)
    assert (np.asarray(covered.masks).sum(axis=0) == 1).all()


def test_small_regions_are_removed(nano):
    settings = {"points_per_side": 8, "pred_iou_thresh": 0.3, "min_mask_region_area": 200}
    postprocess_small_regions = nano.everything(examples_folder() / "coffee.jpg", **settings)
    assert len(postprocess_small_regions)
    for one in postprocess_small_regions:
        areas = np.bincount(components(one.mask(0)).ravel())[1:]
        assert len(areas) == 1 or areas.min() >= 200


def test_detail_makes_the_edges_of_what_was_found_finer():
    segmenter, _ = seeing_segmenter()
    photo, (truth,) = discs((768, 1024), (500, 400, 90))
    settings = {"points_per_side": 8, "stability_score_thresh": 0.5}
    plain, fine = (segmenter.everything(photo, detail=detail, **settings) for detail in (False, True))
    assert len(plain) == len(fine) == 1
    plain_error, fine_error = ((one.masks[0] != truth).sum() for one in (plain, fine))
    assert fine_error < plain_error / 2


@pytest.mark.parametrize("how", [{"detail": True}, {"snap": True}, {"detail": True, "snap": True}])
def test_finer_masks_are_made_one_at_a_time_and_are_held_as_runs(monkeypatch, how):
    """A batch of masks of a large image's size would take gigabytes."""
    segmenter, _ = seeing_segmenter()
    photo, _ = discs((400, 440), (60, 60, 25), (330, 80, 30), (90, 330, 22), (350, 340, 28))
    events = []

    def watch(name, owner, key):
        wrapped = getattr(owner, key)
        monkeypatch.setattr(owner, key, lambda *args: (events.append(name), wrapped(*args))[1])

    watch("mask", Segmentation, "mask")
    watch("runs", crop_mask_generator, "runs_from_parts")
    segmenter.everything(photo, points_per_side=8, stability_score_thresh=0.5, **how)
    assert len(events) >= 4
    assert events == ["mask", "runs"] * (len(events) // 2)


def test_progress_may_stop_the_work_while_detail_is_added():
    segmenter, _ = seeing_segmenter()
    photo, _ = discs((768, 1024), (500, 400, 90))
    told = []

    def enough(done, total):
        told.append((done, total))
        if told.count((64, 64)) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmenter.everything(photo, points_per_side=8, stability_score_thresh=0.5, detail=True, progress=enough)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"points_per_sid": 3}, "points_per_sid"),
        ({"points_per_side": 0}, "1 or more"),
        ({"source": "best"}, "choose one of"),
        ({"candidates": 2}, "candidates is 2"),
        ({"memory_limit": 0}, "memory_limit"),
        ({"box_nms_thresh": 1.5}, "0 to 1"),
        ({"point_grids": [np.zeros((3, 3))]}, "shape"),
        ({"point_grids": [np.zeros((3, 2))], "crop_n_layers": 1}, "one for each"),
        ({"point_grids": [np.full((3, 2), np.nan)]}, "point_grids has the value nan"),
        ({"point_grids": [np.full((3, 2), -0.1)]}, "point_grids has the value -0.1"),
        ({"pred_iou_thresh": np.nan}, "pred_iou_thresh is nan"),
        ({"pred_iou_thresh": 2.0}, "up to 1"),
        ({"stability_score_thresh": np.nan}, "stability_score_thresh is nan"),
        ({"stability_score_offset": np.nan}, "stability_score_offset is nan"),
        ({"box_nms_thresh": np.nan}, "0 to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(noise, settings, said):
    segmenter = tiny_segmenter("vit")
    with pytest.raises(OptionError, match=said):
        segmenter.everything(noise, **settings)
    with pytest.raises(OptionError, match=said):
        segmenter.stream_everything(noise, **settings)


def test_a_thin_photo_and_one_of_a_pixel_are_no_trouble(noise):
    segmenter = tiny_segmenter("vit")
    for size_hw in ((1, 1), (2, 300), (300, 3)):
        photo = np.resize(noise, (*size_hw, 3))
        everything = segmenter.everything(photo, crop_n_layers=1, **ANY_MASK)
        assert all(one.mask(0).shape == size_hw and one.areas[0] for one in everything)


def test_torch_is_left_as_it_was(noise):
    before = torch.get_num_threads()
    tiny_segmenter("vit").everything(noise, **ANY_MASK)
    assert torch.get_num_threads() == before
