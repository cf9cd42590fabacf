"""Export and import."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.serving.http.dependencies import ContextDep, ServiceDep, binary, router
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.errors import ApiError
from hqsam.serving.http.schemas.common import Id
from hqsam.serving.http.schemas.exchange import ImportResult
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.serving.store.exporting import export
from hqsam.serving.store.importing import import_coco, import_png

routes = router("export and import")
_FILE = binary(description="A file, or a zip of several.")
_PNG = b"\x89PNG\r\n\x1a\n"
_PREFIX = "hqsam-"


@routes.get("/export", response_class=Response, responses=_FILE)
async def export_annotations(
    request: Request,
    service: ServiceDep,
    context: ContextDep,
    format_name: Annotated[str, Query(alias="format", max_length=32, examples=["coco"])],
    images: Annotated[str | None, Query(pattern=r"^\d{1,15}(,\d{1,15})*$", max_length=20_000, examples=["1,2"])] = None,
) -> Response:
    """Return annotations in any format of `hqsam segment`; of these images, or of all that have some or are done."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        task = service.openings.submit(context, lambda: _export(service, context, format_name, images, folder))
        path = await while_connected(request, context, task)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    cleanup = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, filename=path.name, media_type="application/octet-stream", background=cleanup)


@routes.post("/import")
async def import_annotations(
    request: Request,
    service: ServiceDep,
    context: ContextDep,
    file: Annotated[UploadFile, File()],
    image: Annotated[Id | None, Form()] = None,
) -> ImportResult:
    """Add annotations of a file: COCO JSON for the images that it names, or a PNG mask or label map for `image`."""
    data = await file.read()
    if data.startswith(_PNG) and image is None:
        raise ApiError(422, "validation", "say which image the PNG is for, in the field `image`")
    task = service.openings.submit(context, lambda: _import(data, image, service))
    return await while_connected(request, context, task)


def _export(service: Service, context: RequestContext, format_name: str, images: str | None, folder: Path) -> Path:
    numbers = list(dict.fromkeys(int(one) for one in images.split(","))) if images else []
    rows = service.images.by_ids(numbers) if numbers else service.images.to_export()
    return export(
        [service.library.refreshed(row) for row in rows],
        format_name,
        folder,
        service.annotations,
        service.library,
        context.raise_if_cancelled,
    )


def _import(data: bytes, image: int | None, service: Service) -> ImportResult:
    library, tables = service.library, (service.annotations, service.classes)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / ("mask.png" if data.startswith(_PNG) else "annotations.json")
        storage.write_bytes(path, data)
        try:
            if image is not None and data.startswith(_PNG):
                row = library.refreshed(service.images.get(image))
                result = import_png(path, row, library.max_pixels, *tables)
            else:
                result = import_coco(path, [library.refreshed(row) for row in service.images.all()], *tables)
        except (DataError, ImageError) as error:  # without the path, which means nothing to the client
            raise type(error)(str(error).replace(str(path), "the file")) from error
    return ImportResult(**asdict(result))
