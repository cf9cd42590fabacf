"""The result type of the whole project: N masks of one image, in columns, one row for each mask.

Like detectron2's `Instances` or supervision's `Detections`. What finds or reads masks returns it; what writes, draws,
serves or scores masks takes it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hqsam.errors import InputError
from hqsam.masks import regions
from hqsam.masks.columns import DEFAULT_LABEL, compressed, concatenate, labels_for, rows_of_gaps, take_rows
from hqsam.masks.instance_outputs import InstanceOutputs
from hqsam.masks.label_map import LabelMap, fill_gaps, paint, runs_of_labels
from hqsam.masks.lazy_masks import LazyMasks
from hqsam.masks.overlap import Order
from hqsam.masks.rle import Rle, area, decode, encode
from hqsam.masks.runs import runs_from_rle

Self = TypeVar("Self", bound="Instances")


@runtime_checkable
class ImageSource(Protocol):
    """An image that can be read when it is wanted, such as the reference that a session holds to its own."""

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        """Return the upright image in RGB."""
        ...


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Instances(InstanceOutputs):
    """N masks of one image, one row each in every column.

    Masks are held as run lengths and made into pixels only when they are looked at, so that a thousand of a large
    image fit in memory. It is indexed like an array, by number, slice, list or bool array; one mask keeps its row.

    >>> cups = Instances.from_masks([mask, other], scores=[0.9, 0.8], labels="cup", image_name="table.jpg")
    >>> cups[cups.areas > 500].save("out", "coco", "png")
    """

    image_size_hw: tuple[int, int]
    """Height and width of the upright image."""
    scores: Float[np.ndarray, "mask"]
    """Confidence in each mask, 0 to 1: the IoU that SAM's head predicts. NaN where it is not known."""
    labels: tuple[str, ...]
    """The class of each mask."""
    prompt_index: Int[np.ndarray, "mask"]
    """The number of the prompt that each mask is for."""
    columns: Mapping[str, Sequence[Any] | np.ndarray] = field(default_factory=dict)
    """Further columns by name, N rows each, such as SAM's `stability_score`, `point_coords` and `crop_box`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the whole by name, such as a video's `frame` or a map's `transform`."""
    image_name: str = "image"
    """The image's file name; files that are written take their names from it."""
    image: ImageSource | None = None
    """The way back to the image of masks that were made from one, for pictures; None of masks that were read."""
    encoded: tuple[Rle, ...] = ()
    """The masks as they are held; see `rle`."""

    _row_fields: ClassVar[tuple[str, ...]] = ("encoded", "scores", "labels", "prompt_index")

    def __post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in ("scores", "labels", "prompt_index")} | dict(self.columns)
        for name, column in fields.items():
            if len(column) != len(self):
                raise InputError(f"{name} has {len(column)} rows and there are {len(self)} masks; give one for each")

    @classmethod
    def from_rle(
        cls,
        rles: Iterable[Any],
        size_hw: tuple[int, int],
        *,
        scores: Iterable[float | None] | None = None,
        labels: str | Sequence[str] = DEFAULT_LABEL,
        prompt_index: Iterable[int] | None = None,
        **more: Any,
    ) -> "Instances":
        """Make instances from COCO's run lengths, compressed or not.

        Args:
            rles: one for each mask.
            size_hw: height and width of the image.
            scores: 0 to 1; None or NaN where a score is not known.
            labels: a class for each mask, or one for all.
            prompt_index: by default each mask's own number.
            more: `columns`, `metadata` and `image_name`.

        Raises:
            InputError: a mask is of another size than the image, or a column has not a row for each mask.
            OptionError: there are not as many labels as masks.
        """
        encoded = tuple(compressed(rle, size_hw, number) for number, rle in enumerate(rles))
        count = len(encoded)
        known = [None] * count if scores is None else scores
        return Instances(
            image_size_hw=size_hw,
            scores=np.array([np.nan if score is None else score for score in known], np.float64),
            labels=labels_for(labels, count),
            prompt_index=np.arange(count) if prompt_index is None else np.array(list(prompt_index), np.int64),
            encoded=encoded,
            **more,
        )

    @classmethod
    def from_masks(
        cls,
        masks: Iterable[Bool[np.ndarray, "height width"]],
        size_hw: tuple[int, int] | None = None,
        **more: Any,
    ) -> "Instances":
        """Make instances from bool masks [H, W], of which one at a time is needed; `more` is as for `from_rle`.

        Args:
            masks: an array [N, H, W], or any iterable of masks.
            size_hw: height and width of the image; needed only if there may be no mask at all.

        Raises:
            InputError: there is no mask and no size, a mask is of another size, or a column has not enough rows.
        """
        if size_hw is None and isinstance(masks, np.ndarray):
            size_hw = (masks.shape[1], masks.shape[2])
        encoded = [encode(mask) for mask in masks]
        if size_hw is None and not encoded:
            raise InputError("there is no mask that could tell the image's size; give it as size_hw")
        size = encoded[0]["size"] if size_hw is None else size_hw
        return cls.from_rle(encoded, (size[0], size[1]), **more)

    @classmethod
    def empty(cls, size_hw: tuple[int, int], image_name: str = "image") -> "Instances":
        """Return no masks of an image."""
        return cls.from_rle([], size_hw, image_name=image_name)

    @classmethod
    def join(cls, parts: Sequence["Instances"]) -> "Instances":
        """Return the rows of several, in their order; the image's name and the metadata are those of the first.

        Raises:
            InputError: there is nothing to join, the images differ in size, or the parts have other columns.
        """
        if not parts:
            raise InputError("there is nothing to join; Instances.empty makes instances without a mask")
        first = parts[0]
        for part in parts:
            if part.image_size_hw != first.image_size_hw or set(part.columns) != set(first.columns):
                raise InputError(
                    f"instances of {first.image_size_hw} with the columns {sorted(first.columns)} and of "
                    f"{part.image_size_hw} with {sorted(part.columns)} cannot be joined; they have to agree"
                )
        return Instances(
            image_size_hw=first.image_size_hw,
            scores=np.concatenate([part.scores for part in parts]),
            labels=tuple(label for part in parts for label in part.labels),
            prompt_index=np.concatenate([part.prompt_index for part in parts]),
            columns={name: concatenate([part.columns[name] for part in parts]) for name in first.columns},
            metadata=first.metadata,
            image_name=first.image_name,
            image=first.image,
            encoded=tuple(rle for part in parts for rle in part.rle),
        )

    @cached_property
    def masks(self) -> LazyMasks | Bool[np.ndarray, "mask height width"]:
        """Bool masks [H, W] by number, each made when it is looked at; `np.asarray` makes all at once."""
        return LazyMasks(self.rle, self.image_size_hw)

    @cached_property
    def rle(self) -> tuple[Rle, ...]:
        """Each mask as COCO's compressed run lengths."""
        return self.encoded

    @cached_property
    def boxes(self) -> Int[np.ndarray, "mask 4"]:
        """The smallest box x0, y0, x1, y1 around each mask, x1 and y1 one past its last pixel; zeros where empty."""
        boxes = [runs_from_rle(rle).box_xyxy(self.image_size_hw[0]) for rle in self.rle]
        return np.array(boxes, np.int64).reshape(-1, 4)

    @cached_property
    def areas(self) -> Int[np.ndarray, "mask"]:
        """The number of pixels of each mask."""
        return np.array([area(rle) for rle in self.rle], np.int64)

    def __len__(self) -> int:
        return len(self.encoded)

    def __iter__(self: Self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self: Self, index: Any) -> Self:
        """Return some of the masks, by number, slice, list or bool array; one mask keeps its row."""
        rows = self._rows(index)
        fields = {name: take_rows(getattr(self, name), rows) for name in self._row_fields}
        columns = {name: take_rows(column, rows) for name, column in self.columns.items()}
        return self._replace(rows, columns=columns, **fields)

    def __repr__(self) -> str:
        height, width = self.image_size_hw
        return f"Instances({len(self)} masks of {width} x {height}, labels={sorted(set(self.labels))})"

    def with_columns(self: Self, **columns: Sequence[Any] | np.ndarray) -> Self:
        """Return the same with more columns, or other ones of the same names.

        Raises:
            InputError: a column has not a row for each mask.
        """
        return self._replace(columns={**self.columns, **columns})

    def with_labels(self: Self, labels: str | Sequence[str]) -> Self:
        """Return the same with another class for each mask, or one for all.

        Raises:
            OptionError: there are not as many labels as masks.
        """
        return self._replace(labels=labels_for(labels, len(self)))

    def best(self: Self) -> Self:
        """Return for each prompt its mask of the highest score; the official `multimask_output=True` for HQ-SAM."""
        order = np.lexsort((-self.scores, self.prompt_index))
        _, first = np.unique(self.prompt_index[order], return_index=True)
        return self[order[first]]

    def remove_specks(self: Self, min_area: int) -> Self:
        """Return the same masks without their pieces of fewer than `min_area` pixels; the largest piece stays.

        Raises:
            OptionError: the area is below 0.
        """
        return self._with_each_mask(lambda mask: regions.remove_specks(mask, min_area))

    def fill_holes(self: Self, max_area: int | None = None) -> Self:
        """Return the same masks with their holes of at most `max_area` pixels filled, or all holes.

        Raises:
            OptionError: the area is below 0.
        """
        return self._with_each_mask(lambda mask: regions.fill_holes(mask, max_area))

    def within(self: Self, region: Bool[np.ndarray, "height width"], least_left: float = 0) -> Self:
        """Return the same masks without what lies outside of a region, such as the pixels of a map that have data.

        Args:
            region: a mask of the image.
            least_left: masks are gone of which less than this share is left, 0 to 1.
        """
        cut = self._with_each_mask(lambda mask: mask & region)
        return cut[cut.areas >= least_left * self.areas] if least_left > 0 else cut

    def label_map(self, order: Order = "small_on_top", cover: bool = False) -> LabelMap:
        """Return one number a pixel: i + 1 for mask i, 0 for none.

        Args:
            order: who gets a pixel that several masks claim.
            cover: leave no 0: a narrow gap goes to the nearest mask, and each wide one gets a number of its own beyond
                those of the masks.

        Raises:
            OptionError: there is no such order.
        """
        labels = paint([runs_from_rle(rle) for rle in self.rle], self.image_size_hw, order)
        return fill_gaps(labels) if cover else labels

    def disjoint(self, order: Order = "small_on_top", cover: bool = False) -> "Instances":
        """Return the same masks without overlaps, as in `label_map`; those of which nothing is left are gone.

        With `cover`, what had no mask is filled: the last masks, with a score of 0, are the wide gaps.

        Raises:
            OptionError: there is no such order.
        """
        labels = self.label_map(order, cover)
        runs = runs_of_labels(labels, max(len(self), int(labels.max(initial=0))))
        left = [row for row, own in enumerate(runs[: len(self)]) if own.area]
        kept = replace(self[left], encoded=tuple(runs[row].to_rle(self.image_size_hw) for row in left))
        gaps = runs[len(self) :]
        if not gaps:
            return kept
        filled = Instances.from_rle(
            (one.to_rle(self.image_size_hw) for one in gaps),
            self.image_size_hw,
            scores=[0.0] * len(gaps),
            prompt_index=range(len(self), len(self) + len(gaps)),
        )
        masks = LazyMasks(filled.rle, self.image_size_hw)
        columns = {name: rows_of_gaps(name, column, masks) for name, column in self.columns.items()}
        return Instances.join([kept, filled.with_columns(**columns)])

    def mask(self, row: int) -> Bool[np.ndarray, "height width"]:
        """Return one mask, made from its run lengths each time."""
        return decode(self.rle[row])

    def drawn_prompts(self) -> Any:
        """Return the prompts to draw over the masks (`DrawnPrompts`), None where they are not known."""
        return None

    def soft_alpha(
        self, row: int | None = None
    ) -> Float[np.ndarray, "height width"] | Bool[np.ndarray, "height width"]:
        """Return how much of each pixel belongs to a mask, or to any: 0 to 1, or the mask itself without logits."""
        return self.label_map() > 0 if row is None else self.mask(row)

    def _rows(self, index: Any) -> slice | Int[np.ndarray, "row"]:
        """Return an index of the same rows that keeps the rank, and that shares memory where it can."""
        if isinstance(index, slice):
            return index
        rows = np.atleast_1d(np.arange(len(self))[index])
        return slice(rows[0], rows[0] + 1) if len(rows) == 1 else rows

    def _replace(self: Self, rows: slice | np.ndarray = slice(None), **changes: Any) -> Self:
        """Return the same with other fields and these rows of what is computed already."""
        changed = replace(self, **changes)
        for name in {"masks", "rle", "boxes", "areas"} & self.__dict__.keys():
            changed.__dict__[name] = take_rows(self.__dict__[name], rows)
        return changed

    def _with_each_mask(self: Self, change: Callable[[np.ndarray], np.ndarray]) -> Self:
        return replace(self, encoded=tuple(encode(change(self.mask(row))) for row in range(len(self))))
