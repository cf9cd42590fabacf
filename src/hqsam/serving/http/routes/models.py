"""Health and models."""

from typing import Annotated

from fastapi import APIRouter, Path

from hqsam.serving.http.converters import to_job, to_model
from hqsam.serving.http.dependencies import ContextDep, ServiceDep, router
from hqsam.serving.http.schemas.common import ModelName
from hqsam.serving.http.schemas.jobs import Job as JobSchema
from hqsam.serving.http.schemas.models import Health, Model
from hqsam.serving.scheduler.jobs import Job
from hqsam.version import __version__

routes = router("models")
open_routes = APIRouter(prefix="/v1", tags=["models"])
"""Routes that need no token; see `security.OPEN_PATHS`."""
ModelInPath = Annotated[ModelName, Path(description="A name of the list of models.")]


@open_routes.get("/health")
def health(service: ServiceDep) -> Health:
    """Say that the server is up; needs no token."""
    return Health(status="ok", version=__version__, default_model=service.models.default)


@routes.get("/models")
def list_models(service: ServiceDep) -> list[Model]:
    """Return every model, the default first."""
    return [to_model(model) for model in service.models.list()]


@routes.post("/models/{name}/load", status_code=202)
def load_model(name: ModelInPath, service: ServiceDep, context: ContextDep) -> JobSchema:
    """Start a job that downloads a model if it is not here, and loads it."""
    job = Job("load", service.models.resolve(name), None, context)
    service.jobs.submit(job, lambda job: service.models.load(job.model, job.progress) and None)
    return to_job(job, with_masks=False)
