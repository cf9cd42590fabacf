"""An image is encoded once and prompted at will; what the words of a prompt mean, exactly."""

import dataclasses

import numpy as np
import pytest
import torch

from hqsam.engines.torch import TorchEngine
from hqsam.errors import ImageError, OptionError, PromptError
from hqsam.model.preprocess import normalise_and_pad, resize_longest_side
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.segmenter import Segmenter
from tests.tiny import EVERY_KIND, tiny_model, tiny_segmenter

BOX, BOXES = (10, 5, 80, 50), [(10, 5, 80, 50), (0, 0, 30, 60), (40, 20, 89, 59), (5, 5, 20, 20)]
CLICK = {"points": [(30, 20)], "labels": [1]}


@pytest.fixture(scope="module")
def photo():
    rows, columns = np.mgrid[:60, :90]
    noise = np.random.default_rng(3).integers(0, 60, (60, 90, 3))
    disc = ((rows - 30) ** 2 + (columns - 40) ** 2 < 400)[..., None] * 150
    return (disc + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def session(tiny_segmenter, photo):
    return tiny_segmenter.open(photo)


@pytest.fixture(scope="module", params=EVERY_KIND)
def any_session(request, photo):
    return tiny_segmenter(request.param).open(photo)


def assert_same(one, other, places=5):
    assert len(one) == len(other)
    np.testing.assert_allclose(one.logits, other.logits, atol=10**-places)
    np.testing.assert_allclose(one.scores, other.scores, atol=10**-places)
    np.testing.assert_array_equal(one.prompt_index, other.prompt_index)


def test_every_model_answers_every_prompt_with_masks_of_the_photo(any_session):
    mask = np.zeros((60, 90), bool)
    mask[10:40, 20:60] = True
    for prompt in ({"box": BOX}, CLICK, {**CLICK, "box": BOX}, {"mask": mask}, {**CLICK, "mask": mask, "box": BOX}):
        found = any_session.segment(**prompt)
        assert found.masks.shape == (1, 60, 90) and found.masks.dtype == bool
        assert found.logits.shape == (1, 32, 32) and found.logits.dtype == np.float32
        assert found.scores.shape == (1,) and found.scores.dtype == np.float32
        assert found.boxes.shape == (1, 4)
        assert found.prompt_index.tolist() == [0]


def test_a_box_is_decoded_as_the_model_itself_does(photo, session):
    """The whole way by hand: resize, encode, corners in the model's pixels, decode, two resizes, zero."""
    model = tiny_model()
    image = normalise_and_pad([resize_longest_side(photo, 128)], model.config)
    corners = torch.tensor(BOX).view(1, 2, 2) * torch.tensor([128 / 90, 85 / 60])
    with torch.no_grad():
        logits, scores, _ = model.decode(model.encode_image(image), PromptBatch(corners, torch.tensor([[2, 3]])))
    found = session.segment(box=BOX)
    np.testing.assert_allclose(found.logits, logits[:, 0], atol=1e-5)
    np.testing.assert_allclose(found.scores, scores[:, 0], atol=1e-5)
    np.testing.assert_array_equal(found.masks, session.frame.masks_to_image(logits[:, 0]) > 0)


@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
@pytest.mark.parametrize("candidates", [1, 3])
def test_many_boxes_at_once_are_each_box_alone(session, source, candidates):
    many = session.segment(boxes=BOXES, source=source, candidates=candidates)
    for index, box in enumerate(BOXES):
        one = session.segment(box=box, source=source, candidates=candidates)
        row = many[many.prompt_index == index]
        np.testing.assert_allclose(row.logits, one.logits, atol=1e-5)
        np.testing.assert_allclose(row.scores, one.scores, atol=1e-5)


def test_more_prompts_than_fit_in_one_pass_keep_their_order(session):
    boxes = [(x, 3, x + 20, 50) for x in range(40)]
    many = session.segment(boxes=boxes, candidates=3)
    assert many.prompt_index.tolist() == [index for index in range(40) for _ in range(3)]
    last = session.segment(box=boxes[-1], candidates=3)
    np.testing.assert_allclose(many.logits[-3:], last.logits, atol=1e-5)


def test_clicks_for_many_prompts_are_each_prompt_alone(session):
    points, labels = np.array([[(30, 20), (5, 5)], [(60, 40), (80, 10)]]), np.array([[1, 0], [1, 1]])
    many = session.segment(points=points, labels=labels)
    for index in range(2):
        one = session.segment(points=points[index], labels=labels[index])
        np.testing.assert_allclose(many[index].logits, one.logits, atol=1e-5)


def test_the_sum_is_sams_logits_plus_the_hq_logits(session, tiny_model):
    """With the HQ token in attention SAM's own masks change, so the difference is not source `sam`."""
    with torch.no_grad():
        batch = PromptBatch(torch.tensor([[[40.0, 28.0], [0.0, 0.0]]]), torch.tensor([[1, -1]]))
        features = tiny_model.encode_image(torch.zeros(1, 3, 128, 128))
        decoding = tiny_model.run_decoder(features, batch, with_hq=True)
        both = tiny_model.mask_decoder.masks(decoding, 0, 3) + tiny_model.hq_masks(
            decoding, tiny_model.hq_features(features)
        )
        torch.testing.assert_close(tiny_model.decode(features, batch, "sum", 1).logits, both[:, :1])
        torch.testing.assert_close(tiny_model.decode(features, batch, "sum", 3).logits, both[:, 1:])
    difference = session.segment(**CLICK).logits - session.segment(**CLICK, source="hq").logits
    assert not np.allclose(difference, session.segment(**CLICK, source="sam").logits, atol=1e-3)


def test_source_sam_is_the_same_model_without_its_hq_part(photo):
    hq, plain = tiny_model("vit"), tiny_model("plain_vit")
    plain.load_state_dict({key: value for key, value in hq.state_dict().items() if not key.startswith("hq.")})
    sessions = [Segmenter(TorchEngine(model, torch.device("cpu"), torch.float32)).open(photo) for model in (hq, plain)]
    for candidates in (1, 3):
        one, other = (each.segment(**CLICK, source="sam", candidates=candidates) for each in sessions)
        np.testing.assert_array_equal(one.logits, other.logits)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_three_candidates_are_rows_of_their_prompt(session):
    three = session.segment(boxes=BOXES[:2], candidates=3)
    assert three.prompt_index.tolist() == [0, 0, 0, 1, 1, 1]
    assert three.masks.shape == (6, 60, 90)


def test_the_hq_mask_is_one_a_prompt_scored_by_the_best_of_three(session):
    three = session.segment(boxes=BOXES[:2], candidates=3)
    hq = session.segment(boxes=BOXES[:2], candidates=3, source="hq")
    assert hq.prompt_index.tolist() == [0, 1]
    np.testing.assert_allclose(hq.scores, three.scores.reshape(2, 3).max(axis=1), atol=1e-6)


def test_the_default_source_is_the_sum_or_all_that_a_plain_sam_has(any_session):
    config = any_session.engine.config
    assert any_session.segment(box=BOX).source == ("sum" if config.hq else "sam")


def test_a_plain_sam_has_no_other_source(photo):
    session = tiny_segmenter("plain_vit").open(photo)
    assert_same(session.segment(box=BOX), session.segment(box=BOX, source="sam"))
    for source in ("sum", "hq"):
        with pytest.raises(OptionError, match="plain SAM"):
            session.segment(box=BOX, source=source)


def test_an_unknown_source_or_number_of_candidates_is_refused(session):
    with pytest.raises(OptionError, match="sum, hq, sam"):
        session.segment(box=BOX, source="best")
    for candidates in (0, 2, 4):
        with pytest.raises(OptionError, match="1 mask a prompt, or 3"):
            session.segment(box=BOX, candidates=candidates)


def test_refining_a_box_is_the_same_box_with_the_click_and_the_logits(session):
    first = session.segment(box=BOX)
    by_hand = session.segment(box=BOX, points=[(30, 20)], labels=[0], mask=first.logits)
    assert_same(session.segment(points=[(30, 20)], labels=[0], refine=first), by_hand)


def test_refining_clicks_keeps_them_in_their_order(session):
    first = session.segment(**CLICK)
    second = session.segment(points=[(60, 40)], labels=[0], refine=first)
    third = session.segment(points=[(5, 5), (70, 9)], labels=[0, 1], refine=second)
    points, labels = [(30, 20), (60, 40), (5, 5), (70, 9)], [1, 0, 0, 1]
    assert_same(third, session.segment(points=points, labels=labels, mask=second.logits))


def test_refining_without_a_click_gives_the_logits_back(session):
    first = session.segment(box=BOX)
    assert_same(session.segment(refine=first), session.segment(box=BOX, mask=first.logits))


def test_refining_three_candidates_goes_on_from_the_best_or_from_the_one_chosen(session):
    three = session.segment(**CLICK, candidates=3)
    best = int(three.scores.argmax())
    chosen = (best + 1) % 3
    click = {"points": [(60, 40)], "labels": [0]}
    both = {"points": [(30, 20), (60, 40)], "labels": [1, 0]}
    for start, row in ((three, best), (three.best(), best), (three[chosen], chosen)):
        assert_same(session.segment(**click, refine=start), session.segment(**both, mask=three.logits[row : row + 1]))


def test_refining_many_takes_clicks_for_each_and_refining_one_of_them_for_one(session):
    many = session.segment(boxes=BOXES[:2])
    points, labels = np.array([[(30, 20)], [(5, 5)]]), np.array([[0], [1]])
    refined = session.segment(points=points, labels=labels, refine=many)
    assert_same(refined, session.segment(boxes=BOXES[:2], points=points, labels=labels, mask=many.logits))
    one = session.segment(points=[(5, 5)], labels=[1], refine=many[1])
    np.testing.assert_allclose(one.logits[0], refined.logits[1], atol=1e-5)
    with pytest.raises(PromptError, match=r"1 prompts and refine has 2.*refine=many\[0\]"):
        session.segment(**CLICK, refine=many)


def test_refine_takes_no_other_box_or_mask(session):
    first = session.segment(box=BOX)
    for surplus in ({"box": BOX}, {"boxes": BOXES}, {"mask": first.logits}):
        with pytest.raises(PromptError, match="keeps the earlier box"):
            session.segment(refine=first, **surplus)


def test_an_answer_about_another_image_or_by_another_model_cannot_be_refined(session, tiny_segmenter, photo):
    elsewhere = tiny_segmenter.open(photo[:, :50])
    with pytest.raises(PromptError, match="90 x 60 image and this one is 50 x 60"):
        elsewhere.segment(points=[(5, 5)], labels=[1], refine=session.segment(box=BOX))
    first = session.segment(box=BOX)
    coarser = dataclasses.replace(first, logits=first.logits[:, ::2, ::2].copy())
    with pytest.raises(PromptError, match="32 x 32"):
        session.segment(refine=coarser)
    with pytest.raises(PromptError, match="no mask"):
        session.segment(refine=first[:0])


def test_a_bool_mask_of_the_image_is_a_prompt(session):
    mask = session.segment(box=BOX).masks[0]
    assert mask.any()
    with_mask, without = session.segment(**CLICK, mask=mask), session.segment(**CLICK)
    assert not np.allclose(with_mask.logits, without.logits, atol=1e-3)


def test_the_same_prompt_gives_the_same_masks(session):
    one, other = session.segment(boxes=BOXES), session.segment(boxes=BOXES)
    np.testing.assert_array_equal(one.logits, other.logits)


def test_in_bfloat16_the_answer_is_float32_and_nearly_the_same(session, photo):
    engine = TorchEngine(tiny_model(), torch.device("cpu"), torch.bfloat16)
    found, exact = Segmenter(engine).open(photo).segment(boxes=BOXES), session.segment(boxes=BOXES)
    assert found.logits.dtype == found.scores.dtype == np.float32
    assert np.abs(found.logits - exact.logits).mean() < 0.05 * exact.logits.std()


def test_a_session_cannot_go_stale(tiny_segmenter, photo):
    """Whatever is opened or prompted in between, a session answers as on its first day."""
    session = tiny_segmenter.open(photo)
    before = session.segment(box=BOX)
    others = [tiny_segmenter.open(255 - photo), tiny_segmenter.open(photo[:30])]
    for other in others:
        other.segment(**CLICK, candidates=3)
    session.segment(**CLICK)
    np.testing.assert_array_equal(session.segment(box=BOX).logits, before.logits)
    with pytest.raises(dataclasses.FrozenInstanceError):
        session.frame = others[0].frame


def test_a_session_does_not_look_at_the_array_again(tiny_segmenter, photo):
    mine = photo.copy()
    session = tiny_segmenter.open(mine)
    before = session.segment(box=BOX)
    mine[:] = 0
    np.testing.assert_array_equal(session.segment(box=BOX).logits, before.logits)


def test_prompts_are_checked_against_this_image(session):
    with pytest.raises(PromptError, match="90 x 60"):
        session.segment(points=[(90, 5)], labels=[1])
    with pytest.raises(PromptError, match="empty"):
        session.segment()


def test_an_image_that_cannot_be_read_opens_no_session(tiny_segmenter, tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        tiny_segmenter.open(tmp_path / "missing.jpg")


def test_masks_find_the_way_back_to_their_image_for_pictures(tiny_segmenter, photo, tmp_path):
    found = tiny_segmenter.open(photo).segment(box=BOX)
    np.testing.assert_array_equal(found.overlay(), found.overlay(photo))
    np.testing.assert_array_equal(found[0].cutout(), found.cutout(photo))
    assert [path.name for path in found.save(tmp_path, "overlay")] == ["image_overlay.png"]
    everything = tiny_segmenter.everything(photo, points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0)
    np.testing.assert_array_equal(everything.overlay(), everything.overlay(photo))
