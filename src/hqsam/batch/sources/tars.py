"""Images in tars, as WebDataset has them: members of one name are one sample, 0001.jpg and 0001.json.

A tar's headers are read once; later each image is read from its place in the file, so workers need no order.
"""

import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from hqsam.batch.files import file_system, is_url, reason_of
from hqsam.batch.items import Blob, Item
from hqsam.errors import DataError, InputError
from hqsam.images.image_info import is_image_name


def find(path: str, with_prompts: bool) -> list[Item]:
    """Return the images of a tar in its order, named TAR/MEMBER; with the JSON of the same name as prompts.

    Raises:
        DataError: it cannot be read, or is compressed.
        InputError: there is no image in it.
    """
    place = path if is_url(path) else str(Path(path).absolute())
    try:
        with _open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            members = {member.name: Blob(place, member.offset_data, member.size) for member in tar if member.isfile()}
    except (OSError, tarfile.TarError, ValueError) as error:
        raise DataError(
            f"cannot read {path} as a tar: {reason_of(error)}; it has to be a plain .tar, not a compressed one"
        ) from error
    folder = PurePosixPath(path.partition("?")[0]).stem
    prompts = {_key(name): blob for name, blob in members.items() if name.endswith(".json")}
    found = [name for name in members if is_image_name(PurePosixPath(name).name)]
    if not found:
        raise InputError(f"there is no image in {path}")
    return [
        Item(f"{folder}/{name}", members[name], prompts.get(_key(name), ()) if with_prompts else None) for name in found
    ]


def _key(name: str) -> str:
    """Return a sample's name: the path up to the first dot of the last part."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.partition('.')[0]}"


def _open(path: str) -> Any:
    if is_url(path):
        files, inside = file_system(path)
        return files.open(inside, "rb")
    return Path(path).absolute().open("rb")
