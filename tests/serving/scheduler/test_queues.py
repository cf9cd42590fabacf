"""Whose turn it is."""

import gc
import threading
import weakref

import pytest

from hqsam.serving.http.errors import to_api_error
from hqsam.serving.scheduler.errors import ClientDisconnected, QueueFullError
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.request_context import RequestContext, current_context
from tests.serving.servers import wait_until


@pytest.fixture
def queue():
    queue = FairQueue("things", threads=1, max_waiting=4)
    yield queue
    queue.close()


@pytest.fixture
def busy(queue):
    """The queue's thread is at work until this is set."""
    free = threading.Event()
    first = queue.submit(RequestContext("first"), free.wait)
    wait_until(lambda: len(queue) == 0)
    yield free
    free.set()
    first.result(5)


def test_one_at_a_time_and_the_one_served_longest_ago_comes_first(queue, busy):
    order = []
    asked = ["a", "a", "a", "b"]
    answers = [queue.submit(RequestContext(client), lambda client=client: order.append(client)) for client in asked]
    busy.set()
    for answer in answers:
        answer.result(5)
    assert order == ["a", "b", "a", "a"]


def test_beyond_its_length_it_says_when_to_come_again(queue, busy):
    for _ in range(4):
        queue.submit(RequestContext("a"), int)
    with pytest.raises(QueueFullError) as refused:
        queue.submit(RequestContext("b"), int)
    response = to_api_error(refused.value)
    assert response.status_code == 503 and int(response.headers["Retry-After"]) >= 1
    queue.submit(RequestContext("job", bypasses_limit=True), int)


def test_what_nobody_waits_for_is_never_begun(queue, busy):
    done = []
    context = RequestContext("a")
    answer = queue.submit(context, lambda: done.append("a"))
    context.cancel()
    with pytest.raises(ClientDisconnected):
        answer.result(5)
    assert len(queue) == 0
    busy.set()
    queue.submit(RequestContext("b"), int).result(5)
    assert done == []


def test_work_knows_whom_it_is_for(queue):
    context = RequestContext("a")
    assert queue.submit(context, current_context).result(5) is context
    assert current_context().client == "none"


def test_results_are_let_go_though_the_context_stays(queue):
    class Result:
        """Something large."""

    context = RequestContext("job")
    gc.disable()  # not even for a while
    try:
        result = weakref.ref(queue.submit(context, Result).result(5))
        wait_until(lambda: result() is None)
    finally:
        gc.enable()


def test_what_work_raises_is_raised_where_it_was_asked(queue):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        queue.submit(RequestContext("a"), fail).result(5)
    assert queue.submit(RequestContext("a"), lambda: 7).result(5) == 7


def test_a_queue_that_closes_sends_away_who_waits(queue, busy):
    answer = queue.submit(RequestContext("a"), int)
    queue.close()
    with pytest.raises(ClientDisconnected):
        answer.result(5)
    with pytest.raises(QueueFullError):
        queue.submit(RequestContext("b"), int)
