"""Mark folders of results, so that a later walk does not take results for images to work on."""

from pathlib import Path

from hqsam.storage.atomic import write_text

MARK = ".hqsam-results"
_WORDS = "hqsam writes its results into this folder, and leaves it out when it looks for images in folders above.\n"


def mark_results(folder: Path) -> None:
    """Mark a folder that is new or empty, and made if need be. Others may hold somebody's images.

    Raises:
        OutputError: it cannot be written.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        write_text(folder / MARK, _WORDS)


def holds_results(folder: Path) -> bool:
    """Return True for a folder that was marked."""
    return (folder / MARK).is_file()
