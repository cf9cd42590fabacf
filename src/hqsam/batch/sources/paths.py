"""Images named one by one, in a list, by a folder or by a pattern; local or behind a URL."""

from glob import has_magic
from pathlib import Path, PurePosixPath

from hqsam.batch.files import file_system, is_url, read_bytes, reason_of
from hqsam.batch.inputs import find_images
from hqsam.batch.items import Blob, Item
from hqsam.errors import DataError, InputError
from hqsam.images.image_info import is_image_name


def find(asked: str) -> list[Item]:
    """Return the images of a folder, pattern or name, in the order of their names.

    Raises:
        InputError: there is none.
        DataError: the store behind the URL cannot be listed.
    """
    if is_url(asked):
        return _find_behind_url(asked)
    return [Item(image.inside.as_posix(), Blob(str(image.path.absolute()))) for image in find_images([asked]).images]


def find_in_list(path: str, images: str | None) -> list[Item]:
    """Return the images that a text file names, one a line; `images` is the folder that relative names are in."""
    text = read_bytes(Blob(path)).decode("utf-8-sig", "surrogateescape")
    names = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError(f"{path} names no image; give a path or URL on each line")
    return [named(name, images if images is not None else folder_of(path)) for name in names]


def named(name: str, folder: str) -> Item:
    """Return the item of a path or URL that a list or table has; relative ones are in the folder."""
    if is_url(name):
        return Item(name.partition("://")[2].partition("?")[0], Blob(name))
    if Path(name).is_absolute():
        return Item(Path(name).as_posix().lstrip("/"), Blob(name))
    url = f"{folder.rstrip('/')}/{name}" if is_url(folder) else str((Path(folder) / name).absolute())
    return Item(PurePosixPath(name.replace("\\", "/")).as_posix(), Blob(url))


def folder_of(path: str) -> str:
    """Return the folder of a path or URL."""
    return path.rpartition("/")[0] if is_url(path) else str(Path(path).absolute().parent)


def _find_behind_url(asked: str) -> list[Item]:
    files, path = file_system(asked)
    if is_image_name(PurePosixPath(path).name) and not has_magic(path):
        return [Item(PurePosixPath(path).name, Blob(asked))]
    try:
        listed = files.glob(path) if has_magic(path) else files.find(path)
    except Exception as error:  # each kind of store has errors of its own
        raise DataError(f"cannot list {asked}: {reason_of(error)}") from error
    root = path.partition("*")[0].rpartition("/")[0] if has_magic(path) else path.rstrip("/")
    found = sorted(str(name) for name in listed if is_image_name(PurePosixPath(str(name)).name))
    if not found:
        raise InputError(f"there is no image in {asked}; images are known by their suffix, such as .jpg or .png")
    return [Item(name[len(root) :].lstrip("/"), Blob(files.unstrip_protocol(name))) for name in found]
