"""The application: routes, the page, and what errors become."""

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from hqsam.errors import HqsamError
from hqsam.serving.gateway import Gateway, problem
from hqsam.serving.reference import reference_page
from hqsam.serving.refusal import Gone, Refusal, refusal_of
from hqsam.serving.routes import annotations, exchange, images, jobs, masks, models
from hqsam.serving.service import Service
from hqsam.version import __version__

PAGE = Path(__file__).parent / "web"
_LOG = logging.getLogger("hqsam.serving")
_ABOUT = """Pixel-accurate masks from clicks, boxes and masks. Coordinates are x, y in pixels of the upright photo;
masks are COCO's compressed run lengths. Every request but `/v1/health` carries `Authorization: Bearer TOKEN`."""


def create_app(service: Service) -> ASGIApp:
    """Everything that a server of ASGI runs."""
    app = FastAPI(
        title="hqsam",
        version=__version__,
        description=_ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(models.open_routes)
    for part in (models, images, masks, jobs, annotations, exchange):
        app.include_router(part.routes)
    _add_pages(app, service)
    _add_errors(app)
    return Gateway(app, service.settings, service.guard, service.metrics)


def _add_pages(app: FastAPI, service: Service) -> None:
    @app.get("/", include_in_schema=False)
    def page(token: str = "") -> Response:
        """The page; with the token, which it must not keep in its address, a cookie and the page again."""
        if not token:
            return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})
        if not service.guard.is_token(token):
            raise Refusal(
                401, "token", "this address is from an earlier start; open the one that hqsam serve printed last"
            )
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(service.guard.cookie, token, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    if PAGE.is_dir():
        app.mount("/web", _Page(directory=PAGE))


class _Page(StaticFiles):
    """Files of the page: kept by browsers, but asked about each time, so that a new hqsam has no old page."""

    def file_response(self, *arguments: object, **named: object) -> Response:
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        refusal = error if isinstance(error, Refusal) else _plain(error)
        return JSONResponse(problem(refusal), refusal.status_code, headers=refusal.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse(problem(Refusal(422, "validation", f"{where}: {first['msg']}")), 422)

    @app.exception_handler(HqsamError)
    def failed(_: Request, error: HqsamError) -> JSONResponse:
        refusal = refusal_of(error)
        return JSONResponse(problem(refusal), refusal.status_code)

    @app.exception_handler(Gone)
    def gone(_: Request, error: Gone) -> Response:
        return JSONResponse(problem(Refusal(503, "busy", "the server is stopping")), 503)

    @app.exception_handler(IntegrityError)
    def raced(_: Request, error: IntegrityError) -> JSONResponse:
        return JSONResponse(
            problem(Refusal(409, "conflict", "somebody changed the same thing just now; try again")), 409
        )

    @app.exception_handler(OperationalError)
    def no_database(_: Request, error: OperationalError) -> JSONResponse:
        _LOG.error("database", extra={"facts": {"cause": str(error.orig)}})
        refusal = Refusal(503, "busy", f"the database does not answer: {error.orig}", retry_after=5)
        return JSONResponse(problem(refusal), 503, headers=refusal.headers)

    @app.exception_handler(Exception)
    def fault(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(problem(Refusal(500, "internal", "a fault of hqsam; its log says more")), 500)


def _plain(error: HTTPException) -> Refusal:
    codes = {404: "not_found", 405: "method", 400: "validation"}
    refusal = Refusal(error.status_code, codes.get(error.status_code, "refused"), str(error.detail))
    refusal.headers = error.headers
    return refusal
