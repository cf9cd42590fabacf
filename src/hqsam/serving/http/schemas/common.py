"""Types that several subjects share, and errors."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from hqsam.masks.rle import Rle as LibraryRle

MAX_ID = 2**53 - 1
"""The largest integer that JavaScript has exactly."""
MAX_JSON_NOTES = 1_000_000
_NAME = r"^[^\x00-\x1f\x7f]+$"

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
BodyId = Annotated[Id, Field(strict=True)]
"""A number in JSON, where true is not 1."""
SourceName = Literal["sum", "hq", "sam"]
ClassName = Annotated[str, Field(min_length=1, max_length=200, pattern=_NAME, examples=["cup"])]
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=_NAME, examples=["nano"])]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#56b4e9"])]
Box = tuple[int, int, int, int]


def _check_notes(notes: Any) -> Any:
    """Refuse values that JSON does not have (NaN), and notes that are too long to store."""
    if len(json.dumps(notes, allow_nan=False)) > MAX_JSON_NOTES:
        raise ValueError(f"longer than {MAX_JSON_NOTES} characters")
    return notes


JsonNotes = Annotated[dict[str, JsonValue] | list[JsonValue], AfterValidator(_check_notes)]
"""Any JSON; the server stores it and does not look into it."""


class Schema(BaseModel):
    """Base class: unknown fields are refused, so that a misspelt one is not silently without effect."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ErrorDetail(Schema):
    """Why a request was refused or failed."""

    code: str = Field(description="A word for programs, such as not_found, conflict, busy, token, prompt.")
    message: str = Field(description="A sentence for people: what came, what was expected, what to do.")


class ErrorResponse(Schema):
    """The body of every response that is not a success."""

    error: ErrorDetail


class Rle(Schema):
    """COCO's compressed run lengths of a mask of the image's size."""

    size: tuple[Annotated[int, Field(ge=1, le=100_000)], Annotated[int, Field(ge=1, le=100_000)]]
    """Height, width."""
    counts: Annotated[str, Field(max_length=16_000_000, pattern=r"^[0-o]*$")]

    @classmethod
    def of(cls, rle: LibraryRle) -> "Rle":
        """Return the library's run lengths as a schema."""
        height, width = rle["size"]
        return cls(size=(height, width), counts=rle["counts"])

    def to_library(self) -> LibraryRle:
        """Return the run lengths as the library takes them."""
        return {"size": list(self.size), "counts": self.counts}
