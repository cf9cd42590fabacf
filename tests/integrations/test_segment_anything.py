"""Code written for segment-anything or segment-anything-hq, with only its import changed."""

import os
from contextlib import nullcontext
from copy import deepcopy
from importlib import import_module

import numpy as np
import pytest
import torch

from hqsam.errors import CheckpointError, DataWarning, ImageError, OptionError, PromptError
from hqsam.hardware import use_one_thread_after_forks
from hqsam.integrations import segment_anything, segment_anything_hq
from hqsam.integrations.segment_anything import ResizeLongestSide, Sam, SamPredictor
from hqsam.model.config import MODELS
from hqsam.model.encoders.tiny_vit.encoder import BiasedAttention
from hqsam.model.hq_sam import HQSam
from hqsam.weights.keys import from_ours
from tests.tiny import KINDS, tiny_model, tiny_segmenter

POINTS, LABELS, BOX = np.array([[30, 20], [60, 40]]), np.array([1, 0]), np.array([10, 5, 80, 50])


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)


@pytest.fixture
def predictor(photo):
    predictor = SamPredictor(Sam(tiny_model("vit")))
    predictor.set_image(photo)
    return predictor


@pytest.fixture
def plain_predictor(photo):
    predictor = SamPredictor(Sam(tiny_model("plain_vit")))
    predictor.set_image(photo)
    return predictor


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="there are no forks on this system")
def test_forks_of_a_process_with_a_sam_compute_with_one_thread(monkeypatch):
    told = []
    monkeypatch.setattr(os, "register_at_fork", lambda **how: told.append(how))
    use_one_thread_after_forks.cache_clear()
    Sam(tiny_model("vit"))
    use_one_thread_after_forks.cache_clear()  # so that the next model registers it for good
    assert [list(how) for how in told] == [["after_in_child"]]


def test_a_script_for_hq_sam_runs(photo):
    """The prediction script of segment-anything-hq's README, but for the size of its model."""
    sam = Sam(tiny_model("tiny_vit"))
    sam.to(device="cpu")
    sam.eval()
    predictor = SamPredictor(sam)
    predictor.set_image(photo)
    masks, scores, logits = predictor.predict(
        point_coords=POINTS,
        point_labels=LABELS,
        box=BOX,
        multimask_output=False,
        hq_token_only=True,
    )
    assert masks.shape == (1, 60, 90) and masks.dtype == bool
    assert scores.shape == (1,) and scores.dtype == np.float32
    assert logits.shape == (1, 32, 32) and logits.dtype == np.float32
    masks, _, _ = predictor.predict(POINTS, LABELS, mask_input=logits, multimask_output=False)
    assert masks.shape == (1, 60, 90)


