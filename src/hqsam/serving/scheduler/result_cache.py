"""Earlier masks of the model, to refine further."""

import secrets
import threading
from collections import OrderedDict

from hqsam.predict.result import Segmentation
from hqsam.serving.scheduler.errors import ResultExpiredError


class ResultCache:
    """Segmentations under names that cannot be guessed; the least recently used ones leave when it is full."""

    def __init__(self, max_bytes: int = 64 << 20) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._results: OrderedDict[str, Segmentation] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, result: Segmentation) -> str:
        """Remember one mask and return its name."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._results[name] = result
            self._bytes += result.logits.nbytes
            while self._bytes > self._max_bytes and len(self._results) > 1:
                self._bytes -= self._results.popitem(last=False)[1].logits.nbytes
        return name

    def get(self, name: str) -> Segmentation:
        """Return the mask of that name.

        Raises:
            ResultExpiredError: it is no longer here.
        """
        with self._lock:
            if name not in self._results:
                raise ResultExpiredError("that answer is no longer remembered; send its mask instead of refine")
            self._results.move_to_end(name)
            return self._results[name]
