"""Tables of a run's scores, and of those that were printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hqsam.evaluation.reports.summary import ColumnScores, Summary


@dataclass(frozen=True)
class Line:
    """One line of a table: a model, source and prompt, and the scores in per cent."""

    who: str
    source: str
    prompt: str
    scores: dict[str, float]
    where: str = ""
    """The place where it was printed; empty for what was measured here."""


@dataclass(frozen=True)
class Table:
    """The table of one split."""

    split: str
    names: list[str]
    """Names of the scores, the headline first."""
    lines: list[Line]

    @property
    def headlines(self) -> list[Line]:
        """The lines of the first prompt that were measured here."""
        return self.alike(self.lines[0].prompt)

    def alike(self, prompt: str) -> list[Line]:
        """Return the lines of one prompt that were measured here."""
        return [line for line in self.lines if line.prompt == prompt and not line.where]

    def is_best(self, line: Line, name: str) -> bool:
        """Return True for the best of several scores that were measured here by one prompt."""
        alike = self.alike(line.prompt)
        return line in alike and len(alike) > 1 and line.scores[name] == max(one.scores.get(name, 0) for one in alike)


def tables(summary: Summary, order: tuple[str, ...] = ()) -> list[Table]:
    """Return a table for each split, and for their mean; `order` names the scores that come first."""
    splits = list(dict.fromkeys(split for column in summary.columns for split in column.scores))
    return [_table(summary, split, order) for split in splits]


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    head = ["model", "source", "prompt", *table.names, "printed in"]
    rows = [[line.who, line.source, line.prompt, *_cells(line, table.names), line.where] for line in table.lines]
    if not any(line.where for line in table.lines):
        head, rows = head[:-1], [row[:-1] for row in rows]
    rule = ["---", "---", "---", *["---:"] * len(table.names), "---"][: len(head)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def clicks_markdown(summary: Summary) -> str:
    """Return the table of NoC as Markdown; nothing if no prompt was interactive."""
    interactive = [column for column in summary.columns if column.clicks]
    if not interactive:
        return ""
    names = list(interactive[0].clicks)
    rows = [[column.source, *(f"{column.clicks[name]:.4g}" for name in names)] for column in interactive]
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [["source", *names], ["---", *["---:"] * len(names)], *rows]
    )


def _table(summary: Summary, split: str, order: tuple[str, ...]) -> Table:
    ours = [_ours(summary, column, split) for column in summary.columns if split in column.scores]
    lines = ours + [line for line in _printed(summary, split) if any(_alike(line, one) for one in ours)]
    present = dict.fromkeys(name for line in ours for name in line.scores)
    names = [name for name in order if name in present] + [name for name in present if name not in order]
    return Table(split, names, lines)


def _ours(summary: Summary, column: ColumnScores, split: str) -> Line:
    scores = {name: 100 * value for name, value in column.scores[split].items()}
    return Line(str(summary.settings["model"]), column.source, column.prompt, scores)


def _printed(summary: Summary, split: str) -> Iterator[Line]:
    """Yield the printed lines of a split, those of this model first."""
    rows = [row for row in summary.published if row["split"] == split]
    for row in sorted(rows, key=lambda row: not _is_of(row, summary.settings)):
        yield Line(row["model"], row["source"], row["prompt"], dict(row["scores"]), row["where"])


def _is_of(row: dict[str, Any], settings: dict[str, Any]) -> bool:
    return str(row["model"]).removeprefix("sam_") == str(settings["model"]).removeprefix("sam_")


def _alike(printed: Line, ours: Line) -> bool:
    return printed.prompt == ours.prompt and any(name in ours.scores for name in printed.scores)


def _cells(line: Line, names: list[str]) -> list[str]:
    return [f"{line.scores[name]:.1f}" if name in line.scores else "" for name in names]
