"""Images of Label Studio's tasks: fetched when they are opened, and known by their address while they are open."""

import base64
import binascii
import hashlib
import io
import json
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import unquote_to_bytes, urlsplit

from hqsam.errors import ImageError
from hqsam.images.image_info import begins_as_image
from hqsam.serving.http.label_studio.addresses import LabelStudio, addresses_of, origin_of
from hqsam.serving.http.label_studio.transport import ImageRequest, PrivateAddressError, opener

_TIMEOUT = 20.0
_KEY = "make a key in Label Studio (Account & Settings) and start hqsam serve with it in LABEL_STUDIO_API_KEY"


class _NamedFile(io.BytesIO):
    """Bytes with the name of where they came from, for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


@dataclass(frozen=True)
class TaskImage:
    """The image of a task, for `SessionCache`; it is fetched when it has to be read."""

    url: str
    """What the task's data has."""
    task: int | None
    server: LabelStudio
    max_bytes: int
    local_hosts: tuple[str, ...] = ()
    """Hosts on the local network that may be asked, besides Label Studio's."""
    id: int = field(default=0, init=False)
    """The number of no image of the annotator's own."""

    @property
    def stamp(self) -> str:
        """What tells it from others. An image that changes under its address is seen once it has left the memory."""
        return hashlib.sha256(f"{self.server.address}\n{self.url}".encode()).hexdigest()

    def source(self) -> io.BytesIO:
        """Return the image's bytes as an open file.

        Raises:
            ImageError: it cannot be fetched, is too large, or is no image.
        """
        data, name = self.data()
        if not begins_as_image(data):
            login = f"; if it is a page to log in, {_KEY}" if data.lstrip()[:1] == b"<" else ""
            raise ImageError(f"{name} is no image by its content{login}")
        return _NamedFile(data, name)

    def data(self) -> tuple[bytes, str]:
        """Return the bytes, whatever they are, and a name for messages.

        Raises:
            ImageError: they cannot be fetched, or are too many.
        """
        if self.url.startswith("data:"):
            data, name = _decoded(self.url), "the data: address"
        else:
            data, name = self._fetched(addresses_of(self.url, self.task, self.server)), self.url[:200]
        if len(data) > self.max_bytes:
            raise ImageError(f"{name} has more than the {self.max_bytes / 1e6:.0f} MB that are allowed (--max-upload)")
        return data, name

    def _fetched(self, addresses: list[str]) -> bytes:
        """Return the image from the first address; from the next one where nothing is there."""
        try:
            return self._get(addresses[0])
        except HTTPError as error:
            if error.code == 404 and addresses[1:]:
                return self._fetched(addresses[1:])
            raise ImageError(self._refused(error)) from error

    def _get(self, address: str) -> bytes:
        """Return the body of a response; HTTPError where the status is an error."""
        request = ImageRequest(address, self.server, self.local_hosts)
        try:
            if self.server.api_key and origin_of(address) == self.server.origin:
                request.add_header("Authorization", _authorization(self.server))
            with opener().open(request, timeout=_TIMEOUT) as response:
                return response.read(self.max_bytes + 1)
        except HTTPError:
            raise
        except (OSError, ValueError, HTTPException) as error:
            raise ImageError(f"cannot fetch {self.url[:200]}: {_reason(error)}") from error

    def _refused(self, error: HTTPError) -> str:
        host = urlsplit(error.url or "").netloc
        line = f"cannot fetch {self.url[:200]}: {host} answered {error.code} {error.reason}"
        if error.code in (401, 403) and origin_of(error.url or "") == self.server.origin:
            return f"{line}; {_KEY}"
        return line


def _authorization(server: LabelStudio) -> str:
    """Return the header for a key: older ones are used as they are, personal ones give one that is short-lived."""
    if server.api_key.count(".") != 2:
        return f"Token {server.api_key}"
    address = f"{server.address.rstrip('/')}/api/token/refresh/"
    body = json.dumps({"refresh": server.api_key}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        return f"Bearer {json.load(response)['access']}"


def _decoded(url: str) -> bytes:
    head, comma, body = url.partition(",")
    try:
        if not comma:
            raise ValueError("there is no comma")
        return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except (ValueError, binascii.Error) as error:
        raise ImageError(f"the task's data: address cannot be read: {error}") from error


def _reason(error: BaseException) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    if isinstance(cause, PrivateAddressError):
        return f"{cause}; if that is fine, start hqsam serve with --image-host {str(cause).partition(' ')[0]}"
    return str(cause) or type(cause).__name__
