"""Export and import."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, Query, Request, Response, UploadFile

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.serving.http.dependencies import ContextDep, FilterDep, ImageId, ServiceDep, binary, router
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.file_answers import file_answer
from hqsam.serving.http.schemas import exchange as schemas
from hqsam.serving.http.schemas.common import Id
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.serving.store.exporting import Exporter
from hqsam.serving.store.importing import Importer, counts_of
from hqsam.serving.store.tables import ImageRow

routes = router("export and import")
_FILE = binary(description="A file, or a zip of several.")
_MAX_FILES = 1000
"""Limit of files in one import; a zip may hold more."""


@routes.get("/export", response_class=Response, responses=_FILE)
async def export_annotations(
    request: Request,
    service: ServiceDep,
    context: ContextDep,
    format_name: Annotated[str, Query(alias="format", max_length=32, examples=["coco"])],
    chosen: FilterDep,
    images: Annotated[str | None, Query(pattern=r"^\d{1,15}(,\d{1,15})*$", max_length=20_000, examples=["1,2"])] = None,
) -> Response:
    """Return annotations in any format of `hqsam segment`.

    Of the images that are named, or of the chosen ones that have some or are done; rejected images are left out unless
    they are asked for.
    """
    numbers = list(dict.fromkeys(int(one) for one in images.split(","))) if images else []
    rows = service.images.by_ids(numbers) if numbers else service.images.to_export(chosen)
    return await file_answer(
        request, context, service, lambda folder: _export(service, context, format_name, rows, folder)
    )


@routes.post("/import")
async def import_annotations(
    request: Request,
    service: ServiceDep,
    context: ContextDep,
    file: Annotated[list[UploadFile], File(min_length=1, max_length=_MAX_FILES, description="One or more.")],
    image: Annotated[Id | None, Form()] = None,
) -> schemas.ImportResult:
    """Add annotations of files as one batch; masks that are there already are left out.

    COCO JSON for the images that it names, labelme JSON, a zip of either, or a mask or label map for `image`.
    """
    files = [(one.filename or "file", await one.read()) for one in file]
    task = service.openings.submit(context, lambda: _import(files, image, service))
    return await while_connected(request, context, task)


@routes.post("/images/{image_id}/copy")
def copy_annotations(image_id: ImageId, copy: schemas.CopyRequest, service: ServiceDep) -> schemas.CopyResult:
    """Copy annotations of another image of the same size."""
    origin, target = (service.library.refreshed(service.images.get(one)) for one in (copy.from_image, image_id))
    result, duplicates = service.batches.copy(origin, target, copy.annotations)
    return schemas.CopyResult(batch=result.batch, annotations=result.changed, duplicates=duplicates)


def _export(service: Service, context: RequestContext, format_name: str, rows: list[ImageRow], folder: Path) -> Path:
    exporter = Exporter(service.annotations, service.library, service.classes.with_removed())
    return exporter.export(
        [service.library.refreshed(row) for row in rows], format_name, folder, context.raise_if_cancelled
    )


def _import(files: list[tuple[str, bytes]], image: int | None, service: Service) -> schemas.ImportResult:
    chosen = [] if image is None else [service.images.get(image)]
    rows = [service.library.refreshed(row) for row in [*service.images.all(), *chosen]]
    with tempfile.TemporaryDirectory(prefix="hqsam-", ignore_cleanup_errors=True) as folder:
        paths = [Path(folder) / str(number) / "file" for number in range(len(files))]
        for path, (_, data) in zip(paths, files, strict=True):
            storage.write_bytes(path, data)
        try:
            result = Importer(rows, service.batches, service.library.max_pixels).add(paths, image)
        except (DataError, ImageError) as error:
            raise type(error)(_with_names(str(error), paths, files)) from error
    left_out = [
        schemas.LeftOut(reason=why, count=count, examples=some) for why, count, some in counts_of(result.left_out)
    ]
    return schemas.ImportResult(**{**vars(result), "left_out": left_out})


def _with_names(message: str, paths: list[Path], files: list[tuple[str, bytes]]) -> str:
    """Replace paths on the server, which mean nothing to the client, by the names of its files."""
    for path, (name, _) in zip(paths, files, strict=True):
        message = message.replace(str(path), "the file" if len(files) == 1 else name).replace(f"{path.parent}/", "")
    return message
