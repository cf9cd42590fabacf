"""A detector of words that clients share: its passes wait with those of the encoder, a label at a time."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8

from hqsam.serving.scheduler.queues import FairQueue
from hqsam.text.detector import Detections, Detector

Progress = Callable[[int, int], None]
"""A function that is called with how many passes are done, and how many there are. It may raise, to stop."""


class SharedDetector:
    """Lets clients take turns at a detector: one pass of one label at a time on the device."""

    def __init__(self, detector: Detector, encoder: FairQueue, progress: Progress) -> None:
        """Prepare it for one piece of work, which `progress` follows."""
        self._detector, self._encoder, self._progress = detector, encoder, progress

    def detect(
        self, pixels: UInt8[np.ndarray, "height width 3"], labels: Sequence[str], threshold: float | None = None
    ) -> Detections:
        """Return boxes for each of the labels, as the detector finds them.

        Raises:
            ClientDisconnected: no client waits for it any more.
            PromptError: a label is longer than the detector reads.
        """
        found = []
        self._progress(0, len(labels))
        for done, label in enumerate(labels, start=1):
            found.append(self._encoder.run(lambda label=label: self._detector.detect(pixels, [label], threshold)))
            self._progress(done, len(labels))
        return Detections(
            np.concatenate([one.boxes for one in found]),
            np.concatenate([one.scores for one in found]),
            tuple(label for one in found for label in one.labels),
        )
