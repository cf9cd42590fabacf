"""The command line: a file for each command, which reads its arguments and calls one room of the library.

Nothing here imports torch before a verb needs it, so that `hqsam --help` answers at once.
"""

import logging
import os
import sys
from typing import Annotated

import typer

from hqsam.cli import (
    batch,
    compare,
    data,
    demo,
    doctor,
    evaluate,
    everything,
    export,
    join,
    segment,
    serve,
    tiles,
    track,
    train,
    volume,
    weights,
)
from hqsam.cli.console import print_any_name, printing_notes
from hqsam.cli.exit_codes import BAD_USE, FAILED_WORK
from hqsam.errors import HqsamError
from hqsam.version import __version__

app = typer.Typer(
    name="hqsam",
    help="Pixel-accurate masks from a click, a box or a mask: Segment Anything in High Quality.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(segment.segment)
app.command()(everything.everything)
app.command()(tiles.tiles)
app.command()(join.join)
app.command()(batch.batch)
app.command()(track.track)
app.command()(volume.volume)
app.command()(serve.serve)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(export.export)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 a command line that cannot be meant, 130 stopped by Ctrl-C."""
    _log_if_asked()
    print_any_name()
    try:
        with printing_notes():
            app(arguments)
    except HqsamError as error:
        from hqsam.batch.failures import is_misuse, one_line

        typer.echo(f"hqsam: {one_line(error)}", err=True)
        sys.exit(BAD_USE if is_misuse(error) else FAILED_WORK)


def _log_if_asked() -> None:
    """With HQSAM_LOG=debug, print on stderr what the library logs, and the tracebacks of images that failed."""
    level = os.environ.get("HQSAM_LOG", "").upper()
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # which complains of files that tifffile reads
    if level in ("DEBUG", "INFO", "WARNING"):
        logging.basicConfig()
        logging.getLogger("hqsam").setLevel(level)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"hqsam {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
