"""`hqsam segment`: photos and a prompt in, masks out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import parse_box, parse_point, prompt_from_options, split_words
from hqsam.cli.exits import BAD_USE, FAILED_WORK, exit_code, one_line
from hqsam.cli.photos import Photo, find_photos, result_folders
from hqsam.cli.progress import progress_of
from hqsam.errors import HqsamError, OptionError, OutputError

if TYPE_CHECKING:
    from hqsam.predict.segmenter import Segmenter


class Source(str, Enum):
    """Whose mask."""

    sum = "sum"
    hq = "hq"
    sam = "sam"


class Existing(Enum):
    """What to do about results that are there already."""

    replace = "replace"
    keep = "keep"
    refuse = "refuse"


@dataclass(frozen=True)
class Job:
    """What to do with every photo."""

    segmenter: "Segmenter"
    prompt: dict[str, Any]
    """Arguments of `Session.segment`."""
    formats: list[str]
    existing: Existing

    @property
    def needs_pixels(self) -> bool:
        from hqsam.formats import FORMATS

        return any(FORMATS[name].needs_pixels for name in self.formats)


def segment(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="Files, folders, or patterns in quotes.")],
    box: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_box, metavar="x0,y0,x1,y1", help="Around the object. Several boxes: several objects."
        ),
    ] = None,
    point: Annotated[
        list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="On the object. May be given again.")
    ] = None,
    not_point: Annotated[
        list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="Not on the object. May be given again.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A rough mask of the object, white on black."),
    ] = None,
    model: Annotated[str, typer.Option(help="A name of `hqsam weights list`, a file, or owner/repo.")] = "auto",
    source: Annotated[Source | None, typer.Option(help="SAM's mask plus the HQ one, HQ alone, or SAM alone.")] = None,
    candidates: Annotated[int, typer.Option(help="1, or 3: SAM's three readings of an ambiguous prompt.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go.  [default: out]")] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAMES", help="Any of png,overlay,cutout,coco,svg,label_map,yolo,labelme,geojson."
        ),
    ] = "png,overlay",
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a photo; files are written only if --out is given.")
    ] = False,
    device: Annotated[str, typer.Option(help="cuda, mps or cpu.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "auto",
) -> None:
    """Segment objects in photos by box, clicks or a rough mask, all in pixels of the upright photo."""
    from hqsam.cli.models import load_segmenter
    from hqsam.formats import format_named

    if candidates not in (1, 3):
        raise OptionError(f"--candidates is {candidates}; choose 1 mask a prompt, or 3")
    prompt = prompt_from_options(box or [], point or [], not_point or [], mask)
    prompt |= {"source": source.value if source else None, "candidates": candidates}
    writes = out is not None or not as_json
    names = split_words(formats) if writes else []
    for name in names:
        format_named(name)
    found = find_photos(photos)
    job = Job(load_segmenter(model, device, precision), prompt, names, existing)
    folders = [(out or Path("out")) / below for below in result_folders(found)]
    failures = _segment_all(job, found, folders, _as_json if as_json else _as_words)
    if failures:
        raise typer.Exit(_report(failures, len(found)))


def _segment_all(
    job: Job, photos: list[Photo], folders: list[Path], say: Callable[[dict[str, Any]], str]
) -> dict[Path, HqsamError]:
    """Do every photo; those that fail do not stop the others."""
    failures: dict[Path, HqsamError] = {}
    with progress_of(len(photos)) as tell:
        for photo, folder in zip(photos, folders, strict=True):
            try:
                record = _segment_one(job, photo.path, folder)
            except HqsamError as error:
                failures[photo.path] = error
                record = {"photo": str(photo.path), "error": one_line(error)}
            tell(say(record))
    return failures


def _segment_one(job: Job, path: Path, folder: Path) -> dict[str, Any]:
    from hqsam.formats import write

    there = _results_there(job, path, folder)
    if there and job.existing is Existing.keep:
        return {"photo": str(path), "kept": [str(file) for file in there]}
    if there and job.existing is Existing.refuse:
        raise OutputError(f"{there[0]} is there already; choose another --out, or --existing replace or keep")
    result = job.segmenter.open(path).segment(**job.prompt)
    document = result.to_document(image=path if job.needs_pixels else None)
    files = write(document, folder, job.formats)
    height, width = document.size_hw
    return {
        "photo": str(path),
        "size": {"width": width, "height": height},
        "model": job.segmenter.name,
        "source": result.source,
        "objects": [
            {
                "prompt": int(prompt),
                "score": round(float(score), 4),
                "box": one.box_xyxy.tolist(),
                "area": one.area,
                "rle": one.runs,
            }
            for prompt, score, one in zip(result.prompt_index, result.scores, document.objects, strict=True)
        ],
        "files": [str(file) for file in files],
    }


def _results_there(job: Job, path: Path, folder: Path) -> list[Path]:
    """Files that this run would replace, unless replacing them is what it is asked to do."""
    from hqsam.formats import FORMATS

    if job.existing is Existing.replace:
        return []
    patterns = [escape(path.stem) + FORMATS[name].ending for name in job.formats]
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _as_json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _as_words(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"{record['photo']}: failed"  # why is told at the end, where it is not scrolled away
    if "kept" in record:
        return f"{record['photo']}: kept {', '.join(record['kept'])}"
    scores = ", ".join(f"{one['score']:.2f}" for one in record["objects"])
    return f"{record['photo']}: score {scores} -> {', '.join(record['files'])}"


def _report(failures: dict[Path, HqsamError], total: int) -> int:
    """Say what failed and why; the exit code."""
    for path, error in failures.items():
        where = "" if str(path) in str(error) else f"{path}: "
        typer.echo(f"hqsam: {where}{one_line(error)}", err=True)
    if total > 1:
        typer.echo(f"hqsam: {len(failures)} of {total} photos failed", err=True)
    asked_wrongly = len(failures) == total and all(exit_code(error) == BAD_USE for error in failures.values())
    return BAD_USE if asked_wrongly else FAILED_WORK
