"""Decode prompts by an engine, as many at a time as memory and speed ask for."""

import numpy as np
import torch

from hqsam.engines import EncodedImage, Engine
from hqsam.model.hq_sam import Candidates, MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import Prompts

_PROMPTS_AT_ONCE = 16
"""Prompts decoded in one pass. At 1024 pixels each takes some 60 MB on the way, and more gain no speed on a CPU."""


def decode_prompts(
    engine: Engine, image: EncodedImage, prompts: Prompts, source: Source, candidates: Candidates = 1
) -> MaskPrediction:
    """Return logits and scores for every prompt, [prompt, candidate, ...]."""
    rows = np.arange(len(prompts))
    parts = [
        engine.decode(image, _as_batch(prompts.select(some)), source, candidates)
        for some in np.split(rows, range(_PROMPTS_AT_ONCE, len(rows), _PROMPTS_AT_ONCE))
    ]
    return MaskPrediction.join(parts)


def _as_batch(prompts: Prompts) -> PromptBatch:
    points, labels = prompts.in_model()
    logits = prompts.mask_logits
    mask = None if logits is None else torch.from_numpy(logits)[:, None]
    return PromptBatch(torch.from_numpy(points), torch.from_numpy(labels), mask)
