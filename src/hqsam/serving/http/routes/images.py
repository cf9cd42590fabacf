"""Images: list, upload, show, delete."""

from typing import Annotated

from fastapi import File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from hqsam.serving.http.converters import to_image
from hqsam.serving.http.dependencies import ContextDep, FilterDep, ImageId, Responses, ServiceDep, binary, router
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.schemas import images as schemas
from hqsam.serving.service import Service
from hqsam.serving.store import image_files
from hqsam.serving.store.tables import ImageRow

routes = router("images")
_SHOWN = binary("image/jpeg", "image/png", "image/webp", description="The image.")
_KNOWN: Responses = {200: {"model": schemas.Image, "description": "It was here already."}}
_THUMBNAIL = binary("image/jpeg", description="The thumbnail.")


@routes.get("/images")
def list_images(
    service: ServiceDep,
    chosen: FilterDep,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> schemas.ImageList:
    """Return a page of the chosen images: the folder's by name, then uploads in the order that they came."""
    service.library.walk()
    rows, total = service.images.page(offset, limit, chosen)
    images = _to_images(service, [service.library.refreshed(row) for row in rows])
    counts = schemas.StatusCounts(**service.images.status_counts())
    return schemas.ImageList(total=total, done=counts.done, counts=counts, images=images)


@routes.post("/images", status_code=201, responses=_KNOWN)
async def upload_image(
    request: Request, response: Response, service: ServiceDep, context: ContextDep, file: Annotated[UploadFile, File()]
) -> schemas.Image:
    """Add an image; the same bytes twice are one image."""
    data = await file.read()
    task = service.openings.submit(context, lambda: service.library.add(data, file.filename or "image"))
    row, is_new = await while_connected(request, context, task)
    response.status_code = 201 if is_new else 200
    return _to_images(service, [row])[0]


@routes.get("/images/{image_id}")
def get_image(image_id: ImageId, service: ServiceDep) -> schemas.Image:
    """Return one image of the list."""
    return _to_images(service, [service.library.refreshed(service.images.get(image_id))])[0]


@routes.get("/images/{image_id}/place")
def get_image_place(image_id: ImageId, service: ServiceDep, chosen: FilterDep) -> schemas.ImagePlace:
    """Return the place of an image in the list of the chosen ones."""
    service.images.get(image_id)
    numbers = service.images.numbers(chosen)
    return schemas.ImagePlace(place=numbers.index(image_id) if image_id in numbers else None, total=len(numbers))


@routes.patch("/images/{image_id}")
def change_image(image_id: ImageId, change: schemas.ImageUpdate, service: ServiceDep) -> schemas.Image:
    """Change the status or the note of an image."""
    values = {name: value for name, value in change.model_dump(exclude_unset=True).items() if value is not None}
    return _to_images(service, [service.images.change(image_id, **values)])[0]


@routes.delete("/images/{image_id}", status_code=204)
def delete_image(image_id: ImageId, service: ServiceDep) -> None:
    """Take an image off the list. A folder's file is never touched; an upload's bytes are removed."""
    service.library.delete(image_id)
    service.sessions.evict_image(image_id)


@routes.get("/images/{image_id}/pixels", response_class=Response, responses=_SHOWN)
async def image_pixels(image_id: ImageId, request: Request, service: ServiceDep, context: ContextDep) -> Response:
    """Return the image as a browser can show it: the file itself, or a PNG where browsers do not know its type."""
    library = service.library
    image = await run_in_threadpool(library.get, image_id)
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{image.id}-{image.stamp}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    task = service.openings.submit(context, lambda: image_files.for_browser(image.path, library.max_pixels))
    data, media_type = await while_connected(request, context, task)
    if data is None:
        return FileResponse(image.path, media_type=media_type, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


@routes.get("/images/{image_id}/thumbnail", response_class=Response, responses=_THUMBNAIL)
def image_thumbnail(image_id: ImageId, service: ServiceDep) -> Response:
    """Return a JPEG of at most 256 pixels a side."""
    path = service.library.thumbnail(service.library.get(image_id))
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=60"})


def _to_images(service: Service, rows: list[ImageRow]) -> list[schemas.Image]:
    counts = service.images.class_counts([row.id for row in rows])
    return [to_image(row, counts.get(row.id, {})) for row in rows]
