"""Jobs: look, watch, cancel."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Path
from fastapi.responses import StreamingResponse

from hqsam.serving.http.converters import to_job
from hqsam.serving.http.dependencies import Responses, ServiceDep, router
from hqsam.serving.http.schemas.jobs import Job as JobSchema
from hqsam.serving.scheduler.jobs import Job

routes = router("jobs")
JobId = Annotated[str, Path(min_length=1, max_length=64)]
_SECONDS_BETWEEN_COMMENTS = 15.0
_EVENTS: Responses = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "Events named progress, done, failed and cancelled; each has the job without its masks.",
    }
}


@routes.get("/jobs/{job_id}")
def get_job(job_id: JobId, service: ServiceDep) -> JobSchema:
    """Return the progress and, once it is done, the result of a job."""
    return to_job(service.jobs.get(job_id), with_masks=True)


@routes.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses=_EVENTS)
async def watch_job(job_id: JobId, service: ServiceDep) -> StreamingResponse:
    """Stream server-sent events: the state now, each change, and the end."""
    return StreamingResponse(_events(service.jobs.get(job_id)), media_type="text/event-stream")


@routes.delete("/jobs/{job_id}")
def cancel_job(job_id: JobId, service: ServiceDep) -> JobSchema:
    """Stop a job; nothing happens if it has finished."""
    return to_job(service.jobs.cancel(job_id), with_masks=False)


async def _events(job: Job) -> AsyncIterator[str]:
    async for has_changed in job.changes(_SECONDS_BETWEEN_COMMENTS):
        name = job.state if job.is_finished else "progress"
        data = to_job(job, with_masks=False).model_dump_json()
        yield f"event: {name}\ndata: {data}\n\n" if has_changed else ": no change\n\n"
