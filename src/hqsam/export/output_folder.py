"""The folder of an export: which folders are free for one, and how what was made takes its place as a whole."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from hqsam import storage
from hqsam.errors import OptionError

README = "README.md"

_MARK = "Written by hqsam "


def check_free(folder: Path, mark: str) -> None:
    """Refuse a folder with files in it, unless an earlier export of the same kind wrote it.

    Args:
        folder: the folder, which need not exist.
        mark: a file that every export of this kind has, relative to the folder.

    Raises:
        OptionError: it is a file, or holds other files.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder} is a file; name a folder")
    strangers = visible_names(folder)
    if strangers and not ((folder / mark).is_file() and _says_so(folder / README)):
        raise OptionError(
            f"{folder} holds other files ({', '.join(strangers[:3])}); name an empty folder, or one that the same "
            "export wrote"
        )


def visible_names(folder: Path) -> list[str]:
    """Return the names in a folder, in order, without hidden ones; none if there is no folder."""
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith(".")) if folder.is_dir() else []


@contextmanager
def export_folder(folder: Path, earlier: Collection[str] = ()) -> Iterator[Path]:
    """Yield an empty folder to write into. Without an error, all in it takes its place in `folder`, else nothing does.

    Args:
        folder: the folder of the export; what else is in it stays.
        earlier: names that an earlier export may have written, which go, besides those of what is made.

    Raises:
        OutputError: something cannot be written or moved; then `folder` is as it was.
    """
    with storage.scratch_folder(folder / "export") as fresh:
        yield fresh
        _publish(fresh, folder, {*earlier, *visible_names(fresh)})


def _publish(fresh: Path, folder: Path, replaced: set[str]) -> None:
    with storage.scratch_folder(folder / "before") as before:
        try:
            for name in replaced.intersection(visible_names(folder)):
                storage.move_into_place(folder / name, before / name)
            for made in sorted(fresh.iterdir(), key=lambda file: (file.name == README, file.name)):
                storage.move_into_place(made, folder / made.name)
        except BaseException:
            for old in before.iterdir():
                storage.remove_tree(folder / old.name)
                storage.move_into_place(old, folder / old.name)
            raise


def _says_so(readme: Path) -> bool:
    try:
        return _MARK in readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
