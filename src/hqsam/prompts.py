"""A prompt, checked when it is made: clicks, boxes and masks in the pixels of one image.

    points [K, 2] + labels [K]        one prompt of K clicks        points [N, K, 2] + labels [N, K]    N prompts
    box    [4]                        one prompt                    boxes  [N, 4]                       N prompts
    mask   bool [H, W] or logits      one prompt                    mask   [N, H, W] or logits [N, h, w]

They may be mixed where the Ns agree. Points are x, y; boxes are x0, y0, x1, y1; labels are 1 for "this is the
object" and 0 for "this is not".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from hqsam.errors import PromptError
from hqsam.geometry import Frame, box_areas, clip_boxes

PADDING, NEGATIVE, POSITIVE, BOX_START, BOX_END = -1, 0, 1, 2, 3
"""Labels of SAM's points: padding, a click outside, a click inside, and a box's first and last corner."""

_SURENESS = 1e-3
"""A mask prompt's probabilities lie between this and one minus this: about +-7 in logits."""


@dataclass(frozen=True, eq=False, repr=False)
class Prompts:
    """N checked prompts for one image. Made by `check_prompts`; refined by `with_clicks` and `with_mask`."""

    frame: Frame
    points: Float[np.ndarray, "prompt point 2"]
    labels: Int64[np.ndarray, "prompt point"]
    boxes: Float[np.ndarray, "prompt 4"] | None = None
    mask_logits: Float[np.ndarray, "prompt mask_size mask_size"] | None = None
    """Logits of the mask prompts, in the model's square at the decoder's resolution."""

    def __len__(self) -> int:
        return len(self.points)

    def select(self, rows: Int64[np.ndarray, "row"]) -> "Prompts":
        """Return some of the prompts, in the order of `rows`."""
        boxes = None if self.boxes is None else self.boxes[rows]
        logits = None if self.mask_logits is None else self.mask_logits[rows]
        return Prompts(self.frame, self.points[rows], self.labels[rows], boxes, logits)

    @classmethod
    def join(cls, prompts: Sequence["Prompts"]) -> "Prompts":
        """Join prompts of one shape (see `batches`) for one image, in order."""
        boxes = [one.boxes for one in prompts if one.boxes is not None]
        masks = [one.mask_logits for one in prompts if one.mask_logits is not None]
        return cls(
            prompts[0].frame,
            np.concatenate([one.points for one in prompts]),
            np.concatenate([one.labels for one in prompts]),
            np.concatenate(boxes) if boxes else None,
            np.concatenate(masks) if masks else None,
        )

    @classmethod
    def batches(
        cls, prompts: Sequence["Prompts"], max_size: int | None = None
    ) -> Iterator[tuple[list[int], "Prompts"]]:
        """Join what can be decoded together: prompts with as many clicks, and all or none with a box, or with a mask.

        Args:
            prompts: single prompts for one image.
            max_size: the most prompts in a batch.

        Yields:
            The numbers of some prompts, and these prompts joined.
        """
        alike: dict[tuple[int, bool, bool], list[int]] = {}
        for number, one in enumerate(prompts):
            shape = one.points.shape[1], one.boxes is None, one.mask_logits is None
            alike.setdefault(shape, []).append(number)
        for numbers in alike.values():
            size = max_size or len(numbers)
            for some in (numbers[start : start + size] for start in range(0, len(numbers), size)):
                yield some, cls.join([prompts[number] for number in some])

    def with_clicks(self, more: "Prompts") -> "Prompts":
        """Return the prompts with the clicks of `more` after their own."""
        points = np.concatenate([self.points, more.points], axis=1)
        return replace(self, points=points, labels=np.concatenate([self.labels, more.labels], axis=1))

    def with_mask(self, logits: Float[np.ndarray, "prompt mask_size mask_size"]) -> "Prompts":
        """Return the prompts with these logits as mask prompts."""
        return replace(self, mask_logits=logits)

    def in_model(self) -> tuple[Float[np.ndarray, "prompt token 2"], Int64[np.ndarray, "prompt token"]]:
        """Return points and labels for the prompt encoder, in the model's pixels, in float32."""
        boxes = None if self.boxes is None else self.frame.boxes_to_model(self.boxes)
        points, labels = encoder_points(self.frame.points_to_model(self.points), self.labels, boxes)
        return points.astype(np.float32), labels


