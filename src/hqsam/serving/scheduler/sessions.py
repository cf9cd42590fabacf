"""Images that are open: encoded, and held in memory up to a number of bytes.

The least recently used ones leave first. A client who asks about one of those again waits until it is opened again, and
notices nothing else.
"""

import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol, runtime_checkable

from hqsam.predict.session import Session
from hqsam.serving.metrics import Metrics
from hqsam.serving.scheduler.errors import ClientDisconnected
from hqsam.serving.scheduler.models import ModelManager
from hqsam.serving.scheduler.request_context import current_context

Key = tuple[int, str, str]
"""Image, state of its file, model."""


@runtime_checkable
class ImageFile(Protocol):
    """An image to open, such as `store.image_library.ImageFile`."""

    @property
    def id(self) -> int: ...
    @property
    def stamp(self) -> str: ...

    def source(self) -> Path | IO[bytes]:
        """Return a path or an open file; called only if the image has to be read, in the thread that opens it."""
        ...


@dataclass(frozen=True)
class OpenedSession:
    """A session, how long it took to open, and where its features came from."""

    session: Session
    seconds: float
    found_in: Literal["memory", "disk", "encoder"]


class SessionCache:
    """The open images of all models."""

    def __init__(self, models: ModelManager, metrics: Metrics, max_bytes: int, max_pixels: int) -> None:
        self._models, self._metrics, self._max_bytes, self._max_pixels = models, metrics, max_bytes, max_pixels
        self._open: OrderedDict[Key, Session] = OrderedDict()
        self._opening: dict[Key, Future[Session]] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        """Bytes of encoded images in memory."""
        models.on_unload(self._evict_model)

    def __len__(self) -> int:
        return len(self._open)

    def get(self, image: ImageFile, model: str) -> Session | None:
        """Return the session if it is in memory."""
        with self._lock:
            key = image.id, image.stamp, model
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)

    def open(self, image: ImageFile, model: str) -> OpenedSession:
        """Return the session, encoded now if need be; clients that ask for the same one wait for one encoding.

        Raises:
            QueueFullError: too many images wait to be encoded.
            ModelNotInstalledError: the model has to be downloaded first.
            ImageError: the image cannot be read.
            ClientDisconnected: the client has left.
        """
        started = time.perf_counter()
        session = self.get(image, model)
        if session is not None:
            found_in = "memory"
        else:
            session, found_in = self._open_or_wait(image, model)
        seconds = time.perf_counter() - started
        self._metrics.opened.labels(found_in).inc()
        if found_in == "encoder":
            self._metrics.encode_seconds.observe(seconds)
        return OpenedSession(session, seconds, found_in)

    def evict_image(self, image_id: int) -> None:
        """Close the image in all models: it was deleted."""
        self._evict([key for key in list(self._open) if key[0] == image_id])

    def _open_or_wait(self, image: ImageFile, model: str) -> tuple[Session, Literal["disk", "encoder"]]:
        key = image.id, image.stamp, model
        while True:
            with self._lock:
                own: Future[Session] = Future()
                opening = self._opening.setdefault(key, own)
            if opening is own:
                return self._open_for_all(key, image, own), "encoder" if current_context().encoder_passes else "disk"
            try:
                return opening.result(), "encoder"
            except ClientDisconnected:  # the first client has left before it was done; ours may be there
                current_context().raise_if_cancelled()

    def _open_for_all(self, key: Key, image: ImageFile, own: "Future[Session]") -> Session:
        """Open the image for every client that waits for it."""
        try:
            session = self._models.segmenter(key[2]).open(image.source(), max_pixels=self._max_pixels)
        except BaseException as error:
            with self._lock:
                del self._opening[key]
            own.set_exception(error)
            raise
        with self._lock:
            del self._opening[key]
            self._put(key, session)
        own.set_result(session)
        return session

    def _put(self, key: Key, session: Session) -> None:
        self._open[key] = session
        self.bytes += session.encoded.nbytes
        while self.bytes > self._max_bytes and len(self._open) > 1:
            _, oldest = self._open.popitem(last=False)
            self.bytes -= oldest.encoded.nbytes

    def _evict_model(self, model: str) -> None:
        self._evict([key for key in list(self._open) if key[2] == model])

    def _evict(self, keys: list[Key]) -> None:
        with self._lock:
            for key in keys:
                session = self._open.pop(key, None)
                self.bytes -= session.encoded.nbytes if session else 0
