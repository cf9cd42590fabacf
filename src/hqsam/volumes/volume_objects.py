"""The result type of volumes: objects with a mask on each plane that they lie on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt32

from hqsam.masks.instances import Instances
from hqsam.masks.label_blocks import LabelBlock
from hqsam.masks.rle import Rle, area, decode
from hqsam.masks.runs import crop_runs, runs_from_rle


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class VolumeObjects:
    """N objects of a stack, from plane to plane. Masks are held as run lengths, and made into pixels when asked for.

    >>> found[0].voxels, found.mask(0).shape
    >>> found.save("out", "labels", "measured")
    """

    path: Path
    """The stack."""
    along: str
    """The axis from plane to plane: "z" or "t"."""
    across: int
    """The place of all planes along the other of these axes."""
    planes: int
    """The number of planes of the stack."""
    size_hw: tuple[int, int]
    """Height and width of each plane."""
    masks: tuple[Mapping[int, Rle], ...]
    """For each object its masks by the number of the plane, from 0; COCO's run lengths."""
    labels: tuple[str, ...]
    """The class of each object."""
    scores: Float[np.ndarray, "object"]
    """Confidence in each object, 0 to 1: the mean of its planes' predicted IoUs, by their areas."""

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        height, width = self.size_hw
        return f"VolumeObjects({len(self)} objects of {self.path.name}: {self.planes} planes of {width} x {height})"

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray) -> "VolumeObjects":
        """Return some of the objects, by number, slice, list or bool array."""
        rows = np.atleast_1d(np.arange(len(self))[index]).tolist()
        return replace(
            self,
            masks=tuple(self.masks[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            scores=self.scores[rows],
        )

    @cached_property
    def voxels(self) -> Int[np.ndarray, "object"]:
        """The number of voxels of each object."""
        return np.array([sum(area(rle) for rle in each.values()) for each in self.masks], np.int64)

    def mask(self, row: int) -> Bool[np.ndarray, "plane height width"]:
        """Return the mask of an object in the whole stack, which takes a byte for each voxel."""
        whole = np.zeros((self.planes, *self.size_hw), bool)
        for plane, rle in self.masks[row].items():
            whole[plane] = decode(rle)
        return whole

    def on_plane(self, plane: int) -> Instances:
        """Return the masks on one plane; the column `object` has the number of each one's object, from 0."""
        rows = [row for row, each in enumerate(self.masks) if plane in each]
        return Instances.from_rle(
            [self.masks[row][plane] for row in rows],
            self.size_hw,
            scores=self.scores[rows].tolist(),
            labels=[self.labels[row] for row in rows],
            columns={"object": np.array(rows, np.int64)},
            metadata={self.along: plane},
            image_name=f"{self.path.stem}_{self.along}{plane:05d}.png",
        )

    def label_plane(self, plane: int) -> UInt32[np.ndarray, "height width"]:
        """Return a plane of the label image: 0 is no object, k the k-th; of objects that overlap the smaller wins."""
        labels = np.zeros(self.size_hw, np.uint32)
        for row in np.argsort(-self.voxels, kind="stable").tolist():
            if plane in self.masks[row]:
                runs = runs_from_rle(self.masks[row][plane])
                x0, y0, x1, y1 = runs.box_xyxy(self.size_hw[0]).tolist()
                window = slice(y0, y1), slice(x0, x1)
                labels[window][crop_runs(runs, self.size_hw[0], window)] = row + 1
        return labels

    def blocks(self, rows_at_once: int) -> Iterator[LabelBlock]:
        """Yield the label image plane by plane, each from top to bottom."""
        for plane in range(self.planes):
            t, z = (plane, self.across) if self.along == "t" else (self.across, plane)
            labels = self.label_plane(plane)
            for top in range(0, self.size_hw[0], rows_at_once):
                rows = slice(top, min(top + rows_at_once, self.size_hw[0]))
                yield LabelBlock(t, z, rows, labels[rows])

    def save(self, folder: str | PathLike[str], *formats: str, labels: str = "hqsam") -> list[Path]:
        """Write the objects, and return the files.

        Args:
            folder: where they go; labels of an OME-Zarr go into the image itself.
            formats: names of `hqsam.volumes.results.WRITERS`; by default "labels", the label image as the stack's own
                kind of file.
            labels: the name of the label image in an OME-Zarr.

        Raises:
            OptionError: there is no such format.
            MissingExtra: a format needs a package that is not installed.
            OutputError: a file cannot be written; no incomplete one was left.
        """
        from hqsam.volumes.results import write

        return write(self, Path(folder), formats or ("labels",), labels)