def encoder_points(
    points: Float[np.ndarray, "prompt point 2"],
    labels: Int64[np.ndarray, "prompt point"],
    boxes: Float[np.ndarray, "prompt 4"] | None,
) -> tuple[Float[np.ndarray, "prompt token 2"], Int64[np.ndarray, "prompt token"]]:
    """Join clicks and boxes to points in the order that SAM was trained on.

    Clicks first; then the two corners of the box or, where there is none, one padding point. A prompt that is
    only a mask has none of them.
    """
    if boxes is not None:
        ends, end_labels = boxes.reshape(-1, 2, 2), [BOX_START, BOX_END]
    else:
        end_labels = [PADDING] * min(1, points.shape[1])
        ends = np.zeros((len(points), len(end_labels), 2), points.dtype)
    all_labels = [labels, np.tile(np.array(end_labels, np.int64), (len(points), 1))]
    return np.concatenate([points, ends], axis=1), np.concatenate(all_labels, axis=1)


def check_prompts(
    frame: Frame,
    mask_size: int,
    *,
    points: Any = None,
    labels: Any = None,
    box: Any = None,
    boxes: Any = None,
    mask: Any = None,
) -> Prompts:
    """Check what a caller gave, and return it as prompts for the image of a frame.

    Args:
        frame: the image's place in the model's square; boxes are clipped to the image.
        mask_size: side of the model's logits.
        points: clicks x, y: [K, 2] or [N, K, 2], or anything that NumPy makes such an array of.
        labels: 1 for the object and 0 for the rest: [K] or [N, K].
        box: x0, y0, x1, y1 of one prompt.
        boxes: [N, 4] of N prompts.
        mask: a bool mask of the image [H, W] or [N, H, W], or logits [m, m] or [N, m, m].

    Raises:
        PromptError: it is not finite, has another shape, lies outside the image, or does not fit together.
    """
    if box is not None and boxes is not None:
        raise PromptError("got both box and boxes; give one box, or several as boxes [N, 4]")
    if labels is not None and points is None:
        raise PromptError("got labels without points; give points [K, 2] with labels [K]")
    if points is None and box is None and boxes is None and mask is None:
        raise PromptError("the prompt is empty; give points with labels, a box, boxes or a mask")
    clicks = None if points is None else _check_points(points, labels, frame)
    corners = None if box is None and boxes is None else _check_boxes(box, boxes, frame)
    logits = None if mask is None else _check_mask(mask, frame, mask_size)
    count = _agreed_count(points=None if clicks is None else clicks[0], boxes=corners, mask=logits)
    if clicks is None:
        clicks = np.zeros((count, 0, 2)), np.zeros((count, 0), np.int64)
    return Prompts(frame, *clicks, boxes=corners, mask_logits=logits)


def logits_from_mask(
    mask: Bool[np.ndarray, "height width"], frame: Frame, mask_size: int
) -> Float[np.ndarray, "{mask_size} {mask_size}"]:
    """Turn a mask of the image into SAM's mask prompt: logits in the model's square.

    Each cell gets the log-odds of the share of it that the mask covers. So the inside is sure, the outside and
    the padding are sure of the opposite, and along the edge the logits cross zero where the edge is.
    """
    covered = frame.mask_to_model(mask, mask_size).clip(_SURENESS, 1 - _SURENESS)
    return np.log(covered / (1 - covered)).astype(np.float32)


def _check_points(
    points: Any, labels: Any, frame: Frame
) -> tuple[Float[np.ndarray, "prompt point 2"], Int64[np.ndarray, "prompt point"]]:
    points = _numbers(points, "points")
    if points.ndim not in (2, 3) or points.shape[-1] != 2 or 0 in points.shape:
        raise PromptError(
            f"points have the shape {points.shape}; expected [K, 2] for one prompt of K clicks, as in "
            "points=[(495, 518)], or [N, K, 2] for N prompts"
        )
    if labels is None:
        raise PromptError("got points without labels; give a label for each, 1 for the object, 0 for the rest")
    labels = _numbers(labels, "labels")
    if labels.shape != points.shape[:-1]:
        raise PromptError(
            f"labels have the shape {labels.shape} and points {points.shape}; give one label for each point"
        )
    if not np.isin(labels, (NEGATIVE, POSITIVE)).all():
        raise PromptError(f"labels are {np.unique(labels).tolist()}; each is 1 (the object) or 0 (not the object)")
    _check_inside(points, frame)
    return points.reshape(-1, *points.shape[-2:]), labels.reshape(-1, labels.shape[-1]).astype(np.int64)


