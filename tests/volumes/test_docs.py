"""The code in docs/microscopes.md: what needs hqsam[science], and what it finds."""

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
    block, *_ = blocks_of(ROOT / "docs" / "microscopes.md", ("python",))
    exec(compile("\n" * block.line + block.code, "docs/microscopes.md", "exec"), {"__name__": "__main__"})
    labels = tifffile.imread("out/cells_labels.ome.tif")
    z, y, x = np.mgrid[:12, :256, :256]
    truth = (z - 5) ** 2 + ((y - 90) / 12) ** 2 + ((x - 80) / 12) ** 2 < 16
    assert (truth & (labels == 1)).sum() / (truth | (labels == 1)).sum() > 0.8
    with Path("out/cells_measured.csv").open() as file:
        [row] = csv.DictReader(file)
    assert float(row["volume"]) == pytest.approx(truth.sum() * 2 * 0.25**2, rel=0.2) and row["label"] == "nucleus"
    assert float(row["centroid_z"]) == pytest.approx(10, abs=1)


@pytest.mark.skipif(not cache.is_available(CHECKPOINTS["nano"]), reason="the bundled weights are not here")
def test_calls_of_micro_sam_find_the_same_disc_in_our_words():
    *_, block = blocks_of(ROOT / "docs" / "microscopes.md", ("python",))
    names = {"__name__": "__main__"}
    exec(compile("\n" * block.line + block.code, "docs/microscopes.md", "exec"), names)
    y, x = np.mgrid[:256, :256]
    disc = np.hypot(y - 90, x - 150) < 40
    labels = names["labels"]
    for found in (names["clicked"].masks[0], names["boxed"].masks[0], labels == labels[90, 150]):
        assert (found & disc).sum() / (found | disc).sum() > 0.9
    assert labels[90, 150] > 0
