"""Queues where a client's requests (clicks, images) wait: fair to clients, bounded, dropped when the client leaves.

| queue    | threads | what waits in it                                                                             |
| -------- | ------- | -------------------------------------------------------------------------------------------- |
| encoder  | 1       | passes of the encoder: one at a time on the device                                           |
| openings | 4       | images to be read and encoded: at most 4 are in memory at full size; beyond the limit, 503   |
| prompts  | 8       | prompts for images that are open, which therefore never wait for an encoding                 |
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from hqsam.serving.scheduler.errors import ClientDisconnected, QueueFullError
from hqsam.serving.scheduler.request_context import RequestContext, current_context, in_context

Result = TypeVar("Result")
_MAX_CLIENTS = 1000


@dataclass(eq=False)
class _Task:
    context: RequestContext
    work: Callable[[], Any]
    number: int
    future: "Future[Any]" = field(default_factory=Future)


class FairQueue:
    """A thread pool whose next task is that of the client served longest ago.

    So a client with fifty images does not hold up one with a single image.
    """

    def __init__(self, name: str, threads: int, max_waiting: int) -> None:
        self._name, self._max_waiting = name, max_waiting
        self._waiting: list[_Task] = []
        self._last_served: OrderedDict[str, int] = OrderedDict()
        self._changed = threading.Condition()
        self._count, self._idle, self._closed = 0, 0, False
        self.seconds = 1.0
        """Time that a task took lately: a moving average."""
        self._threads = [
            threading.Thread(target=self._work, name=f"hqsam-{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, work: Callable[[], Result]) -> Result:
        """Run the work when it is its turn, in the current context, and return its result.

        Raises:
            QueueFullError: too many tasks are waiting.
            ClientDisconnected: the client has left; work that had not begun never does.
        """
        return self.submit(current_context(), work).result()

    def submit(self, context: RequestContext, work: Callable[[], Result]) -> "Future[Result]":
        """Queue the work and return its future.

        Raises:
            QueueFullError: too many tasks are waiting.
        """
        task = self._enqueue(context, in_context(context, work))
        remove = partial(self._remove, task.number)
        context.on_cancel(remove)
        task.future.add_done_callback(lambda _: context.forget(remove))  # a job's context outlives thousands of tasks
        if context.is_cancelled:
            remove()
        return task.future

    def close(self) -> None:
        """Begin no further task; those that wait end with `ClientDisconnected`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for task in list(self._waiting):
            self._remove(task.number)

    def join(self, until: float) -> None:
        """Wait for the running tasks, at most until this time of the monotonic clock.

        A process that ends while torch computes in another thread is aborted.
        """
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _enqueue(self, context: RequestContext, work: Callable[[], Any]) -> _Task:
        with self._changed:
            if self._closed:
                raise QueueFullError("the server is stopping", 5)
            if len(self._waiting) - self._idle >= self._max_waiting and not context.bypasses_limit:
                seconds = self.seconds * len(self._waiting)
                raise QueueFullError(f"{len(self._waiting)} {self._name} wait already", seconds)
            self._count += 1
            task = _Task(context, work, self._count)
            self._waiting.append(task)
            self._changed.notify()
            return task

    def _remove(self, number: int) -> None:
        """Take a task out of the queue, unless it was begun; by its number, so that nothing holds what it returns."""
        with self._changed:
            task = next((one for one in self._waiting if one.number == number), None)
            if task is None:
                return
            self._waiting.remove(task)
        task.future.set_exception(ClientDisconnected())

    def _work(self) -> None:
        while (task := self._next()) is not None:
            started = time.perf_counter()
            try:
                task.future.set_result(task.work())
            except BaseException as error:  # noqa: BLE001  (it belongs to the client, who is told)
                task.future.set_exception(error)
            self.seconds += 0.3 * (time.perf_counter() - started - self.seconds)
            del task  # or its result would be held until there is other work

    def _next(self) -> _Task | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._idle -= 1
            if self._closed:
                return None
            task = min(self._waiting, key=lambda one: (self._last_served.get(one.context.client, 0), one.number))
            self._waiting.remove(task)
            self._last_served[task.context.client] = self._count
            self._last_served.move_to_end(task.context.client)
            while len(self._last_served) > _MAX_CLIENTS:
                self._last_served.popitem(last=False)
            return task
