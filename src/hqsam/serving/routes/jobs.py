"""Jobs: look, watch, cancel."""

from typing import Annotated

from fastapi import Path
from fastapi.responses import StreamingResponse

from hqsam.serving import schemas
from hqsam.serving.routes import Parts, Responses, router

routes = router("jobs")
JobId = Annotated[str, Path(min_length=1, max_length=64)]
_EVENTS: Responses = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Events named progress, done, failed and cancelled; each has the job without its masks.",
    }
}


@routes.get("/jobs/{job_id}")
def get_job(job_id: JobId, parts: Parts) -> schemas.Job:
    """How far it is, and what came of it."""
    return parts.jobs.find(job_id).view(with_masks=True)


@routes.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses=_EVENTS)
async def watch_job(job_id: JobId, parts: Parts) -> StreamingResponse:
    """Server-sent events: the state now, each change, and the end."""
    return StreamingResponse(parts.jobs.find(job_id).events(), media_type="text/event-stream")


@routes.delete("/jobs/{job_id}")
def cancel_job(job_id: JobId, parts: Parts) -> schemas.Job:
    """Stop it; nothing happens if it has ended."""
    return parts.jobs.cancel(job_id).view(with_masks=False)
