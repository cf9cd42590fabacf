import csv
import json
import math

import cv2
import numpy as np
import pytest
from PIL import Image

import hqsam
from hqsam.errors import DataError, OptionError, OutputError
from hqsam.evaluation.run_folder import Shard, read_records
from hqsam.evaluation.suites import SUITES
from tests.evaluation.layouts import detections, make
from tests.evaluation.runs import config, made, run
from tests.nano import nano_file


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """The bundled model, whose masks are good enough for an AP that is not 0."""
    return hqsam.load(nano_file(tmp_path_factory.mktemp("nano")), device="cpu", precision="float32")


def scores_of(outcome, column, split="folder"):
    report = json.loads(outcome.reports[0].read_text())
    found = next(one for one in report["columns"] if (one["source"], one["prompt"]) == column)
    return found["scores"][split]


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_runs_from_its_true_layout_to_its_reports(suite, tmp_path, tiny_segmenter):
    opened = made(suite, tmp_path)
    outcome = run(tiny_segmenter, opened, tmp_path / "out")
    assert [path.name for path in outcome.reports] == ["report.json", "report.md", "report.csv", "report.html"]
    report = json.loads(outcome.reports[0].read_text())
    assert report["images"] == len(opened.samples) == outcome.done == outcome.total
    assert [one["source"] for one in report["columns"]] == ["sum", "hq", "sam"]
    for column in report["columns"]:
        for scores in column["scores"].values():
            assert opened.suite.metric.names[0] in scores
            assert all(-1 <= value <= 1 for value in scores.values())  # DAVIS's decay may be negative
    assert report["settings"]["pipeline"] == opened.suite.pipeline


@pytest.mark.parametrize("suite", [name for name, suite in SUITES.items() if suite.ask == "detector"])
def test_every_detector_s_boxes_are_asked_about(suite, tmp_path, tiny_segmenter):
    opened = made(suite, tmp_path)
    boxes = detections(suite, tmp_path / "data")
    outcome = run(tiny_segmenter, opened, tmp_path / "out", f"detector:{boxes}", sources=("hq",))
    report = json.loads(outcome.reports[0].read_text())
    assert [(one["source"], one["prompt"]) for one in report["columns"]] == [("hq", "detector")]
    assert all(opened.suite.metric.names[0] in scores for scores in report["columns"][0]["scores"].values())
    assert report["objects"]["values"] == {} and len(report["objects"]["names"]) > 0


def independent_means(segmenter, data, source):
    """mIoU and mBIoU of a folder's objects from their boxes, worked out from the definitions and nothing of ours."""
    ious, boundary_ious = [], []
    for path in sorted((data / "images").iterdir()):
        labels = np.asarray(Image.open(data / "masks" / f"{path.stem}.png"))
        session = segmenter.open(path)
        for number in np.unique(labels[labels > 0]):
            truth = labels == number
            rows, columns = np.nonzero(truth)
            box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            mask = session.segment(box=box, source=source).masks[0]
            ious.append((mask & truth).sum() / (mask | truth).sum())
            inner, outer = (ring(one) for one in (mask, truth))
            boundary_ious.append((inner & outer).sum() / max(1, (inner | outer).sum()))
    return np.mean(ious), np.mean(boundary_ious)


def ring(mask):
    steps = max(1, round(0.02 * math.hypot(*mask.shape)))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return mask & (cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1] == 0)


@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_a_folder_s_figures_equal_an_independent_computation(source, tmp_path, tiny_segmenter):
    outcome = run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out", sources=(source,))
    scores = scores_of(outcome, (source, "box"))
    expected = independent_means(tiny_segmenter, tmp_path / "data", source)
    assert (scores["mIoU"], scores["mBIoU"]) == pytest.approx(expected, abs=5e-5)


