"""`python -m benchmarks.page bench.json`: writes the measurements into docs/benchmarks.md, between its two marks."""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import plot, tables
from hqsam import storage

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("report", type=Path, help="the JSON file that python -m benchmarks wrote")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    write(arguments.report, arguments.page)


def write(source: Path, target: Path) -> None:
    """Replace what is between the marks, and draw the plot beside the page, in images/."""
    report = json.loads(source.read_text())
    before, begin, rest = target.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{target} has no marks {BEGIN} and {END} to write between")
    picture = target.parent / "images" / "benchmarks.svg"
    picture.parent.mkdir(exist_ok=True)
    storage.write_text(picture, plot.bars(report["models"], "open"))
    storage.write_text(target, f"{before}{BEGIN}\n{measured(report)}\n{END}{after}")


def measured(report: dict[str, Any]) -> str:
    """Return the tables and the plot as Markdown."""
    shown = [(title, rows) for title, rows in tables.all_tables(report) if len(rows) > 1]
    parts = [_surroundings(report), "![Seconds to open an image](images/benchmarks.svg)"]
    return "\n\n".join(parts + [f"## {title}\n\n{_markdown(rows)}" for title, rows in shown])


def _surroundings(report: dict[str, Any]) -> str:
    dates = sorted(part["date"] for model in report["models"].values() for part in model.values() if "date" in part)
    machine = "; ".join(f"{key}: {value}" for key, value in report["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    peers = ", ".join(f"{name} {version}" for name, version in report["peers"].items())
    return (
        f"Measured {dates[0]} to {dates[-1]} UTC. {machine}. hqsam ran with {versions}; the peers with {peers}."
        f"{_system_load(report)}"
    )


def _system_load(report: dict[str, Any]) -> str:
    """Return by which clock was measured, and how busy the machine was."""
    parts = [part for model in report["models"].values() for part in model.values() if "clock" in part]
    clocks = " or ".join(sorted({part["clock"] for part in parts}))
    others = [part["others_cores"] for part in parts if part["others_cores"] is not None]
    busy = f" Meanwhile other programs kept {min(others):.1f} to {max(others):.1f} cores busy." if others else ""
    return f" What is counted: {clocks}.{busy}"


def _markdown(rows: list[list[str]]) -> str:
    align = ["---" if column < 2 else "---:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], align, *rows[1:]])


if __name__ == "__main__":
    main()
