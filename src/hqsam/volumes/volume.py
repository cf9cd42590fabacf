"""An open volume: prompted objects are followed from plane to plane, or all objects of all planes joined."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hqsam.errors import PromptError
from hqsam.masks.rle import Rle
from hqsam.predict.everything import Progress
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.segmenter import Segmenter
from hqsam.video.frames.stack_frames import StackFrames
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.volumes.everything_in_planes import MOST_SHARE, JoinedPlanes
from hqsam.volumes.follow import follow
from hqsam.volumes.join_slices import LEAST_OVERLAP, MAX_GAP
from hqsam.volumes.volume_objects import VolumeObjects

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
else:
    ArrayLike: TypeAlias = Any  # whatever comes is looked at, and what does not fit is refused in our own words


class Volume:
    """A stack that objects are segmented in. Made by `segmenter.open_volume`; not for several threads at a time."""

    def __init__(self, segmenter: Segmenter, frames: StackFrames, source: str | None = None) -> None:
        self._segmenter, self.frames, self._source = segmenter, frames, source
        self._video = segmenter.open_video(frames, source=source)

    def __repr__(self) -> str:
        height, width = self.frames.size_hw
        planes, along = len(self.frames), self.frames.along
        return f"Volume({self.frames.name}: {planes} planes of {width} x {height} along {along})"

    def __len__(self) -> int:
        """Return the number of planes."""
        return len(self.frames)

    def __enter__(self) -> "Volume":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._video.close()

    def read(self, plane: int) -> np.ndarray:
        """Return a plane as the model sees it, uint8 RGB [H, W, 3].

        Raises:
            ImageError: there is none of this number, or it cannot be read.
        """
        return self.frames.read(plane)

    def add(
        self,
        plane: int,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        label: str = "object",
    ) -> TrackedFrame:
        """Add an object by a prompt on one plane, and return its mask there.

        Args:
            plane: the number of the slice or timepoint, from 0.
            points: clicks x, y [K, 2] in pixels of the plane.
            labels: 1 for clicks on the object, 0 for clicks beside it; [K]. By default all are on it.
            box: x0, y0, x1, y1.
            mask: a bool mask [H, W]: alone it is taken as it is, with clicks or a box it is refined.
            label: the object's class.

        Raises:
            PromptError: the prompt is empty or does not fit the plane.
            ImageError: there is no such plane, or it cannot be read.
        """
        return self._video.add(frame=plane, points=points, labels=labels, box=box, mask=mask, label=label)

    def correct(
        self,
        which: TrackedFrame | int,
        plane: int,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> TrackedFrame:
        """Prompt an object on a further plane, or again on one, and return its mask there; `follow` goes by all.

        Args:
            which: what `add` returned, or the object's number, from 1.
            plane: as for `add`, like `points`, `labels`, `box` and `mask`.

        Raises:
            PromptError: there is no such object, or the prompt does not fit the plane.
            ImageError: there is no such plane, or it cannot be read.
        """
        return self._video.correct(which, frame=plane, points=points, labels=labels, box=box, mask=mask)

    def follow(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        least_overlap: float = LEAST_OVERLAP,
        progress: Progress | None = None,
    ) -> VolumeObjects:
        """Follow the objects from the planes that they were prompted on to those before and behind.

        In depth an object ends where its mask no longer overlaps with that of the slice before, or is not found. In
        time it may move, be absent and come back.

        Args:
            start: the first plane that is looked at.
            stop: the plane before which it ends; by default all are looked at.
            least_overlap: the IoU with the slice before that an object goes on with; 0 to 1.
            progress: called after each plane with how many are done and how many there are; may raise, to stop.

        Raises:
            PromptError: no object was added.
            ImageError: a plane cannot be read.
            OptionError: the overlap is not from 0 to 1.
        """
        if not self._video.objects:
            raise PromptError(
                f"there is no object to follow; add one with volume.add({len(self) // 2}, box=(x0, y0, x1, y1))"
            )
        end = len(self) if stop is None else min(stop, len(self))
        least = least_overlap if self.frames.along == "z" else None
        masks, scores = follow(self._video, range(start, end), least, progress or (lambda done, total: None))
        return self._objects(masks, scores, [one.label for one in self._video.objects.values()])

    def everything(
        self,
        config: MaskGeneratorConfig | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
        least_overlap: float = LEAST_OVERLAP,
        max_gap: int = MAX_GAP,
        most_share: float = MOST_SHARE,
        min_planes: int = 1,
        journal: str | Path | None = None,
        progress: Progress | None = None,
        **settings: Any,
    ) -> VolumeObjects:
        """Find every object on each plane, and join those that overlap from plane to plane.

        Args:
            config: what to look for on each plane, and `settings`: as for `Segmenter.everything`.
            start: the first plane that is looked at.
            stop: the plane before which it ends; by default all are looked at.
            least_overlap: the IoU of masks on neighbouring planes from which they are one object, above 0, up to 1.
            max_gap: planes on which an object may be missing.
            most_share: masks of more than this share of a plane are taken for background; 0 to 1.
            min_planes: objects on fewer planes are left out.
            journal: a file that keeps what each plane holds. After a kill, the same call goes on with it, and so does
                one that joins planes otherwise; delete it once the result is saved.
            progress: called after each plane with how many are done and how many there are; may raise, to stop.

        Raises:
            ImageError: a plane cannot be read.
            OptionError: there is no such setting, or it cannot have this value.
            OutputError: the journal is of other work, or cannot be written.
        """
        config = MaskGeneratorConfig.of(config, {"source": self._source, **settings} if config is None else settings)
        end = len(self) if stop is None else min(stop, len(self))
        kept = None if journal is None else Path(journal)
        joined = JoinedPlanes(self._segmenter, config, least_overlap, max_gap, most_share, min_planes, kept)
        masks, scores = joined.find(self.frames, range(start, end), progress or (lambda done, total: None))
        return self._objects(masks, scores, ["object"] * len(masks))

    def _objects(self, masks: list[dict[int, Rle]], scores: list[float], labels: list[str]) -> VolumeObjects:
        plane = self.frames.plane
        return VolumeObjects(
            path=self.frames.path,
            along=self.frames.along,
            across=plane.t if self.frames.along == "z" else plane.z,
            planes=len(self),
            size_hw=self.frames.size_hw,
            masks=tuple(masks),
            labels=tuple(labels),
            scores=np.array(scores, np.float64),
        )
