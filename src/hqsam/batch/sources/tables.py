"""Images of a CSV or Parquet table: a column of paths or URLs, and perhaps a column of prompts."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hqsam import optional
from hqsam.batch.files import NamedBytes, is_url, read_bytes
from hqsam.batch.items import Blob, Item
from hqsam.batch.prompts import prompts_of, prompts_of_json
from hqsam.batch.sources.paths import folder_of, named
from hqsam.errors import DataError


def find(path: str, images: str | None, image_column: str, prompt_column: str | None) -> list[Item]:
    """Return the images of a table, a row each, in its order.

    Args:
        path: the table, or its URL.
        images: the folder or URL of relative paths; by default that of the table.
        image_column: the column of paths.
        prompt_column: the column of prompts, as text in JSON or, in Parquet, as lists; an empty one is no prompt.

    Raises:
        DataError: the table cannot be read, or has no such column; a row's prompts are of another form.
        MissingExtra: Parquet needs hqsam[batch].
    """
    folder = images if images is not None else folder_of(path)
    wanted = [image_column] + ([prompt_column] if prompt_column else [])
    suffix = PurePosixPath(path.partition("?")[0]).suffix.lower()
    rows = _csv_rows(path, wanted) if suffix == ".csv" else _parquet_rows(path, wanted)
    items = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row[0], str) or not row[0]:
            raise DataError(f"row {number} of {path} has no path in {image_column!r}: {row[0]!r}")
        item = named(row[0], folder)
        place = f"row {number} of {path}"
        items.append(item if prompt_column is None else replace(item, prompts=_prompts(row[1], place)))
    return items


def _prompts(value: Any, place: str) -> Any:
    if value is None or value == "":
        return ()
    return prompts_of_json(value, place) if isinstance(value, str) else prompts_of(value, place)


def _csv_rows(path: str, wanted: list[str]) -> Iterator[list[Any]]:
    text = read_bytes(Blob(path)).decode("utf-8-sig", "surrogateescape")
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    _check_columns(reader.fieldnames or [], wanted, path)
    yield from ([row[name] for name in wanted] for row in reader)


def _parquet_rows(path: str, wanted: list[str]) -> Iterator[list[Any]]:
    optional.require("pyarrow", extra="batch")
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(NamedBytes(read_bytes(Blob(path)), path) if is_url(path) else path)
        _check_columns(file.schema_arrow.names, wanted, path)
        for batch in file.iter_batches(columns=wanted):
            columns = [batch.column(name).to_pylist() for name in wanted]
            yield from (list(row) for row in zip(*columns, strict=True))
    except (OSError, ArrowException) as error:
        raise DataError(f"cannot read {path} as Parquet: {error}") from error


def _check_columns(there: Any, wanted: list[str], path: str) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}; it has {', '.join(map(str, there)) or 'none'}")
