"""A web server on this machine that can misbehave in the ways that downloads must survive."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request, answered by the mirror's behaviour."""

    server: "Mirror"

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        self.server.answer(self)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    @property
    def start(self) -> int:
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0

    def send(self, data: bytes, *, start: int = 0, cut_after: int | None = None) -> None:
        """The data from `start`, as the whole file or as a range of it; perhaps less than was promised."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][:cut_after])


class Mirror(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.ranges: list[str | None] = []
        """The `Range` of each request so far."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.pth"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is part of the tests."""


@contextmanager
def mirror(answer: Answer) -> Iterator[Mirror]:
    """A running server."""
    server = Mirror(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def honest(data: bytes) -> Answer:
    """Serves ranges, as the real ones do."""
    return lambda handler: handler.send(data, start=handler.start)


def breaking(data: bytes, after: int) -> Answer:
    """Serves ranges, and hangs up after so many bytes of each."""
    return lambda handler: handler.send(data, start=handler.start, cut_after=after)


def failing(code: int) -> Answer:
    return lambda handler: handler.send_error(code)
