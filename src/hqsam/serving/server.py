"""Running the server: its socket, uvicorn, and the way it stops."""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hqsam.errors import OutputError
from hqsam.serving.http.app import create_app
from hqsam.serving.service import Service
from hqsam.serving.settings import Settings

_CONNECTIONS = 500
_SECONDS_TO_FINISH = 10


def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; then finish what has begun, within ten seconds.

    Args:
        settings: see `Settings`.
        on_ready: called with the address of the page, its token in it, once the port is open.

    Raises:
        OutputError: the port is taken, or the database cannot be written.
        WeightsError: the model cannot be loaded.
    """
    with closing(listening_socket(settings)) as listener, closing(Service(settings)) as service:
        service.start()
        server = make_server(service)
        if on_ready:
            on_ready(page_address(settings))
        server.run(sockets=[listener])


def make_server(service: Service) -> uvicorn.Server:
    """Return a uvicorn server that is not started yet."""
    config = uvicorn.Config(
        create_app(service),
        http=_protocol(service.settings.idle_timeout),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        lifespan="off",
    )
    return _Server(config, service)


def page_address(settings: Settings) -> str:
    """Return the address to open in a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/?token={settings.token}"


def listening_socket(settings: Settings) -> socket.socket:
    """Return a socket that listens on the port.

    Raises:
        OutputError: the port is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Without the protocol's name asyncio leaves Nagle's algorithm on, and each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise OutputError(
            f"cannot listen on {settings.host}:{settings.port}: {error}; stop what listens there, or take "
            "another --port"
        ) from error
    listener.listen(128)
    return listener


class _Server(uvicorn.Server):
    """A uvicorn server that ends the streams of events when it stops; they would hold it up."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop in order; at a second Ctrl-C, at once. (uvicorn would send itself the signal again and die of it.)"""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._service.jobs.close()


def _protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a timeout for the first request of a connection."""

    class ProtocolWithTimeout(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.loop.call_later(seconds, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.cycle is None and self.scope is None and not self.transport.is_closing():
                self.transport.close()

    return ProtocolWithTimeout
