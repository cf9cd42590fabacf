"""A run in tiles that version 0.1 left unfinished is gone on with, and ends as it would have."""

import json
import os
import zipfile
from pathlib import Path

from hqsam.formats import coco
from hqsam.masks.boundary import iou
from tests.tiny import tiny_segmenter

ARCHIVE = Path(__file__).with_name("unfinished_tiles_of_version_0.1.zip")
WRITTEN_NS = 1795769547706942517
"""When the image was written, as its journal has it."""


def test_an_unfinished_run_of_version_0_1_goes_on_where_it_was(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    image, whole = tmp_path / "wide.png", (tmp_path / "wide_coco.json").rename(tmp_path / "whole.json")
    os.utime(image, ns=(WRITTEN_NS, WRITTEN_NS))
    segmenter = tiny_segmenter()
    with_this_machines_engine(tmp_path / "wide_tiles.journal", segmenter)
    told = []
    result = segmenter.everything_in_tiles(
        image, tmp_path, tile=120, overlap=0.2, points_per_side=4, pred_iou_thresh=-1e9, stability_score_thresh=0.0,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told[0] == (1, 3) and told[-1] == (3, 3)
    [found], [expected] = coco.read(result.coco), coco.read(whole)
    assert len(found) == len(expected)
    assert all(iou(*pair) > 0.95 for pair in zip(found.masks, expected.masks, strict=True))


def with_this_machines_engine(journal: Path, segmenter) -> None:
    """Enter the name of this machine's engine, which depends on its processor, in the journal's heading."""
    heading, *records = journal.read_text().splitlines()
    engine = segmenter._engine
    model = f"{segmenter.name} {segmenter.device.type} {engine.digest()}"
    journal.write_text("\n".join([json.dumps(json.loads(heading) | {"model": model}), *records]) + "\n")
