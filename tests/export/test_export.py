import os
import pickle
import re
import shutil
import subprocess
import sys

import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import build_engine, load_engine
from hqsam.errors import CheckpointError, OptionError
from hqsam.export.export_model import export_model
from hqsam.weights.save import save_model
from tests.export.running import CPU, assert_same_answers, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_config, tiny_model

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

KIND = "vit"


@pytest.fixture
def engines(exported):
    folder, _ = exported
    return build_engine(tiny_model(KIND), CPU, torch.float32, "torch"), load_engine(folder, CPU, torch.float32)


@pytest.mark.parametrize("size_hw", [(128, 128), (30, 128), (200, 300)])
def test_images_of_every_shape_give_our_engine_s_masks(engines, size_hw):
    assert_same_answers(engines, size_hw, prompts_of(2, 3))


@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
@pytest.mark.parametrize("candidates", [1, 3])
def test_source_and_candidates_are_chosen_as_by_our_engine(engines, source, candidates):
    assert_same_answers(engines, (100, 128), prompts_of(3, 2), source, candidates)


@pytest.mark.parametrize("count, points", [(1, 1), (1, 5), (5, 1), (4, 0), (1, 0)])
def test_any_number_of_prompts_and_points_is_decoded(engines, count, points):
    assert_same_answers(engines, (64, 128), prompts_of(count, points, torch.randn(count, 1, 32, 32)))


def test_the_comparison_on_photos_is_printed_and_in_the_folder_s_page(exported):
    folder, said = exported
    found = re.match(r"photo\.png: logits within (\S+), mask IoU at least (\S+)\n", said)
    assert found and float(found[1]) < 1e-2 and float(found[2]) > 0.99
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| photo.png | {found[1]} | {found[2]} |" in page
    assert {file.name for file in folder.iterdir()} == {"encoder.onnx", "decoder.onnx", "masks.onnx", "README.md"}


def test_the_code_of_the_folder_s_page_gives_our_mask(exported, tmp_path, monkeypatch):
    folder, _ = exported
    image = random_image(100, 150)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    Image.fromarray(image).save(tmp_path / "photo.png")
    page = (folder / "README.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("photo.jpg", "photo.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    session = hqsam.load(folder).open(image)
    ours = session.segment(points=[(75, 50)], labels=[1])
    assert names["mask"].shape == (100, 150)
    assert (names["mask"] != ours.masks[0]).mean() < 1e-3


def test_a_graph_says_what_it_is(exported):
    import onnxruntime

    folder, _ = exported
    for role in ("encoder", "decoder", "masks"):
        metadata = onnxruntime.InferenceSession(folder / f"{role}.onnx").get_modelmeta().custom_metadata_map
        assert metadata["role"] == role
        assert metadata["model"] == tiny_config(KIND).name
        assert metadata["version"] == hqsam.__version__
        assert metadata["weights"] and metadata["preprocess"]


def test_an_exported_model_goes_to_another_process(exported):
    folder, _ = exported
    engine = load_engine(folder, CPU, torch.float32)
    assert pickle.loads(pickle.dumps(engine)).digest() == engine.digest()


@pytest.fixture
def copied(exported, tmp_path):
    return shutil.copytree(exported[0], tmp_path / "copied")


def test_a_missing_graph_is_named(copied):
    (copied / "decoder.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"no decoder\.onnx, only encoder\.onnx, masks\.onnx"):
        hqsam.load(copied)


def test_graphs_in_each_other_s_place_are_found_out(copied):
    shutil.copy(copied / "masks.onnx", copied / "decoder.onnx")
    with pytest.raises(CheckpointError, match="is a masks, expected the decoder; were files renamed"):
        hqsam.load(copied)


def test_a_damaged_graph_is_an_error(copied):
    path = copied / "encoder.onnx"
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CheckpointError, match=r"onnxruntime cannot load .*encoder\.onnx"):
        hqsam.load(copied)


def test_a_foreign_graph_is_an_error(copied):
    import onnx

    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> f (float[1] x) => (float[1] y) { y = Abs (x) }'
    )
    onnx.save(graph, copied / "encoder.onnx")
    with pytest.raises(CheckpointError, match="no graph that hqsam can open: it says nothing of itself"):
        hqsam.load(copied)


def test_one_graph_is_not_a_model(copied):
    with pytest.raises(CheckpointError, match="give the folder"):
        hqsam.load(copied / "encoder.onnx")


def test_a_folder_with_other_files_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        export_model(checkpoint, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.fixture
def exported_as(tmp_path):
    """Export a tiny model of a kind, with options of the command; return both engines."""

    def export(kind, *options):
        save_model(tiny_model(kind), tmp_path / "tiny.safetensors")
        hqsam_export(tmp_path / "tiny.safetensors", "--out", tmp_path / "graphs", *options)
        theirs = load_engine(tmp_path / "graphs", CPU, torch.float32)
        model = tiny_model(kind)
        model.config = theirs.config
        return build_engine(model, CPU, torch.float32, "torch"), theirs

    return export


@pytest.mark.slow
def test_encoders_with_even_windows_take_images_of_every_shape(exported_as):
    engines = exported_as("tiny_vit_with_little_padding")
    for size_hw in ((128, 128), (128, 40), (30, 128), (90, 128), (70, 100), (200, 300)):
        assert_same_answers(engines, size_hw, prompts_of(2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tiny_vit", "plain_tiny_vit", "efficientnet_lite", "hiera", "plain_hiera"])
def test_every_family_of_encoders_is_exported(kind, exported_as):
    source = "sam" if kind.startswith("plain") else "sum"
    assert_same_answers(exported_as(kind, "--input", "tensor"), (90, 128), prompts_of(3, 2), source)


@pytest.mark.slow
def test_a_fixed_source_and_one_mask_are_all_that_such_graphs_give(exported_as):
    _, engine = exported_as("vit", "--source", "hq", "--candidates", "1")
    [image] = engine.encode([random_image(60, 128)])
    assert engine.decode(image, prompts_of(2, 1), "hq", 1).logits.shape[:2] == (2, 1)
    with pytest.raises(OptionError, match="exported with --source hq"):
        engine.decode(image, prompts_of(2, 1), "sum", 1)
    with pytest.raises(OptionError, match="exported with --candidates 1"):
        engine.decode(image, prompts_of(2, 1), "hq", 3)


@pytest.mark.slow
def test_a_checkpoint_is_exported_into_the_cache_once(checkpoint, tmp_path):
    Image.fromarray(random_image(60, 128)).save(tmp_path / "photo.png")
    load = f"import hqsam; hqsam.load({str(checkpoint)!r}, backend='onnxruntime').open({str(tmp_path / 'photo.png')!r})"
    written = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", load], check=True, env=os.environ | {"HQSAM_HOME": str(tmp_path)})
        [folder] = (tmp_path / "graphs").iterdir()
        written.append((folder / "encoder.onnx").stat().st_mtime_ns)
    assert written[0] == written[1]
