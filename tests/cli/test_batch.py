import json
import sys

import pytest


@pytest.fixture
def batch(hqsam, photos, tiny_file):
    """Run `hqsam batch` on the example photos with a box for one of them."""
    (photos / "boxes.json").write_text(
        json.dumps([{"image_id": "coffee", "category_id": 3, "bbox": [170, 15, 242, 195], "score": 0.9}])
    )
    return lambda *words: hqsam("batch", ".", "--prompts", "boxes.json", "--model", tiny_file, *words)


def test_a_run_ends_with_a_summary_and_does_nothing_the_second_time(batch, tmp_path):
    first = batch("--format", "coco", "--out", "masks")
    assert first.code == 0 and "1 masks, 0 failures: masks" in first.out
    again = batch("--format", "coco", "--out", "masks")
    assert again.code == 0 and "finished before; nothing was left to do" in again.out


def test_failures_make_the_exit_code_1_and_are_in_a_file(batch, photos):
    (photos / "broken.jpg").write_bytes(b"no image")
    left = batch("--format", "coco", "--out", "masks")
    assert left.code == 1 and "1 failures; masks/failed.jsonl says why" in left.err
    assert json.loads((photos / "masks" / "failed.jsonl").read_text())["image"] == "broken.jpg"


def test_another_run_is_refused_with_exit_code_1(batch):
    batch("--format", "coco", "--out", "masks")
    left = batch("--format", "coco,png", "--out", "masks")
    assert left.code == 1 and "results of another run: other formats" in left.err


def test_a_package_that_is_missing_is_named_with_its_extra_before_a_model_is_loaded(batch, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    left = batch("--format", "parquet", "--out", "masks")
    assert left.code == 1 and 'pip install "hqsam[batch]"' in left.err and "model:" not in left.err


def test_a_wrong_format_or_prompt_is_exit_code_2(batch, hqsam):
    assert batch("--format", "parket", "--out", "masks").code == 2
    left = hqsam("batch", ".", "--prompts", "column:x", "--model", "nano", "--out", "masks")
    assert left.code == 2 and "is a column of a table" in left.err
