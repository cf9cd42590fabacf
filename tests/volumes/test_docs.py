"""The code in docs/microscopes.md, which needs hqsam[science]."""

import csv
from pathlib import Path

import numpy as np
import pytest

from hqsam.weights import cache
from hqsam.weights.registry import CHECKPOINTS
from tests.docs.blocks import ROOT, blocks_of

tifffile = pytest.importorskip("tifffile", reason="needs hqsam[science]")
pytest.importorskip("skimage", reason="needs hqsam[science]")


@pytest.mark.skipif(not cache.is_available(CHECKPOINTS["nano"]), reason="the bundled weights are not here")
def test_the_page_about_microscopes_finds_the_ball_that_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [block] = blocks_of(ROOT / "docs" / "microscopes.md", ("python",))
    exec(compile("\n" * block.line + block.code, "docs/microscopes.md", "exec"), {"__name__": "__main__"})
    labels = tifffile.imread("out/cells_labels.ome.tif")
    z, y, x = np.mgrid[:12, :256, :256]
    truth = (z - 5) ** 2 + ((y - 90) / 12) ** 2 + ((x - 80) / 12) ** 2 < 16
    assert (truth & (labels == 1)).sum() / (truth | (labels == 1)).sum() > 0.8
    with Path("out/cells_measured.csv").open() as file:
        [row] = csv.DictReader(file)
    assert float(row["volume"]) == pytest.approx(truth.sum() * 2 * 0.25**2, rel=0.2) and row["label"] == "nucleus"
    assert float(row["centroid_z"]) == pytest.approx(10, abs=1)
