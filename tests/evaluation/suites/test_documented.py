import re
from pathlib import Path

import pytest

from hqsam.evaluation.suites import MEAN, SUITES

PAGE = (Path(__file__).parents[3] / "docs/evaluation.md").read_text("utf-8")
ROWS = {
    row[0].strip(" `"): [cell.strip() for cell in row[1:]]
    for row in (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `"))
}


@pytest.mark.parametrize("name", SUITES)
def test_the_page_has_a_row_for_every_suite_with_its_own_numbers(name):
    suite = SUITES[name]
    images, measured, printed = ROWS[name][1], ROWS[name][3], ROWS[name][4:6]
    assert images == ("" if suite.expected is None else str(suite.expected))
    split = suite.splits[0].name if len(suite.splits) == 1 else MEAN
    for source, numbers in zip(("sam", suite.source), printed, strict=True):
        shown = [float(number) for number in numbers.split("/") if number.strip()]
        names = re.findall(r"J&F|mB?IoU|AP(?:_B(?:_strict)?)?", measured)[: len(shown)]
        known = [
            [one.scores.get(name) for name in names]
            for one in suite.published
            if one.split == split and one.source == source and one.prompt in ("box", "detector")
        ]
        assert not shown or shown in known


@pytest.mark.parametrize("name", SUITES)
def test_the_page_shows_every_layout(name):
    (line,) = re.findall(rf"^{name} +(\S.*)$", PAGE, re.MULTILINE)
    first = SUITES[name].splits[0]
    assert name == "hq4" or first.images.split("/")[0] in line
