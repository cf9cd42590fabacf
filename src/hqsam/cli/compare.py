"""`hqsam compare`: compare two reports object by object, with a confidence interval."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hqsam.evaluation.compare import Difference, SavedReport


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A report.json of `hqsam evaluate`, or its folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another; or the same, with --source or --prompt.")],
    source: Annotated[str, typer.Option(metavar="A,B", help="A's source and B's: sam,hq. One name: both.")] = "",
    prompt: Annotated[str, typer.Option(metavar="A,B", help="A's prompt and B's, as the report calls them.")] = "",
    resamples: Annotated[int, typer.Option("--resamples", "--draws", min=100, help="Of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two evaluations by paired bootstrap: is B better than A, and how sure is that?"""
    from hqsam.evaluation.compare import compare, read_report

    report_a, report_b = read_report(a), read_report(b)
    differences = compare(report_a, report_b, _both(source, "source"), _both(prompt, "prompt"), resamples, seed)
    if json_output:
        typer.echo(json.dumps([one._asdict() | {"difference": one.difference} for one in differences]))
        return
    for name, report in (("A", report_a), ("B", report_b)):
        settings = report.settings
        typer.echo(
            f"{name}: {settings['model']} on {settings['suite']}, pipeline {settings['pipeline']} ({report.path})"
        )
    _warn(report_a, report_b)
    typer.echo(_table(differences))
    typer.echo(
        f"\nIn per cent; means are over objects. Intervals of 95 %: {resamples:,} resamples of {differences[0].images} "
        f"images (seed {seed}); one without 0 in it speaks for a real difference. wins: objects of which B's mask is "
        "better."
    )


def _both(text: str, what: str) -> tuple[str, str] | None:
    """Parse `sam,hq` as A's and B's, `hq` as both's."""
    words = [word.strip() for word in text.split(",")] if text else []
    if len(words) > 2 or "" in words:
        raise typer.BadParameter(f"{text!r} is not A,B: one {what}, or A's and B's with a comma between them")
    return (words[0], words[-1]) if words else None


def _warn(a: "SavedReport", b: "SavedReport") -> None:
    """Print which settings differ beside the model, as they may be the reason for a difference."""
    for name in ("suite", "pipeline", "precision", "reading", "seed"):
        one, other = a.settings.get(name), b.settings.get(name)
        if one != other:
            typer.echo(f"note: {name} is {one} in A and {other} in B", err=True)


def _table(differences: "list[Difference]") -> str:
    head = ("A", "B", "score", "mean A", "mean B", "B - A", "95 % interval", "wins", "objects")
    rows = [
        (
            str(one.a),
            str(one.b),
            one.score,
            f"{100 * one.mean_a:.2f}",
            f"{100 * one.mean_b:.2f}",
            f"{100 * one.difference:+.2f}",
            f"{100 * one.low:+.2f} to {100 * one.high:+.2f}",
            f"{100 * one.wins:.0f} %",
            str(one.objects),
        )
        for one in differences
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    left = 3  # columns of words, before those of figures
    return "\n".join(
        "  ".join(cell.ljust(width) if place < left else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in (head, *rows))
    )
