"""The port and the token of each project, kept over restarts, so that its address stays the same."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from hqsam import storage
from hqsam.errors import OutputError
from hqsam.paths import user_data_folder
from hqsam.serving.server import listening_socket
from hqsam.serving.settings import Settings, new_token

_PORTS = 20
"""Ports from the default one on that are tried when a project is served for the first time."""


@dataclass(frozen=True)
class RememberedAddress:
    """The port and the token that a project was served with."""

    port: int = 0
    token: str = ""


def with_remembered_address(settings: Settings, port: int | None, token: str) -> Settings:
    """Return the settings with the port and the token of this project's last start, and remember them.

    Args:
        settings: those of the server; the data folder tells the project.
        port: the port that the user asks for; None for the remembered one, else the first that is free.
        token: the token that the user gives, which is not remembered; empty for the remembered one, else a new one.

    Raises:
        OutputError: the port is taken, or may not be used.
    """
    file = _file(settings.data)
    known = _read(file)
    settings = replace(settings, token=token or known.token or new_token())
    if port or known.port:
        settings = replace(settings, port=port or known.port)
        listening_socket(settings).close()
    else:
        settings = _on_free_port(settings)
    _write(file, RememberedAddress(settings.port, known.token if token else settings.token))
    return settings


def forget_address(data: Path) -> None:
    """Forget the port and the token of a project."""
    storage.remove(_file(data))


def _on_free_port(settings: Settings) -> Settings:
    candidates = (replace(settings, port=settings.port + further) for further in range(_PORTS))
    chosen = next((one for one in candidates if _can_listen(one)), settings)
    listening_socket(chosen).close()
    return chosen


def _can_listen(settings: Settings) -> bool:
    try:
        listening_socket(settings).close()
    except OutputError:
        return False
    return True


def _file(data: Path) -> Path:
    """Return a file of the user's own: the token does not belong among images, which others may read."""
    name = sha256(str(data.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
    return user_data_folder() / "servers" / f"{name}.json"


def _read(file: Path) -> RememberedAddress:
    try:
        return RememberedAddress(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return RememberedAddress()


def _write(file: Path, address: RememberedAddress) -> None:
    """Write a file that only its user may read; where that cannot be, the next start has another address."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as written:
            json.dump(asdict(address), written)
