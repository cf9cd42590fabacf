"""Zero-shot detectors of transformers by its one interface: Grounding DINO, MM-Grounding DINO, OWLv2 and OWL-ViT."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from hqsam.errors import CheckpointError, DownloadError, PromptError
from hqsam.hardware import pick_device
from hqsam.optional import require
from hqsam.text.detector import Detections
from hqsam.weights import cache

DEFAULT = "IDEA-Research/grounding-dino-tiny"
"""Repo of the detector that is used when none is named (Apache-2.0, 700 MB)."""
_THRESHOLDS = {"grounding-dino": 0.25, "mm-grounding-dino": 0.25, "owlv2": 0.1, "owlvit": 0.1}
"""Lowest score of a box by kind of model, as its processor in transformers has it."""
_TASK = "zero-shot-object-detection"


class TransformersDetector:
    """A detector of transformers. Each label is a pass of its own: no box is of two labels, or of half of one."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._kind = str(pipeline.model.config.model_type)

    def detect(
        self, pixels: UInt8[np.ndarray, "height width 3"], labels: Sequence[str], threshold: float | None = None
    ) -> Detections:
        """Return boxes for each label, in whole pixels; they may reach beyond the image, and overlap.

        Raises:
            PromptError: a label is longer than the detector reads.
        """
        texts = [self._as_trained(label) for label in labels]
        for label, text in zip(labels, texts, strict=True):
            self._check_length(label, text)
        least = _THRESHOLDS[self._kind] if threshold is None else threshold
        label_of = dict(zip(texts, labels, strict=True))
        with torch.inference_mode():
            found = self._pipeline(Image.fromarray(pixels), candidate_labels=texts, threshold=least)
        corners = ("xmin", "ymin", "xmax", "ymax")
        return Detections(
            np.array([[one["box"][corner] for corner in corners] for one in found], np.float64).reshape(-1, 4),
            np.array([one["score"] for one in found], np.float64),
            tuple(label_of[one["label"]] for one in found),
        )

    def _as_trained(self, label: str) -> str:
        """Return the label as the model saw words in training: Grounding DINO's were lower case, and ended in a dot."""
        return f"{label.lower().rstrip(' .')}." if self._kind.endswith("grounding-dino") else label

    def _check_length(self, label: str, text: str) -> None:
        config = self._pipeline.model.config
        limit = getattr(config, "max_text_len", None) or config.text_config.max_position_embeddings
        count = len(self._pipeline.tokenizer(text)["input_ids"])
        if count > limit:
            raise PromptError(
                f"the label {label[:60]!r} has {count} tokens, and this detector reads {limit}; shorten it"
            )


@lru_cache(maxsize=2)
def load_detector(name: str | Path = DEFAULT, device: str = "auto") -> TransformersDetector:
    """Load a zero-shot detector from a folder, the Hub's cache or the Hub; the last two are kept.

    Args:
        name: a folder that transformers' `save_pretrained` wrote, or a repo as owner/name.
        device: as for `hqsam.load`.

    Raises:
        MissingExtra: transformers is not installed.
        CheckpointError: it is no zero-shot detector, or damaged.
        DownloadError: it is not here and cannot be fetched.
    """
    transformers: Any = require("transformers", extra="text")
    where, options = str(name), {"local_files_only": cache.is_offline()}
    try:
        kind = transformers.AutoConfig.from_pretrained(where, **options).model_type
        if kind not in _THRESHOLDS:
            raise CheckpointError(f"{where} is a {kind}, and no detector of words; known: {', '.join(_THRESHOLDS)}")
        if kind == "owlv2":
            require("scipy", extra="text")  # which its image processor asks for
        model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(where, dtype=torch.float32, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, **options)
        processor = transformers.AutoImageProcessor.from_pretrained(where, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise _explained(where, error) from error
    place = pick_device(device)
    return TransformersDetector(
        transformers.pipeline(_TASK, model=model.eval(), tokenizer=tokenizer, image_processor=processor, device=place)
    )


def _explained(name: str, error: Exception) -> CheckpointError | DownloadError:
    said = str(error).strip().partition("\n")[0]
    if Path(name).exists():
        return CheckpointError(f"{name} is no folder of a zero-shot detector of transformers: {said}")
    why = "the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE" if cache.is_offline() else said
    return DownloadError(
        f"the detector {name} is no folder here, and cannot be fetched from the Hub: {why}. Fetch it with "
        f"`hf download {name}` where there is a network, or give a folder"
    )