def _check_inside(points: Float[np.ndarray, "*batch 2"], frame: Frame) -> None:
    height, width = frame.image_size_hw
    outside = ((points < 0) | (points >= [width, height])).any(axis=-1)
    if outside.any():
        x, y = points[outside][0].tolist()
        raise PromptError(
            f"point ({x:g}, {y:g}) is outside the {width} x {height} image; points are x, y in pixels of the "
            "upright image"
        )


def _check_boxes(box: Any, boxes: Any, frame: Frame) -> Float[np.ndarray, "prompt 4"]:
    name, shape = ("box", "[4]") if boxes is None else ("boxes", "[N, 4]")
    given = _numbers(box if boxes is None else boxes, name)
    if given.ndim != (1 if boxes is None else 2) or given.shape[-1] != 4 or 0 in given.shape:
        raise PromptError(f"{name} has the shape {given.shape}; expected {shape}: x0, y0, x1, y1 in pixels")
    given = given.reshape(-1, 4)
    for one in given:
        _check_box(one, frame)
    return clip_boxes(given, frame.image_size_hw)


def _check_box(box: Float[np.ndarray, "4"], frame: Frame) -> None:
    height, width = frame.image_size_hw
    said = f"box ({', '.join(f'{value:g}' for value in box.tolist())})"
    order = "boxes are x0, y0, x1, y1 in pixels, with x0 < x1 and y0 < y1"
    if (box[2:] < box[:2]).any():
        raise PromptError(f"{said} ends before it starts; {order}, not x, y, width, height")
    if (box[2:] == box[:2]).any():
        raise PromptError(f"{said} has no area; {order}")
    if not box_areas(clip_boxes(box[None], frame.image_size_hw)).all():
        raise PromptError(f"{said} is outside the {width} x {height} image; {order}")


def _check_mask(mask: Any, frame: Frame, mask_size: int) -> Float[np.ndarray, "prompt {mask_size} {mask_size}"]:
    given = _array(mask, "mask")
    if given.dtype == np.bool_:
        return _from_image_masks(given, frame, mask_size)
    if not np.issubdtype(given.dtype, np.floating):
        raise PromptError(
            f"mask has the type {given.dtype}; expected a bool mask of the image (as in mask=array > 127), or "
            "the logits of an earlier answer"
        )
    if given.ndim not in (2, 3) or given.shape[-2:] != (mask_size, mask_size) or not len(given):
        raise PromptError(
            f"mask logits have the shape {given.shape}; this model's are [N, {mask_size}, {mask_size}], as in "
            ".logits. A mask of the image itself must be bool"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as that
        logits = given.reshape(-1, mask_size, mask_size).astype(np.float32)
    _check_finite(logits, "mask")
    return logits


def _from_image_masks(
    masks: Bool[np.ndarray, "..."], frame: Frame, mask_size: int
) -> Float[np.ndarray, "prompt {mask_size} {mask_size}"]:
    height, width = frame.image_size_hw
    if masks.ndim not in (2, 3) or masks.shape[-2:] != frame.image_size_hw or not len(masks):
        raise PromptError(
            f"mask has the shape {masks.shape}; expected [H, W] or [N, H, W] of the upright image, here "
            f"[{height}, {width}]"
        )
    masks = masks.reshape(-1, height, width)
    if not masks.any(axis=(1, 2)).all():
        raise PromptError("mask is empty: no pixel is True; mark the object, or leave the mask out")
    return np.stack([logits_from_mask(mask, frame, mask_size) for mask in masks])


def _agreed_count(**parts: np.ndarray | None) -> int:
    counts = {name: len(part) for name, part in parts.items() if part is not None}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} by {name}" for name, count in counts.items())
        raise PromptError(f"the numbers of prompts differ: {said}; give each as many, in the same order")
    return next(iter(counts.values()))


def _numbers(given: Any, name: str) -> Float[np.ndarray, "..."]:
    array = _array(given, name)
    if array.dtype.kind not in "biuf":
        raise PromptError(f"{name} cannot be read as numbers: {_short(given)}")
    _check_finite(array, name)
    return array.astype(np.float64)


def _array(given: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors with gradients or on a GPU
        raise PromptError(f"{name} cannot be read as one array: {_short(given)} ({error})") from error


def _check_finite(array: np.ndarray, name: str) -> None:
    if not np.isfinite(array).all():
        raise PromptError(f"{name} must be finite, without NaN or infinity; got {_short(array)}")


def _short(given: Any) -> str:
    said = repr(given).replace("\n", " ")
    return said if len(said) <= 80 else said[:77] + "..."
