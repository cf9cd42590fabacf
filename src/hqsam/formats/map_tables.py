"""GeoPackage and GeoParquet: outlines in the CRS of the image, with attributes, for GIS programs and data frames."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import optional, storage
from hqsam.errors import DataError, OutputError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.map_features import MapFeature, map_features, place_of
from hqsam.formats.map_reading import MapImage, instances_on_map
from hqsam.geo.crs import parse_crs
from hqsam.geo.georeference import Georeference
from hqsam.masks.instances import Instances

_ABOUT = "hqsam_image"
"""The name under which a file keeps its image's size and place, which programs for maps pass over."""
_KINDS = {"label": str, "id": int, "score": float, "area_m2": float, "perimeter_m": float, "outline_error": float}
"""Attributes that are there in an empty table, too."""


def write_geopackage(
    instances: Instances, paths: OutputPaths, tolerance: float = 0, simplify: float = 0, orthogonal: bool = False
) -> list[Path]:
    """Write `IMAGE.gpkg` with the layer `objects`: a MultiPolygon for each mask.

    Raises:
        OptionError: the image has no place on a map.
        MissingExtra: hqsam[geo] is not installed.
    """
    place = place_of(instances, "gpkg")
    raw = optional.require("pyogrio.raw", extra="geo")
    features = list(map_features(instances, place, tolerance=tolerance, simplify=simplify, orthogonal=orthogonal))
    columns = _columns(features)
    path = paths.path(".gpkg")
    with storage.replacing(path) as temporary_path, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # it is not known
        temporary_path.unlink()  # the driver wants to make the file itself
        try:
            raw.write(
                str(temporary_path),
                geometry=_wkb(features),
                field_data=[_array(values) for values in columns.values()],
                fields=list(columns),
                field_mask=[np.array([value is None for value in values]) for values in columns.values()],
                layer="objects",
                driver="GPKG",
                geometry_type="MultiPolygon",
                crs=place.crs or None,
                layer_metadata={_ABOUT: json.dumps(MapImage.of(instances, place).to_plain())},
            )
        except Exception as error:  # GDAL's errors have classes of their own
            raise OutputError(f"cannot write {path}: {error}") from error
    return [path]


def write_geoparquet(
    instances: Instances, paths: OutputPaths, tolerance: float = 0, simplify: float = 0, orthogonal: bool = False
) -> list[Path]:
    """Write `IMAGE.parquet` as GeoParquet 1.1 has it: the column `geometry` is WKB, its CRS is PROJJSON.

    Raises:
        OptionError: the image has no place on a map.
        MissingExtra: hqsam[geo] is not installed.
    """
    place = place_of(instances, "geoparquet")
    arrow, parquet = (optional.require(name, extra="geo") for name in ("pyarrow", "pyarrow.parquet"))
    features = list(map_features(instances, place, tolerance=tolerance, simplify=simplify, orthogonal=orthogonal))
    columns = {
        name: arrow.array(values, _arrow_type(arrow, name, values)) for name, values in _columns(features).items()
    }
    table = arrow.table({"geometry": arrow.array(_wkb(features), arrow.binary()), **columns})
    path = paths.path(".parquet")
    about = {"geo": _about(features, place), _ABOUT: MapImage.of(instances, place).to_plain()}
    with storage.replacing(path) as temporary_path:
        parquet.write_table(
            table.replace_schema_metadata({key: json.dumps(value) for key, value in about.items()}), temporary_path
        )
    return [path]