def test_a_script_for_sam_runs(photo):
    """Cells of Meta's predictor notebook: the best of three masks of a click goes back in with a second click."""
    predictor = SamPredictor(Sam(tiny_model("plain_vit")))
    predictor.set_image(photo, "RGB")
    masks, scores, logits = predictor.predict(point_coords=POINTS[:1], point_labels=LABELS[:1], multimask_output=True)
    assert masks.shape == (3, 60, 90)
    assert scores.shape == (3,)
    assert logits.shape == (3, 32, 32)
    mask_input = logits[np.argmax(scores), :, :]
    masks, _, _ = predictor.predict(
        point_coords=POINTS, point_labels=LABELS, mask_input=mask_input[None, :, :], multimask_output=False
    )
    assert masks.shape == (1, 60, 90)
    boxes = torch.tensor([[75, 5, 85, 50], [5, 5, 45, 30], [10, 40, 60, 59]], device=predictor.device)
    transformed = predictor.transform.apply_boxes_torch(boxes, photo.shape[:2])
    masks, scores, logits = predictor.predict_torch(
        point_coords=None, point_labels=None, boxes=transformed, multimask_output=False
    )
    assert masks.shape == (3, 1, 60, 90) and masks.dtype == torch.bool
    assert scores.shape == (3, 1)
    assert logits.shape == (3, 1, 32, 32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("multimask", [False, True])
def test_it_answers_as_a_session_does(photo, kind, multimask):
    predictor = SamPredictor(Sam(tiny_model(kind)))
    predictor.set_image(photo)
    session = tiny_segmenter(kind).open(photo)
    candidates = 3 if multimask else 1
    for prompt, ours in (
        ({"point_coords": POINTS, "point_labels": LABELS}, {"points": POINTS, "labels": LABELS}),
        ({"box": BOX}, {"box": BOX}),
        ({"box": BOX[None]}, {"box": BOX}),
        (
            {"box": BOX, "point_coords": POINTS, "point_labels": LABELS},
            {"box": BOX, "points": POINTS, "labels": LABELS},
        ),
    ):
        masks, scores, logits = predictor.predict(**prompt, multimask_output=multimask)
        expected = session.segment(**ours, candidates=candidates)
        expected = expected if kind.startswith("plain") else expected.best()
        np.testing.assert_allclose(logits, expected.logits, atol=1e-5)
        np.testing.assert_allclose(scores, expected.scores, atol=1e-5)
        np.testing.assert_array_equal(masks, expected.masks)


def test_the_hq_token_alone_is_scored_by_the_best_of_three(photo, predictor):
    _, scores, logits = predictor.predict(POINTS, LABELS, hq_token_only=True)
    expected = tiny_segmenter("vit").open(photo).segment(points=POINTS, labels=LABELS, source="hq", candidates=3)
    np.testing.assert_allclose(logits, expected.logits, atol=1e-5)
    np.testing.assert_allclose(scores, expected.scores, atol=1e-5)


def test_logits_instead_of_masks(predictor):
    masks, _, _ = predictor.predict(box=BOX)
    logits, _, _ = predictor.predict(box=BOX, return_logits=True)
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits > 0, masks)


def test_bgr_is_turned_to_rgb(photo, predictor):
    expected = predictor.predict(box=BOX)[2]
    predictor.set_image(np.ascontiguousarray(photo[..., ::-1]), image_format="BGR")
    np.testing.assert_array_equal(predictor.predict(box=BOX)[2], expected)
    with pytest.raises(OptionError, match="RGB or BGR"):
        predictor.set_image(photo, "HSV")


def test_an_image_that_was_scaled_before_is_the_same_image(photo, predictor):
    expected = predictor.predict(box=BOX)[2]
    scaled = torch.as_tensor(predictor.transform.apply_image(photo)).permute(2, 0, 1)[None]
    predictor.set_torch_image(scaled, photo.shape[:2])
    np.testing.assert_array_equal(predictor.predict(box=BOX)[2], expected)
    assert predictor.input_size == tuple(scaled.shape[2:]) == (85, 128)
    assert predictor.original_size == (60, 90)
    with pytest.raises(ImageError, match="long side of 128"):
        predictor.set_torch_image(scaled[..., :100], photo.shape[:2])
    with pytest.raises(ImageError, match="scale it"):
        predictor.set_torch_image(scaled, (60, 60))


def test_an_image_is_set_before_it_is_prompted(photo, predictor):
    assert predictor.get_image_embedding().shape == (1, 32, 8, 8)
    predictor.reset_image()
    assert not predictor.is_image_set
    for call in (predictor.get_image_embedding, lambda: predictor.predict(box=BOX)):
        for kind in (PromptError, RuntimeError):
            with pytest.raises(kind, match="set_image"):
                call()
    predictor.set_image(photo)
    assert predictor.is_image_set


