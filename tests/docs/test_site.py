"""The site: links that hold there, lists of pages, versions side by side, and a build without a warning."""

import json
import subprocess
import sys

import pytest

from docs.site import versions
from docs.site.pages import with_links_of_the_site
from tests import needs
from tests.docs.blocks import ROOT

PAGES = {"index.md", "data.md", "contributing.md", "tutorials/first_mask.md"}


@pytest.mark.parametrize(
    ("text", "origin", "expected"),
    [
        ("[a](docs/data.md#masks)", "CONTRIBUTING.md", "[a](data.md#masks)"),
        ("[a](../README.md)", "docs/data.md", "[a](index.md)"),
        ("[a](tutorials/first_mask.py)", "docs/index.md", "[a](tutorials/first_mask.md)"),
        ("[a](../../CONTRIBUTING.md)", "docs/tutorials/first_mask.md", "[a](../contributing.md)"),
        ("[code](../src/hqsam/cli)", "docs/data.md", "code"),
        ("[a](https://a.org/x.md) ![p](images/p.jpg)", "docs/data.md", "[a](https://a.org/x.md) ![p](images/p.jpg)"),
    ],
)  # fmt: skip
def test_links_lead_to_where_their_targets_are_in_the_site(text, origin, expected):
    assert with_links_of_the_site(text, origin, PAGES) == expected


def test_versions_live_side_by_side_and_the_last_one_opens_first(tmp_path):
    for version in ("0.1.0", "0.2.0", "0.2.0"):
        made = tmp_path / "made"
        made.mkdir()
        (made / "index.html").write_text(version)
        home = versions.add(made, tmp_path / "site", version)
    assert [one["version"] for one in json.loads((tmp_path / "site" / "versions.json").read_text())] == [
        "0.2.0",
        "0.1.0",
    ]
    assert "url=0.2.0/" in home.read_text() and (tmp_path / "site" / "0.1.0" / "index.html").read_text() == "0.1.0"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    needs.package("mkdocs", install="pip install 'hqsam[docs]'")
    command = [sys.executable, "-m", "docs.site", "--out", str(tmp_path), "--version", "test"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=900)
    site = tmp_path / "test"
    assert {"index.html", "reference.html", "llms.txt", "llms-full.txt", "search"} <= {
        path.name for path in site.iterdir()
    }
    listed = (site / "llms.txt").read_text()
    assert "(tutorials/first_mask.md)" in listed and "hqsam.load" in (site / "reference.html").read_text()
    assert "fonts.googleapis" not in (site / "index.html").read_text()
