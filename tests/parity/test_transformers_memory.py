"""The memory of videos beside Hugging Face's Sam2VideoModel, live, on small random weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from hqsam.engines.build import build_engine
from hqsam.model.config import sam_2
from hqsam.model.hq_sam import HQSam
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.config import MemoryConfig
from hqsam.model.preprocess import normalise_and_pad
from hqsam.predict.segmenter import Segmenter
from hqsam.weights.convert import convert
from hqsam.weights.load import load_model
from hqsam.weights.save import save_model
from tests.parity.test_transformers import with_varied_weights
from tests.tiny import ENCODERS, tiny_model


def small_sam_2() -> HQSam:
    """A SAM 2 whose memories are as wide as theirs have to be: their code has 64 channels in it as a number."""
    usual = sam_2("small_sam_2", ENCODERS["hiera"])
    decoder = replace(usual.decoder, heads=4, mlp_width=32, iou_width=32)
    memory = MemoryConfig(depth=2, mlp_width=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = replace(usual, image_size=128, width=128, mask_prompt_channels=8, decoder=decoder, memory=memory)
        return HQSam(config).eval()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Our model and theirs, with the same weights; theirs opened from the folder that we wrote."""
    folder = tmp_path_factory.mktemp("transformers")
    ours = with_varied_weights(small_sam_2())
    save_model(ours, folder / "ours.safetensors")
    convert(folder / "ours.safetensors", folder / "theirs")
    loaded: Any = transformers.Sam2VideoModel.from_pretrained(folder / "theirs", output_loading_info=True)
    theirs, report = loaded
    assert not report["unexpected_keys"] and not report["mismatched_keys"] and not report["missing_keys"]
    return ours, theirs.eval()


def test_what_is_remembered_is_theirs(pair):
    ours, theirs = pair
    features, logits = torch.randn(1, 128, 8, 8), 4 * torch.randn(3, 32, 32)
    scores, as_prompted = torch.tensor([2.0, -1.0, 3.0]), torch.tensor([True, True, True])
    for prompted in (True, False):
        with torch.inference_mode():
            large = torch.nn.functional.interpolate(logits[:, None], (128, 128), mode="bilinear", align_corners=False)
            expected, _ = theirs._encode_new_memory(
                features.flatten(2).permute(2, 0, 1).expand(-1, 3, -1), large, scores[:, None, None], prompted
            )
            found = ours.memory.remember(features, logits, scores, as_prompted & prompted)
        assert found.dtype == torch.bfloat16
        np.testing.assert_allclose(
            found.flatten(2).float(), expected.permute(1, 2, 0).float(), rtol=2**-7, atol=1e-3, err_msg=str(prompted)
        )


@pytest.mark.parametrize("reverse", [False, True])
def test_frames_recall_as_theirs_do(pair, reverse):
    ours, theirs = pair
    features = torch.randn(1, 128, 8, 8)
    times = ((0, True), (2, True), (3, False), (4, False), (5, False))
    outputs = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    now = 6
    if reverse:
        times, now = tuple((12 - frame, prompted) for frame, prompted in times), 6
    session = transformers.Sam2VideoInferenceSession(torch.zeros(14, 3, 8, 8), 8, 8, dtype=torch.float32)
    session.output_dict_per_obj[0] = outputs
    maps, pointers = torch.randn(5, 64, 8, 8).bfloat16(), torch.randn(5, 128)
    places = theirs.memory_encoder.position_encoding(torch.Size([1, 64, 8, 8]), "cpu", torch.float32)
    for row, (frame, prompted) in enumerate(times):
        outputs["cond_frame_outputs" if prompted else "non_cond_frame_outputs"][frame] = {
            "maskmem_features": maps[row : row + 1].flatten(2).permute(2, 0, 1),
            "maskmem_pos_enc": places.flatten(2).permute(2, 0, 1),
            "object_pointer": pointers[row : row + 1],
        }
    ago = torch.tensor([abs(now - frame) for frame, _ in times])
    vectors = torch.tensor([6 if prompted else int(far) - 1 for far, (_, prompted) in zip(ago, times, strict=True)])
    own_positions = theirs.vision_encoder.neck.position_encoding(features.shape, "cpu", torch.float32)
    with torch.inference_mode():
        expected = theirs._prepare_memory_conditioned_features(
            session,
            now,
            0,
            False,
            *(x.flatten(2).permute(2, 0, 1) for x in (features, own_positions)),
            num_total_frames=14,
            track_in_reverse_time=reverse,
        )
        bank = MemoryBank(maps[None], vectors[None], pointers[None], (ago / 13)[None].float())
        found = ours.memory.recall(features, bank)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    assert found.std() > 0.3


