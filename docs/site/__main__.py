"""Builds the site: `make docs`, or `python -m docs.site`. It needs no network, and a warning ends it.

The pages of docs/, those of the root that readers want, and the tutorials, which are run here and illustrated by their
own pictures, are put together in build/docs. MkDocs makes a site of them by mkdocs.yml; Zensical can, too.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site import llms, pages, tutorials, versions
from hqsam.version import __version__

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the folder of all versions")
    parser.add_argument("--version", default=__version__, help="the version's name: its folder in there")
    parser.add_argument("--builder", choices=["mkdocs", "zensical"], default="mkdocs", help="who makes the HTML")
    options = parser.parse_args()
    staged, made = ROOT / "build" / "docs", ROOT / "build" / "html"
    for folder in (staged, made):
        shutil.rmtree(folder, ignore_errors=True)
    pages.collect(ROOT, staged)
    tutorials.run_all(ROOT / "docs" / "tutorials", staged / "tutorials")
    llms.write(ROOT / "mkdocs.yml", staged)
    command = [sys.executable, "-m", options.builder, "build", "--strict"]
    subprocess.run(command, cwd=ROOT, check=True)
    print(f"open {versions.add(made, options.out, options.version)}")


if __name__ == "__main__":
    main()
