"""Recognise folders of our results, so that a walk does not take what is in them for images to work on."""

from pathlib import Path

MARK = ".hqsam-results"
"""An empty file of this name in any folder has it left out, too."""

_RUN_FILES = ("metrics.jsonl", "data.json", "report.json", "records-1-of-1.jsonl")


def holds_results(folder: Path) -> bool:
    """Return True for a folder of a training or an evaluation, and for one that was marked."""
    if (folder / "run.json").is_file():
        return any((folder / name).is_file() for name in _RUN_FILES)
    return (folder / MARK).is_file()
