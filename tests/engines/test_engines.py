"""What every engine keeps to: models stay as they are, encoded images can be stored, rows of the table are enough."""

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

import hqsam
from hqsam.engines import EncodedImage, Engine
from hqsam.engines.build import BACKENDS, Backend, build_engine, check_backend
from hqsam.errors import CheckpointError, OptionError
from hqsam.hardware import cpu_features
from hqsam.model.prompt_encoder import PromptBatch
from tests.predict.seeing import SeeingEngine
from tests.tiny import EVERY_KIND, tiny_model

CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 256, (128, 90, 3), np.uint8)
PROMPTS = PromptBatch(torch.rand(9, 1, 2, generator=torch.Generator().manual_seed(0)) * 90, torch.ones(9, 1).long())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.int8], ids=str)
@pytest.mark.parametrize("backend", ["cpu", "torch"])  # tests/export has those that run graphs
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_no_engine_changes_the_model_that_it_is_given(kind, backend, precision):
    if precision == torch.int8 and (backend != "cpu" or "avx512_vnni" not in cpu_features()):
        pytest.skip("bytes are not multiplied here")
    model = tiny_model(kind).train()
    modules = [(name, module, module.training) for name, module in model.named_modules()]
    tensors = {name: (tensor, tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    engine = build_engine(model, CPU, precision, backend)
    [image] = engine.encode([IMAGE])
    engine.decode(image, PROMPTS, "sam", 1)
    after = dict(model.named_modules())
    assert all(after[name] is module and module.training is training for name, module, training in modules)
    assert len(after) == len(modules)
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        before, address, values = tensors[name]
        assert (tensor.dtype, tensor.data_ptr()) == (before.dtype, address)
        assert torch.equal(tensor, values)


@pytest.mark.parametrize("backend", ["cpu", "torch"])  # tests/export has those that run graphs
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_encoded_image_is_stored_and_read_back(kind, backend, tmp_path):
    engine = build_engine(tiny_model(kind), CPU, torch.bfloat16, backend)
    [image] = engine.encode([IMAGE])
    assert image.nbytes == sum(tensor.nbytes for tensor in image.to_tensors().values())
    safetensors.torch.save_file(image.to_tensors(), tmp_path / "image.safetensors")
    again = EncodedImage.from_tensors(safetensors.torch.load_file(tmp_path / "image.safetensors"), CPU)
    expected, found = (engine.decode(each, PROMPTS, "sam", 3) for each in (image, again))
    assert torch.equal(expected.logits, found.logits) and torch.equal(expected.scores, found.scores)


def test_an_encoded_image_stored_with_its_early_features_is_still_read():
    engine = build_engine(tiny_model(), CPU, torch.float32, "torch")
    [image] = engine.encode([IMAGE])
    stored = {**image.to_tensors(), "early": torch.zeros(1, 32, 8, 8)}
    again = EncodedImage.from_tensors(stored, CPU)
    assert torch.equal(engine.decode(image, PROMPTS).logits, engine.decode(again, PROMPTS).logits)


class WithDefaults(Engine):
    """An engine that only encodes and decodes."""

    def __init__(self, engine):
        self.config, self.device, self.encode, self.decode = engine.config, engine.device, engine.encode, engine.decode


@pytest.mark.parametrize("selection", ["each", "best"])
@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_an_engine_that_only_decodes_can_select_masks(source, selection):
    engine = build_engine(tiny_model(), CPU, torch.float32, "torch")
    [image] = engine.encode([IMAGE])
    scores = engine.decode(image, PROMPTS, "sam" if source == "sam" else "sum", 3).scores
    middle = float(scores.median()) + 1e-6
    own, default = (
        each.decode_selected(image, PROMPTS, source, selection, middle) for each in (engine, WithDefaults(engine))
    )
    assert 0 < len(own.prompt) < scores.numel()
    assert own.prompt.tolist() == default.prompt.tolist()
    torch.testing.assert_close(own.logits, default.logits)
    torch.testing.assert_close(own.scores, default.scores)
    if source != "hq":
        assert own.candidate.tolist() == default.candidate.tolist()


def test_a_row_of_the_table_opens_what_holds_no_model_of_ours(tmp_path, monkeypatch):
    (tmp_path / "graph.toy").touch()
    opened = []

    def open_toy(path, device, precision):
        opened.append((path, device, precision))
        return SeeingEngine()

    row = Backend(
        devices=("cpu",), build=BACKENDS["torch"].build, recognises=lambda path: path.suffix == ".toy", open=open_toy
    )
    monkeypatch.setitem(BACKENDS, "toy", row)
    segmenter = hqsam.load(tmp_path / "graph.toy", device="cpu", precision="float32")
    assert opened == [(tmp_path / "graph.toy", CPU, torch.float32)]
    assert segmenter.open(IMAGE).segment(box=(1, 1, 50, 50)).masks.shape == (1, 128, 90)
    with pytest.raises(CheckpointError):
        hqsam.load(tmp_path / "graph.toy", device="cpu", backend="torch")


def test_auto_is_the_first_row_that_runs_on_the_device(monkeypatch):
    monkeypatch.setitem(BACKENDS, "cpu", replace(BACKENDS["cpu"], devices=("mps",)))
    assert build_engine(tiny_model(), CPU, torch.float32).digest().startswith("torch ")
    with pytest.raises(OptionError, match="unknown backend 'onnx'; choose one of auto, quickest, cpu, torch"):
        check_backend("onnx", CPU, torch.float32)
