"""Items of a batch job: an image, by where its bytes are, and its prompts; and chunks of such items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in a local file or behind a URL: all of them, or a stretch, such as a member of a tar."""

    url: str
    """A local path, or a URL of fsspec: s3://bucket/key, https://..."""
    offset: int = 0
    size: int | None = None
    """Bytes from the offset on; None for the whole file."""


@dataclass(frozen=True, slots=True)
class ItemPrompt:
    """One prompt of an image, in the pixels of the upright image: a box, clicks, or both."""

    box: Box | None = None
    """x0, y0, x1, y1."""
    points: tuple[Point, ...] = ()
    point_labels: tuple[int, ...] = ()
    """1 for a click on the object, 0 for one beside it."""
    label: str = "object"
    score: float | None = None
    """The confidence of the detector that the box comes from."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a job."""

    name: str
    """The image's name in all results: its path below what was asked for. No two items of a job share one."""
    image: Blob
    prompts: tuple[ItemPrompt, ...] | Blob | None = None
    """The prompts, or the JSON that holds them; None where every object is looked for."""
    image_id: int | str | None = None
    """The number that a COCO file has for it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive items, whose results are written together: whole or not at all."""

    number: int
    items: tuple[Item, ...]


def chunks_of(items: Sequence[Item], size: int) -> Iterator[Chunk]:
    """Yield all items in chunks; the same items and size make the same chunks."""
    for number, start in enumerate(range(0, len(items), size)):
        yield Chunk(number, tuple(items[start : start + size]))
