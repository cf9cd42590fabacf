"""Puts the pages of the site together: docs/ as it is, and the pages of the root that readers want."""

import os
import re
import shutil
from pathlib import Path, PurePosixPath

OF_THE_ROOT = {
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages of the repository's root, and their names in the site."""

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def collect(root: Path, folder: Path) -> None:
    """Copy all pages and their pictures into a folder, with links that hold there.

    Args:
        root: the repository.
        folder: where they go; it must not exist.
    """
    shutil.copytree(root / "docs", folder, ignore=shutil.ignore_patterns("*.py", "site", "__pycache__", "*.json"))
    for name, page in OF_THE_ROOT.items():
        shutil.copy(root / name, folder / page)
    pages = [page.relative_to(folder).as_posix() for page in folder.glob("**/*.md")]
    pages += [f"tutorials/{script.stem}.md" for script in (root / "docs" / "tutorials").glob("*.py")]
    for page in folder.glob("**/*.md"):
        name = page.relative_to(folder).as_posix()
        origin = next((of_root for of_root, own in OF_THE_ROOT.items() if own == name), f"docs/{name}")
        page.write_text(with_links_of_the_site(page.read_text("utf-8"), origin, set(pages)), "utf-8")


def with_links_of_the_site(text: str, origin: str, pages: set[str]) -> str:
    """Return a page's text with links to where its targets are in the site; links out of it become their text.

    >>> with_links_of_the_site("[a](docs/data.md#masks) [b](src/x.py)", "CONTRIBUTING.md", {"data.md"})
    '[a](data.md#masks) b'

    Args:
        text: Markdown.
        origin: the page's path in the repository, to which its links are relative.
        pages: the pages of the site, by their paths in it.
    """
    here = PurePosixPath(_in_site(origin)).parent

    def moved(link: re.Match[str]) -> str:
        target = _in_site(os.path.normpath(PurePosixPath(origin).parent / link["target"]))
        if target not in pages:
            return link["text"]
        return f"[{link['text']}]({os.path.relpath(target, here)}{link['anchor'] or ''})"

    return _LINK.sub(moved, text)


def _in_site(path: str) -> str:
    """Return a path of the repository as a path of the site; a tutorial's script is its page there."""
    if path == "README.md":
        return "index.md"
    own = OF_THE_ROOT.get(path, path.removeprefix("docs/"))
    return f"{own.removesuffix('.py')}.md" if own.startswith("tutorials/") else own
