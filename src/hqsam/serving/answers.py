"""From prompts as they come over the wire to masks as they go back."""

import base64
import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from PIL import Image

from hqsam.errors import PromptError
from hqsam.masks import rle
from hqsam.masks.polygons import to_polygons
from hqsam.masks.runs import Runs
from hqsam.predict.multiscale_logits import MultiscaleLogits
from hqsam.predict.result import Segmentation
from hqsam.predict.session import Session
from hqsam.serving import schemas
from hqsam.serving.refusal import Refusal
from hqsam.serving.rle_check import checked_mask
from hqsam.serving.sparse_masks import runs_of_mosaic, seen_from_afar


class EarlierAnswers:
    """Answers to go on from, under names that cannot be guessed; at most so many bytes, the oldest go first."""

    def __init__(self, most_bytes: int = 64 << 20) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._answers: OrderedDict[str, Segmentation] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, answer: Segmentation) -> str:
        """Remember one mask; its name."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._answers[name] = answer
            self._bytes += answer.logits.nbytes
            while self._bytes > self._most_bytes and len(self._answers) > 1:
                self._bytes -= self._answers.popitem(last=False)[1].logits.nbytes
        return name

    def find(self, name: str) -> Segmentation:
        """The answer of that name.

        Raises:
            Refusal: 410, it is forgotten.
        """
        with self._lock:
            if name not in self._answers:
                raise Refusal(
                    410, "refine_gone", "that answer is no longer remembered; send its mask instead of refine"
                )
            self._answers.move_to_end(name)
            return self._answers[name]


def ask(session: Session, asked: schemas.AskMasks, earlier: EarlierAnswers) -> schemas.Masks:
    """Every prompt's masks, ordered by prompt; `seconds` is left to the caller.

    Raises:
        PromptError: a prompt does not fit the photo.
        OptionError: another source than the model has.
        Refusal: 410, an earlier answer is forgotten.
    """
    how: dict[str, Any] = {"source": asked.source, "candidates": asked.candidates, "detail": asked.detail}
    found: list[tuple[int, Segmentation]] = []
    for numbers, prompt in _together(session, asked.prompts, earlier):
        answer = session.segment(**prompt, **how)
        found += [(numbers[int(one.prompt_index[0])], one) for one in answer]
    found.sort(key=lambda pair: pair[0])
    height, width = session.image_size_hw
    return schemas.Masks(
        model=session.engine.config.name,
        source=cast("Any", found[0][1].source),
        width=width,
        height=height,
        seconds=0,
        masks=[_mask(number, one, asked, earlier) for number, one in found],
    )


def _together(
    session: Session, prompts: list[schemas.Prompt], earlier: EarlierAnswers
) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Arguments of `Session.segment`, with the numbers of their prompts: those of one shape go in one call."""
    alike: dict[tuple[int, int, bool], list[int]] = {}
    for number, prompt in enumerate(prompts):
        if prompt.refine is not None or prompt.mask is not None:
            yield [number], _one(session, prompt, earlier)
        else:
            shape = len(prompt.points), len(prompt.labels), prompt.box is not None
            alike.setdefault(shape, []).append(number)
    for numbers in alike.values():
        yield numbers, _many([prompts[number] for number in numbers])


def _one(session: Session, prompt: schemas.Prompt, earlier: EarlierAnswers) -> dict[str, Any]:
    given: dict[str, Any] = {"box": prompt.box}
    if prompt.points or prompt.labels:
        given |= {"points": prompt.points or None, "labels": prompt.labels or None}
    if prompt.mask is not None:
        given["mask"] = rle.decode(checked_mask(prompt.mask, session.image_size_hw).rle)
    if prompt.refine is not None:
        given["refine"] = _as_told(session, earlier.find(prompt.refine))
    return given


def _as_told(session: Session, answer: Segmentation) -> Segmentation:
    if answer.image_size_hw != session.image_size_hw:
        raise PromptError("refine is of another photo; send the mask itself")
    return answer


def _many(prompts: list[schemas.Prompt]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if prompts[0].points or prompts[0].labels:
        points, labels = [one.points for one in prompts], [one.labels for one in prompts]
        given |= {"points": points if prompts[0].points else None, "labels": labels if prompts[0].labels else None}
    if prompts[0].box is not None:
        given["boxes"] = [one.box for one in prompts]
    return given


def _mask(number: int, one: Segmentation, asked: schemas.AskMasks, earlier: EarlierAnswers) -> schemas.Mask:
    height, width = one.image_size_hw
    whole = one.multiscale_logits(0)
    shown = whole if asked.max_side is None else seen_from_afar(whole, asked.max_side)
    runs = runs_of_mosaic(shown)
    scale = np.array([width, height]) / shown.frame.image_size_hw[::-1]
    return schemas.Mask(
        prompt=number,
        score=float(one.scores[0]),
        box=_scaled(runs.box_xyxy(shown.frame.image_size_hw[0]), scale),
        area=round(runs.area * float(scale.prod())),
        refine=earlier.keep(one) if asked.keep else None,
        **_in_format(shown, runs, asked),
    )


def _scaled(box: np.ndarray, scale: np.ndarray) -> tuple[int, int, int, int]:
    x0, y0 = np.floor(box[:2] * scale).astype(int).tolist()
    x1, y1 = np.ceil(box[2:] * scale).astype(int).tolist()
    return x0, y0, x1, y1


def _in_format(multiscale: MultiscaleLogits, runs: Runs, asked: schemas.AskMasks) -> dict[str, Any]:
    size_hw = multiscale.frame.image_size_hw
    match asked.format:
        case "rle":
            return {"rle": schemas.Rle.of(runs.to_rle(size_hw))}
        case "png":
            return {"png": _png(rle.decode(runs.to_rle(size_hw)))}
        case "polygons":
            return {"polygons": _polygons(rle.decode(runs.to_rle(size_hw)), asked.tolerance)}
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
