"""One HTML page about a run that needs nothing beside it: figures, charts, and the worst and best cases as pictures."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from hqsam.evaluation.record import Column, SampleRecord
from hqsam.evaluation.reports import charts, gallery
from hqsam.evaluation.reports.provenance import how_it_was_made, warnings
from hqsam.evaluation.reports.summary import Summary
from hqsam.evaluation.reports.tables import Line, Table, tables
from hqsam.evaluation.suites.suite import OpenSuite

_STYLE = Path(__file__).with_name("page.css")
_QUALITY = 80
_FAVICON = "data:,"  # so that a browser does not ask for one


def page(summary: Summary, suite: OpenSuite, records: Mapping[str, SampleRecord]) -> str:
    """The page as text.

    Raises:
        ImageError, DataError: a photo or mask of the worst and best cases cannot be read any more.
    """
    all_tables = tables(summary, suite.suite.metric.names)
    parts = [
        _header(summary, suite),
        _tiles(all_tables[-1]) if all_tables else "",
        *(_section("Figures", "".join(map(_table, all_tables))) if all_tables else ""),
        *_clicks(summary),
        *_charts(summary),
        *_gallery(summary, suite, records),
        *_section("How it was made", _made(summary, suite)),
    ]
    title = f"{suite.suite.name}: {summary.settings['model']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f'<link rel="icon" href="{_FAVICON}"><style>\n{_STYLE.read_text("utf-8")}</style></head>\n'
        f"<body><main>\n{''.join(parts)}\n</main></body></html>\n"
    )


def _section(title: str, content: str) -> Iterator[str]:
    yield f"<section><h2>{escape(title)}</h2>{content}</section>\n"


def _header(summary: Summary, suite: OpenSuite) -> str:
    settings = summary.settings
    facts = f"<b>{escape(settings['model'])}</b> · pipeline <b>{settings['pipeline']}</b> · {summary.images} images"
    said = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in warnings(summary, suite))
    objects = f" · {len(summary.objects.names)} objects · {escape(summary.made['date'])}"
    return (
        f'<header><p class="kicker">hqsam evaluate {escape(suite.suite.name)}</p><h1>{escape(suite.suite.title)}</h1>'
        f'<p class="facts">{facts}{objects}</p>{said}</header>\n'
    )


def _tiles(table: Table) -> str:
    """The headline figures of the first prompt, large."""
    first = table.lines[0].prompt
    lines = [line for line in table.lines if line.prompt == first and not line.where]
    return f'<div class="tiles">{"".join(_tile(line, table.names) for line in lines)}</div>'


def _tile(line: Line, names: Sequence[str]) -> str:
    present = [name for name in names if name in line.scores]
    beside = " · ".join(f"{name} {line.scores[name]:.1f}" for name in present[1:3])
    headline = f"{line.scores[present[0]]:.1f}" if present else ""
    name = f"{line.source}, {line.prompt}: {present[0] if present else ''}"
    return (
        f'<div class="tile {line.source}"><div class="name">{escape(name)}</div><div class="figure">{headline}</div>'
        f'<div class="beside">{escape(beside)}</div></div>'
    )


def _table(table: Table) -> str:
    printed = any(line.where for line in table.lines)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("model", "source", "prompt", *table.names))
    where = '<th class="where">printed in</th>' if printed else ""
    rows = "".join(_line(line, table, printed) for line in table.lines)
    return (
        f'<h3>{escape(table.split)}</h3><div class="scroll"><table><thead><tr>{head}{where}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _line(line: Line, table: Table, printed: bool) -> str:
    cells = "".join(_cell(line, name, table) for name in table.names)
    where = f'<td class="where">{escape(line.where)}</td>' if printed else ""
    return (
        f'<tr class="{"printed" if line.where else "ours"}"><td>{escape(line.who)}</td>'
        f'<td class="source {line.source}">{line.source}</td><td>{escape(line.prompt)}</td>{cells}{where}</tr>'
    )


def _cell(line: Line, name: str, table: Table) -> str:
    """A score; the best of those that were asked alike is bold."""
    if name not in line.scores:
        return "<td></td>"
    alike = [one.scores.get(name, 0) for one in table.lines if one.prompt == line.prompt and not one.where]
    best = not line.where and len(alike) > 1 and line.scores[name] == max(alike)
    opening = '<td class="best">' if best else "<td>"
    return f"{opening}{line.scores[name]:.1f}</td>"


def _clicks(summary: Summary) -> Iterator[str]:
    """How many clicks it takes, where that was asked."""
    interactive = [one for one in summary.columns if one.clicks]
    if not interactive:
        return
    head = "".join(f"<th>{escape(name)}</th>" for name in ("source", *interactive[0].clicks))
    rows = "".join(
        f'<tr><td class="source {one.source}">{one.source}</td>'
        + "".join(f"<td>{value:.4g}</td>" for value in one.clicks.values())
        + "</tr>"
        for one in interactive
    )
    table = (
        f'<div class="scroll"><table class="clicks"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    yield from _section("Clicks needed", table)


def _charts(summary: Summary) -> Iterator[str]:
    figures = [*_histograms(summary), *_curves(summary)]
    if figures:
        drawn = "".join(
            f'<figure class="chart"><figcaption>{escape(title)}</figcaption>{svg}</figure>' for title, svg in figures
        )
        yield from _section("Plots", f'<div class="charts">{drawn}</div>')


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


def _gallery(summary: Summary, suite: OpenSuite, records: Mapping[str, SampleRecord]) -> Iterator[str]:
    samples = {sample.name: sample for sample in suite.samples}
    sections = gallery.gallery_sections(summary)
    for number, section in enumerate(sections):
        shown = "".join(
            _gallery_item(one, gallery.panels(one, samples[one.sample], records[one.sample])) for one in section.items
        )
        yield from _section(section.title, f'{"" if number else _legend()}<div class="wall">{shown}</div>')


def _legend() -> str:
    words = {"right": gallery.RIGHT, "missing": gallery.MISSING, "too much": gallery.SURPLUS}
    items = "".join(f'<li style="--swatch: rgb{colour}">{word}</li>' for word, colour in words.items())
    return f'<ul class="legend">{items}<li class="words">figures are IoU / boundary IoU</li></ul>'


def _gallery_item(item: gallery.GalleryItem, panels: Sequence[gallery.Panel]) -> str:
    pictures = "".join(
        f'<div class="{panel.column.source if panel.column else "truth"}"><img alt="" loading="lazy" '
        f'src="{_as_data(panel.pixels)}"><span>{_words(item, panel.column)}</span></div>'
        for panel in panels
    )
    return (
        f'<figure class="exhibit"><figcaption>{escape(item.sample)}, object {escape(item.target)}</figcaption>'
        f'<div class="pictures">{pictures}</div></figure>'
    )


def _words(item: gallery.GalleryItem, column: Column | None) -> str:
    if column is None:
        return "<b>true mask</b>"
    overlap, boundary = item.ious[column]
    return f"<b>{column.source}</b> {100 * overlap:.1f} / {100 * boundary:.1f}"


def _as_data(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _made(summary: Summary, suite: OpenSuite) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in how_it_was_made(summary, suite))
    skipped = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in summary.skipped.items())
    left_out = f"<details><summary>{len(summary.skipped)} objects left out</summary><ul>{skipped}</ul></details>"
    return f'<ul class="made">{lines}</ul>{left_out if summary.skipped else ""}'
