"""The code in our documents: fenced blocks of Markdown, each with the comment above it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"(?:^<!-- *(?P<comment>(?:not run|needs a download): .*?) *-->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: str
    line: int
    language: str
    code: str
    reason_not_to_run: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """Of a shell block, the words of each command."""
        lines = self.code.replace("\\\n", " ").splitlines()
        commands = (shlex.split(line.removeprefix("$ "), comments=True) for line in lines)
        return [words for words in commands if words]


def blocks_of(document: Path, languages: tuple[str, ...]) -> Iterator[Block]:
    """The blocks in those languages, in order."""
    text = document.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found["language"] in languages:
            line = text.count("\n", 0, found.start("code"))
            yield Block(document.name, line, found["language"], found["code"], found["comment"] or "")


def documents() -> list[Path]:
    """README.md and all below docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
