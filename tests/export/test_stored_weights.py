"""Graphs whose weights are stored in fewer bytes compute nearly the same."""

import numpy as np
import pytest

from hqsam.graphs.stored_weights import store_weights

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RANDOM = np.random.default_rng(0)
SCALES = np.logspace(-3, 0, 32, dtype=np.float32)  # rows of very different size
WEIGHTS = {
    "filters": RANDOM.standard_normal((32, 3, 5, 5), np.float32) * SCALES[:, None, None, None],
    "matrix": RANDOM.standard_normal((32, 64), np.float32),
    "table": RANDOM.standard_normal((1, 32, 8, 8), np.float32),
    "few": RANDOM.standard_normal((64,), np.float32),
}
IMAGE = RANDOM.standard_normal((1, 3, 8, 8), np.float32)


@pytest.fixture
def graph(tmp_path):
    proto = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 18], metadata_props: ["model": "test"]>
        test (float[1, 3, 8, 8] image) => (float[1, 8, 8, 64] found) {
            features = Conv <pads = [2, 2, 2, 2]> (image, filters)
            moved = Add (features, table)
            last = Transpose <perm = [0, 2, 3, 1]> (moved)
            product = MatMul (last, matrix)
            found = Add (product, few)
        }
    """)
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in WEIGHTS.items())
    onnx.save(proto, tmp_path / "graph.onnx")
    return tmp_path / "graph.onnx"


def answer(path):
    return onnxruntime.InferenceSession(path).run(None, {"image": IMAGE})[0]


@pytest.mark.parametrize("kind, share, error", [("float16", 0.6, 2e-3), ("int8", 0.45, 2e-2)])
def test_the_file_is_smaller_and_the_answer_nearly_the_same(graph, kind, share, error):
    before, size = answer(graph), graph.stat().st_size
    store_weights(graph, kind)
    after = answer(graph)
    assert graph.stat().st_size < share * size
    assert 0 < np.abs(after - before).max() < error * np.abs(before).max()


def test_each_row_has_a_scale_and_small_tensors_stay(graph):
    store_weights(graph, "int8")
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(graph).graph.initializer}
    assert stored["filters/int8"].dtype == np.int8 and stored["filters/scale"].shape == (32, 1, 1, 1)
    assert stored["table/float16"].dtype == np.float16, "what is added, not multiplied, has no rows"
    assert (stored["few"] == WEIGHTS["few"]).all()


def test_the_description_stays_and_says_how_weights_are_stored(graph):
    store_weights(graph, "int8")
    metadata = {each.key: each.value for each in onnx.load(graph).metadata_props}
    assert metadata == {"model": "test", "weights_stored_as": "int8"}
