"""Dependencies and descriptions that the routes share."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from fastapi.security import HTTPBearer

from hqsam.serving.http.middleware import client_of
from hqsam.serving.http.schemas.common import ClassName, ErrorResponse, Id
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.serving.store.images import ImageFilter, Status

_STATUSES = {
    400: "The request is not valid HTTP.",
    401: "The token is missing or wrong.",
    403: "The request comes from another page.",
    404: "Nothing has that number or name.",
    408: "The request did not arrive in time.",
    409: "It conflicts with the current state.",
    410: "It was there, and is gone.",
    413: "The request is too large.",
    415: "The file is not of a supported type.",
    421: "The server does not have that host name.",
    422: "The request was understood, and cannot be done.",
    429: "Too many requests.",
    500: "A fault of hqsam.",
    502: "A download failed.",
    503: "Too much is waiting; Retry-After says when to try again.",
    507: "The disk is full or cannot be written.",
}
Responses = dict[int | str, dict[str, Any]]
"""Descriptions of responses by their status, as FastAPI takes them."""
ERRORS: Responses = {status: {"model": ErrorResponse, "description": text} for status, text in _STATUSES.items()}
_token = HTTPBearer(auto_error=False, description="What `hqsam serve` printed. It is checked before any route is.")


def router(tag: str) -> APIRouter:
    """Return a router for version 1 of the API."""
    return APIRouter(prefix="/v1", tags=[tag], responses=ERRORS, dependencies=[Security(_token)])


def binary(*media_types: str, description: str) -> Responses:
    """Return the description of a response whose body is a file of one of these media types.

    Generators that know no images take the last one, which stands for bytes.
    """
    file = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys([*media_types, "application/octet-stream"], file)
    return {200: {"content": content, "description": description}}


def _service(request: Request) -> Service:
    return request.app.state.service


def _context(request: Request) -> RequestContext:
    return RequestContext(client_of(request.scope))


def _filter(
    status: Annotated[list[Status] | None, Query(max_length=4, description="One or more.")] = None,
    search: Annotated[str, Query(max_length=200, description="A part of the name, in any case of letters.")] = "",
    class_name: Annotated[ClassName | None, Query(description="A class that the images have.")] = None,
    annotated: Annotated[bool | None, Query(description="Images with annotations, or those without.")] = None,
) -> ImageFilter:
    return ImageFilter(status or (), search.replace("\0", ""), class_name, annotated)


FilterDep = Annotated[ImageFilter, Depends(_filter)]
ServiceDep = Annotated[Service, Depends(_service)]
ContextDep = Annotated[RequestContext, Depends(_context)]
ImageId = Annotated[Id, Path(description="Number of an image.", examples=[1])]
AnnotationId = Annotated[Id, Path(description="Number of an annotation.", examples=[1])]
