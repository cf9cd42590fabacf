"""One HTML page about a run that needs nothing beside it: figures, charts, and the worst and best samples as images."""

import base64
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from hqsam.evaluation.record import SampleRecord
from hqsam.evaluation.reports import charts, gallery
from hqsam.evaluation.reports.provenance import how_it_was_made, warnings
from hqsam.evaluation.reports.summary import Summary
from hqsam.evaluation.reports.tables import tables
from hqsam.evaluation.suites.suite import OpenSuite

_FOLDER = Path(__file__).parent
_LEGEND = {"right": gallery.RIGHT, "missing": gallery.MISSING, "too much": gallery.SURPLUS}
_QUALITY = 80


def page(summary: Summary, suite: OpenSuite, records: Mapping[str, SampleRecord]) -> str:
    """Return the page as text.

    Raises:
        ImageError, DataError: an image or mask of the worst and best samples cannot be read any more.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    templates.filters["as_data"] = _as_data
    samples = {sample.name: sample for sample in suite.samples}
    return templates.get_template("page.html.jinja").render(
        summary=summary,
        suite=suite.suite,
        style=Markup(_FOLDER.joinpath("page.css").read_text("utf-8")),
        warnings=warnings(summary, suite),
        tables=tables(summary, suite.suite.metric.names),
        interactive=[one for one in summary.columns if one.clicks],
        charts=[(title, Markup(svg)) for title, svg in [*_histograms(summary), *_curves(summary)]],
        gallery=[
            (
                section.title,
                [(one, gallery.panels(one, samples[one.sample], records[one.sample])) for one in section.items],
            )
            for section in gallery.gallery_sections(summary)
        ],
        legend=_LEGEND,
        provenance=how_it_was_made(summary, suite),
    )


def _histograms(summary: Summary) -> Iterator[tuple[str, str]]:
    columns = [one.column for one in summary.columns if str(one.column) in summary.objects.values]
    first = [column for column in columns if column.prompt == columns[0].prompt]
    for place, what in enumerate(("IoU", "boundary IoU") if first else ()):
        values = {
            column.source: [pair[place] for pair in summary.objects.values[str(column)] if pair] for column in first
        }
        yield f"{what[0].upper()}{what[1:]} of each object, asked by {first[0].prompt}", charts.histograms(values, what)


def _curves(summary: Summary) -> Iterator[tuple[str, str]]:
    for place, what in enumerate(("mean IoU", "mean boundary IoU")):
        lines = _over_clicks(summary, place)
        if any(len(line) > 1 for line in lines.values()):
            yield (
                f"{what.capitalize()} by number of clicks on the object".replace("iou", "IoU"),
                charts.curves(lines, what),
            )
    interactive = {one.source: list(enumerate(one.curve, start=1)) for one in summary.columns if one.curve}
    if interactive:
        yield "Mean IoU while a user corrects, click by click", charts.curves(interactive, "mean IoU")


def _over_clicks(summary: Summary, place: int) -> dict[str, list[tuple[float, float]]]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for one in summary.columns:
        count, _, rest = one.prompt.partition(" ")
        pairs = [pair for pair in summary.objects.values.get(str(one.column), []) if pair]
        if rest in ("click", "clicks") and count.isdigit() and pairs:
            lines.setdefault(one.source, []).append((int(count), float(np.mean([pair[place] for pair in pairs]))))
    return {source: sorted(line) for source, line in lines.items()}


def _as_data(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
