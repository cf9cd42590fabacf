"""Prompts, and the masks that answer them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool

from hqsam.serving.http.schemas.common import Box, ClassName, ModelName, Rle, Schema, SourceName

MAX_PROMPTS, MAX_POINTS = 64, 200
"""Limits of one request and of one prompt. More would only hold up other clients; send another request."""
MAX_LABELS = 32
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]


class Prompt(Schema):
    """Clicks, a box, a mask, or an earlier mask to refine; as `Session.segment` takes them."""

    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(max_length=MAX_POINTS, default_factory=list)]
    labels: Annotated[list[Literal[0, 1]], Field(max_length=MAX_POINTS, default_factory=list)]
    """A label for each point: 1 on the object, 0 beside it."""
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    mask: Rle | None = None
    refine: Annotated[str, Field(max_length=64)] | None = None
    """The `refine` of an earlier mask: its prompts are kept, the new points come after theirs."""


class MasksRequest(Schema):
    """Prompts about one image."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompts": [{"points": [[200, 150]], "labels": [1]}]}]})

    prompts: Annotated[list[Prompt], Field(min_length=1, max_length=MAX_PROMPTS)]
    model: ModelName | None = None
    source: SourceName | None = None
    candidates: Literal[1, 3] | Literal["first"] = 1
    """3: SAM's three candidates for each prompt. 1: its mask 0, or in SAM 2 another where that is unstable; "first":
    mask 0 in any case."""
    format: Literal["rle", "png", "polygons", "logits"] = "rle"
    detail: StrictBool = False
    """Look again, closer, at the object and its edge: sharper on large images, and slower."""
    snap: StrictBool = False
    """Move edges of masks to edges of the photo nearby; not for `format` logits, nor where `max_side` scales down."""
    tolerance: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0
    """Tolerance of polygons: corners may be left out that are at most so many pixels from the line."""
    max_side: Annotated[int, Field(ge=16, le=100_000)] | None = None
    """Longest side of the mask for rle and png, for a quick look; box and area stay in the image's pixels."""
    keep: StrictBool = True
    """Remember the masks for `refine`; send false where they will not be refined, as in hovering."""


class Polygon(Schema):
    """One part of a mask and its holes; no corner is repeated at the end."""

    exterior: list[tuple[float, float]]
    holes: list[list[tuple[float, float]]]


class Logits(Schema):
    """The decoder's logits, float32, little-endian, in base64; above 0 is inside, in the model's square."""

    shape: tuple[int, int]
    data: str


class Mask(Schema):
    """One mask, in the format of the request."""

    prompt: int
    """The number of its prompt, from 0."""
    score: float
    """Predicted IoU."""
    object_score: float | None = None
    """Logit of the object's being in the image at all, above 0 if it is; for models of SAM 2."""
    label: str | None = None
    """The label that it was found by, of a search by words."""
    prompt_score: float | None = None
    """The detector's score of its box, 0 to 1, of a search by words."""
    box: Box
    """The smallest around the mask; zeros if it is empty."""
    area: int
    rle: Rle | None = None
    png: str | None = None
    """Base64; 255 inside, 0 outside."""
    polygons: list[Polygon] | None = None
    logits: Logits | None = None
    refine: str | None = None
    """A name for `refine` of a later prompt, to add points to this mask's."""


class MasksResponse(Schema):
    """Masks ordered by prompt."""

    model: str
    source: SourceName
    width: int
    height: int
    seconds: float
    masks: list[Mask]


class EverythingRequest(Schema):
    """The search for every object."""

    model: ModelName | None = None
    source: SourceName | None = None
    points_per_side: Annotated[int, Field(ge=1, le=64)] = 32
    """A grid of so many by so many clicks."""


class TextRequest(Schema):
    """The search for every object that words name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"labels": ["a cup", "a spoon"]}]})

    labels: Annotated[list[ClassName], Field(min_length=1, max_length=MAX_LABELS)]
    """Names of the objects to look for, each in a few words; the detector takes a pass for each name."""
    threshold: Share | None = None
    """Lowest score of a box; the detector's own where it is not given."""
    max_overlap: Share = 0.7
    """Boxes of any labels with a larger IoU are one object, which keeps the label of higher score."""
    model: ModelName | None = None
    source: SourceName | None = None
    detail: StrictBool = False
    snap: StrictBool = False
