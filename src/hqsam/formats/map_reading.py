"""Features of maps back to masks: what our files say of their image, and outlines as pixels of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam import optional
from hqsam.errors import DataError, PromptError
from hqsam.formats.left_out import take_each, warn_of
from hqsam.formats.map_features import columns_named, is_measured
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_outlines import pixel_polygons
from hqsam.masks.columns import DEFAULT_LABEL
from hqsam.masks.instances import Instances
from hqsam.masks.polygon_runs import runs_of_polygons
from hqsam.masks.rle import Rle

Feature = tuple[Any, dict[str, Any]]
"""A shapely geometry, or None for an empty mask, and attributes by name."""


@dataclass(frozen=True)
class MapImage:
    """The image that outlines on a map were made in, as our files describe it."""

    name: str
    size_hw: tuple[int, int]
    place: Georeference

    @classmethod
    def of(cls, instances: Instances, place: Georeference) -> "MapImage":
        """Return the description of the image of these masks."""
        return cls(instances.image_name, instances.image_size_hw, place)

    @classmethod
    def parse(cls, plain: Any, path: Path) -> "MapImage":
        """Return what a file says of its image.

        Raises:
            DataError: it says nothing, or not enough.
        """
        if not isinstance(plain, dict) or "transform" not in plain:
            raise DataError(
                f"{path} does not say which pixels of which image its outlines are; hqsam reads back what it wrote, "
                "and takes other vector files as prompts (--prompts)"
            )
        try:
            a, b, c, d, e, f = (float(one) for one in plain["transform"])
            place = Georeference((a, b, c, d, e, f), str(plain["crs"]))
            size_hw = int(plain["height"]), int(plain["width"])
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"what {path} says of its image is damaged: {type(error).__name__}: {error}") from error
        if min(size_hw) < 1:
            raise DataError(f"{path} says that its image has {size_hw[1]} x {size_hw[0]} pixels")
        return cls(str(plain.get("name", path.name)), size_hw, place)

    def to_plain(self) -> dict[str, Any]:
        """Return the description as JSON can hold it."""
        height, width = self.size_hw
        return {"name": self.name, "width": width, "height": height, **self.place.to_plain()}


def instances_on_map(features: Iterable[tuple[str, Feature]], image: MapImage, path: Path, crs: str = "") -> Instances:
    """Return features as masks with their place; warns of those that are left out.

    Args:
        features: each with a name for messages.
        image: the image whose pixels the masks are made of.
        path: the file, for messages.
        crs: the system of the geometries; by default the image's own.
    """
    taken, left_out = take_each(features, lambda feature: _row(feature, image, crs), "damaged features")
    warn_of(left_out, path)
    attributes = [attributes for _, attributes in taken]
    names = columns_named(dict.fromkeys(name for each in attributes for name in each if not is_measured(name)))
    scores = [each.get("score") for each in attributes]
    return Instances.from_rle(
        [rle for rle, _ in taken],
        image.size_hw,
        scores=[None if score is None else float(score) for score in scores],
        labels=[str(each.get("label") or DEFAULT_LABEL) for each in attributes],
        columns={column: tuple(each.get(name) for each in attributes) for name, column in names.items()},
        metadata={"georeference": image.place},
        image_name=image.name,
    )


def _row(feature: Feature, image: MapImage, crs: str) -> tuple[Rle, dict[str, Any]]:
    geometry, attributes = feature
    if geometry is not None and geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise DataError("features without a polygon")
    score = attributes.get("score")
    attributes = attributes | {"score": None if score is None else float(score)}
    errors = optional.require("shapely.errors", extra="geo")
    try:
        polygons = [] if geometry is None else pixel_polygons(geometry, image.place, crs)
    except (errors.ShapelyError, PromptError) as error:
        raise DataError("damaged features") from error
    return runs_of_polygons(polygons, image.size_hw).to_rle(image.size_hw), attributes
