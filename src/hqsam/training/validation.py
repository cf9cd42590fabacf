"""How good the model is on photos that it does not learn from: SAM's masks beside the HQ masks."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from hqsam.data.sample import Sample
from hqsam.engines.torch import TorchEngine
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.evaluation.simulated_user import from_box
from hqsam.hardware import pick_precision
from hqsam.images.contact_sheet import Panel, contact_sheet
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.overlay import overlay
from hqsam.masks.boxes import box_of_mask
from hqsam.model.hq_sam import HQSam
from hqsam.predict.segmenter import Segmenter
from hqsam.training.distributed import ProcessGroup

OnPicture = Callable[[str, str, int, np.ndarray], None]
"""Called with the photo's name, the stage, its step, and a strip: photo and prompt, before, after, truth."""

_OBJECTS, _SMALLEST_AREA, _PICTURES = 3, 64, 4
"""The largest objects of each photo, those that are too small to have an edge, and photos that are shown."""


class Validation:
    """Asks about held-out photos by the boxes of their true masks, as users do. Processes share the photos."""

    def __init__(self, samples: Sequence[Sample], most: int, on_picture: OnPicture | None = None) -> None:
        self.samples, self.numbers, self.on_picture = samples, spread(len(samples), most), on_picture

    def __call__(self, model: HQSam, stage: str, step: int, processes: ProcessGroup) -> dict[str, float]:
        """Mean IoU and boundary IoU over all objects asked about, by source."""
        device = processes.device
        segmenter = Segmenter(TorchEngine(model, device, pick_precision("auto", device)))
        sums: dict[str, float] = defaultdict(float)
        for place in range(processes.rank, len(self.numbers), processes.count):
            sample = self.samples[self.numbers[place]]
            answers = _answers(segmenter, sample)
            for name, value in _scores(answers):
                sums[name] += value
            if self.on_picture and place < _PICTURES and answers:
                self.on_picture(sample.name, stage, step, _picture(sample.image, *answers[0]))
        return _means(sums, segmenter.config.sources, processes)


Masks = dict[str, np.ndarray]
"""By source."""


def _answers(segmenter: Segmenter, sample: Sample) -> list[tuple[np.ndarray, Masks]]:
    """For each of the largest objects, the true mask and the masks that it was answered with."""
    truths = sorted((sample.mask(number) for number in sample.object_ids), key=np.count_nonzero, reverse=True)
    truths = [truth for truth in truths[:_OBJECTS] if np.count_nonzero(truth) >= _SMALLEST_AREA]
    if not truths:
        return []
    session = segmenter.open(sample.image)
    sources = segmenter.config.sources
    return [(truth, {source: from_box(session, truth, source).masks[0] for source in sources}) for truth in truths]


def _scores(answers: list[tuple[np.ndarray, Masks]]) -> Iterator[tuple[str, float]]:
    for truth, masks in answers:
        yield "objects", 1.0
        for source, mask in masks.items():
            agreement = mask_scores(mask, truth)
            yield f"{source}_iou", agreement.iou
            yield f"{source}_boundary_iou", agreement.boundary_iou


def _means(sums: dict[str, float], sources: Sequence[str], processes: ProcessGroup) -> dict[str, float]:
    names = [f"{source}_{metric}" for source in sources for metric in ("iou", "boundary_iou")]
    values = torch.tensor([sums[name] for name in ["objects", *names]], device=processes.device)
    processes.average([values])  # which divides sums and number alike
    objects, *totals = values.tolist()
    return {name: total / objects for name, total in zip(names, totals, strict=True)} if objects else {}


def _picture(image: np.ndarray, truth: np.ndarray, masks: Masks) -> np.ndarray:
    prompt = DrawnPrompts(boxes=box_of_mask(truth)[None].astype(np.float32))
    tiles = [Panel(overlay(image, [], prompt), "prompt"), Panel(overlay(image, [masks["sam"]]), "SAM")]
    if "hq" in masks:
        tiles.append(Panel(overlay(image, [masks["hq"]]), "HQ"))
    return contact_sheet([*tiles, Panel(overlay(image, [truth]), "truth")], columns=len(tiles) + 1, panel_width=320)


def spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly apart."""
    return [index * count // min(count, most) for index in range(min(count, most))]
