"""Tutorials are scripts in cells (`# %%`), as Jupytext knows them: run here, and made into pages and notebooks."""

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat

_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_INSTALL = "%pip install --quiet hqsam"


def run_all(scripts: Path, folder: Path) -> None:
    """Run every tutorial, and write its page, its notebook and its pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for script in sorted(scripts.glob("*.py")):
        (folder / f"{script.stem}.md").write_text(page(script, folder), "utf-8")
        nbformat.write(notebook(script), folder / f"{script.stem}.ipynb")


def page(script: Path, folder: Path) -> str:
    """Return a tutorial as Markdown, with what its cells print; the pictures that it shows are put into the folder."""
    with tempfile.TemporaryDirectory() as work:
        with in_folder(Path(work)):
            parts = list(_parts(script))
        for picture in _PICTURE.findall("\n".join(parts)):
            shutil.copy(Path(work, picture), folder)
    return "\n\n".join([*parts, f"This page is a notebook, too: [{script.stem}.ipynb]({script.stem}.ipynb).", ""])


def notebook(script: Path) -> Any:
    """Return a tutorial as a notebook (nbformat 4) for Jupyter and Colab; its first cell installs hqsam.

    Pictures are shown by their Markdown on the site alone, since a notebook makes them when it runs.
    """
    made = jupytext.read(script)
    made.cells.insert(1, nbformat.v4.new_code_cell(_INSTALL))
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("!["))
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def _parts(script: Path) -> Iterator[str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(jupytext.read(script).cells):
        if cell.cell_type != "code":
            yield cell.source
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(cell.source, f"{script}, cell {number}", "exec"), names)
        yield f"```python\n{cell.source}\n```"
        if printed.getvalue():
            yield f"```text\n{printed.getvalue().rstrip()}\n```"


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Work in another folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
