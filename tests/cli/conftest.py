"""The command line as a shell sees it, with a model that takes no time."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hqsam.cli import main
from hqsam.paths import examples_folder
from hqsam.weights.save import save_model
from tests.tiny import tiny_model


@dataclass(frozen=True)
class Finished:
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory) -> Path:
    """A model file with random weights."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(tiny_model("tiny_vit"), path)
    return path


@pytest.fixture
def hqsam(capsys) -> Callable[..., Finished]:
    """Run `hqsam` with these words in this process."""

    def run(*words: object) -> Finished:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return Finished(int(left.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """A folder with the example photos, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for photo in examples_folder().glob("*.jpg"):
        shutil.copy(photo, tmp_path)
    return tmp_path


@pytest.fixture
def segment(hqsam, photos, tiny_file):
    """Run `hqsam segment` in a folder of photos, with a tiny model on the CPU."""

    def run(*words):
        return hqsam("segment", *words, "--model", tiny_file, "--device", "cpu", "--precision", "float32")

    return run
