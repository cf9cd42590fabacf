"""What every format writes and reads: one photo's objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hqsam.errors import InputError, OptionError
from hqsam.formats.file_names import numbered
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.masks import rle
from hqsam.masks.lazy_masks import LazyMasks
from hqsam.masks.runs import runs_from_rle


@dataclass(frozen=True)
class MaskedObject:
    """One object: its mask, held as runs so that hundreds of them fit in memory, and what is known of it."""

    runs: rle.Rle
    label: str = "object"
    score: float | None = None
    """How good the mask is believed to be, 0 to 1; None if nobody said, as of masks drawn by hand."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else is known, by name, such as the click that it came from; anything that JSON can hold."""

    @classmethod
    def of(
        cls,
        mask: Bool[np.ndarray, "height width"],
        label: str = "object",
        score: float | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> "MaskedObject":
        """An object from its mask."""
        return cls(rle.encode(mask), label, score, more or {})

    @property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Made anew each time; keep it while you need it."""
        return rle.decode(self.runs)

    @property
    def box_xyxy(self) -> Int[np.ndarray, "4"]:
        """The smallest box around the mask; zeros if it is empty."""
        return runs_from_rle(self.runs).box_xyxy(self.runs["size"][0])

    @property
    def area(self) -> int:
        """In pixels."""
        return rle.area(self.runs)


@dataclass(frozen=True)
class Document:
    """One photo's objects, in the pixels of the upright photo.

    Raises:
        InputError: an object's mask is of another size than the photo.
    """

    image_name: str
    """The photo's file name; files that are written take their names from it."""
    size_hw: tuple[int, int]
    objects: tuple[MaskedObject, ...] = ()
    pixels: UInt8[np.ndarray, "height width 3"] | None = field(default=None, compare=False, repr=False)
    """The photo itself, for formats that are pictures."""
    marks: DrawnPrompts | None = field(default=None, compare=False, repr=False)
    """The prompts, for pictures to show."""
    soft_alpha: Callable[[int], Float[np.ndarray, "height width"]] | None = field(
        default=None, compare=False, repr=False
    )
    """The soft edge of an object, by its number, if whoever made the document has logits: see `images.cutout`."""

    def __post_init__(self) -> None:
        for number, one in enumerate(self.objects):
            if tuple(one.runs["size"]) != self.size_hw:
                raise InputError(
                    f"object {number} of {self.image_name} has a mask of {one.runs['size']} (height, width), "
                    f"and the photo is {list(self.size_hw)}; masks have to be of the upright photo's size"
                )

    @property
    def masks(self) -> LazyMasks:
        """The objects' masks, each made anew when it is asked for."""
        return LazyMasks([one.runs for one in self.objects], self.size_hw)

    @property
    def stem(self) -> str:
        """The photo's name without folder and suffix."""
        return Path(self.image_name).stem

    def path(self, folder: Path, ending: str) -> Path:
        """Where a file about the whole photo goes."""
        return folder / f"{self.stem}{ending}"

    def object_path(self, folder: Path, ending: str, number: int) -> Path:
        """Where a file about one object goes: numbered from 1, unless the object is the only one."""
        return numbered(folder / f"{self.stem}{ending}", number, len(self.objects))

    def required_pixels(self, format_name: str) -> UInt8[np.ndarray, "height width 3"]:
        """The photo itself.

        Raises:
            OptionError: the document was made without it.
        """
        if self.pixels is None:
            raise OptionError(
                f"the format {format_name!r} is a picture and needs the photo; give it as `image=`, "
                f"or choose a format that is made of masks alone"
            )
        return self.pixels


def labels_of(documents: Sequence[Document]) -> list[str]:
    """All labels in use, each once, in alphabetical order."""
    return sorted({one.label for document in documents for one in document.objects})
