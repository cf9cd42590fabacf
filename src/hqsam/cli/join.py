"""`hqsam join`: results of overlapping scenes as one, with objects joined across the overlaps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hqsam.cli.arguments import OrthogonalOption, SimplifyOption, formats_from_option, outline_options
from hqsam.cli.console import json_line


def join(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT...", help="Files of one scene each: .gpkg, .parquet, .geojson, or label maps."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("out"),
    name: Annotated[str, typer.Option(metavar="NAME", help="What the files are called.")] = "joined",
    formats: Annotated[
        str, typer.Option("--format", metavar="NAMES", help="Any of gpkg,geoparquet,geojson,geotiff,cog,coco,...")
    ] = "gpkg",
    least_agreement: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="IoU in the overlap from which two objects are one.")
    ] = 0.4,
    simplify: SimplifyOption = 0,
    orthogonal: OrthogonalOption = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print a line of JSON.")] = False,
) -> None:
    """Join the results of overlapping scenes: what two of them saw becomes one object."""
    from hqsam import formats as file_formats
    from hqsam.geo.join_scenes import join_scenes
    from hqsam.storage import check_folder

    names = formats_from_option(formats, True)
    check_folder(out)
    scenes = [one for path in results for one in file_formats.read(path)]
    found = join_scenes(scenes, name, least_agreement)
    writing = outline_options(0, None, simplify, orthogonal)
    files = [str(path) for path in file_formats.write(found, out, names, **writing)]
    count, both = len(found), sum(number > 1 for number in found.columns["scenes"])
    if json_output:
        record: dict[str, Any] = {"scenes": len(scenes), "count": count, "joined": both, "files": files}
        typer.echo(json_line(record))
        return
    typer.echo(f"{count} object{'' if count == 1 else 's'}, {both} of them in several scenes -> {', '.join(files)}")
