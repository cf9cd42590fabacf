"""Run lengths from outside, checked before anything is made of them: a short string can claim a mask of gigabytes."""

from dataclasses import dataclass

from hqsam.errors import PromptError
from hqsam.masks.rle import Rle, run_lengths
from hqsam.masks.runs import runs_from_rle
from hqsam.serving import schemas


@dataclass(frozen=True)
class CheckedMask:
    """A mask of the photo's size, as sure as if we had made it."""

    rle: Rle
    box: tuple[int, int, int, int]
    area: int


def checked_mask(given: schemas.Rle, size_hw: tuple[int, int]) -> CheckedMask:
    """The mask, with its box and area.

    Raises:
        PromptError: it is of another size, or its runs do not fill that size.
    """
    if tuple(given.size) != size_hw:
        raise PromptError(
            f"the mask is of {list(given.size)} (height, width) and the photo of {list(size_hw)}; masks have to be of "
            "the upright photo's size"
        )
    _check_runs(given, size_hw[0] * size_hw[1])
    runs = runs_from_rle(given.runs())
    x0, y0, x1, y1 = runs.box_xyxy(size_hw[0]).tolist()
    return CheckedMask(runs.to_rle(size_hw), (x0, y0, x1, y1), runs.area)


def _check_runs(given: schemas.Rle, pixels: int) -> None:
    try:
        lengths = run_lengths(given.counts)
    except (ValueError, OverflowError) as error:
        raise PromptError(f"the mask's counts are not COCO's compressed run lengths: {error}") from error
    fits = ((lengths >= 0) & (lengths <= pixels)).all()  # each by itself, because their sum can overflow
    if not fits or int(lengths.sum()) != pixels:
        raise PromptError(f"the mask's runs do not fill its {pixels} pixels; the counts are damaged")
