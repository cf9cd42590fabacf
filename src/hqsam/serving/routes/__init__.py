"""The routes: each reads its arguments, calls one thing, and says what came of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Security
from fastapi.security import HTTPBearer

from hqsam.serving.asks import Ask
from hqsam.serving.gateway import client_of
from hqsam.serving.schemas import Id, Problem
from hqsam.serving.service import Service

_WORDS = {
    400: "The request is not HTTP as it should be.",
    401: "The token is missing or wrong.",
    403: "The request comes from another page.",
    404: "There is no such thing.",
    408: "The request did not arrive in time.",
    409: "It does not fit what is there now.",
    410: "It was there, and is gone.",
    413: "The request is too large.",
    415: "It is not of a type that is taken.",
    421: "The server is not called that.",
    422: "It was understood, and cannot be done.",
    429: "Too many requests.",
    500: "A fault of hqsam.",
    502: "A download failed.",
    503: "Too much is waiting; Retry-After says when to come again.",
    507: "The disk is full or cannot be written.",
}
Responses = dict[int | str, dict[str, Any]]
"""What FastAPI is told of answers, by their status."""

PROBLEMS: Responses = {status: {"model": Problem, "description": words} for status, words in _WORDS.items()}
_token = HTTPBearer(auto_error=False, description="What `hqsam serve` printed. It is checked before any route is.")


def router(tag: str) -> APIRouter:
    """Of version 1."""
    return APIRouter(prefix="/v1", tags=[tag], responses=PROBLEMS, dependencies=[Security(_token)])


def _service(request: Request) -> Service:
    return request.app.state.service


def ask_of(request: Request) -> Ask:
    """Whom a request is for."""
    return Ask(client_of(request.scope))


Parts = Annotated[Service, Depends(_service)]
"""What the routes use."""
ImageId = Annotated[Id, Path(description="Of a photo.", examples=[1])]
AnnotationId = Annotated[Id, Path(description="Of an annotation.", examples=[1])]
