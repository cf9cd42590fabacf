"""A detector whose answers are known: boxes around what is bright, as the model of `tests.predict.seeing` sees it."""

import cv2
import numpy as np

from hqsam.text.detector import Detections


class BrightThings:
    """Finds each bright thing by the first label; the larger it is in the picture, the surer."""

    def __init__(self):
        self.sizes = []
        """Height and width of all pictures that it was shown."""

    def detect(self, pixels, labels, threshold=None):
        self.sizes.append(pixels.shape[:2])
        bright = (pixels[..., 0] > 127).astype(np.uint8)
        x0, y0, width, height, area = cv2.connectedComponentsWithStats(bright)[2][1:].T.astype(float)
        boxes = np.stack([x0, y0, x0 + width, y0 + height], axis=1)
        scores = np.clip(0.2 + area / bright.size, 0, 0.99)
        kept = np.flatnonzero(scores >= (threshold or 0))
        return Detections(boxes, scores, tuple(labels[:1]) * len(boxes)).rows(kept)
