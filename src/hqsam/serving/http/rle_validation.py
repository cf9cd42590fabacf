"""Validation of run lengths from clients before they are decoded: a short string can claim a mask of gigabytes."""

from dataclasses import dataclass

from hqsam.errors import PromptError
from hqsam.masks.rle import Rle, run_lengths
from hqsam.masks.runs import runs_from_rle
from hqsam.serving.http.schemas.common import Rle as RleSchema


@dataclass(frozen=True)
class ValidatedMask:
    """A mask of the image's size, its runs normalised."""

    rle: Rle
    box: tuple[int, int, int, int]
    area: int


def validated_mask(given: RleSchema, size_hw: tuple[int, int]) -> ValidatedMask:
    """Return the mask with its box and area.

    Raises:
        PromptError: it is of another size, or its runs do not fill that size.
    """
    if tuple(given.size) != size_hw:
        raise PromptError(
            f"the mask is of {list(given.size)} (height, width) and the image of {list(size_hw)}; masks have to be of "
            "the upright image's size"
        )
    _check_runs(given.counts, size_hw[0] * size_hw[1])
    runs = runs_from_rle(given.to_library())
    x0, y0, x1, y1 = runs.box_xyxy(size_hw[0]).tolist()
    return ValidatedMask(runs.to_rle(size_hw), (x0, y0, x1, y1), runs.area)


def _check_runs(counts: str, pixels: int) -> None:
    try:
        lengths = run_lengths(counts)
    except (ValueError, OverflowError) as error:
        raise PromptError(f"the mask's counts are not COCO's compressed run lengths: {error}") from error
    fits = ((lengths >= 0) & (lengths <= pixels)).all()  # each by itself, because their sum can overflow
    if not fits or int(lengths.sum()) != pixels:
        raise PromptError(f"the mask's runs do not fill its {pixels} pixels; the counts are damaged")