def read_geopackage(path: Path) -> list[Instances]:
    """Read a GeoPackage that hqsam wrote back to the pixels of its image, with the image's place.

    Raises:
        DataError: it cannot be read, is cut short, or was not written by hqsam.
        MissingExtra: hqsam[geo] is not installed.
    """
    pyogrio, raw = (optional.require(name, extra="geo") for name in ("pyogrio", "pyogrio.raw"))
    _check_whole(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of GDAL, about files of other programs
            said = pyogrio.read_info(str(path))["layer_metadata"] or {}
            about, _, encoded, columns = raw.read(str(path))
    except Exception as error:  # GDAL's errors have classes of their own
        raise DataError(f"cannot read {path} as a GeoPackage: {' '.join(str(error).split())}") from error
    table = {str(name): column.tolist() for name, column in zip(about["fields"], columns, strict=True)}
    return [_instances(said.get(_ABOUT), [] if encoded is None else list(encoded), table, path)]


def read_geoparquet(path: Path) -> list[Instances]:
    """Read a GeoParquet file that hqsam wrote back to the pixels of its image, with the image's place.

    Raises:
        DataError: it cannot be read, or was not written by hqsam.
        MissingExtra: hqsam[geo] is not installed.
    """
    arrow, parquet = (optional.require(name, extra="geo") for name in ("pyarrow", "pyarrow.parquet"))
    try:
        table = parquet.read_table(path)
        said, content = table.schema.metadata or {}, table.to_pydict()
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot read {path} as Parquet: {' '.join(str(error).split())}") from error
    return [_instances(said.get(_ABOUT.encode()), content.pop("geometry", []), content, path)]


def _instances(about: Any, encoded: list[bytes | None], table: dict[str, list[Any]], path: Path) -> Instances:
    """Return the rows of a table as masks; `about` is what the file says of its image, as JSON."""
    try:
        plain = None if about is None else json.loads(about)
    except ValueError as error:
        raise DataError(f"what {path} says of its image is damaged: {error}") from error
    image = MapImage.parse(plain, path)
    rows = ({name: _plain(values[row]) for name, values in table.items()} for row in range(len(encoded)))
    features = ((f"row {number}", one) for number, one in enumerate(zip(encoded, rows, strict=True), start=1))
    return instances_on_map(((name, (_geometry(wkb), row)) for name, (wkb, row) in features), image, path)


def _geometry(wkb: bytes | None) -> Any:
    """Return a geometry; one that cannot be understood is a point, which is left out with a reason."""
    shapely = optional.require("shapely", extra="geo")
    if wkb is None:
        return None
    try:
        return shapely.from_wkb(wkb)
    except (shapely.errors.ShapelyError, TypeError):
        return shapely.Point()


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value  # NaN stands for NULL in columns of numbers


def _check_whole(path: Path) -> None:
    """Refuse a GeoPackage that was cut short, of which SQLite would read what is left without a word.

    Raises:
        DataError: it is missing, or shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            header = file.read(32)
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if header.startswith(b"SQLite format 3"):
        page = int.from_bytes(header[16:18], "big")
        if size < (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big"):
            raise DataError(f"{path} is cut short")


def _about(features: list[MapFeature], place: Georeference) -> dict[str, Any]:
    """Return GeoParquet's metadata of the file."""
    shapely = optional.require("shapely", extra="geo")
    filled = [feature.geometry for feature in features if not feature.geometry.is_empty]
    box = {"bbox": shapely.total_bounds(filled).tolist()} if filled else {}
    crs = parse_crs(place.crs).to_json_dict() if place.crs else None
    column = {"encoding": "WKB", "geometry_types": ["MultiPolygon"], "crs": crs, **box}
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _wkb(features: list[MapFeature]) -> np.ndarray:
    shapely = optional.require("shapely", extra="geo")
    return np.array([shapely.to_wkb(feature.geometry) for feature in features], object)


def _columns(features: list[MapFeature]) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for feature in features for name in feature.attributes)) or list(_KINDS)
    return {name: [feature.attributes.get(name) for feature in features] for name in names}


def _array(values: list[Any]) -> np.ndarray:
    """Return values of one kind as NumPy has them; those that are None are masked beside it."""
    known = [value for value in values if value is not None]
    if not known or any(isinstance(value, str) for value in known):
        return np.array([None if value is None else str(value) for value in values], object)
    if all(isinstance(value, bool) for value in known):
        return np.array([bool(value) for value in values])
    kind = np.int64 if all(isinstance(value, int) for value in known) else np.float64
    return np.array([0 if value is None else value for value in values], kind)


def _arrow_type(arrow: Any, name: str, values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    if known:
        return arrow.from_numpy_dtype(_array(values).dtype) if _array(values).dtype != object else arrow.string()
    return {int: arrow.int64(), float: arrow.float64()}.get(_KINDS.get(name, str), arrow.string())