def test_what_transformers_saved_is_loaded_to_the_bit(pair, tmp_path):
    ours, theirs = pair
    theirs.save_pretrained(tmp_path)
    found = load_model(tmp_path)
    assert replace(found.config, name=ours.config.name) == ours.config
    for key, tensor in ours.state_dict().items():
        assert torch.equal(found.state_dict()[key], tensor), key


def test_a_folder_for_images_alone_has_no_memory(tmp_path):
    ours = tiny_model("plain_hiera")
    save_model(ours, tmp_path / "ours.safetensors")
    convert(tmp_path / "ours.safetensors", tmp_path / "theirs")
    transformers.Sam2Model.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "images")
    found = load_model(tmp_path / "images")
    assert found.memory is None and found.config.memory is None
    assert set(found.state_dict()) == {key for key in ours.state_dict() if not key.startswith("memory.")}


def frames_of(count: int) -> list[np.ndarray]:
    """Pictures of the model's size, so that no resizing differs."""
    made = np.random.default_rng(5).integers(0, 256, (1, 128 + 4 * count, 128, 3), np.uint8)[0]
    return [np.ascontiguousarray(made[4 * t : 4 * t + 128]) for t in range(count)]


def theirs_on(frames, config):
    pixels = normalise_and_pad(frames, config)
    return transformers.Sam2VideoInferenceSession(pixels, 128, 128, dtype=torch.float32)


def prompt_theirs(session, theirs, number, frame, points, labels):
    row = session.obj_id_to_idx(number)
    inputs = {
        "point_coords": torch.tensor(points)[None, None].float(),
        "point_labels": torch.tensor(labels)[None, None],
    }
    session.add_point_inputs(row, frame, inputs)
    session.obj_with_new_inputs.append(number)
    theirs(session, frame_idx=frame)


def compare(video, session, index, at_most):
    for row, record in enumerate(video.predictor.records.values()):
        found = record.known(index)
        outputs = session.output_dict_per_obj[row]
        expected = outputs["cond_frame_outputs"].get(index) or outputs["non_cond_frame_outputs"][index]
        assert (index in record.conditioning) == (index in outputs["cond_frame_outputs"])
        assert found.map is not None
        difference = (found.logits - expected["pred_masks"][0, 0]).abs().max()
        assert difference <= at_most * expected["pred_masks"].std(), (index, row)
        theirs_map = expected["maskmem_features"][:, 0].T.unflatten(1, (8, 8)).float()
        assert (found.map.float() != theirs_map).float().mean() < 0.05  # else one step of bfloat16 off
        np.testing.assert_allclose(found.map.float(), theirs_map, rtol=2**-6, atol=2e-2)


@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_objects_are_followed_as_theirs_are(pair, backend):
    ours, theirs = pair
    segmenter = Segmenter(build_engine(ours, torch.device("cpu"), torch.float32, backend))
    frames = frames_of(9)
    video = segmenter.open_video(frames, compatible="sam2")
    session = theirs_on(frames, segmenter.config)
    video.add(frame=0, box=(20, 30, 90, 100))
    prompt_theirs(session, theirs, 1, 0, [[20, 30], [90, 100]], [2, 3])
    video.add(frame=2, points=[(64, 50)], labels=[1])
    prompt_theirs(session, theirs, 2, 2, [[64, 50]], [1])
    list(video.track(2))
    with torch.inference_mode():
        for index in range(2, 9):
            theirs(session, frame_idx=index)
            compare(video, session, index, 5e-3)
    list(video.track(5, reverse=True))
    with torch.inference_mode():
        for index in range(5, -1, -1):
            theirs(session, frame_idx=index, reverse=True)
    for index in range(6):
        compare(video, session, index, 5e-3)
