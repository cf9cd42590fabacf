"""Folders that are written whole or not at all, through a temporary folder beside the target; and scratch folders."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hqsam.storage.atomic import output_error, path_beside, remove_tree, sweep


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`, which takes the place of `path` when the block succeeds.

    Folders around it are created. A process that is killed leaves the old folder, and the next one that writes here
    removes the abandoned temporary one.

    Raises:
        OutputError: the folder cannot be written; what `path` held before is untouched.
    """
    path = Path(path)
    old = path_beside(path)
    with scratch_folder(path) as fresh:
        yield fresh
        try:
            if path.exists():
                path.rename(old)
            fresh.rename(path)
        except OSError as error:
            if old.exists() and not path.exists():
                old.rename(path)
            raise output_error(path, error) from error
        finally:
            remove_tree(old)


@contextmanager
def scratch_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder beside `path` for files that are needed on the way, and remove it with all in it.

    Folders around it are created. That of a process which is killed is removed by the next one that writes here.

    Raises:
        OutputError: the folder cannot be made.
    """
    path = Path(path)
    folder = path_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent.absolute())
        folder.mkdir()
    except OSError as error:
        raise output_error(path, error) from error
    try:
        yield folder
    finally:
        remove_tree(folder)
