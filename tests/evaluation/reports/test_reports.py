import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hqsam.evaluation.record import Column, PredictionRecord, SampleRecord, TargetRecord
from hqsam.evaluation.reports import as_csv, as_markdown, write_reports
from hqsam.evaluation.reports.charts import curves, histograms
from hqsam.evaluation.reports.gallery import MISSING, RIGHT, SURPLUS, gallery_sections, panels
from hqsam.evaluation.reports.page import page
from hqsam.evaluation.reports.summary import summarise
from hqsam.evaluation.reports.tables import tables
from hqsam.evaluation.suites.suite import Published
from hqsam.masks.rle import encode
from tests.evaluation.runs import made

SETTINGS = {
    "suite": "folder", "images": 3, "model": "vit_l", "architecture": "vit_l", "weights": "0123456789abcdef",
    "precision": "float32", "pipeline": "user", "sources": ["hq", "sam"], "prompts": ["box", "3 clicks"], "boxes": "",
    "reading": "single", "seed": 0,
}  # fmt: skip
MADE = {"hqsam": "hqsam 1", "torch": "torch 2", "device": "cpu", "date": "2026-01-01 00:00 UTC"}


def answer(mask, source, prompt, iou, trial=0, **more):
    return PredictionRecord(source, prompt, trial, iou, iou / 2, 0.9, encode(mask), **more)


@pytest.fixture
def suite(tmp_path):
    return made("folder", tmp_path)


@pytest.fixture
def records(suite):
    """SAM's masks are moved by two pixels, HQ's are right; clicks are asked twice, by chance."""
    found = {}
    for sample in suite.samples:
        targets = []
        for number, target in enumerate(sample.targets()):
            moved, iou = np.roll(target.truth, 2, axis=1), 0.5 + 0.1 * number
            answers = [
                answer(target.truth, "hq", "box", 0.9),
                answer(moved, "sam", "box", iou),
                answer(moved, "hq", "3 clicks", 0.2, trial=0),
                answer(moved, "hq", "3 clicks", 0.6, trial=1),
                answer(moved, "hq", "clicks to target", 0.8, ious=(0.5, 0.86, 0.8)),
            ]
            targets.append(TargetRecord(target.name, target.about, tuple(answers)))
        found[sample.name] = SampleRecord(
            sample.name, (48, 64), {}, tuple(targets), {"7": "it is <empty>"}, {"encode": 1.0}
        )
    return found


@pytest.fixture
def summary(suite, records):
    return summarise(records, suite, SETTINGS, MADE)


def test_scores_of_trials_are_averaged(summary):
    (clicks,) = [one for one in summary.columns if one.prompt == "3 clicks"]
    assert clicks.scores == {"folder": {"mIoU": pytest.approx(0.4), "mBIoU": pytest.approx(0.2)}}
    assert summary.objects.values["hq, 3 clicks"][0] == pytest.approx((0.4, 0.2))


def test_clicks_are_counted_and_their_curve_is_drawn(summary):
    (result,) = [one for one in summary.columns if one.clicks]
    assert result.curve == pytest.approx((0.5, 0.86, 0.8))
    assert result.clicks == {"NoC@85": 2, "not reached@85": 0, "NoC@90": 20, "not reached@90": 4}


def test_all_that_was_left_out_is_listed(summary):
    assert summary.skipped == {f"photo{number}/7": "it is <empty>" for number in range(3)}


def test_printed_numbers_stand_under_ours_if_they_were_asked_alike(suite, records):
    def row(prompt, model="vit_b", split="folder"):
        return Published(
            model=model, source="hq", split=split, prompt=prompt, scores={"mIoU": 78.6, "mBIoU": 70.4}, where="table 2"
        )

    rows = (row("box"), row("box", "vit_l"), row("1 click"), row("box", split="other"))
    printing = replace(suite, suite=replace(suite.suite, published=rows))
    summary = summarise(records, printing, SETTINGS, MADE)
    (table,) = tables(summary, suite.suite.metric.names)
    printed = [line for line in table.lines if line.where]
    assert [(line.who, line.prompt) for line in printed] == [("vit_l", "box"), ("vit_b", "box")]
    assert "| vit_l | hq | box | 78.6 | 70.4 | table 2 |" in as_markdown(summary, printing)


def test_the_markdown_has_every_column_and_says_how_it_was_made(summary, suite):
    text = as_markdown(summary, suite)
    assert "| vit_l | hq | box | 90.0 | 45.0 |" in text and "| hq | 2 | 0 | 20 | 4 |" in text
    assert "Pipeline user" in text and "weights 0123456789ab" in text and "3 left out" in text


