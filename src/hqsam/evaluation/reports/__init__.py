"""The reports of a run, in its folder: `report.json`, `report.md`, `report.csv` and `report.html`."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from hqsam.evaluation.record import SampleRecord, each_prediction
from hqsam.evaluation.reports.page import page
from hqsam.evaluation.reports.provenance import how_it_was_made, warnings
from hqsam.evaluation.reports.summary import Summary
from hqsam.evaluation.reports.tables import clicks_markdown, markdown, tables
from hqsam.evaluation.suites.suite import OpenSuite
from hqsam.storage import write_text


def write_reports(folder: Path, summary: Summary, suite: OpenSuite, records: Mapping[str, SampleRecord]) -> list[Path]:
    """Write all reports, and return their paths: JSON, Markdown, CSV, HTML.

    Raises:
        OutputError: one cannot be written; those before it are there, whole.
        DataError: the images of the worst and best samples cannot be read any more.
    """
    texts = {
        "report.json": json.dumps(summary.to_json(), ensure_ascii=False) + "\n",
        "report.md": as_markdown(summary, suite),
        "report.csv": as_csv(records),
        "report.html": page(summary, suite, records),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def as_markdown(summary: Summary, suite: OpenSuite) -> str:
    """Return the tables as Markdown, and under them how the scores were made."""
    parts = [f"# {suite.suite.title}", *(f"> {warning}" for warning in warnings(summary, suite))]
    for table in tables(summary, suite.suite.metric.names):
        parts += [f"## {table.split}", markdown(table)]
    if clicks := clicks_markdown(summary):
        parts += ["## Clicks needed", clicks]
    made = "\n".join(f"- {line}" for line in how_it_was_made(summary, suite))
    return "\n\n".join([*parts, made]) + "\n"


def as_csv(records: Mapping[str, SampleRecord]) -> str:
    """Return CSV with a line for each prediction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("image", "object", "width", "height", "source", "prompt", "trial", "iou", "boundary_iou", "predicted_iou")
    )
    for record, target, answer in each_prediction(records.values()):
        height, width = record.size_hw
        measured = (
            "" if value is None else f"{value:.6f}" for value in (answer.iou, answer.boundary_iou, answer.score)
        )
        writer.writerow(
            (record.sample, target.target, width, height, answer.source, answer.prompt, answer.trial, *measured)
        )
    return text.getvalue()