def test_a_coco_suite_s_figures_equal_pycocotools_run_by_hand(tmp_path, nano):
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    opened, data = made("coco", tmp_path), tmp_path / "data"
    boxes = detections("coco", data)
    outcome = run(nano, opened, tmp_path / "out", f"detector:{boxes}", sources=("sum",))
    truth = COCO(str(data / "annotations/instances_val2017.json"))
    results = []
    for found in json.loads(boxes.read_text()):
        x, y, width, height = found["bbox"]
        session = nano.open(data / "val2017" / truth.imgs[found["image_id"]]["file_name"])
        mask = session.segment(box=(x, y, x + width, y + height), source="sum").masks[0]
        results.append({**found, "segmentation": coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))})
        del results[-1]["bbox"]
    by_hand = COCOeval(truth, truth.loadRes(results), "segm")
    by_hand.evaluate()
    by_hand.accumulate()
    by_hand.summarize()
    scores = scores_of(outcome, ("sum", "detector"), opened.splits[0].name)
    for place, name in enumerate(("AP", "AP50", "AP75")):
        assert scores[name] == pytest.approx(by_hand.stats[place], abs=1e-6)
    assert by_hand.stats[1] > 0, "a test in which nothing is found shows nothing"


def test_one_run_answers_every_prompt_from_every_source(tmp_path, tiny_segmenter):
    prompts = ("box", "noisy-box:0.2", "click:1,2+1", "coarse-mask", "clicks-to-target")
    outcome = run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out", *prompts)
    report = json.loads(outcome.reports[0].read_text())
    names = ["box", "noisy box 0.2", "1 click", "2 + 1 clicks", "coarse mask", "clicks to target"]
    assert [(one["prompt"], one["source"]) for one in report["columns"]] == [
        (name, source) for name in names for source in ("sum", "hq", "sam")
    ]
    result = report["columns"][-1]
    assert set(result["clicks"]) == {"NoC@85", "not reached@85", "NoC@90", "not reached@90"}
    assert 1 <= len(result["curve"]) <= 20
    with outcome.reports[2].open() as file:
        lines = list(csv.DictReader(file))
    objects = len(report["objects"]["names"])
    assert len(lines) == objects * 3 * (1 + 1 + 1 + 3 + 1 + 1)  # three trials of random clicks
    assert {line["trial"] for line in lines if line["prompt"] == "2 + 1 clicks"} == {"0", "1", "2"}


def test_an_image_is_encoded_once_for_all_sources_and_prompts(tmp_path, tiny_segmenter, monkeypatch):
    encoded = []
    engine = tiny_segmenter._engine
    monkeypatch.setattr(engine, "encode", lambda images: encoded.extend(images) or type(engine).encode(engine, images))
    opened = made("folder", tmp_path)
    run(tiny_segmenter, opened, tmp_path / "out", "box", "click:1,3")
    assert len(encoded) == len(opened.samples)


def lines_of(folder):
    """The records without the times that they took."""
    return {name: record.to_json() | {"seconds": None} for name, record in read_records(folder).items()}


