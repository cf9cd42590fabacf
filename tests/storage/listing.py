from pathlib import Path


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())
