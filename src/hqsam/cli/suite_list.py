"""Print the table of suites for `hqsam evaluate --list`."""

import textwrap
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hqsam.evaluation.suites.suite import Published, Suite

_WIDTH = 110


def print_suites(name: str = "") -> None:
    """Print a line for each suite, or everything about the one that is named.

    Raises:
        OptionError: there is none of that name.
    """
    from hqsam.evaluation.suites import SUITES, find

    if name:
        _print_all_of(find(name))
        return
    for suite in SUITES.values():
        images = "" if suite.expected is None else f"{suite.expected:,} images; "
        typer.secho(f"{suite.name:<10}", bold=True, nl=False)
        typer.echo(suite.title)
        typer.echo(f"{'':<10}{images}pipeline {suite.pipeline}, asked by {_asked(suite)}")
        if headline := _headline(suite):
            typer.echo(f"{'':<10}{headline}")
    typer.echo("\nhqsam evaluate SUITE --list shows a suite's layout, licence, source and published numbers.")


def _asked(suite: "Suite") -> str:
    return "the true box" if suite.ask == "box" else f"boxes of {suite.boxes_from or 'a detector'}"


def _headline(suite: "Suite") -> str:
    """Return the first score that was published for both SAM and HQ-SAM, as the mean over all sets where known."""
    rows = sorted(suite.published, key=lambda row: (row.split != "mean", row.model != "vit_l"))
    for name in suite.metric.names:
        for row in rows:
            beside = [one for one in rows if one.source != "sam" and _same_place(one, row) and name in one.scores]
            if row.source == "sam" and name in row.scores and beside:
                printed = f"{name} {row.scores[name]:.1f} for SAM, {beside[0].scores[name]:.1f} for HQ-SAM"
                return f"{printed} ({row.model}, {row.prompt})"
    return ""


def _same_place(one: "Published", other: "Published") -> bool:
    return (one.split, one.model, one.prompt) == (other.split, other.model, other.prompt)


def _print_all_of(suite: "Suite") -> None:
    typer.secho(f"{suite.name}: {suite.title}", bold=True)
    facts = {
        "on disk": suite.layout,
        "sets": ", ".join(f"{split.name} ({split.expected or '?'} images)" for split in suite.splits),
        "asked by": _asked(suite),
        "pipeline": suite.pipeline,
        "measured": f"{suite.metric.about}: {', '.join(suite.metric.names)}",
        "licence": suite.licence,
        "from": suite.where,
    }
    for label, fact in facts.items():
        indent = " " * 12
        typer.echo(textwrap.fill(fact, _WIDTH, initial_indent=f"  {label:<10}", subsequent_indent=indent))
    if suite.published:
        typer.echo("  published, in per cent:")
    for row in suite.published:
        scores = ", ".join(f"{name} {value:g}" for name, value in row.scores.items())
        typer.echo(f"    {row.split:<14}{row.model:<12}{row.source:<5}{row.prompt:<16}{scores}  ({row.where})")
