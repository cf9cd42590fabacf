"""A detector that knows where things are in the photo of a cup of coffee, by their names."""

import numpy as np

from hqsam.text.detector import Detections

BOXES = {"cup": ([170, 15, 412, 210], 0.83), "spoon": ([326, 66, 425, 326], 0.41), "mug": ([172, 16, 410, 210], 0.6)}


class KnownBoxes:
    """Finds a cup, which is also a mug, and a spoon; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def detect(self, pixels, labels, threshold=None):
        self.asked.append((tuple(labels), threshold))
        least = 0.25 if threshold is None else threshold
        found = [(label, *BOXES[label]) for label in labels if label in BOXES and BOXES[label][1] >= least]
        boxes = np.array([box for _, box, _ in found], np.float64).reshape(-1, 4)
        return Detections(boxes, np.array([score for *_, score in found]), tuple(label for label, *_ in found))
