"""Exports that the tests of this folder share: tracing a model takes longer than all that is done with it."""

import pytest
from PIL import Image

from hqsam.engines.exported.graph_file import open_folder
from hqsam.export.readme import readme
from hqsam.weights.save import save_model
from tests.export.running import hqsam_export, random_image
from tests.shared import shared_folder
from tests.tiny import tiny_model


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_model(tiny_model(), path, licence="of the tests")
    return path


@pytest.fixture(scope="session")
def exported(checkpoint):
    """A folder of ONNX files, and what the command said."""

    def export(folder):
        Image.fromarray(random_image(96, 128)).save(folder / "photo.png")
        said = hqsam_export(checkpoint, "--out", folder / "graphs", "--verify", folder / "photo.png")
        (folder / "said").write_text(said, encoding="utf-8")

    folder = shared_folder("exported", export)
    return folder / "graphs", (folder / "said").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def in_openvino(tmp_path_factory):
    """Converts an ONNX export, which is all that --format openvino does more."""
    pytest.importorskip("openvino")
    from hqsam.engines.exported.openvino import OpenVinoGraph
    from hqsam.graphs.openvino_file import convert_graph

    def convert(onnx_folder):
        folder = tmp_path_factory.mktemp("converted")
        for graph in onnx_folder.glob("*.onnx"):
            convert_graph(graph, folder / f"{graph.stem}.xml")
        description = open_folder(folder, ".xml", OpenVinoGraph).description
        (folder / "README.md").write_text(readme(description, "openvino", []), encoding="utf-8")
        return folder

    return convert


@pytest.fixture(scope="session")
def converted(exported, in_openvino):
    return in_openvino(exported[0])
