"""Detectors of transformers' real classes, tiny and with random weights, from folders as users have them."""

import numpy as np
import pytest

from hqsam.errors import CheckpointError, DownloadError, PromptError
from hqsam.text.transformers_detector import load_detector
from tests.text.tiny_detectors import save_grounding_dino, save_owlv2
from tests.tiny import tiny_segmenter

pytest.importorskip("transformers")
PHOTO = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("detectors")
    kinds = {"grounding-dino", "mm-grounding-dino"}
    return {kind: save_grounding_dino(root / kind, kind) for kind in sorted(kinds)} | {"owlv2": save_owl(root)}


def save_owl(root):
    pytest.importorskip("scipy")
    return save_owlv2(root / "owlv2")


@pytest.mark.parametrize("kind", ["grounding-dino", "mm-grounding-dino", "owlv2"])
def test_every_box_has_a_score_and_one_of_the_labels_that_were_asked_for(folders, kind):
    found = load_detector(folders[kind], "cpu").detect(PHOTO, ["a cup", "A Spoon"], 0.01)
    assert len(found) > 0
    assert found.boxes.shape == (len(found), 4)
    assert set(found.labels) <= {"a cup", "A Spoon"}
    assert ((found.scores > 0.01) & (found.scores <= 1)).all()
    assert len(load_detector(folders[kind], "cpu").detect(PHOTO, ["a cup"], 1.0)) == 0


@pytest.mark.parametrize("kind", ["grounding-dino", "owlv2"])
def test_a_label_finds_the_same_whatever_else_is_asked_for(folders, kind):
    detector = load_detector(folders[kind], "cpu")
    alone, both = (detector.detect(PHOTO, labels, 0.01) for labels in (["a cup"], ["a cup", "a spoon"]))
    cups = both.rows(np.flatnonzero([label == "a cup" for label in both.labels]))
    assert np.array_equal(alone.boxes, cups.boxes)
    assert np.allclose(alone.scores, cups.scores, atol=1e-5)


def test_grounding_dino_reads_words_as_it_was_trained_lower_case_with_a_dot(folders):
    detector = load_detector(folders["grounding-dino"], "cpu")
    plain, odd = (detector.detect(PHOTO, [label], 0.01) for label in ("a cup", "A Cup."))
    assert np.array_equal(plain.scores, odd.scores)
    assert set(odd.labels) == {"A Cup."}


def test_boxes_of_owlv2_are_those_of_the_square_that_it_pads_to(folders):
    """Against its raw output: shares of the longer side, whatever the shorter one is."""
    import torch
    from PIL import Image

    detector = load_detector(folders["owlv2"], "cpu")
    pipeline = detector._pipeline
    inputs = pipeline.tokenizer("a cup", return_tensors="pt") | pipeline.image_processor(
        Image.fromarray(PHOTO), return_tensors="pt"
    )
    with torch.inference_mode():
        centre_x, centre_y, width, height = pipeline.model(**inputs).pred_boxes[0].T.numpy() * 60
    raw = np.stack([centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2], axis=1)
    found = detector.detect(PHOTO, ["a cup"], 0.0)
    distances = np.abs(found.boxes[:, None] - raw[None]).max(axis=2).min(axis=1)
    assert (distances < 1).all(), "but for whole pixels"


def test_masks_by_words_through_a_real_detector(folders):
    segmenter = tiny_segmenter()
    found = segmenter.segment_text(PHOTO, ["a cup", "a spoon"], detector=folders["grounding-dino"], threshold=0.01)
    assert len(found) > 0
    assert found.masks.shape == (len(found), 40, 60)
    assert set(found.labels) <= {"a cup", "a spoon"}


def test_a_label_that_is_longer_than_the_detector_reads(folders):
    with pytest.raises(PromptError, match="this detector reads 16; shorten it"):
        load_detector(folders["owlv2"], "cpu").detect(PHOTO, ["a very long description of one cup"], 0.1)


def test_a_folder_that_is_no_detector(tmp_path, folders):
    with pytest.raises(CheckpointError, match="no folder of a zero-shot detector"):
        load_detector(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="is a bert, and no detector of words; known: grounding-dino"):
        load_detector(str(tmp_path))


def test_a_repo_that_is_not_here_while_the_network_is_forbidden(monkeypatch):
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"forbidden by HQSAM_OFFLINE.*hf download nobody/nothing"):
        load_detector("nobody/nothing")
