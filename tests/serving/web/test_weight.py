"""What the page weighs, and that it asks nobody else for anything."""

import gzip
import re
from pathlib import Path

import hqsam.serving

PAGE = Path(hqsam.serving.__file__).parent / "web"


LATER = [PAGE / "sequence", PAGE / "words"]
"""Loaded only where the server has sequences, or a detector."""


def files() -> list[Path]:
    return [path for path in PAGE.rglob("*") if path.is_file()]


def test_all_of_it_is_smaller_than_a_photo():
    first = [path for path in files() if not set(LATER) & set(path.parents)]
    whole = sum(path.stat().st_size for path in first)
    packed = sum(len(gzip.compress(path.read_bytes())) for path in first)
    assert whole < 233_000
    assert packed < 85_000


def test_what_is_loaded_later_is_small_and_nothing_else_imports_it():
    assert sum(path.stat().st_size for folder in LATER for path in folder.iterdir()) < 18_100
    importing = [
        path.relative_to(PAGE).as_posix()
        for path in files()
        if not set(LATER) & set(path.parents)
        and re.search(r"^import .*(sequence|words)/", path.read_text(encoding="utf-8"), re.M)
    ]
    assert importing == []


def test_nothing_comes_from_elsewhere():
    elsewhere = [
        (path.name, found)
        for path in files()
        for found in re.findall(r"https?://[^\s\"')]+", path.read_text(encoding="utf-8"))
        if found != "http://www.w3.org/2000/svg"  # a name, not an address
    ]
    assert elsewhere == []


def test_there_is_no_script_or_style_in_the_html():
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)


def test_files_stay_small_enough_to_read():
    long = [path.name for path in files() if path.suffix == ".js" and len(path.read_text().splitlines()) > 250]
    assert long == []
