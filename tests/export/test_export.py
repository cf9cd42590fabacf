"""`hqsam export`: its folder of ONNX files, and the choices that it takes."""

import os
import pickle
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import load_engine
from hqsam.errors import OptionError
from hqsam.export.export_model import export_model
from tests.export.running import CPU, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_config

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)


def test_the_comparison_on_photos_is_printed_and_in_the_folder_s_page(exported):
    folder, said = exported
    found = re.match(r"photo\.png: logits within (\S+), mask IoU at least (\S+)\n", said)
    assert found and float(found[1]) < 1e-2 and float(found[2]) > 0.99
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| photo.png | {found[1]} | {found[2]} |" in page
    assert {file.name for file in folder.iterdir()} == {"encoder.onnx", "decoder.onnx", "masks.onnx", "README.md"}


def test_a_graph_says_what_it_is(exported):
    import onnxruntime

    folder, _ = exported
    for role in ("encoder", "decoder", "masks"):
        metadata = onnxruntime.InferenceSession(folder / f"{role}.onnx").get_modelmeta().custom_metadata_map
        assert metadata["role"] == role
        assert metadata["model"] == tiny_config().name
        assert metadata["version"] == hqsam.__version__
        assert metadata["weights"] and metadata["preprocess"]


def test_an_exported_model_goes_to_another_process(exported):
    folder, _ = exported
    engine = load_engine(folder, CPU, torch.float32)
    assert pickle.loads(pickle.dumps(engine)).digest() == engine.digest()


def test_a_folder_with_other_files_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        export_model(checkpoint, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_fixed_source_and_one_mask_are_all_that_such_graphs_give(checkpoint, tmp_path):
    hqsam_export(checkpoint, "--out", tmp_path / "graphs", "--source", "hq", "--candidates", "1")
    engine = load_engine(tmp_path / "graphs", CPU, torch.float32)
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
