"""Photos that are open: encoded, and held in memory up to a number of bytes.

What was used longest ago goes first. Whoever asks about it again waits for it to be opened again, and notices nothing
else.
"""

import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from hqsam.predict.session import Session
from hqsam.serving.asks import current_ask
from hqsam.serving.gallery import Gallery, Photo
from hqsam.serving.metrics import Metrics
from hqsam.serving.models import Models
from hqsam.serving.refusal import Gone

Key = tuple[int, str, str]
"""Photo, the state of its file, model."""


@dataclass(frozen=True)
class Opened:
    """A session, and how it was come by."""

    session: Session
    seconds: float
    found_in: Literal["memory", "disk", "encoder"]


class Sessions:
    """The open photos of all models."""

    def __init__(self, gallery: Gallery, models: Models, metrics: Metrics, most_bytes: int) -> None:
        self._gallery, self._models, self._metrics, self._most_bytes = gallery, models, metrics, most_bytes
        self._open: OrderedDict[Key, Session] = OrderedDict()
        self._opening: dict[Key, Future[Session]] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        """Held now."""
        models.on_unload(self._forget_model)

    def __len__(self) -> int:
        return len(self._open)

    def held(self, photo: Photo, model: str) -> Session | None:
        """The session, if it is in memory."""
        with self._lock:
            key = photo.id, photo.stamp, model
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)

    def open(self, photo: Photo, model: str) -> Opened:
        """The session, encoded now if it has to be; several who ask for the same one wait for one encoding.

        Raises:
            Refusal: 503 if the queue is full, 409 if the model is not here.
            ImageError: the photo cannot be read.
            Gone: who asked has left.
        """
        started = time.perf_counter()
        session = self.held(photo, model)
        if session is not None:
            found_in = "memory"
        else:
            session, found_in = self._opened(photo, model)
        seconds = time.perf_counter() - started
        self._metrics.opened.labels(found_in).inc()
        if found_in == "encoder":
            self._metrics.encode_seconds.observe(seconds)
        return Opened(session, seconds, found_in)

    def forget(self, image_id: int) -> None:
        """Let go of a photo that was deleted."""
        self._drop([key for key in list(self._open) if key[0] == image_id])

    def _opened(self, photo: Photo, model: str) -> tuple[Session, Literal["disk", "encoder"]]:
        key = photo.id, photo.stamp, model
        while True:
            with self._lock:
                mine: Future[Session] = Future()
                opening = self._opening.setdefault(key, mine)
            if opening is mine:
                return self._lead(key, photo, mine), "encoder" if current_ask().encoder_passes else "disk"
            try:
                return opening.result(), "encoder"
            except Gone:  # who asked first has left before it was done; we have not
                current_ask().check()

    def _lead(self, key: Key, photo: Photo, mine: "Future[Session]") -> Session:
        """Open it, for all who wait."""
        try:
            session = self._models.segmenter(key[2]).open(photo.path, max_pixels=self._gallery.max_pixels)
        except BaseException as error:
            with self._lock:
                del self._opening[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._opening[key]
            self._hold(key, session)
        mine.set_result(session)
        return session

    def _hold(self, key: Key, session: Session) -> None:
        self._open[key] = session
        self.bytes += session.encoded.nbytes
        while self.bytes > self._most_bytes and len(self._open) > 1:
            _, oldest = self._open.popitem(last=False)
            self.bytes -= oldest.encoded.nbytes

    def _forget_model(self, model: str) -> None:
        self._drop([key for key in list(self._open) if key[2] == model])

    def _drop(self, keys: list[Key]) -> None:
        with self._lock:
            for key in keys:
                session = self._open.pop(key, None)
                self.bytes -= session.encoded.nbytes if session else 0
