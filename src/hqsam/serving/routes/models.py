"""Health and models."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from hqsam.serving import schemas
from hqsam.serving.jobs import Job
from hqsam.serving.routes import Parts, ask_of, router
from hqsam.version import __version__

routes = router("models")
open_routes = APIRouter(prefix="/v1", tags=["models"])
"""What needs no token; see `security.OPEN_PATHS`."""
ModelInPath = Annotated[schemas.ModelName, Path(description="Of the list of models.")]


@open_routes.get("/health")
def health(parts: Parts) -> schemas.Health:
    """Whether the server answers; needs no token."""
    return schemas.Health(status="ok", version=__version__, default_model=parts.models.default)


@routes.get("/models")
def list_models(parts: Parts) -> list[schemas.Model]:
    """Every model, the default first."""
    return parts.models.list()


@routes.post("/models/{name}/load", status_code=202)
def load_model(name: ModelInPath, request: Request, parts: Parts) -> schemas.Job:
    """Download a model if it is not here, and load it, as a job."""
    model = parts.models.name(name)
    job = Job("load", model, None, ask_of(request))
    return parts.jobs.start(job, lambda one: parts.models.load(model, one.progress)).view(with_masks=False)
