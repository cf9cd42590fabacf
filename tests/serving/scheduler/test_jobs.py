"""Work that takes a while: watched, cancelled, and never silently lost."""

import http.client
import json
import threading

import pytest

from hqsam.errors import DownloadError, ServerError
from hqsam.serving.http.converters import to_job
from hqsam.serving.http.schemas.common import ErrorDetail
from hqsam.serving.scheduler.jobs import Job, JobManager
from hqsam.serving.scheduler.request_context import RequestContext
from tests.serving.servers import TOKEN, wait_until


@pytest.fixture
def jobs():
    jobs = JobManager(max_waiting=4)
    yield jobs
    jobs.close()


def a_job(kind="load"):
    return Job(kind, "nano", None, RequestContext("a"))


def test_a_job_tells_how_far_it_is_and_what_came_of_it(jobs):
    on, job = threading.Event(), a_job()

    def work(one):
        one.progress(3, 10)
        assert on.wait(10)

    jobs.submit(job, work)
    wait_until(lambda: job.done == 3)
    assert to_job(jobs.get(job.id), with_masks=True).state == "running" and len(jobs) == 1
    on.set()
    wait_until(lambda: job.state == "done")
    assert len(jobs) == 0


def test_a_cancelled_job_stops_where_it_next_tells(jobs):
    job, steps = a_job(), []

    def work(one):
        for step in range(10_000):
            steps.append(step)
            one.progress(step, 10_000)
            wait_until(lambda: True)

    jobs.submit(job, lambda one: (wait_until(lambda: bool(steps) or steps.append(0) or True), work(one)))
    wait_until(lambda: steps)
    assert jobs.cancel(job.id).state == "cancelled"
    waiting = a_job()
    jobs.submit(waiting, lambda one: None)
    wait_until(lambda: waiting.state == "done")  # so the first has left the thread
    assert len(steps) < 10_000 and job.state == "cancelled"


def test_a_job_that_waits_is_cancelled_before_it_begins(jobs):
    on, first, second, began = threading.Event(), a_job(), a_job(), []
    jobs.submit(first, lambda one: on.wait(10))
    jobs.submit(second, began.append)
    jobs.cancel(second.id)
    on.set()
    wait_until(lambda: first.state == "done")
    assert second.state == "cancelled" and not began


def test_a_job_that_fails_says_why_in_the_librarys_words(jobs):
    job, broken = a_job(), a_job()

    def work(one):
        raise DownloadError("no network")

    def fault(one):
        raise ZeroDivisionError

    jobs.submit(job, work)
    jobs.submit(broken, fault)
    wait_until(lambda: broken.state == "failed")
    assert to_job(job, with_masks=False).error == ErrorDetail(code="download", message="no network")
    error = to_job(broken, with_masks=False).error
    assert error is not None and error.code == "internal"


def test_only_the_last_ended_jobs_are_remembered(jobs):
    for _ in range(150):
        job = jobs.submit(a_job(), lambda one: None)
        wait_until(lambda job=job: job.state == "done")
    assert len(jobs._jobs) <= 102


def test_loading_a_model_that_is_here_is_done_at_once(server):
    server.client.load_model("nano")
    assert next(one for one in server.client.models() if one["name"] == "nano")["loaded"]


def test_a_model_that_cannot_be_had_says_why(server):
    with pytest.raises(ServerError, match="network is forbidden") as failed:
        server.client.load_model("vit_tiny")
    assert failed.value.code == "download"


def test_events_end_with_the_job(server):
    job = server.ask("POST", "/v1/models/nano/load").json
    events = list(events_of(server, job["id"]))
    assert events[-1][0] == "done" and events[-1][1]["state"] == "done" and events[-1][1]["id"] == job["id"]
    assert all(name == "progress" for name, _ in events[:-1])


def test_everything_is_found_with_progress(server, coffee):
    told = []
    masks = server.client.everything(coffee, points_per_side=4, progress=lambda done, total: told.append((done, total)))
    assert all(
        area == mask.sum() and mask.shape == (400, 600) for area, mask in zip(masks.areas, masks.masks, strict=True)
    )
    job = server.ask("POST", f"/v1/images/{coffee}/everything", {"points_per_side": 4}).json
    assert job["state"] in ("queued", "running") and job["unit"] == "clicks"
    assert next(reversed(list(events_of(server, job["id"]))))[0] == "done"
    found = server.ask("GET", f"/v1/jobs/{job['id']}").json
    assert [one["area"] for one in found["masks"]] == masks.areas.tolist()


def test_everything_can_be_cancelled(server, coffee):
    job = server.ask("POST", f"/v1/images/{coffee}/everything", {"points_per_side": 64}).json
    assert server.ask("DELETE", f"/v1/jobs/{job['id']}").json["state"] == "cancelled"
    assert [name for name, _ in events_of(server, job["id"])][-1] == "cancelled"


def test_a_job_that_is_not_known_is_404(server):
    assert server.ask("GET", "/v1/jobs/nothing").code == "not_found"
    assert server.ask("GET", "/v1/jobs/nothing/events").code == "not_found"
    assert server.ask("DELETE", "/v1/jobs/nothing").code == "not_found"


def events_of(server, job_id):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/v1/jobs/{job_id}/events", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    for block in answer.read().decode().split("\n\n"):
        if block.startswith("event: "):
            name, _, data = block.partition("\n")
            yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))
    connection.close()
