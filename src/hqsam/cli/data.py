"""`hqsam data`: check a folder of images and masks before training on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hqsam.cli.exit_codes import FAILED_WORK

if TYPE_CHECKING:
    from hqsam.data.issues import DataCheck, DataIssue

app = typer.Typer(help="Look at images and masks before training on them.", no_args_is_help=True)

_SHOWN = 3


@app.callback()
def _group() -> None:
    pass


@app.command()
def check(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A folder of images and masks, or COCO or LVIS JSON.")],
    masks: Annotated[
        Literal["auto", "binary", "labels", "colours"],
        typer.Option(help="How pictures of masks are meant; auto looks at some of each set."),
    ] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every finding here.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads.  [default: the cores]", show_default=False)
    ] = None,
) -> None:
    """Read every image and mask, and say which are left out of training, and what else is odd.

    Leaves with 0 if every image can be used, with 1 if some are left out or there is nothing to use.
    """
    from hqsam.cli.progress import progress_bar
    from hqsam.data.check import check_datasets
    from hqsam.data.open_dataset import open_datasets

    sets = open_datasets(data, encoding=None if masks == "auto" else masks)
    with progress_bar("checking") as on_progress:
        report = check_datasets(sets, on_progress, workers)
    if json_file is not None:
        report.save(json_file)
    for line in _lines(data, report, json_file):
        typer.echo(line)
    if report.broken_names:
        raise typer.Exit(FAILED_WORK)


def _lines(data: Path, report: "DataCheck", json_file: Path | None) -> list[str]:
    from hqsam.data.issues import ISSUE_KINDS

    found = report.by_kind()
    lines = [f"{data}: {_counted(report.usable, 'image')} in {_counted(len(report.sets), 'set')} can be used"]
    width = max(len(name) for name in report.sets)
    for name, one in report.sets.items():
        out = f", {one.images - one.usable:,} left out" if one.usable < one.images else ""
        lines.append(
            f"  {name:<{width}}  {_counted(one.usable, 'image')}, {_counted(one.objects, 'object')}{out} ({one.about})"
        )
    for title, broken in (("Left out:", True), ("Used, but odd:", False)):
        kinds = {kind: issues for kind, issues in found.items() if ISSUE_KINDS[kind].broken is broken}
        lines += [title] * bool(kinds)
        for kind, issues in kinds.items():
            lines += _of_kind(ISSUE_KINDS[kind].about, issues, bool(json_file))
    return lines


def _of_kind(about: str, issues: "list[DataIssue]", written: bool) -> list[str]:
    lines = [f"  {len(issues):,} x {about}"]
    lines += [f"      {issue.name}: {issue.detail}" for issue in issues[:_SHOWN]]
    more = len(issues) - _SHOWN
    if more > 0:
        lines.append(f"      and {more:,} more" + ("" if written else "; --json FILE lists all"))
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
