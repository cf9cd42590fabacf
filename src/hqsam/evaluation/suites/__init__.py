"""Evaluation suites: the table of the paper's data sets, and one reader for each layout of their files.

>>> from pathlib import Path
>>> from hqsam.evaluation.suites import find
>>> hq4 = find("hq4").open(Path("data"))    # DIS5K/ and thin_object_detection/ are in there
>>> for sample in hq4.samples:
...     masks = [target.truth for target in sample.targets()]
"""

import difflib

from hqsam.errors import OptionError
from hqsam.evaluation.suites.suite import MEAN, OpenSuite, Published, Split, Suite
from hqsam.evaluation.suites.table import ROWS

__all__ = ["MEAN", "SUITES", "OpenSuite", "Published", "Split", "Suite", "find"]

SUITES: dict[str, Suite] = {suite.name: suite for suite in ROWS}


def find(name: str) -> Suite:
    """Return a row of the table by its name.

    Raises:
        OptionError: there is none of that name; the message lists those there are.
    """
    if name not in SUITES:
        close = difflib.get_close_matches(name, SUITES, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise OptionError(f"there is no suite {name!r}{hint}; known: {', '.join(SUITES)}")
    return SUITES[name]
