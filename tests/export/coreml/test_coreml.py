"""Packages written for Core ML, computed by PyTorch from what is in the files."""

import functools
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import build_engine
from hqsam.errors import CheckpointError, OptionError
from hqsam.export.export_model import export_model
from hqsam.geometry import Frame
from hqsam.graphs.coreml.masks import masks_program
from hqsam.graphs.coreml.package import write_package
from hqsam.graphs.description import Description
from hqsam.graphs.folder import GraphOptions
from hqsam.model.preprocess import prepare_image
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.segmenter import Segmenter
from hqsam.weights.save import save_model
from tests.export.coreml.mil import Package
from tests.export.running import CPU, hqsam_export, random_image
from tests.tiny import tiny_config, tiny_model

pytest.importorskip("coremltools")


def exported_model(kind, folder, *options):
    """Export a tiny model; return its packages and a session of ours about the photo."""
    save_model(tiny_model(kind), folder / "tiny.safetensors")
    hqsam_export(folder / "tiny.safetensors", "--format", "coreml", "--out", folder / "packages", *options)
    model = tiny_model(kind)
    model.config = replace(model.config, padding=None)  # packages see whole squares
    return folder / "packages", Segmenter(build_engine(model, CPU, torch.float32, "torch"))


def code_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]


def run_page(folder, image, monkeypatch):
    """Run the program of the folder's page, with packages computed by PyTorch instead of Core ML."""
    Image.fromarray(image).save(folder / "photo.png")
    monkeypatch.chdir(folder)
    names = {}
    code = code_of(folder).replace("photo.jpg", "photo.png").replace("import coremltools\n", "")
    names["coremltools"] = types.SimpleNamespace(models=types.SimpleNamespace(MLModel=Package))
    exec(code, names)
    return names


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return exported_model("vit", tmp_path_factory.mktemp("vit"))


@pytest.mark.slow
@pytest.mark.parametrize("size_hw", [(100, 150), (150, 90), (128, 128)])
def test_the_program_of_the_page_gives_our_mask(vit, size_hw, monkeypatch):
    folder, segmenter = vit
    image = random_image(*size_hw)
    names = run_page(folder, image, monkeypatch)
    ours = segmenter.open(image).segment(points=[(size_hw[1] / 2, size_hw[0] / 2)], labels=[1])
    np.testing.assert_allclose(names["logits"], ours.logits, atol=1e-4)
    assert names["mask"].shape == size_hw
    assert (names["mask"] != ours.masks[0]).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_several_prompts_with_masks_are_decoded_from_each_source(vit, source, monkeypatch):
    folder, _ = vit
    image = random_image(90, 128)
    names = run_page(folder, image, monkeypatch)
    engine = build_engine(tiny_model("vit"), CPU, torch.float32, "torch")
    _, pixels = prepare_image(image, engine.config)  # as wide as the square: points are the same in both
    prompts = PromptBatch(
        torch.tensor([[(10.0, 10.0), (60.0, 50.0)], [(40.0, 20.0), (120.0, 80.0)]]),
        torch.tensor([[2, 3], [2, 3]]),
        torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)),
    )
    ours = engine.decode(engine.encode([pixels])[0], prompts, source, 1)
    feeds = names["feeds"] | {
        "points": prompts.points.numpy(),
        "labels": prompts.labels.int().numpy(),
        "mask_input": prompts.mask_logits.numpy(),
        "has_mask": np.ones(2, np.float32),
        "source": np.int32([("sum", "hq", "sam").index(source)]),
    }
    found = names["decoder"].predict(feeds)
    np.testing.assert_allclose(found["logits"][:, :1], ours.logits, atol=1e-3)
    if source != "hq":  # whose score is that of the best candidate
        np.testing.assert_allclose(found["scores"][:, :1], ours.scores, atol=1e-4)


@pytest.mark.slow
def test_a_package_says_what_it_is(vit):
    folder, _ = vit
    for role in ("encoder", "decoder", "masks"):
        metadata = Package(folder / f"{role}.mlpackage").spec.description.metadata
        assert metadata.userDefined["role"] == role
        assert metadata.userDefined["weights"] and metadata.versionString == hqsam.__version__


def test_no_other_names_and_no_runs_are_promised(tmp_path):
    checkpoint, photo = tmp_path / "tiny.safetensors", Image.new("RGB", (8, 8))
    with pytest.raises(OptionError, match="Apple's systems alone"):
        export_model(checkpoint, tmp_path / "a", options=GraphOptions(file_format="coreml"), verify=[photo])
    with pytest.raises(OptionError, match="read ONNX"):
        options = GraphOptions(file_format="coreml", names="segment-anything")
        export_model(checkpoint, tmp_path / "b", options=options)


def test_the_folder_is_no_model_to_load(tmp_path):
    (tmp_path / "encoder.mlpackage").mkdir()
    with pytest.raises(CheckpointError, match="Core ML"):
        hqsam.load(tmp_path)


@pytest.mark.parametrize("kind", ["vit", "hiera"])
@pytest.mark.parametrize("size_hw", [(100, 150), (301, 77), (1, 1), (128, 128)])
def test_masks_of_the_image_s_size_are_those_of_our_frame(kind, size_hw, masks_of):
    config = tiny_config(kind)
    logits = torch.randn(3, config.mask_size, config.mask_size, generator=torch.Generator().manual_seed(0))
    [masks] = masks_of(kind).predict({"logits": logits.numpy(), "image_size": np.int32(size_hw)}).values()
    frame = Frame(size_hw, config.image_size, config.fit)
    clear = frame.masks_to_image(logits).abs() > 1e-4  # the others are a matter of rounding
    assert clear.float().mean() > 0.99 and masks.shape == (3, *size_hw)
    assert (torch.from_numpy(masks > 0) == frame.masks_in_image(logits))[clear].all()


@pytest.fixture(scope="module")
def masks_of(tmp_path_factory):
    """The package of masks for a tiny model of a kind; written once."""

    @functools.cache
    def written(kind):
        path = tmp_path_factory.mktemp(kind) / "masks.mlpackage"
        description = Description(role="masks", config=tiny_config(kind), weights="of the tests")
        write_package(masks_program(tiny_config(kind)), path, description, most=8)
        return Package(path)

    return written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "image_input"),
    [("tiny_vit", "image"), ("plain_vit", "tensor"), ("efficientnet_lite", "tensor"), ("hiera", "image")],
)
def test_every_family_of_encoders_is_exported(kind, image_input, tmp_path, monkeypatch):
    folder, segmenter = exported_model(kind, tmp_path, "--input", image_input)
    image = random_image(128, 128)  # squashed by nothing, as other resizing differs
    names = run_page(folder, image, monkeypatch)
    ours = segmenter.open(image).segment(points=[(64, 64)], labels=[1])
    np.testing.assert_allclose(names["logits"], ours.logits, atol=1e-3)
    assert (names["mask"] != ours.masks[0]).mean() < 1e-3
