"""`hqsam serve`: run the annotator in the browser, and its HTTP API."""

import os
import webbrowser
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqsam.cli.arguments import DeviceOption, PrecisionOption
from hqsam.storage.text import escape_surrogates

if TYPE_CHECKING:
    from hqsam.serving.settings import Settings


class Logs(str, Enum):
    """Form of the server's log."""

    quiet = "quiet"
    text = "text"
    json = "json"


def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(exists=True, help="Images to work through, or a video. They are only read. Without: upload."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            envvar="HQSAM_MODEL",
            help="The first model: a name of `hqsam weights list`, a file, or auto, the best that is here.",
        ),
    ] = "auto",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where annotations and uploads are kept.  [default: FOLDER/.hqsam if you made it, else one for each "
            "folder in $HQSAM_DATA or your user data]",
        ),
    ] = None,
    database: Annotated[
        str, typer.Option(metavar="URL", envvar="HQSAM_DATABASE", help="postgresql://... instead of SQLite in --data.")
    ] = "",
    host: Annotated[str, typer.Option(help="0.0.0.0 to be reached from other machines.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="[default: that of FOLDER's last start, else 8765 or the next free one]"),
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="HQSAM_TOKEN", help="16 letters or more.  [default: that of FOLDER's first start]")
    ] = "",
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a new token; old addresses stop working.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name of this server, as behind a proxy.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Find objects by words, too: folder or repo of a Grounding DINO, MM-Grounding DINO or OWLv2.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    max_upload: Annotated[int, typer.Option(min=1, metavar="MB", help="The largest upload.")] = 100,
    max_pixels: Annotated[int, typer.Option(min=1, metavar="MP", help="The largest image, in megapixels.")] = 100,
    memory: Annotated[int, typer.Option(min=0, metavar="MB", help="For encoded images, in memory.")] = 1024,
    disk: Annotated[int, typer.Option(min=0, metavar="MB", help="For encoded images, on disk.")] = 4096,
    rate: Annotated[
        float | None, typer.Option(min=0.1, metavar="N", help="Largest number of requests a second from one client.")
    ] = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Show images that are links to files outside of FOLDER.")
    ] = False,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="FOLDER, or each folder in it, has the frames of a video, in order.")
    ] = False,
    moved: Annotated[bool, typer.Option("--moved", help="FOLDER is the same as before, in another place.")] = False,
    label_studio: Annotated[
        bool, typer.Option("--label-studio", help="Answer Label Studio, too, with a user and a password of its own.")
    ] = False,
    label_studio_url: Annotated[
        str,
        typer.Option(metavar="URL", envvar="LABEL_STUDIO_URL", help="Its address.  [default: what it says itself]"),
    ] = "",
    label_studio_api_key: Annotated[
        str,
        typer.Option(
            metavar="KEY", envvar="LABEL_STUDIO_API_KEY", help="Fetches images of its tasks.  [default: what it sends]"
        ),
    ] = "",
    label_studio_frames: Annotated[
        int, typer.Option(min=1, metavar="N", help="Frames of a video that one request follows rectangles into.")
    ] = 20,
    image_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host on the local network that images of its tasks may be fetched from."),
    ] = None,
    logs: Annotated[Logs, typer.Option("--log", help="A line a request.")] = Logs.quiet,
) -> None:
    """Annotate images in the browser, and serve masks over HTTP, on this machine."""
    from hqsam import hardware, optional
    from hqsam.cli.models import fetch_model

    for package in ("alembic", "fastapi", "uvicorn", "sqlalchemy", "python_multipart", "prometheus_client"):
        optional.require(package, extra="serve")
    if detector is not None:
        optional.require("transformers", extra="text")
    from hqsam.serving.logs import start_logging
    from hqsam.serving.remembered import forget_address, with_remembered_address
    from hqsam.serving.server import serve as run
    from hqsam.serving.settings import Settings, data_folder

    hardware.limit_torch_threads()
    is_video = folder is not None and folder.is_file()
    kept = data or data_folder(folder)
    settings = Settings(
        folder=folder if folder is None or not is_video else _unpacked(folder, kept),
        data=kept,
        sequences=sequence or is_video,
        database=database,
        folder_moved=moved,
        follow_links=follow_links,
        host=host,
        allowed_hosts=tuple(allow_host or ()),
        model=model,
        detector=detector,
        device=device,
        precision=precision,
        upload_bytes=max_upload * 1_000_000,
        max_pixels=max_pixels * 1_000_000,
        feature_memory=memory << 20,
        feature_disk=disk << 20,
        requests_per_second=rate,
        label_studio=label_studio,
        label_studio_url=label_studio_url,
        label_studio_api_key=label_studio_api_key,
        label_studio_frames=label_studio_frames,
        image_hosts=tuple(name.lower() for name in image_host or ()),
    )
    if new_token:
        forget_address(settings.data)
    settings = with_remembered_address(settings, port, token)  # a port that is taken is told before a model is fetched
    _print_skipped(settings)
    settings = replace(settings, model=fetch_model(model))
    start_logging(logs.value)
    run(settings, lambda address: _welcome(settings, address, browser))


def _unpacked(video: Path, data: Path) -> Path:
    """Unpack a video, as far as an earlier start has not, and return the folder of its frames."""
    from hqsam.cli.progress import progress_bar
    from hqsam.video.frames.unpack import unpack

    folder = data / "frames" / video.stem
    with progress_bar("frames") as progress:
        unpack(video, folder, progress)
    return folder


def _print_skipped(settings: "Settings") -> None:
    """Print what of the folder is not shown."""
    from hqsam import storage
    from hqsam.images.walk import describe_skipped
    from hqsam.serving.store.image_library import images_to_serve

    storage.check_folder(settings.data)
    skipped = {} if settings.folder is None else images_to_serve(settings.folder, settings.follow_links).skipped
    for line in describe_skipped(skipped):
        outside = "; --follow-links shows them" if "out of the folder" in line else ""
        typer.echo(escape_surrogates(line) + outside, err=True)


def _welcome(settings: "Settings", address: str, browser: bool) -> None:
    typer.echo(f"annotations: {settings.database.rpartition('@')[2] or settings.data}")
    typer.echo(f"open {address}")
    if settings.label_studio:
        from hqsam.serving.http.security import LABEL_STUDIO_USER

        place, password = address.partition("/?")[0], settings.label_studio_password
        typer.echo(f"Label Studio: backend URL {place}, user {LABEL_STUDIO_USER}, password {password}")
    typer.echo("Ctrl-C stops it; everything is saved.", err=True)
    if browser and "PYTEST_CURRENT_TEST" not in os.environ:
        webbrowser.open(address)
