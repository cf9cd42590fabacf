"""Which official video predictor is followed, and its settings."""

from dataclasses import dataclass
from typing import Literal

from hqsam.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Official:
    """An official video predictor; the other fields have its own names and, but for one, its own values."""

    predictor: Literal["hq", "sam2"]
    """`hq`: SysCV/sam-hq's, which is also SAM 2's first one. All objects share their prompted frames. `sam2`:
    facebookresearch's newer one: each object has its own, and a click on a followed frame is forgotten when the video
    is followed again."""
    add_all_frames_to_correct_as_cond: bool = False
    """Corrected frames are remembered like prompted ones, so that frames before them change, too."""
    fill_hole_area: int = 0
    """Holes of masks up to this area, in logits of a quarter of the model's square, are filled. Official code has 8
    where its CUDA extension is built, and warns and fills none elsewhere."""
    non_overlap_masks: bool = False
    """Of masks that share a pixel, the one with the highest logit keeps it; what is remembered stays as it is."""

    @property
    def owner(self) -> str:
        """The model that the predictor came with."""
        return {"hq": "HQ-SAM 2", "sam2": "SAM 2"}[self.predictor]

    @classmethod
    def of(cls, given: "str | Official") -> "Official":
        """Return the predictor of a word.

        Raises:
            OptionError: there is no such predictor.
        """
        if isinstance(given, Official):
            return given
        if given not in ("hq", "sam2"):
            raise OptionError(f"compatible is {given!r}; choose 'hq', 'sam2', or an Official with settings")
        return cls(predictor=given)
