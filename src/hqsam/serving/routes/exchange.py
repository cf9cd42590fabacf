"""Export and import."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.serving import schemas
from hqsam.serving.asks import while_connected
from hqsam.serving.exporting import export
from hqsam.serving.importing import import_coco, import_png
from hqsam.serving.refusal import Refusal
from hqsam.serving.routes import Parts, Responses, ask_of, router

routes = router("export and import")
_FILE: Responses = {200: {"content": {"application/octet-stream": {}}, "description": "A file, or a zip of several."}}
_PNG = b"\x89PNG\r\n\x1a\n"


@routes.get("/export", response_class=Response, responses=_FILE)
async def export_annotations(
    request: Request,
    parts: Parts,
    format_name: Annotated[str, Query(alias="format", max_length=32, examples=["coco"])],
    images: Annotated[str | None, Query(pattern=r"^\d{1,15}(,\d{1,15})*$", max_length=20_000, examples=["1,2"])] = None,
) -> Response:
    """Annotations in any format of `hqsam segment`; of these photos, or of all that have some or are done."""
    ask, folder = ask_of(request), parts.new_scratch()
    try:
        writing = parts.openings.submit(ask, lambda: _export(parts, format_name, images, folder))
        path = await while_connected(request, ask, writing)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, filename=path.name, media_type="application/octet-stream", background=tidy)


@routes.post("/import")
async def import_annotations(
    request: Request,
    parts: Parts,
    file: Annotated[UploadFile, File()],
    image: Annotated[schemas.Id | None, Form()] = None,
) -> schemas.Imported:
    """COCO JSON for all photos that it names, or a PNG mask or label map for the photo `image`."""
    data, ask = await file.read(), ask_of(request)
    if not data.startswith(_PNG):
        doing = parts.openings.submit(ask, lambda: _coco(data, parts))
    elif image is None:
        raise Refusal(422, "validation", "say which photo the PNG is for, in the field `image`")
    else:
        doing = parts.openings.submit(ask, lambda: _png(data, image, parts))
    return await while_connected(request, ask, doing)


def _export(parts: Parts, format_name: str, images: str | None, folder: Path) -> Path:
    rows = parts.images.by_ids(_numbers(images)) if images else parts.images.worth_exporting()
    return export([parts.gallery.measured(row) for row in rows], format_name, folder, parts.annotations, parts.gallery)


def _numbers(images: str) -> list[int]:
    return list(dict.fromkeys(int(one) for one in images.split(",")))


def _coco(data: bytes, parts: Parts) -> schemas.Imported:
    with parts.scratch() as folder:
        path = folder / "annotations.json"
        storage.write_bytes(path, data)
        rows = [parts.gallery.measured(row) for row in parts.images.all()]
        with _called_the_file(path):
            return import_coco(path, rows, parts.annotations, parts.classes)


def _png(data: bytes, image_id: int, parts: Parts) -> schemas.Imported:
    row = parts.gallery.measured(parts.images.get(image_id))
    with parts.scratch() as folder:
        path = folder / "mask.png"
        storage.write_bytes(path, data)
        with _called_the_file(path):
            return import_png(path, row, parts.gallery.max_pixels, parts.annotations, parts.classes)


@contextmanager
def _called_the_file(path: Path) -> Iterator[None]:
    """In errors: where it lies for a moment is no concern of who sent it."""
    try:
        yield
    except (DataError, ImageError) as error:
        raise type(error)(str(error).replace(str(path), "the file")) from error
