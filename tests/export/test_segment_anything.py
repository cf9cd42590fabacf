"""Graphs with the names of segment-anything, run as samexporter and AnyLabeling run theirs, without hqsam."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import hqsam
from hqsam.engines.build import build_engine
from hqsam.errors import CheckpointError, OptionError
from hqsam.export.export_model import export_model
from hqsam.graphs.folder import GraphOptions
from hqsam.graphs.segment_anything import PackedEncoder
from hqsam.model.hq_sam import HQSam
from hqsam.model.preprocess import normalise_and_pad
from hqsam.predict.segmenter import Segmenter
from hqsam.weights.save import save_model
from tests.export.running import CPU, hqsam_export, random_image
from tests.tiny import tiny_config, tiny_model

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

NAMES = ("--names", "segment-anything")


def model_of_sam_s_size():
    """A tiny model whose square is 1024, as SAM's, so that images need no second resizing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return HQSam(replace(tiny_config("vit"), image_size=1024)).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    save_model(model_of_sam_s_size(), folder / "tiny.safetensors", licence="of the tests")
    hqsam_export(folder / "tiny.safetensors", "--out", folder / "graphs", *NAMES)
    return folder / "graphs"


@pytest.fixture(scope="module")
def session_of_ours():
    def opened(image):
        return Segmenter(build_engine(model_of_sam_s_size(), CPU, torch.float32, "torch")).open(image)

    return opened


class PlainSam:
    """What programs do with such graphs, after samexporter's sam_onnx.py."""

    def __init__(self, folder):
        self.encoder = onnxruntime.InferenceSession(folder / "encoder.onnx")
        self.decoder = onnxruntime.InferenceSession(folder / "decoder.onnx")

    def embed(self, image):
        height, width = image.shape[:2]
        scale = 1024 / max(height, width)
        self.resized = int(height * scale + 0.5), int(width * scale + 0.5)
        small = Image.fromarray(image).resize(self.resized[::-1], Image.Resampling.BILINEAR)
        self.size = (height, width)
        [self.embedding] = self.encoder.run(None, {"input_image": np.asarray(small).astype(np.float32)})

    def predict(self, points, labels, mask=None):
        points = np.asarray(points, np.float32).reshape(1, -1, 2)
        scale = np.float32([self.resized[1] / self.size[1], self.resized[0] / self.size[0]])
        points = np.concatenate([points * scale, np.zeros((1, 1, 2), np.float32)], axis=1)
        feeds = {
            "image_embeddings": self.embedding,
            "point_coords": points,
            "point_labels": np.float32([[*labels, -1]]),
            "mask_input": np.zeros((1, 1, 256, 256), np.float32) if mask is None else mask,
            "has_mask_input": np.float32([mask is not None]),
            "orig_im_size": np.float32(self.size),
        }
        return self.decoder.run(None, feeds)


