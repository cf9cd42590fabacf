"""An extension of Griffe, which reads docstrings for the API reference: lines of `>>>` become blocks of Python."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?:^[ ]*(?:>>>|\.\.\.) .*\n?)+", re.MULTILINE)


class Doctests(griffe.Extension):
    """Fences examples, which are within sentences and not in a section of their own."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a module, class or function as it is read."""
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    indent = re.match(" *", example[0])[0]
    lines = [f"{indent}```pycon", *example[0].rstrip("\n").split("\n"), f"{indent}```", ""]
    return "\n".join(lines)