def test_the_csv_has_a_line_for_each_answer(records):
    lines = as_csv(records).splitlines()
    assert lines[0] == "image,object,width,height,source,prompt,trial,iou,boundary_iou,predicted_iou"
    assert lines[1] == "photo0,1,64,48,hq,box,0,0.900000,0.450000,0.900000"
    assert len(lines) == 1 + 4 * 5


def test_all_files_are_written_and_the_json_is_the_summary(summary, suite, records, tmp_path):
    paths = write_reports(tmp_path / "out", summary, suite, records)
    assert all(path.stat().st_size > 500 for path in paths)
    assert json.loads(paths[0].read_text()) == json.loads(json.dumps(summary.to_json()))


class Reader(HTMLParser):
    """Sees that what is opened is closed, and keeps what is loaded from outside."""

    EMPTY = frozenset({"meta", "link", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.loaded += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_whole_and_loads_nothing(summary, suite, records):
    text = page(summary, suite, records)
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert all(link.startswith("data:") for link in reader.loaded) and "@import" not in text and "url(" not in text
    assert "it is <empty>" in "".join(reader.texts), "words of the data are no HTML"
    for title in ("Figures", "Clicks needed", "Plots", "Worst by hq, box", "Best by hq, box", "How it was made"):
        assert f"<h2>{title}</h2>" in text
    pictures = re.findall(r"data:image/webp;base64,([^\"]+)", text)
    assert len(pictures) >= 3 * 4
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert max(image.size) == 300


def test_a_run_without_true_masks_has_a_page_too(suite, records):
    def blind(record):
        targets = tuple(
            replace(target, answers=tuple(replace(one, iou=None, boundary_iou=None, ious=()) for one in target.answers))
            for target in record.targets
        )
        return replace(record, targets=targets)

    hidden = {name: blind(record) for name, record in records.items()}
    summary = summarise(hidden, suite, SETTINGS, MADE)
    text = page(summary, suite, hidden)
    assert "Worst" not in text and "<svg" not in text and "How it was made" in text


def test_the_worst_come_first_and_gains_over_sam_are_shown(summary):
    by_title = {section.title: section.items for section in gallery_sections(summary, each=4)}
    assert list(by_title) == ["Worst by hq, box", "Best by hq, box", "Where hq gains most beside sam"]
    gains = by_title["Where hq gains most beside sam"]
    assert gains[0].ious == {Column("sam", "box"): (0.5, 0.25), Column("hq", "box"): (0.9, 0.45)}


def test_a_photo_hangs_once_on_a_wall(summary):
    for section in gallery_sections(summary):
        photos = [item.sample for item in section.items]
        assert len(photos) == len(set(photos)) > 0


def test_a_picture_shows_what_is_right_missing_and_too_much(summary, suite, records):
    item = gallery_sections(summary)[0].items[0]
    sample = next(sample for sample in suite.samples if sample.name == item.sample)
    truth, sam, hq = panels(item, sample, records[sample.name])
    assert truth.column is None and (sam.column.source, hq.column.source) == ("sam", "hq")
    for colour in (MISSING, SURPLUS):  # a few pixels of the photo may look alike
        assert near(sam.pixels, colour) > 100 > 30 > near(hq.pixels, colour)
    assert (np.abs(hq.pixels.astype(int) - truth.pixels).max(axis=2) > 20).any(), f"{RIGHT} is on what is right"


def near(pixels, colour):
    """How many pixels are mostly of a colour."""
    return int((np.abs(pixels.astype(int) - colour).max(axis=2) < 55).sum())


def test_bars_are_as_high_as_their_counts():
    drawn = histograms({"hq": [0.05, 0.12, 0.13, 1.0], "sam": [0.5]}, "IoU")
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', drawn)]
    assert len(heights) == 40
    assert heights[2] == max(heights) == 2 * heights[1] == 2 * heights[19] == 2 * heights[30]
    assert sum(height > 0 for height in heights) == 4
    assert "32.5" in drawn


def test_lines_go_up_with_their_figures_and_labels_do_not_overlap():
    drawn = curves({"hq": [(1, 0.5), (3, 0.8)], "sam": [(1, 0.4), (3, 0.799)]}, "mean IoU")
    (first_x, first_y), (last_x, last_y) = (
        tuple(map(float, point.split(","))) for point in re.search(r'points="([^"]+)"', drawn)[1].split()
    )
    assert first_x < last_x and first_y > last_y
    labels = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)">(?:hq|sam)', drawn)]
    assert abs(labels[0] - labels[1]) >= 14.9


def test_labels_of_low_lines_stay_above_the_axis():
    drawn = curves({source: [(1, 0.02), (3, 0.01)] for source in ("sum", "hq", "sam")}, "mean IoU", height=300)
    labels = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)">(?:sum|hq|sam)', drawn)]
    assert len(labels) == 3 and max(labels) <= 300 - 34
