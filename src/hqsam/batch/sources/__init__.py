"""Find the images of a batch job, by what is named: folders, patterns, lists, COCO files, tables, tars, URLs."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from hqsam.batch.files import is_url
from hqsam.batch.items import Blob, Item
from hqsam.batch.prompts import with_detections
from hqsam.batch.sources import coco, paths, tables, tars
from hqsam.errors import DataWarning, InputError, OptionError
from hqsam.storage.file_names import comparable_name
from hqsam.storage.text import escape_surrogates

_TABLES = (".csv", ".parquet", ".pq")
_LISTS = (".txt", ".lst")


def find_items(asked: Sequence[str], prompts: str, images: str | None = None, image_column: str = "path") -> list[Item]:
    """Find all images of a job with their prompts, in an order that depends on nothing else.

    Args:
        asked: folders, patterns, images, lists of paths (.txt), COCO files (.json), tables (.csv, .parquet), WebDataset
            tars (.tar), local or as URLs that fsspec knows.
        prompts: "everything" or "text", for which images need none; "beside", a JSON of the image's name beside it;
            "annotations", the boxes of the COCO file itself; "column:NAME" of a table; or a COCO results file.
        images: the folder or URL that names in lists, COCO files and tables are in; by default that of the file.
        image_column: the column of a table with the images' paths.

    Raises:
        InputError: there is no image; two images have one name.
        DataError: a file is not what its suffix says, or the prompts are of other images.
        OptionError: the prompts are of a kind that the input does not have.
        MissingExtra: a table or URL needs hqsam[batch].
    """
    items: list[Item] = []
    classes: dict[int | str, str] = {}
    for one in asked:
        items += _expand(one, prompts, images, image_column, classes)
    items = _each_once([_named_as_text(item) for item in items])
    if not items:
        raise InputError(f"there is no image in {', '.join(asked)}")
    if prompts in ("everything", "text", "annotations") or prompts.startswith("column:"):
        return items
    if prompts == "beside":
        return [item if item.prompts is not None else replace(item, prompts=_beside(item)) for item in items]
    return with_detections(items, prompts, classes)


def _expand(
    asked: str, prompts: str, images: str | None, image_column: str, classes: dict[int | str, str]
) -> list[Item]:
    suffix = PurePosixPath(asked.partition("?")[0]).suffix.lower()
    column = prompts.partition(":")[2] if prompts.startswith("column:") else None
    if Path(asked).is_dir():
        suffix = ""
    if column is not None and suffix not in _TABLES:
        raise OptionError(f"--prompts {prompts} is a column of a table, and {asked} is none; give a .csv or .parquet")
    if prompts == "annotations" and suffix != ".json":
        raise OptionError(f"--prompts annotations are those of a COCO file, and {asked} is none")
    if suffix == ".tar":
        return tars.find(asked, with_prompts=prompts == "beside")
    if suffix == ".json":
        items, names = coco.find(asked, images, with_boxes=prompts == "annotations")
        classes.update(names)
        return items
    if suffix in _TABLES:
        return tables.find(asked, images, image_column, column)
    if suffix in _LISTS:
        return paths.find_in_list(asked, images)
    return paths.find(asked)


def _named_as_text(item: Item) -> Item:
    """Return the item under a name that files of results can have: bytes that are no UTF-8 are escaped in it."""
    name = escape_surrogates(item.name)
    return item if name == item.name else replace(item, name=name)


def _each_once(items: list[Item]) -> list[Item]:
    """Return the items without those that are just the same.

    Raises:
        InputError: two images would have one name in the results.
    """
    seen: dict[str, Item] = {}
    twice = 0
    for item in items:
        other = seen.setdefault(comparable_name(item.name), item)
        if other is item:
            continue
        if other != item:
            raise InputError(
                f"two images have the name {item.name!r}: {other.image.url} and {item.image.url} (or it is named "
                "twice with other prompts); name the folder that both are in, or run them by themselves"
            )
        twice += 1
    if twice:
        warnings.warn(DataWarning(f"{twice} images that are named twice are done once"), stacklevel=3)
    return list(seen.values())


def _beside(item: Item) -> Blob:
    """Return the JSON of the image's name, in its folder."""
    url = item.image.url
    name = url.rpartition("/")[2] if is_url(url) else Path(url).name
    return Blob(f"{url[: len(url) - len(name)]}{PurePosixPath(name).stem}.json")
