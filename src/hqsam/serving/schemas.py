"""What goes over the wire: every request and every answer of version 1, and nothing else.

Coordinates are x, y in pixels of the upright photo; boxes are x0, y0, x1, y1 along pixel edges; masks are COCO's
compressed run lengths.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from hqsam.masks.rle import Rle as RunLengths

MOST_PROMPTS, MOST_POINTS = 64, 200
"""In one request, and in one prompt. More would only hold up others; ask again."""
_LARGEST_ID = 2**53 - 1
"""What JavaScript counts to without losing ones."""

Id = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
SourceName = Literal["sum", "hq", "sam"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#56b4e9"])]
ClassName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["cup"])]
Coordinate = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["nano"])]
MOST_NOTES = 1_000_000


def _short_json(notes: Any) -> Any:
    """Refuse what JSON cannot say (NaN), and what is too long to keep."""
    if len(json.dumps(notes, allow_nan=False)) > MOST_NOTES:
        raise ValueError(f"longer than {MOST_NOTES} characters")
    return notes


Notes = Annotated[dict[str, JsonValue] | list[JsonValue], AfterValidator(_short_json)]
"""Kept as it came: the server does not look into it."""


class Wire(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently without effect."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ErrorDetail(Wire):
    """Why a request was not done."""

    code: str = Field(description="A word for programs, such as not_found, conflict, busy, token, prompt.")
    message: str = Field(description="A sentence for people: what came, what was expected, what to do.")


class Problem(Wire):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class Health(Wire):
    """That the server answers, and which it is."""

    status: Literal["ok"]
    version: str
    default_model: str


class Model(Wire):
    """A row of the menu of models."""

    name: str
    origin: str
    licence: str
    notice: str
    bytes: int
    """Of the download, or of the bundled file."""
    bundled: bool
    installed: bool
    """It is on this machine and can be opened at once."""
    loaded: bool
    """It is in memory."""
    default: bool
    """The one that is taken where a request names none."""
    sources: list[SourceName]
    """Whose masks it can give, its default first."""
    image_size: int
    """Pixels on the side of the square that it sees."""


class Rle(Wire):
    """COCO's compressed run lengths of a mask of the photo's size."""

    size: tuple[Annotated[int, Field(ge=1, le=100_000)], Annotated[int, Field(ge=1, le=100_000)]]
    """Height, width."""
    counts: Annotated[str, Field(max_length=16_000_000, pattern=r"^[0-o]*$")]

    @classmethod
    def of(cls, runs: RunLengths) -> "Rle":
        """From the library's own."""
        height, width = runs["size"]
        return cls(size=(height, width), counts=runs["counts"])

    def runs(self) -> RunLengths:
        """As the library has it."""
        return {"size": list(self.size), "counts": self.counts}


class Image(Wire):
    """A photo to annotate."""

    id: Id
    name: str
    """The path below the folder, with / between its parts; of an upload, the name that it came with."""
    width: int
    height: int
    """Upright, in pixels; 0 if the photo cannot be read."""
    status: Literal["todo", "done"]
    annotation_count: int
    source: Literal["upload", "folder"]
    problem: str | None
    """Why it cannot be opened: it is gone from the folder, damaged, or too large."""
    added: datetime
    updated: datetime
    """Of the status, or of an annotation."""


class Images(Wire):
    """A part of the list."""

    total: int
    done: int
    """How many of all are marked as done."""
    images: list[Image]


class ChangeImage(Wire):
    """What is to be different."""

    status: Literal["todo", "done"]


class Open(Wire):
    """Which model is to encode the photo; the default one if it is not named."""

    model: ModelName | None = None


class Opened(Wire):
    """The photo is encoded; prompts are quick now."""

    state: Literal["ready"]
    model: str
    seconds: float
    found_in: Literal["memory", "disk", "encoder"]
    """Where the features came from: `encoder` means that they were computed now."""


class Prompt(Wire):
    """Clicks, a box, a mask, or an earlier answer to go on from; as `Session.segment` takes them."""

    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(max_length=MOST_POINTS)] = []
    labels: Annotated[list[Literal[0, 1]], Field(max_length=MOST_POINTS)] = []
    """For each point 1 on the object, 0 beside it."""
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    mask: Rle | None = None
    refine: Annotated[str, Field(max_length=64)] | None = None
    """The `refine` of an earlier mask: its prompts are kept, the new points come after theirs."""


