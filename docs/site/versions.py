"""Versions of the site live side by side, each in a folder of its own, with the list that the page's menu reads."""

import json
import shutil
from pathlib import Path

_HOME = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}/"><a href="{0}/">hqsam</a>\n'
)


def add(made: Path, site: Path, version: str) -> Path:
    """Move a built site into its folder, list it, and make it the one that opens first.

    Args:
        made: the built site.
        site: the folder of all versions.
        version: its name, such as 0.2.0; one of that name is replaced.

    Returns:
        The page that leads to it.
    """
    site.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(site / version, ignore_errors=True)
    shutil.move(made, site / version)
    others = sorted(folder.name for folder in site.iterdir() if folder.is_dir() and folder.name != version)
    listed = [{"version": name, "title": name, "aliases": []} for name in [version, *reversed(others)]]
    (site / "versions.json").write_text(json.dumps(listed, indent=1) + "\n", "utf-8")
    home = site / "index.html"
    home.write_text(_HOME.format(version), "utf-8")
    return home
