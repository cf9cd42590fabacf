"""Photos: list, upload, show, delete."""

from typing import Annotated, Literal

from fastapi import File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from hqsam.serving import photo_files, schemas
from hqsam.serving.asks import while_connected
from hqsam.serving.routes import ImageId, Parts, Responses, ask_of, router
from hqsam.serving.store.tables import ImageRow
from hqsam.serving.wire import in_utc

routes = router("photos")
_PICTURE: Responses = {200: {"content": {"image/*": {}}, "description": "The picture."}}


@routes.get("/images")
def list_images(
    parts: Parts,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    status: Literal["todo", "done"] | None = None,
) -> schemas.Images:
    """A part of the list: the folder's photos by name, then uploads in the order that they came."""
    parts.gallery.walk()
    rows, total, done = parts.images.page(offset, limit, status)
    return schemas.Images(total=total, done=done, images=_views(parts, [parts.gallery.measured(row) for row in rows]))


@routes.post(
    "/images", status_code=201, responses={200: {"model": schemas.Image, "description": "It was here already."}}
)
async def upload_image(
    request: Request, response: Response, parts: Parts, file: Annotated[UploadFile, File()]
) -> schemas.Image:
    """Add a photo; the same bytes twice are one photo."""
    data = await file.read()
    ask = ask_of(request)
    adding = parts.openings.submit(ask, lambda: parts.gallery.add(data, file.filename or "photo"))
    row, is_new = await while_connected(request, ask, adding)
    response.status_code = 201 if is_new else 200
    return _views(parts, [row])[0]


@routes.get("/images/{image_id}")
def get_image(image_id: ImageId, parts: Parts) -> schemas.Image:
    """One photo."""
    return _views(parts, [parts.gallery.measured(parts.images.get(image_id))])[0]


@routes.patch("/images/{image_id}")
def change_image(image_id: ImageId, change: schemas.ChangeImage, parts: Parts) -> schemas.Image:
    """Mark it as done, or as to do."""
    return _views(parts, [parts.images.set_status(image_id, change.status)])[0]


@routes.delete("/images/{image_id}", status_code=204)
def delete_image(image_id: ImageId, parts: Parts) -> None:
    """Take it off the list. A folder's file is never touched; an upload's bytes are removed."""
    parts.gallery.delete(image_id)
    parts.sessions.forget(image_id)


@routes.get("/images/{image_id}/pixels", response_class=Response, responses=_PICTURE)
async def image_pixels(image_id: ImageId, request: Request, parts: Parts) -> Response:
    """The photo as a browser can show it: the file itself, or a PNG where browsers do not know its kind."""
    ask = ask_of(request)
    photo = await run_in_threadpool(parts.gallery.photo, image_id)
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{photo.id}-{photo.stamp}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    reading = parts.openings.submit(ask, lambda: photo_files.shown_by_browsers(photo.path, parts.gallery.max_pixels))
    data, kind = await while_connected(request, ask, reading)
    if data is None:
        return FileResponse(photo.path, media_type=kind, headers=headers)
    return Response(data, media_type=kind, headers=headers)


@routes.get("/images/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
def image_thumbnail(image_id: ImageId, parts: Parts) -> Response:
    """A JPEG of at most 256 pixels a side."""
    path = parts.gallery.thumbnail(parts.gallery.photo(image_id))
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=60"})


def _views(parts: Parts, rows: list[ImageRow]) -> list[schemas.Image]:
    counts = parts.images.counts([row.id for row in rows])
    return [
        schemas.Image(
            id=row.id,
            name=row.name,
            width=row.width,
            height=row.height,
            status="done" if row.status == "done" else "todo",
            annotation_count=counts.get(row.id, 0),
            source="upload" if row.source == "upload" else "folder",
            problem=row.problem,
            added=in_utc(row.added),
            updated=in_utc(row.updated),
        )
        for row in rows
    ]
