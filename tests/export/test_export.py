"""`hqsam export`: its folder of ONNX files, and the choices that it takes."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image

import hqsam
from hqsam import storage
from hqsam.cli import main
from hqsam.engines import build
from hqsam.engines.build import load_engine
from hqsam.engines.exported.engine import ExportedEngine
from hqsam.engines.exported.graph_file import open_folder
from hqsam.engines.exported.onnxruntime import OnnxRuntimeGraph
from hqsam.errors import CheckpointError, OptionError, OutputError
from hqsam.export import export_model as export_model_module
from hqsam.export import transformers_js
from hqsam.export.export_model import export_model
from hqsam.graphs import folder as folder_module
from hqsam.graphs import onnx_file
from hqsam.graphs.folder import GraphOptions, cached_graphs
from hqsam.graphs.weights_beside import check_weights_beside
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.save import save_model
from tests.export.running import CPU, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_config, tiny_model

FLOAT32, FLOAT16 = 1, 10
"""ONNX's numbers of the types."""

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


def test_what_depends_on_weights_alone_makes_no_graph_much_larger_than_they_are(exported):
    import onnx

    graph = onnx.load(exported[0] / "encoder.onnx").graph
    model = tiny_model()
    weights = 4 * sum(weight.numel() for part in (model.image_encoder, model.hq) for weight in part.parameters())
    assert 0.9 * weights < sum(len(constant.raw_data) for constant in graph.initializer) < 1.05 * weights


def test_weights_that_one_file_cannot_hold_lie_beside_the_graph(tmp_path, monkeypatch):
    import onnx
    import onnxruntime

    monkeypatch.setattr(onnx_file, "EXTERNAL_DATA_BYTES", 4000)
    module, given = torch.nn.Linear(32, 32), torch.rand(2, 32)
    program = onnx_file.trace(module, (given,), ["given"], ["made"], None)
    onnx_file.write_program(program, tmp_path / "large.onnx", {"model": "linear"})
    assert (tmp_path / "large.onnx").stat().st_size < 4096 <= (tmp_path / "large.onnx.data").stat().st_size
    assert {each.key: each.value for each in onnx.load(tmp_path / "large.onnx").metadata_props}["model"] == "linear"
    session = onnxruntime.InferenceSession(tmp_path / "large.onnx")
    torch.testing.assert_close(torch.from_numpy(session.run(None, {"given": given.numpy()})[0]), module(given).detach())
    check_weights_beside(tmp_path / "large.onnx", session.get_modelmeta().custom_metadata_map)
    (tmp_path / "large.onnx.data").write_bytes(bytes(4096))
    with pytest.raises(CheckpointError, match=r"large\.onnx\.data does not hold the weights that large\.onnx"):
        check_weights_beside(tmp_path / "large.onnx", session.get_modelmeta().custom_metadata_map)


def test_an_exported_model_goes_to_another_process(exported):
    folder, _ = exported
    engine = load_engine(folder, CPU, torch.float32)
    assert pickle.loads(pickle.dumps(engine)).digest() == engine.digest()


def test_graphs_run_on_the_processor_whatever_else_is_there(exported, monkeypatch):
    folder, _ = exported
    monkeypatch.setattr(build, "pick_device", lambda device: torch.device("cuda" if device == "auto" else device))
    assert hqsam.load(folder, precision="float32").device == CPU
    assert build.device_for("nano", "auto", "openvino") == CPU
    assert build.device_for("nano", "auto") == torch.device("cuda")
    with pytest.raises(OptionError, match='graphs, which run on the processor, and this is cuda; take device="cpu"'):
        load_engine(folder, torch.device("cuda"), torch.float32)
    with pytest.raises(OptionError, match="brought to int8 when they are made"):
        load_engine(folder, CPU, torch.int8)


def test_a_model_s_name_is_no_folder_and_a_folder_may_be_called_as_a_file(exported, tmp_path, monkeypatch):
    shutil.copytree(exported[0], tmp_path / "nano")
    shutil.copytree(exported[0], tmp_path / "tiny.onnx")
    monkeypatch.chdir(tmp_path)
    assert hqsam.load("nano").name == "nano"
    assert hqsam.load("tiny.onnx").name == tiny_config().name


