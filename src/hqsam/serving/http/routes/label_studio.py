"""A machine-learning backend for Label Studio, in its own protocol; only if the server was started with it."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from hqsam.errors import DataError, HqsamError, PromptError
from hqsam.predict.session import Session
from hqsam.prompts import Prompts
from hqsam.serving.http.dependencies import ContextDep, ServiceDep
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.label_studio.addresses import LabelStudio
from hqsam.serving.http.label_studio.images import TaskImage
from hqsam.serving.http.label_studio.labeling_config import LabelingConfig
from hqsam.serving.http.label_studio.projects import Projects
from hqsam.serving.http.label_studio.prompts import read_prompts
from hqsam.serving.http.label_studio.regions import region
from hqsam.serving.http.label_studio.videos import VideoFiles, follow_regions, read_regions
from hqsam.serving.http.sparse_masks import runs_of_logits
from hqsam.serving.scheduler.errors import QueueFullError
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.version import __version__

routes = APIRouter(include_in_schema=False)
_LOG = logging.getLogger("hqsam.serving")
_MAX_OBJECTS = 64


def _projects(request: Request) -> Projects:
    return request.app.state.label_studio


ProjectsDep = Annotated[Projects, Depends(_projects)]


class SetupRequest(BaseModel):
    """What Label Studio says of a project when a backend is connected, and again from time to time."""

    project: str = ""
    labeling_config: Annotated[str, Field(validation_alias="schema")] = ""
    hostname: str = ""
    access_token: str | None = None


class PredictRequest(BaseModel):
    """Tasks, and in `params.context` what was drawn on the first of them."""

    tasks: Annotated[list[dict[str, Any]], Field(min_length=1)]
    label_config: str = ""
    project: str | None = None
    params: dict[str, Any] = {}

    @property
    def drawn(self) -> list[Any]:
        """The smart regions; empty if nothing was drawn."""
        context = self.params.get("context")
        result = context.get("result") if isinstance(context, dict) else None
        return result if isinstance(result, list) else []


@routes.get("/health")
def health(service: ServiceDep) -> dict[str, str]:
    """Say that the backend is up."""
    return {"status": "UP", "model_class": "hqsam", "model_version": _version(service)}


@routes.get("/versions")
def versions(service: ServiceDep) -> dict[str, list[str]]:
    """Return the one version that there is."""
    return {"versions": [_version(service)]}


@routes.post("/setup")
def setup(body: SetupRequest, service: ServiceDep, projects: ProjectsDep) -> dict[str, str]:
    """Remember where the project is. A configuration without a place for masks is only logged, as it may come later."""
    projects.remember(body.project, LabelStudio(body.hostname, body.access_token or ""))
    try:
        config = LabelingConfig(body.labeling_config) if body.labeling_config else None
        if config and not config.mask_tags and not config.video_fields:
            _warn("setup", "the labelling configuration has no BitmaskLabels and no BrushLabels tag yet")
    except DataError as error:
        _warn("setup", str(error))
    return {"model_version": _version(service)}


@routes.post("/webhook", status_code=201)
def webhook() -> dict[str, str]:
    """Take note of nothing: the model does not learn from annotations. Label Studio sends these without a password."""
    return {"result": "ignored"}


@routes.post("/predict")
async def predict(
    body: PredictRequest, request: Request, service: ServiceDep, context: ContextDep, projects: ProjectsDep
) -> dict[str, Any]:
    """Return a mask for each object that was drawn; for tasks without a drawing nothing, and open the image of one.

    Label Studio shows its users the status of an error alone, so the reason is logged, too.
    """
    try:
        return await _predict(body, request, service, context, projects.server_of(body.project))
    except HqsamError as error:
        _warn("predict", str(error))
        raise


async def _predict(
    body: PredictRequest, request: Request, service: Service, context: RequestContext, server: LabelStudio
) -> dict[str, Any]:
    config, model = LabelingConfig(body.label_config), service.models.resolve(None)
    if not body.drawn:
        if len(body.tasks) == 1 and len(config.image_fields) == 1:
            _open_ahead(_image(body, config, next(iter(config.image_fields)), server, service), service, model)
        return {"results": []}
    name = _name_of_tag(body.drawn)
    if name in config.video_fields:
        return await _predict_video(body, request, service, context, _video(body, config, name, server, service))
    image = _image(body, config, name, server, service)
    session = service.sessions.get(image, model)
    if session is None:
        opening = service.openings.submit(context, lambda: service.sessions.open(image, model))
        session = (await while_connected(request, context, opening)).session
    task = service.prompts.submit(context, lambda: _regions(session, body.drawn, config))
    regions = await while_connected(request, context, task)
    score = sum(one["score"] for one in regions) / max(1, len(regions))
    return {"results": [{"result": regions, "score": score, "model_version": _version(service)}]}


async def _predict_video(
    body: PredictRequest, request: Request, service: Service, context: RequestContext, video: TaskImage
) -> dict[str, Any]:
    """Follow the rectangles into the next frames."""
    regions = read_regions(body.drawn)
    if len(regions) > _MAX_OBJECTS:
        raise PromptError(f"there are {len(regions)} objects in one request; ask for at most {_MAX_OBJECTS}")
    if not regions:
        return {"results": []}
    segmenter = service.models.segmenter(service.models.resolve(None))
    files: VideoFiles = request.app.state.label_studio_videos
    count, check = service.settings.label_studio_frames, context.raise_if_cancelled
    task = service.openings.submit(context, lambda: follow_regions(segmenter, files.open(video), regions, count, check))
    found = await while_connected(request, context, task)
    return {"results": [{"result": found, "score": 1.0, "model_version": _version(service)}]}


def _video(body: PredictRequest, config: LabelingConfig, name: str, server: LabelStudio, service: Service) -> TaskImage:
    return _task_file(body, config.video_field(name), "video", server, service)


def _regions(session: Session, drawn: list[Any], config: LabelingConfig) -> list[dict[str, Any]]:
    """Return the masks of all objects, each for the tag that has its label."""
    size_hw = session.image_size_hw
    objects = read_prompts(drawn, size_hw)
    if len(objects) > _MAX_OBJECTS:
        raise PromptError(f"there are {len(objects)} objects in one request; ask for at most {_MAX_OBJECTS}")
    tags = [config.mask_tag(one.to_name, one.label) for one in objects]
    found: dict[int, dict[str, Any]] = {}
    for numbers, batch in Prompts.batches([session.check(**one.arguments) for one in objects]):
        for one in session.segment_prompts(batch):
            number = numbers[int(one.prompt_index[0])]
            runs, score = runs_of_logits(one.multiscale_logits(0)), float(one.scores[0])
            if runs.area:
                found[number] = region(tags[number], objects[number].label, runs, size_hw, score)
    return [found[number] for number in sorted(found)]


def _image(body: PredictRequest, config: LabelingConfig, name: str, server: LabelStudio, service: Service) -> TaskImage:
    return _task_file(body, config.image_field(name), "image", server, service)


def _task_file(body: PredictRequest, field: str, kind: str, server: LabelStudio, service: Service) -> TaskImage:
    task, settings = body.tasks[0], service.settings
    url = (task.get("data") or {}).get(field)
    if not isinstance(url, str) or not url:
        raise DataError(f"the task's data has no {kind} under {field!r}")
    number = task.get("id")
    return TaskImage(
        url, number if isinstance(number, int) else None, server, settings.upload_bytes, settings.image_hosts
    )


def _name_of_tag(drawn: list[Any]) -> str:
    names = {item.get("to_name") for item in drawn if isinstance(item, dict)}
    if len(names) != 1:
        raise PromptError(f"the drawing is on the tags {sorted(map(str, names))}; expected one")
    return str(names.pop())


def _open_ahead(image: TaskImage, service: Service, model: str) -> None:
    """Encode the image, so that the first click is quick; nobody waits for it."""

    def work() -> None:
        try:
            service.sessions.open(image, model)
        except HqsamError as error:
            _warn("open ahead", str(error))

    try:
        service.openings.submit(RequestContext("label studio, ahead"), work)
    except QueueFullError:
        _LOG.info("open ahead", extra={"facts": {"skipped": "too much is waiting"}})


def _version(service: Service) -> str:
    return f"hqsam-{__version__}-{service.models.default}"


def _warn(what: str, why: str) -> None:
    _LOG.warning("label studio", extra={"facts": {"request": what, "cause": why}})
