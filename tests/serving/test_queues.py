"""Whose turn it is."""

import threading

import pytest

from hqsam.serving.asks import Ask, current_ask
from hqsam.serving.queues import FairQueue
from hqsam.serving.refusal import Gone, Refusal
from tests.serving.servers import wait_until


@pytest.fixture
def queue():
    queue = FairQueue("things", threads=1, longest=4)
    yield queue
    queue.close()


@pytest.fixture
def busy(queue):
    """The queue's thread is at work until this is set."""
    free = threading.Event()
    first = queue.submit(Ask("first"), free.wait)
    wait_until(lambda: len(queue) == 0)
    yield free
    free.set()
    first.result(5)


def test_one_at_a_time_and_the_one_served_longest_ago_comes_first(queue, busy):
    order = []
    asked = ["a", "a", "a", "b"]
    answers = [queue.submit(Ask(client), lambda client=client: order.append(client)) for client in asked]
    busy.set()
    for answer in answers:
        answer.result(5)
    assert order == ["a", "b", "a", "a"]


def test_beyond_its_length_it_says_when_to_come_again(queue, busy):
    for _ in range(4):
        queue.submit(Ask("a"), int)
    with pytest.raises(Refusal) as refused:
        queue.submit(Ask("b"), int)
    assert refused.value.status_code == 503 and int(refused.value.headers["Retry-After"]) >= 1
    queue.submit(Ask("job", patient=True), int)


def test_what_nobody_waits_for_is_never_begun(queue, busy):
    done = []
    ask = Ask("a")
    answer = queue.submit(ask, lambda: done.append("a"))
    ask.leave()
    with pytest.raises(Gone):
        answer.result(5)
    assert len(queue) == 0
    busy.set()
    queue.submit(Ask("b"), int).result(5)
    assert done == []


def test_work_knows_whom_it_is_for(queue):
    ask = Ask("a")
    assert queue.submit(ask, current_ask).result(5) is ask
    assert current_ask().client == "nobody"


def test_what_work_raises_is_raised_where_it_was_asked(queue):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        queue.submit(Ask("a"), fail).result(5)
    assert queue.submit(Ask("a"), lambda: 7).result(5) == 7


def test_a_queue_that_closes_sends_away_who_waits(queue, busy):
    answer = queue.submit(Ask("a"), int)
    queue.close()
    with pytest.raises(Gone):
        answer.result(5)
    with pytest.raises(Refusal):
        queue.submit(Ask("b"), int)
