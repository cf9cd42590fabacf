"""The bundled model, loaded once."""

import pytest

import hqsam
from hqsam.paths import examples_folder
from tests.nano import nano_file


@pytest.fixture(scope="session")
def nano_path(tmp_path_factory) -> str:
    return str(nano_file(tmp_path_factory.mktemp("nano")))


@pytest.fixture(scope="session")
def nano(nano_path):
    return hqsam.load(nano_path)


@pytest.fixture
def coffee():
    """A photo of 600 x 400 with a cup in the box 170, 15, 412, 210."""
    return examples_folder() / "coffee.jpg"