def test_prompts_that_do_not_fit_together_are_refused(predictor, plain_predictor):
    with pytest.raises(PromptError, match="together"):
        predictor.predict(point_coords=POINTS)
    with pytest.raises(PromptError, match="2 prompts by points and 1 by boxes"):
        predictor.predict_torch(torch.ones(2, 1, 2), torch.ones(2, 1), torch.ones(1, 4))
    with pytest.raises(PromptError, match=r"predict_torch\(None"):
        predictor.predict(box=np.stack([BOX, BOX]))
    with pytest.raises(PromptError, match=r"\[2, 1, 32, 32\]"):
        predictor.predict_torch(None, None, torch.ones(2, 4), torch.ones(3, 1, 32, 32))
    with pytest.raises(PromptError, match="3 image embeddings for 2"):
        early = [predictor.interm_features[0].expand(3, -1, -1, -1)]
        decode(predictor.model, predictor.features.expand(3, -1, -1, -1), early, boxes=torch.ones(2, 4))
    with pytest.raises(OptionError, match="plain SAM"):
        plain_predictor.predict(box=BOX, hq_token_only=True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(predictor, value):
    """The official predictor gives a mask of nothing for them."""
    for prompt in (
        {"point_coords": np.array([[value, 3]]), "point_labels": np.array([1])},
        {"box": np.array([1, 2, value, 40])},
        {"mask_input": np.full((1, 32, 32), value)},
    ):
        with pytest.raises(PromptError, match="finite"):
            predictor.predict(**prompt)
    with pytest.raises(PromptError, match="labels are"):
        predictor.predict(POINTS, np.array([1, 7]))


def test_without_a_prompt_there_is_an_answer_too(photo, predictor):
    masks, scores, logits = predictor.predict()
    assert masks.shape == (1, 60, 90) and scores.shape == (1,) and logits.shape == (1, 32, 32)
    image = torch.as_tensor(predictor.transform.apply_image(photo)).permute(2, 0, 1)
    [answer] = predictor.model([{"image": image, "original_size": photo.shape[:2]}], multimask_output=True)
    np.testing.assert_allclose(answer["low_res_logits"][0].detach().numpy(), logits, rtol=1e-3, atol=1e-4)


def test_one_mask_goes_with_all_boxes(predictor):
    boxes, mask_prompt = torch.tensor([[10.0, 5, 80, 50], [5, 5, 60, 60]]), torch.randn(1, 1, 32, 32)
    _, _, together = predictor.predict_torch(None, None, boxes, mask_prompt)
    for row in range(2):
        _, _, alone = predictor.predict_torch(None, None, boxes[row : row + 1], mask_prompt)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)


def test_an_embedding_is_restored_by_assignment(photo, predictor):
    expected = predictor.predict(box=BOX)[2]
    kept = {name: getattr(predictor, name) for name in ("features", "interm_features", "original_size", "input_size")}
    predictor.set_image(photo[:, ::-1])
    assert not np.array_equal(predictor.predict(box=BOX)[2], expected)
    for name, value in (kept | {"is_image_set": True}).items():
        setattr(predictor, name, value)
    np.testing.assert_array_equal(predictor.predict(box=BOX)[2], expected)
    predictor.interm_features = None
    with pytest.raises(OptionError, match="interm_embeddings"):
        predictor.predict(box=BOX)


def test_weights_that_change_after_an_image_was_set_are_seen(predictor):
    """The HQ features of an image are kept, but not longer than they are true."""
    before = predictor.predict(box=BOX, hq_token_only=True)[2]
    with torch.no_grad():
        for weight in predictor.model.mask_decoder.hq.from_early.parameters():
            weight.mul_(2)
    kept = predictor.features, predictor.interm_features
    after = predictor.predict(box=BOX, hq_token_only=True)[2]
    assert not np.allclose(before, after, atol=1e-3)
    predictor.reset_image()
    predictor.features, predictor.interm_features = kept
    predictor.original_size, predictor.input_size, predictor.is_image_set = (60, 90), (85, 128), True
    np.testing.assert_array_equal(predictor.predict(box=BOX, hq_token_only=True)[2], after)


def test_in_inference_mode_it_predicts_too(photo):
    with torch.inference_mode():
        predictor = SamPredictor(Sam(tiny_model("vit")))
        predictor.set_image(photo)
        assert predictor.predict(box=BOX)[0].shape == (1, 60, 90)


