import json
import os
import shutil
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hqsam
from hqsam.batch import files
from hqsam.batch.image_work import ImageWork
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.errors import OptionError, OutputError
from hqsam.formats import coco
from hqsam.masks import rle


def results(out: Path) -> dict[str, bytes]:
    """All results by name; reports and the summary have times, and run.json the options."""
    kept = sorted(
        path
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith((".", "chunk-", "summary", "run.json"))
    )
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in kept}


@pytest.fixture
def items(archive):
    return find_items([str(archive)], f"{archive}.json")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


RUN = BatchRun(chunk_size=3)


def test_each_box_has_the_mask_that_a_session_gives_for_it(job, items, out, tiny_file):
    summary = RUN(job(), items)
    assert (summary["images"], summary["masks"], summary["failures"]) == (10, 18, 0)
    found = coco.read(out / "annotations.json")
    assert [one.image_name for one in found] == [item.name for item in items]
    session = hqsam.load(tiny_file, "cpu", "float32").open(items[2].image.url)
    expected = session.segment(boxes=[prompt.box for prompt in items[2].prompts])
    assert list(found[2].rle) == list(expected.rle)
    assert found[2].labels == ("1", "2") and found[2].columns["prompt_score"] == (0.5, 0.5)
    assert np.allclose(found[2].scores, expected.scores)


def test_every_sink_has_the_same_masks(job, items, out):
    RUN(job(formats=("coco", "webdataset", "png", "label_map", "overlay")), items)
    by_name = {one.image_name: one for one in coco.read(out / "annotations.json")}
    with tarfile.open(out / "shard-000000.tar") as tar:
        members = tar.getnames()
        about = json.load(tar.extractfile("day/0001.json"))
        assert tar.extractfile("day/0001.png").read() == Path(items[0].image.url).read_bytes()
    assert members[:2] == ["day/0001.png", "day/0001.json"]
    masks = by_name["day/0001.png"]
    assert [row["counts"] for row in about["masks"]] == [one["counts"] for one in masks.rle]
    assert (out / "png" / "day" / "0001.png_mask_01.png").is_file()
    assert (out / "label_map" / "day" / "0001.png_labels.png").is_file()
    assert (out / "overlay" / "night" / "0000.png_overlay.png").is_file()


