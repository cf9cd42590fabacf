"""Open a photo, and ask for masks."""

import time

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from hqsam.serving import answers, schemas
from hqsam.serving.asks import Ask, while_connected
from hqsam.serving.everything import find_everything
from hqsam.serving.gallery import Photo
from hqsam.serving.jobs import Job
from hqsam.serving.routes import ImageId, Parts, ask_of, router
from hqsam.serving.sessions import Opened

routes = router("masks")


@routes.post("/images/{image_id}/open")
async def open_image(image_id: ImageId, how: schemas.Open, request: Request, parts: Parts) -> schemas.Opened:
    """Encode the photo, so that prompts are quick; waits until it is done."""
    model, photo = parts.models.name(how.model), await run_in_threadpool(parts.gallery.photo, image_id)
    opened = await _open(photo, model, request, ask_of(request), parts)
    return schemas.Opened(state="ready", model=model, seconds=round(opened.seconds, 4), found_in=opened.found_in)


@routes.post("/images/{image_id}/masks", response_model_exclude_none=True)
async def ask_masks(image_id: ImageId, asked: schemas.AskMasks, request: Request, parts: Parts) -> schemas.Masks:
    """Masks from prompts. A photo that is not open is opened first."""
    started = time.perf_counter()
    photo = await run_in_threadpool(parts.gallery.photo, image_id)
    model, ask = parts.models.name(asked.model), ask_of(request)
    session = parts.sessions.held(photo, model) or (await _open(photo, model, request, ask, parts)).session
    # A closer look encodes, and so waits where openings wait.
    queue = parts.openings if asked.detail else parts.prompts
    found = await while_connected(request, ask, queue.submit(ask, lambda: answers.ask(session, asked, parts.earlier)))
    return found.model_copy(update={"model": model, "seconds": round(time.perf_counter() - started, 4)})


@routes.post("/images/{image_id}/everything", status_code=202)
def ask_everything(image_id: ImageId, asked: schemas.AskEverything, request: Request, parts: Parts) -> schemas.Job:
    """Look for every object, as a job."""
    photo, model = parts.gallery.photo(image_id), parts.models.name(asked.model)
    segmenter = parts.models.segmenter(model)
    job = Job("everything", model, image_id, ask_of(request))
    return parts.jobs.start(job, lambda one: find_everything(segmenter, photo, asked, one)).view(with_masks=False)


async def _open(photo: Photo, model: str, request: Request, ask: Ask, parts: Parts) -> Opened:
    return await while_connected(request, ask, parts.openings.submit(ask, lambda: parts.sessions.open(photo, model)))
