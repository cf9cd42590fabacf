"""Tutorials run as they are, show their own pictures, and are notebooks, too."""

import re

import pytest
from PIL import Image

from tests import needs
from tests.docs.blocks import ROOT
from tests.nano import nano_file

needs.package("jupytext", install="pip install 'hqsam[docs]'")
from docs.site import tutorials  # noqa: E402

NEEDS = {"maps": ("rasterio", "pyogrio", "shapely")}
"""Extras, by the tutorial."""
SCRIPTS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """The bundled model, and no network."""
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    monkeypatch.setattr("hqsam.weights.cache._BUNDLED", nano_file(tmp_path).parent)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_tutorial_runs_and_shows_its_own_pictures(script, offline, tmp_path):
    for package in NEEDS.get(script.stem, ()):
        pytest.importorskip(package)
    folder = tmp_path / "page"
    folder.mkdir()
    text = tutorials.page(script, folder)
    pictures = re.findall(r"!\[[^\]]+\]\((.+?)\)", text)
    assert pictures and sorted({path.name for path in folder.iterdir()}) == sorted(set(pictures))
    for name in pictures:
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 50
    assert text.startswith("# ") and f"[{script.stem}.ipynb]" in text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_tutorial_is_a_notebook_that_installs_hqsam_first(script):
    nbformat = pytest.importorskip("nbformat")
    made = tutorials.notebook(script)
    nbformat.validate(made)
    code = [cell.source for cell in made.cells if cell.cell_type == "code"]
    assert code[0].startswith("%pip install") and "hqsam" in code[1]
    assert "![" not in "".join(cell.source for cell in made.cells)
