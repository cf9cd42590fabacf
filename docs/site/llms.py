"""Writes llms.txt, the list of pages for programs that read, and llms-full.txt, all of them in one file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_HEAD = "# hqsam\n\n> Pixel-accurate masks from a click, a box or a rough mask: Segment Anything in High Quality.\n"


def write(config: Path, pages: Path) -> None:
    """Write both files beside the pages.

    Args:
        config: mkdocs.yml, whose `nav` has the pages and their order.
        pages: the folder of the site's pages.
    """
    lines, texts = [_HEAD], [_HEAD]
    for title, page in _entries(_load(config)["nav"]):
        if page is None:
            lines.append(f"\n## {title}\n")
            continue
        lines.append(f"- [{title}]({page})")
        texts.append((pages / page).read_text("utf-8"))
    (pages / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (pages / "llms-full.txt").write_text("\n\n".join(texts), "utf-8")


def _entries(nav: list[dict[str, Any]]) -> Iterator[tuple[str, str | None]]:
    """Yield titles with their page, or None for the title of a section."""
    for entry in nav:
        for title, target in entry.items():
            if isinstance(target, str):
                yield title, target
            else:
                yield title, None
                yield from _entries(target)


def _load(config: Path) -> dict[str, Any]:
    """Read mkdocs.yml; tags that name Python objects, which MkDocs knows, are not needed here."""
    return yaml.safe_load(config.read_text("utf-8"))