@pytest.mark.parametrize("size_hw", [(600, 1024), (301, 200)])
def test_clicks_give_our_engine_s_logits_scores_and_masks(exported, session_of_ours, size_hw):
    image = random_image(*size_hw)
    plain, ours = PlainSam(exported), session_of_ours(image)
    plain.embed(image)
    points, labels = [(120, 90), (30, 200)], [1, 0]
    masks, scores, logits = plain.predict(points, labels)
    first, several = (ours.segment(points=points, labels=labels, candidates=n) for n in (1, 3))
    assert masks.shape == (1, 4, *size_hw)
    np.testing.assert_allclose(logits[0], np.concatenate([first.logits, several.logits]), atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(scores[0], np.concatenate([first.scores, several.scores]), atol=1e-4, rtol=1e-3)
    assert ((masks[0, 0] > 0) != first.masks[0]).mean() < 1e-3


def test_a_box_is_two_points_and_a_mask_comes_back_as_a_prompt(exported, session_of_ours):
    image = random_image(400, 500)
    plain, ours = PlainSam(exported), session_of_ours(image)
    plain.embed(image)
    _, _, logits = plain.predict([(50, 60), (300, 350)], [2, 3])
    again, _, _ = plain.predict([(150, 160)], [0], mask=logits[:, :1])
    # Programs pad boxes, too, which official SAM does not: so the box is two points with a padding point to us as well.
    assert logits.shape == (1, 4, 256, 256)
    corrected = ours.segment(points=[(150, 160)], labels=[0], mask=logits[0, :1])
    assert ((again[0, 0] > 0) != corrected.masks[0]).mean() < 1e-3


def test_several_prompts_are_decoded_at_once_and_points_may_be_missing(exported):
    plain = PlainSam(exported)
    plain.embed(random_image(300, 400))
    feeds = {
        "image_embeddings": plain.embedding,
        "mask_input": np.zeros((1, 1, 256, 256), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
        "orig_im_size": np.float32([300, 400]),
    }
    points = np.random.default_rng(0).uniform(0, 700, (3, 2, 2)).astype(np.float32)
    labels = np.ones((3, 2), np.float32)
    together = plain.decoder.run(None, feeds | {"point_coords": points, "point_labels": labels})
    alone = plain.decoder.run(None, feeds | {"point_coords": points[1:2], "point_labels": labels[1:2]})
    for several, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(several[1:2], one, atol=1e-4)
    masks, *_ = plain.decoder.run(None, feeds | {"point_coords": points[:1, :0], "point_labels": labels[:1, :0]})
    assert masks.shape == (1, 4, 300, 400)


def test_the_folder_has_what_anylabeling_reads_and_a_page_whose_code_runs(exported, tmp_path, monkeypatch):
    assert {file.name for file in exported.iterdir()} == {"encoder.onnx", "decoder.onnx", "config.yaml", "README.md"}
    settings = (exported / "config.yaml").read_text(encoding="utf-8")
    assert "type: segment_anything\n" in settings and "encoder_model_path: encoder.onnx\n" in settings
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    Image.fromarray(random_image(100, 150)).save(tmp_path / "photo.png")
    page = (exported / "README.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("photo.jpg", "photo.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert names["mask"].shape == (100, 150)


def test_hqsam_says_that_it_opens_other_names(exported):
    with pytest.raises(CheckpointError, match=r"inputs of segment-anything; .* --names hqsam"):
        hqsam.load(exported)


@pytest.mark.parametrize(
    "kind, options, error",
    [
        ("vit", {"options": GraphOptions(names="segment-anything", file_format="openvino")}, "take --format onnx"),
        ("vit", {"options": GraphOptions(names="segment-anything"), "verify": ["a.jpg"]}, "--verify and --quantize"),
        ("hiera", {"options": GraphOptions(names="segment-anything")}, "squashes them"),
    ],
)
def test_what_the_names_have_no_place_for_is_refused(kind, options, error, tmp_path):
    save_model(tiny_model(kind), tmp_path / "tiny.safetensors")
    with pytest.raises(OptionError, match=error):
        export_model(tmp_path / "tiny.safetensors", tmp_path / "graphs", **options)
    assert not list((tmp_path / "graphs").glob("*.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("kind, source", [("efficientnet_lite", "sum"), ("tiny_vit", "sam"), ("plain_vit", "sam")])
def test_smaller_squares_take_points_masks_and_logits_of_sam_s_size(kind, source, tmp_path):
    """Models of other sizes serve the same programs; their features, skips and all, travel in one tensor."""
    model = tiny_model(kind)
    save_model(model, tmp_path / "tiny.safetensors")
    hqsam_export(tmp_path / "tiny.safetensors", "--out", tmp_path / "graphs", *NAMES, "--source", source)
    plain, image = PlainSam(tmp_path / "graphs"), random_image(80, 128)
    plain.embed(image)
    model.config = replace(model.config, padding=None)
    session = Segmenter(build_engine(model, CPU, torch.float32, "torch")).open(image)
    pixels = normalise_and_pad([image], model.config)  # our square of 128 takes the image as it is
    embedding = PackedEncoder(model, source)(pixels).detach().numpy()
    assert embedding.shape == plain.embedding.shape
    plain.embedding = embedding
    masks, scores, logits = plain.predict([(60, 30)], [1])
    ours = session.segment(points=[(60, 30)], labels=[1], source=source)
    enlarged = F.interpolate(torch.from_numpy(ours.logits)[None], (256, 256), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(logits[:, :1], enlarged.numpy(), atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(scores[0, :1], ours.scores, atol=1e-4, rtol=1e-3)
    assert masks.shape == (1, 4, 80, 128)
