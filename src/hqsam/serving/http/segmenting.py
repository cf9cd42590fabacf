"""Segmentation over HTTP: prompts of a request to masks of its response."""

import base64
import io
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from hqsam.errors import PromptError
from hqsam.masks import rle
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import to_polygons
from hqsam.masks.runs import Runs, runs_from_rle
from hqsam.predict.multiscale_logits import MultiscaleLogits
from hqsam.predict.result import Segmentation
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session
from hqsam.prompts import Prompts
from hqsam.serving.http.rle_validation import validated_mask
from hqsam.serving.http.schemas import masks as schemas
from hqsam.serving.http.schemas.common import Rle
from hqsam.serving.http.sparse_masks import downscaled, runs_of_logits
from hqsam.serving.scheduler.jobs import Job
from hqsam.serving.scheduler.result_cache import ResultCache
from hqsam.text.detector import Detector


def segment(session: Session, request: schemas.MasksRequest, results: ResultCache) -> schemas.MasksResponse:
    """Return the masks of every prompt, ordered by prompt; the caller fills in `seconds`.

    Raises:
        PromptError: a prompt does not fit the image.
        OptionError: the model does not have this source.
        ResultExpiredError: an earlier mask to refine is no longer remembered.
    """
    how: dict[str, Any] = request.model_dump(include={"source", "candidates", "detail", "snap"})
    found: list[tuple[int, Segmentation]] = []
    prompts = [_check(session, prompt, results) for prompt in request.prompts]
    for numbers, batch in Prompts.batches(prompts):
        answer = session.segment_prompts(batch, **how)
        found += [(numbers[int(one.prompt_index[0])], one) for one in answer]
    found.sort(key=lambda pair: pair[0])
    height, width = session.image_size_hw
    return schemas.MasksResponse(
        model=session.engine.config.name,
        source=cast("Any", found[0][1].source),
        width=width,
        height=height,
        seconds=0,
        masks=[_mask(number, one, request, results) for number, one in found],
    )


def find_everything(
    segmenter: Segmenter, path: Path, request: schemas.EverythingRequest, job: Job
) -> list[schemas.Mask]:
    """Return the masks of every object in an image file, and report progress to the job.

    Raises:
        ImageError: the image cannot be read.
        ClientDisconnected: the job was cancelled.
    """
    found = segmenter.everything(
        path, points_per_side=request.points_per_side, source=request.source, progress=job.progress
    )
    return [_whole_mask(one) for one in found]


def find_by_words(
    segmenter: Segmenter, detector: Detector, path: Path, request: schemas.TextRequest
) -> list[schemas.Mask]:
    """Return the masks of every object that the labels name, best box first.

    Raises:
        ImageError: the image cannot be read.
        OptionError: the model does not have this source.
        PromptError: a label is blank, or longer than the detector reads.
        ClientDisconnected: the job was cancelled.
    """
    how = request.model_dump(include={"labels", "threshold", "max_overlap", "source", "detail", "snap"})
    found = segmenter.segment_text(path, detector=detector, **how)
    return [_whole_mask(one, label=one.labels[0], prompt_score=float(one.columns["prompt_score"][0])) for one in found]


def _whole_mask(one: Instances, **more: Any) -> schemas.Mask:
    """Return a mask that was searched for, and answers no prompt of the request."""
    x0, y0, x1, y1 = one.boxes[0].tolist()
    box, score = (x0, y0, x1, y1), float(one.scores[0])
    return schemas.Mask(prompt=0, score=score, box=box, area=int(one.areas[0]), rle=Rle.of(one.rle[0]), **more)


def _check(session: Session, prompt: schemas.Prompt, results: ResultCache) -> Prompts:
    mask = None if prompt.mask is None else rle.decode(validated_mask(prompt.mask, session.image_size_hw).rle)
    refine = None if prompt.refine is None else _same_image(session, results.get(prompt.refine))
    return session.check(
        points=prompt.points or None, labels=prompt.labels or None, box=prompt.box, mask=mask, refine=refine
    )


def _same_image(session: Session, answer: Segmentation) -> Segmentation:
    if answer.image_size_hw != session.image_size_hw:
        raise PromptError("refine is of another image; send the mask itself")
    return answer


def _mask(number: int, one: Segmentation, request: schemas.MasksRequest, results: ResultCache) -> schemas.Mask:
    height, width = one.image_size_hw
    whole = one.multiscale_logits(0)
    shown = whole if request.max_side is None else downscaled(whole, request.max_side)
    runs = runs_from_rle(one.to_rle()[0]) if one.encoded and shown is whole else runs_of_logits(shown)
    scale = np.array([width, height]) / shown.frame.image_size_hw[::-1]
    return schemas.Mask(
        prompt=number,
        score=float(one.scores[0]),
        object_score=None if one.object_scores is None else float(one.object_scores[0]),
        box=_scaled(runs.box_xyxy(shown.frame.image_size_hw[0]), scale),
        area=round(runs.area * float(scale.prod())),
        refine=results.put(one) if request.keep else None,
        **_in_format(shown, runs, request),
    )


def _scaled(box: np.ndarray, scale: np.ndarray) -> tuple[int, int, int, int]:
    x0, y0 = np.floor(box[:2] * scale).astype(int).tolist()
    x1, y1 = np.ceil(box[2:] * scale).astype(int).tolist()
    return x0, y0, x1, y1


def _in_format(multiscale: MultiscaleLogits, runs: Runs, request: schemas.MasksRequest) -> dict[str, Any]:
    size_hw = multiscale.frame.image_size_hw
    match request.format:
        case "rle":
            return {"rle": Rle.of(runs.to_rle(size_hw))}
        case "png":
            return {"png": _png(rle.decode(runs.to_rle(size_hw)))}
        case "polygons":
            return {"polygons": _polygons(rle.decode(runs.to_rle(size_hw)), request.tolerance)}
        case "logits":
            shape = multiscale.logits.shape[0], multiscale.logits.shape[1]
            data = base64.b64encode(multiscale.logits.astype("<f4").tobytes()).decode("ascii")
            return {"logits": schemas.Logits(shape=shape, data=data)}


def _png(mask: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, format="PNG", compress_level=3)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _polygons(mask: np.ndarray, tolerance: float) -> list[schemas.Polygon]:
    return [
        schemas.Polygon(exterior=polygon.exterior.tolist(), holes=[hole.tolist() for hole in polygon.holes])
        for polygon in to_polygons(mask, tolerance)
    ]
