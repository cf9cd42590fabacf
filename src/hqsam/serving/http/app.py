"""The ASGI application: routes, the page, and responses to errors."""

import logging
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from hqsam.errors import HqsamError
from hqsam.serving.http.errors import ApiError, to_api_error
from hqsam.serving.http.label_studio.addresses import LabelStudio
from hqsam.serving.http.label_studio.projects import Projects
from hqsam.serving.http.label_studio.videos import VideoFiles
from hqsam.serving.http.middleware import RequestMiddleware
from hqsam.serving.http.openapi import describe
from hqsam.serving.http.reference import STYLE, reference_page
from hqsam.serving.http.routes import (
    annotations,
    classes,
    exchange,
    images,
    jobs,
    label_studio,
    masks,
    models,
    project,
    sequences,
)
from hqsam.serving.http.security import AccessControl
from hqsam.serving.scheduler.errors import ClientDisconnected
from hqsam.serving.service import Service
from hqsam.version import __version__

PAGE = Path(__file__).parents[1] / "web"
_COOKIE_SECONDS = 90 * 24 * 3600
_LOG = logging.getLogger("hqsam.serving")
_DESCRIPTION = """Pixel-accurate masks from clicks, boxes and masks. Coordinates are x, y in pixels of the upright
image; masks are COCO's compressed run lengths. Every request but `/v1/health` carries `Authorization: Bearer TOKEN`."""


def create_app(service: Service) -> ASGIApp:
    """Return the application for an ASGI server."""
    app = FastAPI(
        title="hqsam",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # stays the same when a path changes
    )
    app.openapi = partial(describe, app)
    app.state.service = service
    app.include_router(models.open_routes)
    for part in (models, images, masks, jobs, annotations, classes, exchange, project, sequences):
        app.include_router(part.routes)
    access = AccessControl(service.settings)
    if service.settings.label_studio:
        _add_label_studio(app, service)
    _add_pages(app, service, access)
    _add_errors(app)
    return RequestMiddleware(app, service.settings, access, service.metrics)


def _add_label_studio(app: FastAPI, service: Service) -> None:
    settings = service.settings
    app.state.label_studio = Projects(LabelStudio(settings.label_studio_url, settings.label_studio_api_key))
    app.state.label_studio_videos = VideoFiles()
    app.include_router(label_studio.routes)


def _add_pages(app: FastAPI, service: Service, access: AccessControl) -> None:
    @app.get("/", include_in_schema=False)
    def page(request: Request, token: str = "") -> Response:
        """Return the page; an address with the token becomes a cookie and a redirect to the address without it.

        Label Studio's backends say at this address that they are up, and it gets that.
        """
        if access.is_label_studio(request.headers):
            return JSONResponse(label_studio.health(service))
        if not token:
            return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})
        if not access.is_token(token):
            raise ApiError(
                401, "token", "this address is from an earlier start; open the one that hqsam serve printed last"
            )
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(access.cookie, token, httponly=True, samesite="strict", path="/", max_age=_COOKIE_SECONDS)
        return response

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    @app.get("/docs/reference.css", include_in_schema=False)
    def docs_style() -> FileResponse:
        return FileResponse(STYLE, headers={"Cache-Control": "no-cache"})

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    if PAGE.is_dir():
        app.mount("/web", _PageFiles(directory=PAGE))


class _PageFiles(StaticFiles):
    """Static files that browsers cache but revalidate each time, so that a new hqsam never shows an old page."""

    def file_response(self, *arguments: object, **named: object) -> Response:
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    def plain(_: Request, error: HTTPException) -> JSONResponse:
        return _response(error if isinstance(error, ApiError) else _from_starlette(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _response(ApiError(422, "validation", f"{where}: {first['msg']}"))

    @app.exception_handler(ClientDisconnected)
    def disconnected(_: Request, error: ClientDisconnected) -> JSONResponse:
        return _response(ApiError(503, "busy", "the server is stopping"))

    @app.exception_handler(IntegrityError)
    def conflict(_: Request, error: IntegrityError) -> JSONResponse:
        return _response(ApiError(409, "conflict", "another client changed the same thing just now; try again"))

    @app.exception_handler(OperationalError)
    def no_database(_: Request, error: OperationalError) -> JSONResponse:
        _LOG.error("database", extra={"facts": {"cause": str(error.orig)}})
        return _response(ApiError(503, "busy", f"the database does not answer: {error.orig}", retry_after=5))

    @app.exception_handler(HqsamError)
    @app.exception_handler(Exception)
    def failed(_: Request, error: Exception) -> JSONResponse:
        return _response(to_api_error(error))


def _response(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body, error.status_code, headers=error.headers)


def _from_starlette(error: HTTPException) -> ApiError:
    codes = {404: "not_found", 405: "method", 400: "validation"}
    response = ApiError(error.status_code, codes.get(error.status_code, "refused"), str(error.detail))
    response.headers = error.headers
    return response
