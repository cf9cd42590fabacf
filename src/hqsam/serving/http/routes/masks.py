"""Opening images and predicting masks."""

import time

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from hqsam.errors import OptionError
from hqsam.predict.sources import check_source
from hqsam.serving.http import segmenting
from hqsam.serving.http.converters import to_job
from hqsam.serving.http.dependencies import ContextDep, ImageId, ServiceDep, router
from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.http.schemas.images import OpenRequest, OpenResponse
from hqsam.serving.http.schemas.jobs import Job as JobSchema
from hqsam.serving.http.schemas.masks import EverythingRequest, Mask, MasksRequest, MasksResponse, TextRequest
from hqsam.serving.scheduler.jobs import Job
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.scheduler.sessions import OpenedSession
from hqsam.serving.scheduler.shared_detector import SharedDetector
from hqsam.serving.service import Service
from hqsam.serving.store.image_library import ImageFile
from hqsam.text.detector import check_labels

routes = router("masks")


@routes.post("/images/{image_id}/open")
async def open_image(
    image_id: ImageId, body: OpenRequest, request: Request, service: ServiceDep, context: ContextDep
) -> OpenResponse:
    """Encode the image, so that prompts are quick; the response comes when that is done."""
    model, image = service.models.resolve(body.model), await run_in_threadpool(service.library.get, image_id)
    opened = await _open(image, model, request, context, service)
    return OpenResponse(state="ready", model=model, seconds=round(opened.seconds, 4), found_in=opened.found_in)


@routes.post("/images/{image_id}/masks", response_model_exclude_none=True)
async def predict_masks(
    image_id: ImageId, body: MasksRequest, request: Request, service: ServiceDep, context: ContextDep
) -> MasksResponse:
    """Return the masks of prompts. An image that is not open is opened first."""
    started = time.perf_counter()
    image = await run_in_threadpool(service.library.get, image_id)
    model = service.models.resolve(body.model)
    session = service.sessions.get(image, model) or (await _open(image, model, request, context, service)).session
    # Detail runs the encoder, and so waits in the queue of openings.
    queue = service.openings if body.detail else service.prompts
    task = queue.submit(context, lambda: segmenting.segment(session, body, service.results))
    masks = await while_connected(request, context, task)
    return masks.model_copy(update={"model": model, "seconds": round(time.perf_counter() - started, 4)})


@routes.post("/images/{image_id}/everything", status_code=202)
def start_everything(image_id: ImageId, body: EverythingRequest, service: ServiceDep, context: ContextDep) -> JobSchema:
    """Start a job that finds every object."""
    image, model = service.library.get(image_id), service.models.resolve(body.model)
    segmenter = service.models.segmenter(model)
    job = Job("everything", model, image_id, context)
    service.jobs.submit(job, lambda job: segmenting.find_everything(segmenter, image.path, body, job))
    return to_job(job, with_masks=False)


@routes.post("/images/{image_id}/text", status_code=202)
def start_text(image_id: ImageId, body: TextRequest, service: ServiceDep, context: ContextDep) -> JobSchema:
    """Start a job that finds every object that words name; for servers with a detector."""
    detector = service.detector
    if detector is None:
        raise OptionError("this server has no detector; start it with --detector to find objects by words")
    check_labels(body.labels)
    image, model = service.library.get(image_id), service.models.resolve(body.model)
    segmenter = service.models.segmenter(model)
    check_source(body.source, segmenter.config)

    def find(job: Job) -> list[Mask]:
        shared = SharedDetector(detector, service.encoder, job.progress)
        return segmenting.find_by_words(segmenter, shared, image.path, body)

    job = Job("text", model, image_id, context)
    service.jobs.submit(job, find)
    return to_job(job, with_masks=False)


async def _open(
    image: ImageFile, model: str, request: Request, context: RequestContext, service: Service
) -> OpenedSession:
    task = service.openings.submit(context, lambda: service.sessions.open(image, model))
    return await while_connected(request, context, task)