def test_graphs_of_another_backend_or_for_another_program_are_named(exported, tmp_path):
    folder = exported[0]
    for backend in ("cpu", "torch", "openvino"):
        with pytest.raises(CheckpointError, match=f'backend "{backend}" does not run; take backend="onnxruntime"'):
            load_engine(folder, CPU, torch.float32, backend)
    shutil.copytree(folder, tmp_path / "page" / "model")
    with pytest.raises(CheckpointError, match=r"its graphs are in .*model: give that folder"):
        hqsam.load(tmp_path / "page")
    shutil.copytree(folder, tmp_path / "js" / "onnx")
    with pytest.raises(CheckpointError, match=r"graphs for transformers\.js"):
        hqsam.load(tmp_path / "js")
    save_model(tiny_model(), tmp_path / "js" / "model.safetensors")
    assert hqsam.load(tmp_path / "js").name == tiny_config().name


def test_a_graph_that_another_program_changed_is_refused(exported, tmp_path):
    import onnx

    folder = shutil.copytree(exported[0], tmp_path / "graphs")
    decoder = onnx.load(folder / "decoder.onnx")
    next(each for each in decoder.graph.input if each.name == "points").type.tensor_type.elem_type = FLOAT16
    decoder.graph.node.insert(0, onnx.helper.make_node("Cast", ["points"], ["points32"], to=FLOAT32))
    for node in decoder.graph.node[1:]:
        node.input[:] = ["points32" if name == "points" else name for name in node.input]
    onnx.save(decoder, folder / "decoder.onnx")
    with pytest.raises(CheckpointError, match=r"was changed since hqsam export wrote it: it has input points of .*16"):
        hqsam.load(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process_is_told_to_load_the_graphs_itself(exported):
    engine = load_engine(exported[0], CPU, torch.float32)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            engine.encode([random_image(60, 128)])
        except OptionError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert "was forked" in os.read(reader, 1000).decode()
    os.close(reader)


def test_graphs_compute_with_torch_s_threads(exported, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    graph = OnnxRuntimeGraph(exported[0] / "encoder.onnx")
    assert graph._session.get_session_options().intra_op_num_threads == 3


def test_damaged_graphs_in_the_cache_are_exported_again(tmp_path, monkeypatch):
    written = []

    def write_graphs(model, folder, options):
        written.append(folder)
        for name in ("encoder.onnx", "masks.onnx"):
            storage.write_text(folder / name, "graph")

    monkeypatch.setattr(folder_module, "write_graphs", write_graphs)
    model = tiny_model()
    for damage in (None, lambda file: file.unlink(), lambda file: os.truncate(file, 2), None):
        folder = cached_graphs(model, "onnx", tmp_path / "graphs")
        if damage:
            damage(folder / "encoder.onnx")
    assert len(written) == 3


def test_first_is_mask_0_and_is_not_in_graphs_of_sam_2(exported):
    engine = load_engine(exported[0], CPU, torch.float32)
    [image] = engine.encode([random_image(60, 128)])
    first, one = (engine.decode(image, prompts_of(2, 1), "sum", candidates) for candidates in ("first", 1))
    assert torch.equal(first.logits, one.logits) and torch.equal(first.scores, one.scores)
    graphs = open_folder(exported[0], ".onnx", OnnxRuntimeGraph)
    of_sam2 = replace(graphs, description=replace(graphs.description, config=tiny_config("hiera")))
    with pytest.raises(OptionError, match="SAM 2's mask 0 as it is"):
        ExportedEngine(of_sam2, "onnxruntime").decode(image, prompts_of(2, 1), "sum", "first")


def test_what_a_killed_export_left_does_not_stop_the_next(checkpoint, tmp_path, monkeypatch):
    class AcceptedError(Exception):
        pass

    def load_model(name):
        raise AcceptedError

    monkeypatch.setattr(export_model_module, "load_model", load_model)
    (tmp_path / ".encoder.0-1-2.partial.onnx").touch()
    with pytest.raises(AcceptedError):
        export_model(checkpoint, tmp_path)
    (tmp_path / "decoder.onnx").touch()
    with pytest.raises(AcceptedError):
        export_model(checkpoint, tmp_path)
    with pytest.raises(OptionError, match="holds graphs for onnx"):
        export_model(checkpoint, tmp_path, options=GraphOptions(file_format="openvino"))


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["--format", "browser", "--input", "tensor"], "leave out --input"),
        (["--names", "transformers.js", "--candidates", "1", "--verify", "a.jpg"], "leave out --candidates, --verify"),
        (["--runtime", "node_modules"], "for --format browser; leave it out"),
        (["--calibrate", "a.jpg"], "give both, or leave both out"),
    ],
)
def test_options_without_effect_are_refused(words, advice, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", "nano", "--out", str(tmp_path / "out"), *words])
    assert advice in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        export_model(checkpoint, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_with_graphs_and_something_else_is_left_alone(checkpoint, exported, tmp_path):
    folder = shutil.copytree(exported[0], tmp_path / "graphs")
    (folder / "mask.png").write_text("mine")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(OptionError, match=r"holds other files \(mask\.png\)"):
        export_model(checkpoint, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.fixture
def earlier(tmp_path, monkeypatch):
    """A folder that an export wrote, and exports that write one new graph."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    for name in ("encoder.onnx", "encoder.onnx.data", "README.md"):
        (folder / name).write_text("old")

    def write(_model, fresh, *_):
        assert (folder / "encoder.onnx").read_text() == "old", "until all is made"
        (fresh / "encoder.onnx").write_text("new")
        return export_model_module.Exported([], None)

    monkeypatch.setattr(export_model_module, "_written", write)
    return folder


def texts(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_an_export_takes_the_place_of_all_that_an_earlier_one_wrote(checkpoint, earlier):
    export_model(checkpoint, earlier)
    assert texts(earlier) == {"encoder.onnx": "new"}


def test_an_export_that_fails_leaves_the_earlier_one(checkpoint, earlier, monkeypatch):
    before, move = texts(earlier), storage.move_into_place

    def fails(finished, path):
        if finished.read_text() == "new":
            raise OutputError("the disk is gone")
        move(finished, path)

    monkeypatch.setattr(storage, "move_into_place", fails)
    with pytest.raises(OutputError):
        export_model(checkpoint, earlier)
    assert texts(earlier) == before


def test_a_file_that_only_other_names_write_is_the_user_s(checkpoint, earlier):
    (earlier / "config.yaml").write_text("mine")
    with pytest.raises(OptionError, match=r"holds other files \(config\.yaml\)"):
        export_model(checkpoint, earlier)
    export_model(checkpoint, earlier, options=GraphOptions(names="segment-anything"))
    assert texts(earlier) == {"encoder.onnx": "new"}


@pytest.mark.parametrize(("form", "model"), [("onnx", "vit_h"), ("transformers.js", "sam_vit_h")])
def test_encoders_that_need_two_files_are_refused_where_one_is_wanted(form, model, tmp_path, monkeypatch):
    with torch.device("meta"):
        large = HQSam(MODELS[model])
    for module in (export_model_module, transformers_js):
        monkeypatch.setattr(module, "load_model", lambda _name: large)
    with pytest.raises(OptionError, match="too large for"):
        if form == "onnx":
            export_model(model, tmp_path / "out", calibrate=[tmp_path])
        else:
            transformers_js.export_transformers_js(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_fixed_source_and_one_mask_are_all_that_such_graphs_give(checkpoint, tmp_path):
    hqsam_export(checkpoint, "--out", tmp_path / "graphs", "--source", "hq", "--candidates", "1")
    engine = load_engine(tmp_path / "graphs", CPU, torch.float32)
    [image] = engine.encode([random_image(60, 128)])
    assert engine.decode(image, prompts_of(2, 1), "hq", 1).logits.shape[:2] == (2, 1)
    with pytest.raises(OptionError, match="exported with --source hq and cannot give 'sum'; take source='hq'"):
        engine.decode(image, prompts_of(2, 1), "sum", 1)
    with pytest.raises(OptionError, match="exported with --candidates 1 and cannot give 3; take candidates=1"):
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