def decode(sam, embeddings, early, **prompts):
    """The middle of a loop that tunes or that decodes in batches."""
    sparse, dense = sam.prompt_encoder(points=prompts.get("points"), boxes=prompts.get("boxes"), masks=None)
    hq = {} if early is None else {"hq_token_only": False, "interm_embeddings": early}
    return sam.mask_decoder(
        image_embeddings=embeddings,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
        **hq,
    )


@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
def test_a_loop_that_tunes_the_hq_part_runs(kind):
    """The loop of segment-anything-hq's training script, but for its losses and its data."""
    sam = Sam(tiny_model(kind)).train()
    for name, value in sam.named_parameters():
        value.requires_grad = any(part in name for part in ("hf_token", "hf_mlp", "compress_vit_feat"))
    tuned = [value for value in sam.mask_decoder.parameters() if value.requires_grad]
    assert tuned and not any(value.requires_grad for value in sam.image_encoder.parameters())
    optimiser = torch.optim.SGD(tuned, lr=0.01)
    with torch.no_grad():
        embedding, early = sam.image_encoder(sam.preprocess(torch.rand(1, 3, 128, 96)))
    boxes, losses = torch.tensor([[10.0, 5, 80, 50]]), []
    for _ in range(3):
        masks, _ = decode(sam, embedding, early, boxes=boxes)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(masks, torch.ones_like(masks))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


def test_a_plain_sam_is_tuned_as_meta_s_is(photo):
    sam = Sam(tiny_model("plain_vit"))
    embedding = sam.image_encoder(sam.preprocess(torch.rand(1, 3, 128, 96)))
    masks, scores = decode(sam, embedding, None, points=(torch.ones(4, 2, 2), torch.ones(4, 2)))
    assert masks.shape == (4, 1, 32, 32) and scores.shape == (4, 1)
    masks.sum().backward()
    assert all(value.grad is not None for value in sam.image_encoder.parameters())
    stretched = sam.postprocess_masks(masks, (128, 128), (60, 90))
    assert stretched.shape == (4, 1, 60, 90)


@pytest.mark.parametrize("kind", KINDS)
def test_state_dicts_speak_the_official_names(kind):
    sam = Sam(tiny_model(kind))
    official = from_ours(tiny_model(kind).state_dict(), "official")
    assert sam.state_dict().keys() == official.keys()
    assert all(torch.equal(value, official[key]) for key, value in sam.state_dict().items())
    decoder = {key.removeprefix("mask_decoder."): v for key, v in official.items() if key.startswith("mask_decoder.")}
    assert sam.mask_decoder.state_dict().keys() == decoder.keys()
    other = Sam(HQSam(tiny_model(kind).config))
    holder = torch.nn.ModuleDict({"sam": other})
    holder.load_state_dict({f"sam.{key}": value for key, value in official.items()})
    assert all(torch.equal(value, official[key.removeprefix("sam.")]) for key, value in holder.state_dict().items())
    names = [name for name, _ in sam.named_parameters()]
    assert len(names) == len(set(names)) == len(list(tiny_model(kind).parameters()))
    assert set(names) <= official.keys()


def test_what_does_not_fit_is_told_in_official_names():
    """Fine-tuning begins with a plain SAM's checkpoint in an HQ-SAM, and prints what was missing."""
    plain, sam = Sam(tiny_model("plain_tiny_vit")).state_dict(), Sam(tiny_model("tiny_vit"))
    classifier = {
        "image_encoder.head.weight": torch.zeros(3),
        "image_encoder.layers.1.blocks.0.attn.ab": torch.zeros(1),
    }
    missing, unexpected = sam.load_state_dict(
        plain | classifier | {"mask_decoder.new.weight": torch.ones(1)}, strict=False
    )
    assert set(missing) == sam.state_dict().keys() - plain.keys() and "mask_decoder.hf_token.weight" in missing
    assert unexpected == ["mask_decoder.new.weight"]
    with pytest.raises(RuntimeError, match="hf_token"):
        sam.load_state_dict(plain)


