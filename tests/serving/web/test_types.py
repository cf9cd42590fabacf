"""The types in the page's comments, checked by TypeScript."""

import subprocess
from pathlib import Path

from tests import needs

CONFIG = Path(__file__).with_name("tsconfig.json")


def test_every_call_on_the_page_has_the_types_that_it_says():
    tsc = needs.program("tsc", install="npm install --global typescript") / "tsc"
    checked = subprocess.run([tsc, "--project", CONFIG], capture_output=True, text=True)
    assert checked.stdout == ""
    assert checked.returncode == 0