def test_names_that_are_no_utf_8_or_break_lines_elsewhere_are_in_all_results(job, tmp_path, out):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "odd"
    folder.mkdir()
    Image.new("RGB", (48, 40), (90, 20, 30)).save(folder / "line\u2028break.png")
    for name in (b"caf\xe9.png", b"br\xf6ken.png"):
        shutil.copy(folder / "line\u2028break.png", os.fsencode(folder) + b"/" + name)
    Path(os.fsdecode(os.fsencode(folder) + b"/br\xf6ken.png")).write_bytes(b"no image")
    items = find_items([str(folder)], "everything")
    everything = {"points_per_side": 2, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    summary = RUN(job(formats=("parquet", "coco", "webdataset", "png"), everything=everything), items)
    assert (summary["images"], summary["images_failed"]) == (3, 1)
    names = ["caf%E9.png", "line\u2028break.png"]
    assert [one.image_name for one in coco.read(out / "annotations.json")] == names
    rows = [row for path in out.glob("*.parquet") for row in parquet.read_table(path).to_pylist()]
    assert {row["image"] for row in rows} <= set(names)
    [failure] = [json.loads(line) for line in (out / "failed.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert failure["image"] == "br%F6ken.png" and failure["url"].endswith("br%F6ken.png")
    assert RUN(job(formats=("parquet", "coco", "webdataset", "png"), everything=everything), items)["was_finished"]


def test_images_that_a_webdataset_cannot_tell_apart_are_refused_before_the_work(job, archive, out):
    shutil.copy(archive / "day" / "0001.png", archive / "day" / "0001.jpg")
    with pytest.raises(OptionError, match=r"day/0001\.jpg and day/0001\.png would be one sample of a WebDataset"):
        RUN(job(formats=("webdataset",)), find_items([str(archive)], "everything"))
    assert not list(out.rglob("*.tar"))


def test_parquet_has_a_row_for_each_mask(job, items, out):
    parquet = pytest.importorskip("pyarrow.parquet")
    RUN(job(formats=("parquet", "coco")), items)
    rows = [row for path in sorted(out.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]
    assert [row["image"] for row in rows] == [item.name for item in items for _ in item.prompts]
    by_name = {one.image_name: one for one in coco.read(out / "annotations.json")}
    for row in rows:
        mask = rle.decode({"size": [row["height"], row["width"]], "counts": row["counts"]})
        assert (mask == by_name[row["image"]].mask(row["prompt"])).all() and row["area"] == mask.sum()


def test_everything_needs_no_prompts(job, archive, out):
    options = {"points_per_side": 3, "pred_iou_thresh": -9.0, "stability_score_thresh": 0.0}
    RUN(job(everything=options), find_items([str(archive)], "everything"))
    found = coco.read(out / "annotations.json")
    assert sum(map(len, found)) > 0 and all("stability_score" in one.columns for one in found if len(one))


def test_images_encoded_together_have_the_same_masks(job, items, out, tmp_path):
    RUN(job(), items)
    RUN(job("together", batch_size=2), items)
    assert (out / "annotations.json").read_bytes() == (tmp_path / "together" / "annotations.json").read_bytes()


def test_what_cannot_be_read_is_a_failure_and_stops_nothing(job, items, archive, out):
    (archive / "day" / "0003.png").write_bytes(b"no image")
    (archive / "night" / "0002.png").unlink()
    summary = RUN(job(), items)
    lines = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert [(line["image"], line["prompt"]) for line in lines] == [("day/0003.png", None), ("night/0002.png", None)]
    assert "there is no such file" in lines[1]["reason"]
    assert summary["images_failed"] == 2 and summary["masks"] == 14


def test_a_box_outside_is_a_failure_and_the_others_of_its_image_are_not(job, archive, out):
    boxes = json.loads((archive.parent / "archive.json").read_text())
    boxes[2]["bbox"] = [500, 500, 10, 10]
    (archive.parent / "archive.json").write_text(json.dumps(boxes))
    summary = RUN(job(), find_items([str(archive)], f"{archive}.json"))
    [line] = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert line["image"] == "day/0001.png" and line["prompt"] == 0 and "outside" in line["reason"]
    assert summary["images_failed"] == 0 and summary["masks"] == 17
    assert coco.read(out / "annotations.json")[0].labels == ("2",)


def test_an_image_with_too_many_pixels_is_a_failure(job, items, out, monkeypatch):
    monkeypatch.setenv("HQSAM_MAX_PIXELS", "1000")
    assert RUN(job(), items)["images_failed"] == 10
    assert "more than the 1,000 that are allowed" in (out / "failed.jsonl").read_text()


def test_what_was_left_out_of_images_is_counted_in_the_summary(job, items, archive, out):
    for name in ("day/0003.png", "night/0002.png", "night/0004.png"):
        Image.new("I;16", (48, 40), 700).save(archive / name)
    with warnings.catch_warnings(record=True) as warned:
        [(kind, count)] = RUN(job(), items)["notes"].items()
    assert (kind, count["images"]) == ("depth", 3) and "0003.png: its uint16 values" in count["first"]
    assert not warned


def test_detail_and_snap_make_the_masks_of_a_session(job, items, out, tiny_file):
    RUN(job(detail=True, snap=True), items[:3])
    session = hqsam.load(tiny_file, "cpu", "float32").open(items[2].image.url)
    expected = session.segment(boxes=[prompt.box for prompt in items[2].prompts], detail=True, snap=True)
    assert list(coco.read(out / "annotations.json")[2].rle) == list(expected.rle)
    with pytest.raises(OutputError, match="other options"):
        RUN(job(detail=True), items[:3])
    with pytest.raises(OptionError, match="detail and snap are for prompts"):
        job(everything={}, detail=True)


def test_the_same_again_after_the_end_does_nothing(job, items, out):
    RUN(job(), items)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock"}
    assert RUN(job(), items)["was_finished"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock"} == before


def test_too_many_failures_stop_it_and_it_goes_on_with_a_higher_number(job, items, archive, out, tmp_path):
    (archive / "day" / "0007.png").write_bytes(b"no image")
    images = []
    with pytest.raises(OutputError, match="stopped after 1 failures, more than --max-failures 0"):
        BatchRun(chunk_size=3, max_failures=0)(job(), items, lambda now: images.append(now.images))
    assert images == [1, 2, 3, 4]  # the fourth has failed: it stops within its shard
    assert len(list((out / "run").glob("chunk-*"))) == 1
    assert len((out / "failed.jsonl").read_text().splitlines()) == 1
    assert not (out / "summary.json").exists() and not (out / "annotations.json").exists()
    BatchRun(chunk_size=3, max_failures=1)(job(), items)
    RUN(job("whole"), items)
    assert results(out) == results(tmp_path / "whole")


def test_failed_images_are_tried_again_when_asked(job, items, archive, out):
    path = archive / "day" / "0003.png"
    image = path.read_bytes()
    path.write_bytes(b"no image")
    assert RUN(job(), items)["failures"] == 1
    path.write_bytes(image)
    assert RUN(job(), items)["failures"] == 1
    summary = BatchRun(chunk_size=3, retry_failed=True)(job(), items)
    assert summary["failures"] == 0 and summary["masks"] == 18 and summary["last_start"]["images"] == 3
    assert (out / "failed.jsonl").read_text() == ""


def test_another_run_is_refused_and_says_what_differs(job, items, out):
    RUN(job(), items)
    with pytest.raises(OutputError, match="results of another run: other formats"):
        RUN(job(formats=("coco", "png")), items)
    with pytest.raises(OutputError, match="another number of images"):
        RUN(job(), items[:4])
    with pytest.raises(OutputError, match="another size of shards"):
        BatchRun(chunk_size=4)(job(), items)
    with pytest.raises(OutputError, match="another batch size"):
        RUN(job(batch_size=2), items)


def test_a_folder_with_other_files_is_refused(job, items, out):
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"has other files, such as mine.txt"):
        RUN(job(), items)
    assert [path.name for path in out.iterdir() if path.name != ".lock"] == ["mine.txt"]


def test_a_full_disk_stops_it_cleanly_and_it_goes_on(job, items, out, tmp_path, monkeypatch):
    real, left = files.storage.replacing, [5]

    def replacing(path):
        if "coco-" in str(path):
            left[0] -= 3
            if left[0] < 0:
                raise files.storage.output_error(path, OSError(28, "No space left on device"))
        return real(path)

    monkeypatch.setattr(files.storage, "replacing", replacing)
    with pytest.raises(OutputError, match="the disk is full"):
        RUN(job(), items)
    assert sorted(path.name for path in (out / "run").iterdir()) == ["chunk-000000.json", "coco-000000.jsonl"]
    monkeypatch.undo()
    assert RUN(job(), items)["last_start"]["images"] == 7
    RUN(job("whole"), items)
    assert results(out) == results(tmp_path / "whole")


def test_formats_and_engines_that_are_not_known_are_refused_before_any_work(job, items, out):
    with pytest.raises(OptionError, match="there is no format 'parket'; choose from parquet, coco, webdataset"):
        RUN(job(formats=("parket",)), items)
    with pytest.raises(OptionError, match="choose local or ray"):
        BatchRun(workers=0)(job(), items)
    assert not out.exists()


def test_a_worker_with_other_weights_is_refused(job):
    with pytest.raises(OptionError, match="give every machine the same weights"):
        ImageWork(job(model_digest="another"))


def test_progress_is_counted_and_written_for_prometheus(job, items, tmp_path):
    seen = []
    BatchRun(chunk_size=3, metrics=tmp_path / "batch.prom")(job(), items, lambda now: seen.append(now.in_words()))
    assert (
        [words.split()[0] for words in seen] == [str(number) for number in range(1, 11)]
        and seen[-1].startswith("10 of 10 images, ")
        and "0 failures" in seen[-1]
    )
    lines = (tmp_path / "batch.prom").read_text().splitlines()
    assert "hqsam_batch_images_done 10" in lines and "hqsam_batch_masks_done 18" in lines