class AskMasks(Wire):
    """Prompts about one photo."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompts": [{"points": [[200, 150]], "labels": [1]}]}]})

    prompts: Annotated[list[Prompt], Field(min_length=1, max_length=MOST_PROMPTS)]
    model: ModelName | None = None
    source: SourceName | None = None
    candidates: Literal[1, 3] = 1
    """3: SAM's three readings of each prompt."""
    format: Literal["rle", "png", "polygons", "logits"] = "rle"
    detail: bool = False
    """Look again, closer, at the object and its edge: sharper on large photos, and slower."""
    tolerance: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0
    """For polygons: corners may be left out that are at most so many pixels from the line."""
    max_side: Annotated[int, Field(ge=16, le=100_000)] | None = None
    """For rle and png: the mask at most so large, for a quick look; box and area stay in the photo's pixels."""
    keep: bool = True
    """Whether to remember the answers for `refine`; say false where nobody will go on from them, as in hovering."""


class Polygon(Wire):
    """One part of a mask and its holes; no corner is repeated at the end."""

    exterior: list[tuple[float, float]]
    holes: list[list[tuple[float, float]]]


class Logits(Wire):
    """The decoder's own numbers, float32, little-endian, in base64; above 0 is inside the model's square."""

    shape: tuple[int, int]
    data: str


class Mask(Wire):
    """One mask, in the format that was asked for."""

    prompt: int
    """The number of its prompt, from 0."""
    score: float
    """Predicted IoU."""
    box: tuple[int, int, int, int]
    """The smallest around the mask; zeros if it is empty."""
    area: int
    rle: Rle | None = None
    png: str | None = None
    """Base64; 255 inside, 0 outside."""
    polygons: list[Polygon] | None = None
    logits: Logits | None = None
    refine: str | None = None
    """To go on from this mask with more points."""


class Masks(Wire):
    """Masks ordered by prompt."""

    model: str
    source: SourceName
    width: int
    height: int
    seconds: float
    masks: list[Mask]


class AskEverything(Wire):
    """How to look for every object."""

    model: ModelName | None = None
    source: SourceName | None = None
    points_per_side: Annotated[int, Field(ge=1, le=64)] = 32
    """A grid of so many by so many clicks."""


class Job(Wire):
    """Work that takes a while."""

    id: str
    kind: Literal["everything", "load"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    """0 while it is not known."""
    unit: Literal["clicks", "bytes"]
    model: str
    image_id: Id | None
    error: ErrorDetail | None
    masks: list[Mask] | None
    """What `everything` found, once it is done; not in events."""


class Annotation(Wire):
    """An object that somebody keeps."""

    id: Id
    key: str | None
    """What its maker called it."""
    image_id: Id
    class_name: str
    colour: str | None
    """Its own colour, or None for that of its class."""
    rle: Rle
    box: tuple[int, int, int, int]
    area: int
    visible: bool
    locked: bool
    source: str | None
    model: str | None
    score: float | None
    prompts: Any
    version: int
    """From 1; each change counts it on."""
    created: datetime
    updated: datetime


class NewAnnotation(Wire):
    """An object to keep."""

    class_name: ClassName = "object"
    colour: Colour | None = None
    rle: Rle
    visible: bool = True
    locked: bool = False
    source: Literal["sum", "hq", "sam", "hand", "import"] | None = None
    model: ModelName | None = None
    score: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)] | None = None
    prompts: Notes = []
    """What it was made from."""
    key: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")] | None = None
    """Made by the client: a request repeated with the same key, after a broken connection, adds nothing; if what has
    that key was deleted, it comes back with the new content."""


class ChangeAnnotation(Wire):
    """What is to be different, and which version the change was made from."""

    version: Annotated[int, Field(ge=1, le=_LARGEST_ID)]
    class_name: ClassName | None = None
    colour: Colour | None = None
    rle: Rle | None = None
    visible: bool | None = None
    locked: bool | None = None
    source: Literal["sum", "hq", "sam", "hand", "import"] | None = None
    model: ModelName | None = None
    score: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)] | None = None
    prompts: Notes = []


class Restore(Wire):
    """Back to an earlier version, or from being deleted; it becomes the newest version."""

    version: Annotated[int, Field(ge=1, le=_LARGEST_ID)]


class PastVersion(Wire):
    """What an annotation once was."""

    action: Literal["created", "changed", "deleted", "restored"]
    at: datetime
    annotation: Annotation


class ObjectClass(Wire):
    """A name for objects, and the colour that they are drawn in."""

    name: ClassName
    colour: Colour


class Imported(Wire):
    """What an import brought."""

    annotations: int
    images: list[Id]
    """Photos that got some."""
    unmatched: list[str]
    """Photos of the file that are not here, or are of another size."""
