"""What can be done with an answer."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from hqsam.errors import ImageError, OptionError, OutputError
from hqsam.geometry import Frame
from hqsam.images import row_chunks
from hqsam.masks.polygons import from_polygons
from hqsam.masks.rle import decode
from hqsam.predict.multiscale_logits import MultiscaleLogits
from hqsam.predict.result import Segmentation
from hqsam.prompts import check_prompts

HEIGHT, WIDTH = 96, 128
FRAME = Frame((HEIGHT, WIDTH), 128)


def logits_of(*shapes):
    """Discs (x, y, radius) in image pixels, added up to one map of 32 x 32 logits that fall off evenly outwards."""
    y, x = (np.mgrid[:32, :32] + 0.5) * 4
    each = [radius - np.hypot(x - centre_x, y - centre_y) for centre_x, centre_y, radius in shapes]
    return np.max(each, axis=0).astype(np.float32)


def answer(*logits, scores=None, prompt_index=None, boxes=None):
    prompt_index = np.arange(len(logits)) if prompt_index is None else np.array(prompt_index)
    boxes = boxes or [(10, 10, 60, 60)] * (int(prompt_index.max(initial=0)) + 1)
    return Segmentation.from_logits(
        np.stack(logits) if logits else np.zeros((0, 32, 32), np.float32),
        np.array(scores or [0.5] * len(logits), np.float32),
        check_prompts(FRAME, 32, boxes=boxes),
        "sum",
        prompt_index,
    )


@pytest.fixture
def discs():
    return answer(logits_of((40, 40, 25)), logits_of((90, 50, 30)), logits_of((64, 20, 15)), scores=[0.9, 0.7, 0.8])


@pytest.fixture
def ring_with_a_speck():
    """A disc with a hole in it, and a small disc beside it."""
    ring = np.minimum(logits_of((45, 48, 30)), -logits_of((45, 48, 10)))
    return answer(np.maximum(ring, logits_of((110, 80, 8))))


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(40, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_masks_are_where_the_resized_logits_are_above_zero(discs):
    expected = FRAME.masks_to_image(torch.from_numpy(discs.logits)) > 0
    np.testing.assert_array_equal(discs.masks, expected)


def test_masks_are_made_once(discs):
    assert discs.masks is discs.masks
    assert np.shares_memory(discs[1:].masks, discs.masks)


def test_boxes_are_tight_and_end_one_past_the_last_pixel(discs):
    for mask, (x0, y0, x1, y1) in zip(discs.masks, discs.boxes, strict=True):
        assert mask[y0:y1, x0:x1].sum() == mask.sum()
        for edge in (mask[y0], mask[y1 - 1], mask[:, x0], mask[:, x1 - 1]):
            assert edge.any()


def test_an_empty_mask_has_a_box_of_zeros():
    nothing = answer(logits_of((40, 40, -5)))
    assert not nothing.masks.any()
    assert nothing.boxes.tolist() == [[0, 0, 0, 0]]
    assert nothing.to_polygons() == [[]]


def test_arrays_keep_their_rank_however_few_rows_are_taken(discs):
    for part, rows in ((discs[1], 1), (discs[-1], 1), (discs[:2], 2), (discs[[2, 0]], 2), (discs[:0], 0)):
        assert len(part) == rows
        assert part.logits.shape == (rows, 32, 32)
        assert part.masks.shape == (rows, HEIGHT, WIDTH)
        assert part.scores.shape == (rows,)
        assert part.boxes.shape == (rows, 4)
    assert discs[1].prompt_index.tolist() == [1]
    assert discs[discs.scores > 0.75].prompt_index.tolist() == [0, 2]
    with pytest.raises(IndexError):
        discs[3]


def test_iterating_gives_the_rows(discs):
    np.testing.assert_array_equal([one.scores[0] for one in discs], discs.scores)
    np.testing.assert_array_equal(np.concatenate([one.masks for one in discs]), discs.masks)


def test_the_best_is_the_highest_score_of_each_prompt_in_the_order_of_prompts():
    disc = logits_of((40, 40, 25))
    three = answer(*[disc + step for step in range(6)], scores=[1, 3, 2, 6, 5, 6], prompt_index=[0, 0, 0, 1, 1, 1])
    best = three.best()
    assert best.scores.tolist() == [3, 6]
    assert best.prompt_index.tolist() == [0, 1]
    np.testing.assert_array_equal(best.logits, three.logits[[1, 3]])  # of equals the first, as argmax has it
    assert answer().best().masks.shape == (0, HEIGHT, WIDTH)


def test_run_lengths_and_polygons_are_the_masks_again(discs, ring_with_a_speck):
    for found in (discs, ring_with_a_speck):
        for mask, rle, polygons in zip(found.masks, found.to_rle(), found.to_polygons(), strict=True):
            np.testing.assert_array_equal(decode(rle), mask)
            np.testing.assert_array_equal(from_polygons(polygons, mask.shape), mask)


def test_run_lengths_are_made_without_keeping_all_masks(discs):
    rles = discs.to_rle()
    assert "masks" not in vars(discs)
    assert rles == [one.to_rle()[0] for one in discs]


def test_specks_and_holes_are_removed_in_a_new_answer(ring_with_a_speck):
    found = ring_with_a_speck
    before = found.masks.copy()
    clean = found.remove_specks(400).fill_holes()
    assert before[0, 48, 45] == 0
    assert clean.masks[0, 48, 45] == 1
    assert before[0, 80, 110] == 1
    assert clean.masks[0, 80, 110] == 0
    assert clean.boxes[0, 2] < found.boxes[0, 2]
    np.testing.assert_array_equal(found.masks, before)
    np.testing.assert_array_equal(clean.logits, found.logits)
    np.testing.assert_array_equal(clean[0].masks, clean.masks)
    np.testing.assert_array_equal(decode(clean.to_rle()[0]), clean.masks[0])


def test_a_cutout_is_the_photo_inside_clear_outside_and_soft_between(discs, photo):
    cut = discs[0].cutout(photo)
    mask, alpha = discs[0].masks[0], cut[..., 3]
    assert cut.shape == (HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(cut[alpha == 255][:, :3], photo[alpha == 255])
    assert alpha[40, 40] == 255
    assert alpha[0, 100] == 0
    np.testing.assert_array_equal(alpha > 127, mask)
    assert ((alpha > 0) & (alpha < 255)).sum() > 50


def test_a_cutout_of_several_masks_has_them_all(discs, photo):
    alpha = discs.cutout(photo)[..., 3]
    np.testing.assert_array_equal(alpha > 127, discs.masks.any(axis=0))


def test_a_cutout_of_a_cleaned_mask_shows_no_trace_of_what_was_cleaned(ring_with_a_speck, photo):
    alpha = ring_with_a_speck.remove_specks(400).fill_holes().cutout(photo)[..., 3]
    assert (alpha[36:60, 33:57] == 255).all()
    assert not alpha[68:92, 98:122].any()


def test_an_overlay_colours_the_mask_and_draws_the_prompt(discs, photo):
    hidden = discs[0].overlay(photo, prompts="hidden")
    assert hidden.shape == photo.shape
    assert (hidden[40, 40] != photo[40, 40]).any()
    np.testing.assert_array_equal(hidden[90, 5], photo[90, 5])
    assert (discs[0].overlay(photo) != hidden).any()


def test_pictures_take_the_photo_as_it_was_opened(discs, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(discs.cutout(tmp_path / "photo.png"), discs.cutout(photo))
    for draw in (discs.cutout, discs.overlay):
        with pytest.raises(ImageError, match="96 x 128 and the masks are 128 x 96"):
            draw(photo.swapaxes(0, 1))


def test_coco_has_every_mask_with_its_score_and_label(discs):
    content = discs.to_coco(labels=["cup", "plate", "cup"])
    assert json.loads(json.dumps(content)) == content
    assert [category["name"] for category in content["categories"]] == ["cup", "plate"]
    for annotation, mask, score in zip(content["annotations"], discs.masks, discs.scores, strict=True):
        np.testing.assert_array_equal(decode(annotation["segmentation"]), mask)
        assert annotation["area"] == mask.sum()
        assert annotation["score"] == pytest.approx(score)


def test_there_is_a_label_for_each_mask_or_one_for_all(discs):
    assert [one["name"] for one in discs.to_coco("cup")["categories"]] == ["cup"]
    with pytest.raises(OptionError, match="2 labels for 3 masks"):
        discs.to_coco(["cup", "plate"])


def test_one_mask_is_saved_under_exactly_the_name_given(discs, tmp_path):
    paths = discs[0].save(tmp_path / "cup.png")
    assert paths == [tmp_path / "cup.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(paths[0])), discs.masks[0] * 255)


def test_several_masks_under_one_name_are_numbered(discs, tmp_path):
    paths = discs.save(str(tmp_path / "new" / "cup.png"))
    assert [path.name for path in paths] == ["cup_01.png", "cup_02.png", "cup_03.png"]
    for path, mask in zip(paths, discs.masks, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)) > 0, mask)


@pytest.mark.parametrize("suffix", [".json", ".svg", ".geojson", ".txt", ".csv"])
def test_a_suffix_names_the_format(discs, tmp_path, suffix):
    path = tmp_path / f"cups{suffix}"
    assert discs.save(path)[0] == path
    assert path.stat().st_size > 50


def test_a_format_can_be_named_beside_the_suffix(discs, photo, tmp_path):
    discs[0].save(tmp_path / "cup.png", "cutout", image=photo)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "cup.png")), discs[0].cutout(photo))


def test_several_formats_are_saved_into_a_folder_under_the_photos_name(discs, photo, tmp_path):
    found = dataclasses.replace(discs[0], image_name="cup.jpg")
    paths = found.save(tmp_path / "out", "png", "overlay", "cutout", "coco", "svg", image=photo)
    names = ["cup_mask.png", "cup_overlay.png", "cup_cutout.png", "cup_coco.json", "cup.svg"]
    assert [path.name for path in paths] == names
    assert {path.parent for path in paths} == {tmp_path / "out"}
    np.testing.assert_array_equal(np.asarray(Image.open(paths[1])), found.overlay(photo))
    assert [path.name for path in found.save(tmp_path / "masks_only")] == ["cup_mask.png"]


def test_masks_are_made_once_for_all_formats(discs, photo, tmp_path, monkeypatch):
    made, mask = [], MultiscaleLogits.mask
    monkeypatch.setattr(MultiscaleLogits, "mask", lambda self: made.append(1) or mask(self))
    discs.save(tmp_path, "png", "svg", "coco", "cutout", "overlay", "yolo", image=photo)
    assert len(made) == len(discs) and "masks" not in vars(discs)


def test_a_table_is_a_file_and_a_folder_may_have_a_dot(discs, tmp_path):
    assert discs.save(tmp_path / "ev.csv") == discs.save(tmp_path / "ev.csv", "csv") == [tmp_path / "ev.csv"]
    assert (tmp_path / "ev.csv").read_text().startswith("number,label,score,area")
    paths = discs[0].save(tmp_path / "run.2", "png", "csv")
    assert {path.parent for path in paths} == {tmp_path / "run.2"}


def test_what_cannot_be_saved_is_refused_before_anything_is_written(discs, tmp_path):
    for path, formats, message in (
        ("cup.jpg", (), "jpg.*png"),
        ("out", ("webp",), "webp"),
        ("out", ("png", "overlay"), "image="),
        ("x.svg", ("png",), "format 'png' is written as .png; call it x.png"),
        ("x.JSON", ("csv",), "call it x.csv"),
        ("m.webp", ("cutout",), "call it m.png"),
        ("m.png", ("png", "svg"), "one file, and the formats are png, svg; give a folder"),
        ("m.2", (), "ends in '.2'"),
    ):
        with pytest.raises(OptionError, match=message):
            discs.save(tmp_path / path, *formats)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error_that_leaves_nothing(discs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        discs.save(tmp_path / "file" / "cup.png")


def test_an_answer_says_what_it_is_in_one_line(discs):
    assert repr(discs) == "Segmentation(3 masks of 128 x 96, source='sum', scores=[0.9, 0.7, 0.8])"


def test_an_answer_can_be_sent_to_another_process(discs):
    copy = pickle.loads(pickle.dumps(discs))
    np.testing.assert_array_equal(copy.masks, discs.masks)
    np.testing.assert_array_equal(copy.prompts.boxes, discs.prompts.boxes)


def test_a_soft_edge_made_in_bands_is_the_one_made_at_once(discs, ring_with_a_speck, monkeypatch):
    changed = ring_with_a_speck.remove_specks(400).fill_holes()
    whole = [found.soft_alpha() for found in (discs, changed)]
    for pixels in (1, 7 * WIDTH, 40 * WIDTH):
        monkeypatch.setattr(row_chunks, "PIXELS_AT_ONCE", pixels)
        for found, expected in zip((discs, changed), whole, strict=True):
            np.testing.assert_allclose(found.soft_alpha(), expected, atol=1e-5)  # logits of a window round otherwise
            np.testing.assert_array_equal(found.soft_alpha() > 0.5, expected > 0.5)
