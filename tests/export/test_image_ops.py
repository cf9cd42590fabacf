from dataclasses import replace

import numpy as np
import pytest
import torch

from hqsam.geometry import Frame
from hqsam.graphs.image_ops import masks_graph, prepare_graph
from hqsam.images.reading import read_image
from hqsam.model.config import MODELS
from hqsam.model.preprocess import normalise_and_pad, prepare_image
from tests.docs.blocks import ROOT
from tests.export.running import random_image
from tests.tiny import tiny_config

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def photos():
    return [
        read_image(ROOT / "examples" / "cat.jpg"),
        random_image(900, 1300),
        random_image(50, 70),
        random_image(3, 900),
    ]


def in_onnxruntime(graph):
    return onnxruntime.InferenceSession(graph.SerializeToString())


def in_openvino(graph, folder):
    openvino = pytest.importorskip("openvino")
    import onnx

    from hqsam.graphs.openvino_file import convert_graph

    onnx.save(graph, folder / "graph.onnx")
    convert_graph(folder / "graph.onnx", folder / "graph.xml")
    return openvino.compile_model(folder / "graph.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", ["nano", "sam2.1_hiera_t"])
def test_images_are_resized_as_by_ourselves_within_one_grey_level_in_few_pixels(name, runtime, tmp_path):
    config = replace(MODELS[name], padding=None)
    graph = prepare_graph(config, any_size=False)
    compiled = in_onnxruntime(graph) if runtime == "onnxruntime" else in_openvino(graph, tmp_path)
    for image in photos():
        feeds = {"image": image}
        theirs = compiled.run(None, feeds)[0] if runtime == "onnxruntime" else compiled(feeds)["pixels"]
        ours = normalise_and_pad([prepare_image(image, config)[1]], config).numpy()
        grey_levels = np.abs(theirs - ours) * np.reshape(config.pixel_std, (3, 1, 1))
        assert grey_levels.max() < 1.01
        assert (grey_levels > 0.05).mean() < 0.005


@pytest.mark.parametrize("size_hw", [(100, 150), (150, 100), (128, 128), (3, 900)])
@pytest.mark.parametrize("kind", ["vit", "hiera"])
def test_masks_become_as_large_as_the_image(kind, size_hw):
    config = tiny_config(kind)
    logits = torch.randn(2, config.mask_size, config.mask_size, generator=torch.Generator().manual_seed(0))
    feeds = {"logits": logits.numpy(), "image_size": np.array(size_hw)}
    [theirs] = in_onnxruntime(masks_graph(config)).run(None, feeds)
    ours = Frame(size_hw, config.image_size, config.fit).masks_in_image(logits).numpy()
    assert theirs.shape == ours.shape
    assert (theirs != ours).mean() < 1e-3
