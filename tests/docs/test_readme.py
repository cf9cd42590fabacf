"""The code in README.md and docs/ runs, as it is written there."""

import re
import shutil

import numpy as np
import pytest

import hqsam
from hqsam.cli import main
from hqsam.weights import cache
from hqsam.weights.load import load_model
from hqsam.weights.registry import CHECKPOINTS
from tests.docs.blocks import ROOT, blocks_of, documents
from tests.nano import nano_file
from tests.training.small import same_weights

PYTHON = [block for document in documents() for block in blocks_of(document, ("python",))]
SHELL = [block for document in documents() for block in blocks_of(document, ("sh", "shell", "bash", "console"))]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder as a reader has it, with the example photos, the bundled model and no network."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    monkeypatch.delenv("HQSAM_MODEL", raising=False)
    monkeypatch.setattr(cache, "_BUNDLED", nano_file(tmp_path).parent)
    return tmp_path


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_in_the_documents_runs(block, workplace):
    if block.reason_not_to_run:
        pytest.skip(block.reason_not_to_run)
    code = compile("\n" * block.line + block.code, str(ROOT / block.document), "exec")
    exec(code, {"__name__": "__main__"})


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_commands_in_the_documents_run(block, workplace):
    if block.reason_not_to_run:
        pytest.skip(block.reason_not_to_run)
    for words in block.commands:
        assert words[0] == "hqsam", (
            f"{block}: {words[0]} cannot be run here; write <!-- not run: why --> above the block"
        )
        with pytest.raises(SystemExit) as left:
            main(words[1:])
        assert not left.value.code, f"{block}: {' '.join(words)}"


def test_the_page_about_training_can_be_followed_from_top_to_bottom_in_one_folder(workplace):
    tests = {"python": test_python_in_the_documents_runs, "sh": test_commands_in_the_documents_run}
    for block in blocks_of(ROOT / "docs" / "training.md", tuple(tests)):
        if not block.reason_not_to_run:
            tests[block.language](block, workplace)
    command, python = (load_model(workplace / "runs" / name / "model.safetensors") for name in ("cup", "cup-in-python"))
    assert same_weights(command, python)


def test_the_readme_has_code_that_runs():
    assert any(block.document == "README.md" and not block.reason_not_to_run for block in PYTHON)
    assert any(block.document == "README.md" and not block.reason_not_to_run for block in SHELL)


@pytest.mark.parametrize("document", [*documents(), *ROOT.glob("*.md")], ids=lambda path: path.name)
def test_links_within_the_repository_lead_somewhere(document):
    targets = re.findall(
        r"\]\((?!https?:|#|mailto:)([^)#\s]+)|(?:src|srcset|href)=\"(?!https?:|#)([^\"]+)\"",
        document.read_text("utf-8"),
    )
    missing = [a or b for a, b in targets if not (document.parent / (a or b)).exists()]
    assert not missing


@pytest.mark.skipif(not cache.is_available(CHECKPOINTS["nano"]), reason="the bundled weights are not here")
def test_the_eye_of_the_readme_is_an_eye():
    """By eye, so to say: the left iris of the cat is an ellipse at (171, 116)."""
    [box] = re.findall(
        r"^eye = session.segment\(box=\(([\d, ]+)\)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    corners = [float(number) for number in box.split(",")]
    [found] = hqsam.load("nano").open(ROOT / "examples" / "cat.jpg").segment(box=corners, detail=True).masks
    rows, columns = np.mgrid[: found.shape[0], : found.shape[1]]
    eye = ((columns - 171) / 36) ** 2 + ((rows - 116) / 30) ** 2 <= 1
    assert (found & eye).sum() / (found | eye).sum() > 0.8
