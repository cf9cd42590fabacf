"""One export that the tests of this folder share: tracing a model takes longer than all that is done with it."""

import pytest
from PIL import Image

from hqsam.weights.save import save_model
from tests.export.running import hqsam_export, random_image
from tests.tiny import tiny_model


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_model(tiny_model(), path, licence="of the tests")
    return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("exported")
    Image.fromarray(random_image(96, 128)).save(folder / "photo.png")
    said = hqsam_export(checkpoint, "--out", folder / "graphs", "--verify", folder / "photo.png")
    return folder / "graphs", said
