"""Export and import."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.serving.http.dependencies import ContextDep, ImageId, ServiceDep, binary, router
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.schemas import exchange as schemas
from hqsam.serving.http.schemas.common import Id
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.serving.store.exporting import Exporter
from hqsam.serving.store.importing import Importer, counts_of

routes = router("export and import")
_FILE = binary(description="A file, or a zip of several.")
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
) -> schemas.ImportResult:
    """Add annotations of a file as one batch; masks that are there already are left out.

    COCO JSON for the images that it names, labelme JSON, a zip of either, or a mask or label map for `image`.
    """
    data = await file.read()
    task = service.openings.submit(context, lambda: _import(data, image, service))
    return await while_connected(request, context, task)


@routes.post("/images/{image_id}/copy")
def copy_annotations(image_id: ImageId, copy: schemas.CopyRequest, service: ServiceDep) -> schemas.CopyResult:
    """Copy annotations of another image of the same size."""
    origin, target = (service.library.refreshed(service.images.get(one)) for one in (copy.from_image, image_id))
    result, duplicates = service.batches.copy(origin, target, copy.annotations)
    return schemas.CopyResult(batch=result.batch, annotations=result.changed, duplicates=duplicates)


def _export(service: Service, context: RequestContext, format_name: str, images: str | None, folder: Path) -> Path:
    numbers = list(dict.fromkeys(int(one) for one in images.split(","))) if images else []
    rows = service.images.by_ids(numbers) if numbers else service.images.to_export()
    exporter = Exporter(service.annotations, service.library, service.classes.with_removed())
    return exporter.export(
        [service.library.refreshed(row) for row in rows], format_name, folder, context.raise_if_cancelled
    )


def _import(data: bytes, image: int | None, service: Service) -> schemas.ImportResult:
    chosen = [] if image is None else [service.images.get(image)]
    rows = [service.library.refreshed(row) for row in [*service.images.all(), *chosen]]
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "file"
        storage.write_bytes(path, data)
        try:
            result = Importer(rows, service.batches, service.library.max_pixels).add(path, image)
        except (DataError, ImageError) as error:  # without the path, which means nothing to the client
            raise type(error)(str(error).replace(str(path), "the file").replace(f"{folder}/", "")) from error
    left_out = [
        schemas.LeftOut(reason=why, count=count, examples=some) for why, count, some in counts_of(result.left_out)
    ]
    return schemas.ImportResult(**{**vars(result), "left_out": left_out})