@pytest.mark.parametrize("pipeline", ["user", "official"])
def test_shards_and_threads_change_nothing(pipeline, tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    prompts = ("box", "noisy-box", "click:3")
    run(tiny_segmenter, opened, tmp_path / "whole", *prompts, pipeline=pipeline, workers=1)
    first = run(tiny_segmenter, opened, tmp_path / "parts", *prompts, pipeline=pipeline, shard=Shard(2, 2))
    assert first.reports == [] and 0 < first.done < first.total
    parts = tmp_path / "parts"
    last = run(tiny_segmenter, opened, parts, *prompts, pipeline=pipeline, shard=Shard(1, 2), workers=3)
    assert last.reports and last.done == last.total
    assert lines_of(tmp_path / "whole") == lines_of(tmp_path / "parts")
    assert (tmp_path / "whole/report.csv").read_text() == (tmp_path / "parts/report.csv").read_text()


def test_images_encoded_together_give_the_same_masks_but_for_rounding(tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    alone, together = (
        read_objects(run(tiny_segmenter, opened, tmp_path / str(size), batch_size=size)) for size in (1, 2)
    )
    assert alone == pytest.approx(together, abs=0.01)


def read_objects(outcome):
    report = json.loads(outcome.reports[0].read_text())
    return [value for pairs in report["objects"]["values"].values() for pair in pairs for value in pair]


def test_a_finished_run_asks_nothing_again(tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    run(tiny_segmenter, opened, tmp_path / "out")
    told = []
    run(tiny_segmenter, opened, tmp_path / "out", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_a_limit_takes_from_every_set_and_may_be_raised_later(tmp_path, tiny_segmenter):
    opened = made("hq4", tmp_path)
    run(tiny_segmenter, opened, tmp_path / "out", limit=4, sources=("hq",))
    assert sorted(name.split("/")[0] for name in read_records(tmp_path / "out")) == [
        "COIFT", "DIS-VD", "HRSOD", "ThinObject5K-TE",
    ]  # fmt: skip
    outcome = run(tiny_segmenter, opened, tmp_path / "out", sources=("hq",))
    assert outcome.done == outcome.total == 8


def test_a_folder_of_another_run_is_left_as_it_is(tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    run(tiny_segmenter, opened, tmp_path / "out", seed=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(
        OutputError, match=r"another run: prompts was \['box'\] and is \['1 click'\]; seed was 1 and is 0"
    ):
        run(tiny_segmenter, opened, tmp_path / "out", "click:1")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_other_data_under_one_name_is_another_run(tmp_path, tiny_segmenter):
    run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out")
    for kind in ("images/photo2.jpg", "masks/photo2.png"):
        path = tmp_path / "data" / kind
        path.rename(path.with_stem("renamed"))
    opened = SUITES["folder"].open(tmp_path / "data")
    with pytest.raises(OutputError, match="names_of_images"):
        run(tiny_segmenter, opened, tmp_path / "out")


def test_a_corrected_mask_is_another_run(tmp_path, tiny_segmenter):
    run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out")
    Image.open(tmp_path / "data/masks/photo1.png").transpose(Image.Transpose.ROTATE_180).save(
        tmp_path / "data/masks/photo1.png"
    )
    with pytest.raises(OutputError, match="images_and_masks"):
        run(tiny_segmenter, SUITES["folder"].open(tmp_path / "data"), tmp_path / "out")


def test_the_shard_that_ends_last_writes_the_reports_of_all(tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    last = []

    def other_ends_first(done, total):
        if not last:  # while this one is at its first image
            last.append(run(tiny_segmenter, opened, tmp_path / "out", shard=Shard(2, 2)))

    outcome = run(tiny_segmenter, opened, tmp_path / "out", shard=Shard(1, 2), on_progress=other_ends_first)
    assert last[0].reports == [] and outcome.reports


def test_a_source_that_a_model_does_not_have_is_refused_before_any_work(tmp_path, tiny_segmenter):
    with pytest.raises(OptionError, match="unknown source 'hd'; choose one of sum, hq, sam"):
        run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out", sources=("hd",))
    assert not (tmp_path / "out").exists()


def test_a_detector_s_finds_go_with_no_other_prompt(tmp_path, tiny_segmenter):
    opened = made("coco", tmp_path)
    boxes = detections("coco", tmp_path / "data")
    with pytest.raises(OptionError, match="ask with detector:FILE alone"):
        run(tiny_segmenter, opened, tmp_path / "out", f"detector:{boxes}", "click:1")


def test_a_mask_of_another_size_is_an_error_that_names_it(tmp_path, tiny_segmenter):
    opened = made("folder", tmp_path)
    Image.new("L", (10, 12), 1).save(tmp_path / "data/masks/photo1.png")
    with pytest.raises(DataError, match=r"photo1.*10 x 12"):
        run(tiny_segmenter, opened, tmp_path / "out")
    assert set(read_records(tmp_path / "out")) <= {"photo0"}


def test_objects_that_cannot_be_asked_about_are_listed(tmp_path, tiny_segmenter):
    data = make("coco", tmp_path / "data")
    outside = {"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [500, 5, 10, 10]}
    boxes = detections("coco", data)
    boxes.write_text(json.dumps([*json.loads(boxes.read_text()), outside]))
    outcome = run(tiny_segmenter, SUITES["coco"].open(data), tmp_path / "out", f"detector:{boxes}")
    skipped = json.loads(outcome.reports[0].read_text())["skipped"]
    assert list(skipped.values()) == ["its box (500.0, 5.0, 510.0, 15.0) has no area in the image"]


def test_interactive_segmentation_knows_no_squashed_photo(tmp_path, tiny_segmenter):
    with pytest.raises(OptionError, match="pipeline user"):
        run(tiny_segmenter, made("folder", tmp_path), tmp_path / "out", "clicks-to-target", pipeline="official")


def test_a_plain_sam_is_measured_by_its_one_source(tmp_path):
    from tests.tiny import tiny_segmenter

    opened = made("folder", tmp_path)
    outcome = run(tiny_segmenter("plain_vit"), opened, tmp_path / "out", config_of=config)
    assert [one["source"] for one in json.loads(outcome.reports[0].read_text())["columns"]] == ["sam"]
