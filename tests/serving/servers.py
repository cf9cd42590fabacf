"""A server on a free port, in a thread of the test, and a plain way to ask it anything."""

import http.client
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hqsam
from hqsam.serving.server import listening_socket, make_server
from hqsam.serving.service import Service
from hqsam.serving.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class Answer:
    """What came back, as it is on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Why it was refused."""
        return self.json["error"]["code"]


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    service: Service
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> hqsam.Client:
        return hqsam.Client(self.address, TOKEN, retries=0)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request with the token, or with other headers instead."""
        known = {"Authorization": f"Bearer {TOKEN}"} if headers is None else headers
        if isinstance(body, list | dict):
            body, known = json.dumps(body), {"Content-Type": "application/json"} | known
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, known)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, named, answer.read())

    def upload(self, data: bytes, name: str = "photo.png") -> Answer:
        """Send a file as a browser does."""
        body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        kind = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
        return self.ask("POST", "/v1/images", body + data + b"\r\n--x--\r\n", kind)


def settings_in(home: Path, **choices: Any) -> Settings:
    """A server's choices, with its data in a folder of the test."""
    return Settings(**{"data": home / "data", "port": 0, "token": TOKEN, "model": "nano"} | choices)


def photos_in(folder: Path) -> Path:
    """A folder of three photos, one of them further down."""
    (folder / "more").mkdir(parents=True)
    shutil.copy(EXAMPLES / "coffee.jpg", folder / "coffee 2.jpg")
    shutil.copy(EXAMPLES / "astronaut.jpg", folder / "coffee 10.jpg")
    shutil.copy(EXAMPLES / "cat.jpg", folder / "more" / "cat.jpg")
    return folder


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Serve until the block ends."""
    with closing(listening_socket(settings)) as listener, closing(Service(settings)) as service:
        service.start()
        server = make_server(service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield Running(service, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server did not stop"


def wait_until(true: Any, seconds: float = 30) -> None:
    """For what other threads do."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
