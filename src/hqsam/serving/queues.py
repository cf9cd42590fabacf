"""Queues that are fair, short, and forget what nobody waits for.

| queue    | threads | what waits in it                                                                              |
| -------- | ------- | --------------------------------------------------------------------------------------------- |
| encoder  | 1       | passes of the encoder, so that there is one at a time on the device                           |
| openings | 4       | photos to be read and encoded: as many are in memory at full size; beyond `longest` it is 503 |
| prompts  | 8       | questions about photos that are open, which therefore never wait for an encoding              |
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hqsam.serving.asks import Ask, current_ask, working_for
from hqsam.serving.refusal import Gone, busy

Result = TypeVar("Result")
_CLIENTS_REMEMBERED = 1000


@dataclass(eq=False)
class _Ticket:
    ask: Ask
    work: Callable[[], Any]
    number: int
    answer: "Future[Any]" = field(default_factory=Future)


class FairQueue:
    """Work for a few threads. The client who was served longest ago comes first.

    A client with fifty photos therefore does not hold up one with a single photo.
    """

    def __init__(self, name: str, threads: int, longest: int) -> None:
        self._name, self._longest = name, longest
        self._waiting: list[_Ticket] = []
        self._served: OrderedDict[str, int] = OrderedDict()
        self._changed = threading.Condition()
        self._count, self._idle, self._closed = 0, 0, False
        self.seconds = 1.0
        """What one piece of work took lately."""
        self._threads = [
            threading.Thread(target=self._work, name=f"hqsam-{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, work: Callable[[], Result]) -> Result:
        """The work's result, once it was its turn, for whoever the running code works for.

        Raises:
            Refusal: 503, too many are waiting.
            Gone: who asked has left; if the work had not begun, it never does.
        """
        return self.submit(current_ask(), work).result()

    def submit(self, ask: Ask, work: Callable[[], Result]) -> "Future[Result]":
        """The same without waiting."""
        ticket = self._enter(ask, working_for(ask, work))
        ask.on_leaving(lambda: self._drop(ticket))
        if ask.is_gone:
            self._drop(ticket)
        return ticket.answer

    def close(self) -> None:
        """Begin nothing more; who waits is sent away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for ticket in list(self._waiting):
            self._drop(ticket)

    def join(self, until: float) -> None:
        """Wait until what was begun is done, as far as that is before `until` of the monotonic clock.

        A process that ends while torch computes in another thread is aborted.
        """
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _enter(self, ask: Ask, work: Callable[[], Any]) -> _Ticket:
        with self._changed:
            if self._closed:
                raise busy("the server is stopping", 5)
            if len(self._waiting) - self._idle >= self._longest and not ask.patient:
                raise busy(f"{len(self._waiting)} {self._name} wait already", self.seconds * len(self._waiting))
            self._count += 1
            ticket = _Ticket(ask, work, self._count)
            self._waiting.append(ticket)
            self._changed.notify()
            return ticket

    def _drop(self, ticket: _Ticket) -> None:
        with self._changed:
            if ticket not in self._waiting:
                return
            self._waiting.remove(ticket)
        ticket.answer.set_exception(Gone())

    def _work(self) -> None:
        while (ticket := self._next()) is not None:
            started = time.perf_counter()
            try:
                answer = ticket.work()
            except BaseException as error:  # noqa: BLE001  (it belongs to who asked, who is told)
                ticket.answer.set_exception(error)
            else:
                ticket.answer.set_result(answer)
            self.seconds += 0.3 * (time.perf_counter() - started - self.seconds)
            del ticket  # or its result would be held until there is other work

    def _next(self) -> _Ticket | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._idle -= 1
            if self._closed:
                return None
            ticket = min(self._waiting, key=lambda one: (self._served.get(one.ask.client, 0), one.number))
            self._waiting.remove(ticket)
            self._served[ticket.ask.client] = self._count
            self._served.move_to_end(ticket.ask.client)
            while len(self._served) > _CLIENTS_REMEMBERED:
                self._served.popitem(last=False)
            return ticket
