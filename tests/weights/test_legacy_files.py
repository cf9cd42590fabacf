"""Weights that version 0.1 saved: their headers and the names of their tensors are read as they were written."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hqsam.weights.load import load_model
from tests.tiny import KINDS, tiny_config

HEADERS = Path(__file__).with_name("headers_of_version_0.1.zip")


def header_of(kind: str) -> dict:
    with zipfile.ZipFile(HEADERS) as archive:
        return json.loads(archive.read("headers.json"))[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_version_0_1_loads_with_every_size_and_tensor(tmp_path, kind):
    header = header_of(kind)
    tensors = {name: torch.full(shape, 0.25) for name, shape in header["shapes"].items()}
    metadata = {name: value for name, value in header["metadata"].items() if name != "sha256"}
    save_file(tensors, tmp_path / "model.safetensors", metadata)
    model = load_model(tmp_path / "model.safetensors")
    assert model.config == tiny_config(kind)
    assert all((parameter == 0.25).all() for parameter in model.parameters())
