"""`hqsam weights`: list, fetch, verify, convert, describe and share checkpoints."""

import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from hqsam.cli.progress import download_bar

app = typer.Typer(help="List, fetch, verify, convert, describe and share checkpoints.", no_args_is_help=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Checkpoint = Annotated[str, typer.Argument(metavar="FILE", help="A file, a folder, a name of the list, or owner/repo.")]


class Names(str, Enum):
    """Naming of a checkpoint's tensors."""

    hqsam = "hqsam"
    official = "official"
    transformers = "transformers"


@app.command("list")
def list_checkpoints(json_output: JsonFlag = False) -> None:
    """List the checkpoints that can be fetched by name, and which are here."""
    from hqsam.paths import user_cache_folder
    from hqsam.weights import cache, registry

    rows = [
        {
            **dataclasses.asdict(row),
            "urls": row.urls,
            "path": str(cache.checkpoint_path(row)),
            "here": cache.is_available(row),
        }
        for row in registry.CHECKPOINTS.values()
    ]
    if json_output:
        _print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "size", "here", "licence", "origin", caption=f"folder: {user_cache_folder()}", box=None)
    for row in rows:
        here = "yes" if row["here"] else "no"
        table.add_row(row["name"], _size(row["bytes"]), here, row["licence"] + "*" * bool(row["notice"]), row["origin"])
    Console().print(table)
    for notice in dict.fromkeys(row["notice"] for row in rows if row["notice"]):
        names = ", ".join(row["name"] for row in rows if row["notice"] == notice)
        typer.echo(f"* {names}: {notice}")


@app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `hqsam weights list`.")]) -> None:
    """Download a checkpoint, resuming an earlier try, and check its hash."""
    from hqsam.weights import download

    with download_bar(name) as on_progress:
        path = download.fetch(name, on_progress)
    typer.echo(path)


@app.command()
def verify(file: Checkpoint) -> None:
    """Read a checkpoint to the end: hash, names, shapes, values."""
    from hqsam.weights.inspection import verify_checkpoint

    with download_bar(file) as on_progress:
        verified = verify_checkpoint(file, on_progress)
    typer.echo(f"{verified.path} holds {verified.model} and is whole:")
    for checked in verified.checked:
        typer.echo(f"  {checked}")
    typer.echo(f"  sha256 {verified.sha256}")


@app.command()
def convert(
    file: Checkpoint,
    to: Annotated[
        Path,
        typer.Option(help="NAME.safetensors (ours), NAME.pth (official), or a folder (transformers)."),
    ],
    naming: Annotated[Names | None, typer.Option(help="Whose names, if the suffix does not say it.")] = None,
) -> None:
    """Write a checkpoint under other names, without loss."""
    from hqsam.weights.convert import convert as convert_file

    with download_bar(file) as on_progress:
        path = convert_file(file, to, naming.value if naming else None, on_progress)
    typer.echo(path)


@app.command()
def info(file: Checkpoint, json_output: JsonFlag = False) -> None:
    """Say which model a file holds, in which naming, from where, and under which terms."""
    from hqsam.weights.inspection import inspect_checkpoint

    with download_bar(file) as on_progress:
        described = inspect_checkpoint(file, on_progress)
    values = {
        "file": str(described.path),
        "model": described.model,
        "naming": described.naming,
        "bytes": described.bytes,
        "parameters": described.parameters,
        "hq_parameters": described.hq_parameters,
        "precisions": described.precisions,
        "licence": described.licence,
        "notice": described.notice,
        "provenance": described.provenance,
        "unused": described.unused,
        "config": described.config.to_dict(),
    }
    if json_output:
        _print_json(values)
        return
    for label, value in values.items():
        if value:
            typer.echo(f"{label.replace('_', ' '):<15}{_readable(value)}")


@app.command()
def push(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="A repo of the Hugging Face Hub; made if need be.")],
    model: Annotated[str, typer.Option(help="What to push: a file, a folder, or a name of the list.")],
    licence: Annotated[str, typer.Option(help="Of the weights, such as apache-2.0; else what the file says.")] = "",
    base: Annotated[str, typer.Option(help="Model it was trained from: a name, owner/repo, or none.")] = "",
    base_licence: Annotated[str, typer.Option(help="Of that model; known for those of the list.")] = "",
    data: Annotated[str, typer.Option(help="What it was trained on, in words; else what the file says.")] = "",
    data_licence: Annotated[str, typer.Option(help="Of the data.")] = "",
    report: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of `hqsam evaluate`, for the figures. Repeatable.")
    ] = None,
    photo: Annotated[Path | None, typer.Option(help="An image to show masks on; else an example photo.")] = None,
    box: Annotated[str, typer.Option(metavar="X0,Y0,X1,Y1", help="Box in that image; else every object.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make a new repo private.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of another model.")] = False,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the files there, to look at them, and push nothing.")
    ] = None,
) -> None:
    """Push a checkpoint to the Hugging Face Hub, with a card and a picture; everything that loads takes OWNER/NAME."""
    from hqsam.cli.arguments import parse_box
    from hqsam.integrations import hub

    card = {
        "licence": licence,
        "base": base,
        "base_licence": base_licence,
        "data": data,
        "data_licence": data_licence,
        "reports": report or [],
        "photo": photo,
        "box": parse_box(box) if box else None,
    }
    if folder is not None:
        typer.echo(hub.prepare(repo, model, folder, **card))  # pyright: ignore[reportArgumentType]
    else:
        typer.echo(hub.push(repo, model, private=private, replace=replace, **card).url)


def _print_json(values: Any) -> None:
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False))


def _readable(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _size(size: int | None) -> str:
    return f"{size / 1e6:,.0f} MB" if size else "bundled"