def test_what_a_caller_adds_to_a_layer_is_saved_and_loaded():
    sam, other = (Sam(tiny_model("vit")) for _ in range(2))
    for one in (sam, other):
        one.model.mask_decoder.iou_head[-1].adapter = torch.nn.Linear(2, 2)
    other.load_state_dict(sam.state_dict())
    assert torch.equal(*(one.model.mask_decoder.iou_head[-1].adapter.weight for one in (sam, other)))
    assert "mask_decoder.iou_head.4.adapter.weight" in dict(sam.named_parameters())
    sam.temperature = torch.nn.Parameter(torch.ones(1))
    assert any(value is sam.temperature for value in sam.parameters())


def test_a_copy_and_a_cast_are_whole(photo):
    sam = Sam(tiny_model("vit"))
    copy = deepcopy(sam).to(torch.bfloat16)
    assert {value.dtype for value in copy.model.parameters()} == {torch.bfloat16}
    assert {value.dtype for value in sam.model.parameters()} == {torch.float32}
    predictor = SamPredictor(copy)
    predictor.set_image(photo)
    assert predictor.predict(box=BOX)[2].dtype == np.float32


@pytest.mark.parametrize("kind", ["vit", "plain_vit"])
def test_the_model_itself_takes_a_batch_of_records(photo, kind):
    sam = Sam(tiny_model(kind))
    transform = ResizeLongestSide(sam.image_encoder.img_size)
    image = torch.as_tensor(transform.apply_image(photo)).permute(2, 0, 1).contiguous()
    boxes = transform.apply_boxes_torch(torch.as_tensor(np.stack([BOX, BOX + 3])), photo.shape[:2])
    points = transform.apply_coords_torch(torch.as_tensor(POINTS)[None], photo.shape[:2])
    records = [
        {"image": image, "original_size": photo.shape[:2], "boxes": boxes},
        {
            "image": image.flip(2),
            "original_size": photo.shape[:2],
            "point_coords": points,
            "point_labels": torch.as_tensor(LABELS)[None],
        },
    ]
    answers = sam(records, multimask_output=True)
    masks = 1 if kind == "vit" else 3
    assert answers[0]["masks"].shape == (2, masks, 60, 90)
    assert answers[1]["low_res_logits"].shape == (1, masks, 32, 32)
    predictor = SamPredictor(sam)
    predictor.set_image(photo)
    found, scores, logits = predictor.predict_torch(None, None, boxes)
    torch.testing.assert_close(answers[0]["low_res_logits"], logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(answers[0]["iou_predictions"], scores, rtol=1e-4, atol=1e-5)
    assert (answers[0]["masks"] == found).float().mean() > 0.999


def test_sizes_are_theirs():
    """Rounded half up, x and y scaled apart."""
    transform = ResizeLongestSide(1024)
    assert transform.get_preprocess_shape(427, 300, 1024) == (1024, 719)
    expected = np.array([[150 * (719 / 300), 235 * (1024 / 427)]])
    np.testing.assert_array_equal(transform.apply_coords(np.array([[150, 235]]), (427, 300)), expected)
    in_torch = transform.apply_coords_torch(torch.tensor([[150, 235]]), (427, 300))
    np.testing.assert_allclose(in_torch, expected, rtol=1e-6)
    assert transform.apply_image_torch(torch.zeros(2, 3, 30, 20)).shape == (2, 3, 1024, 683)
    assert transform.apply_boxes(np.array([0, 0, 300, 427]), (427, 300)).tolist() == [[0, 0, 719, 1024]]


def test_the_encoder_returns_what_theirs_does():
    images = torch.zeros(1, 3, 128, 128)
    embedding, early = Sam(tiny_model("vit")).image_encoder(images)
    assert embedding.shape == (1, 32, 8, 8)
    assert early[0].shape == (1, 8, 8, 32)
    assert Sam(tiny_model("plain_vit")).image_encoder(images).shape == (1, 32, 8, 8)


@pytest.fixture
def small_table(monkeypatch):
    """The registry's names, for models of the tests' size."""
    for name, kind in (
        *(("vit_b", "vit"), ("vit_tiny", "tiny_vit")),
        *(("sam_vit_b", "plain_vit"), ("mobile_sam", "plain_tiny_vit")),
    ):
        monkeypatch.setitem(MODELS, name, tiny_model(kind).config)


def test_a_model_without_a_checkpoint_is_hq_sam_and_random(small_table):
    sam = segment_anything_hq.sam_model_registry["vit_b"]()
    assert isinstance(sam.model, HQSam)
    assert sam.model.hq is not None
    assert not sam.training
    trainable = {name.split(".")[0] for name, value in sam.model.named_parameters() if value.requires_grad}
    assert trainable == {"hq"}
    assert segment_anything_hq.sam_model_registry["vit_tiny"](checkpoint=None).image_encoder.img_size == 128


def test_a_model_of_meta_s_package_without_a_checkpoint_is_plain_sam_and_random(small_table):
    for registry in (segment_anything.sam_model_registry, segment_anything_hq.sam_model_registry_baseline):
        sam = registry["vit_b"]()
        assert sam.model.hq is None and not sam.training
        assert all(value.requires_grad for value in sam.parameters())
        assert sam.image_encoder(torch.zeros(1, 3, 128, 128)).shape == (1, 32, 8, 8)
    assert registry["vit_tiny"]().model.hq is None


def load_tiny_model(monkeypatch, kind):
    builders = import_module("hqsam.integrations.segment_anything.build_sam")  # whose name a function has, too
    monkeypatch.setattr(builders, "load_model", lambda checkpoint: tiny_model(kind))


@pytest.mark.parametrize("kind", ["vit", "plain_vit"])
def test_at_the_door_of_hq_sam_a_checkpoint_is_hq_or_plain_as_it_says_itself(small_table, monkeypatch, kind):
    load_tiny_model(monkeypatch, kind)
    is_plain = kind == "plain_vit"
    with pytest.warns(DataWarning, match="plain SAM: its masks are SAM's") if is_plain else nullcontext():
        sam = segment_anything_hq.sam_model_registry["vit_b"](checkpoint="sam.pth")
    assert (sam.model.hq is None) == is_plain
    with pytest.raises(CheckpointError, match="not vit_tiny"):
        segment_anything_hq.sam_model_registry["vit_tiny"](checkpoint="sam.pth")


def test_at_the_door_of_plain_sam_an_hq_sam_is_told_the_other_door(small_table, monkeypatch):
    load_tiny_model(monkeypatch, "plain_vit")
    assert segment_anything.sam_model_registry["vit_b"](checkpoint="sam.pth").model.hq is None
    load_tiny_model(monkeypatch, "vit")
    with pytest.raises(CheckpointError, match=r"sam.pth holds an HQ-SAM.*segment_anything_hq"):
        segment_anything.build_sam_vit_b("sam.pth")
    assert segment_anything.sam_hq_model_registry["vit_b"](checkpoint="sam.pth").model.hq is not None


@pytest.mark.parametrize("package", [segment_anything, segment_anything_hq])
def test_the_registry_has_every_name_of_both_packages(package):
    assert {"default", "vit_b", "vit_l", "vit_h", "vit_tiny", "vit_t"} <= set(package.sam_model_registry)
    assert package.sam_model_registry["default"] is package.build_sam is package.build_sam_vit_h


def test_tiny_vit_has_its_biases_once_the_caller_calls_eval(photo):
    model = tiny_model("plain_tiny_vit")
    for module in model.modules():
        if isinstance(module, BiasedAttention):
            module.biased = False
            torch.nn.init.normal_(module.bias)
    sam = Sam(model)
    images = sam.preprocess(torch.rand(1, 3, 128, 128))
    before = sam.encode(images)[0]
    assert not torch.allclose(sam.eval().encode(images)[0], before, atol=1e-3)
