"""The server's log: a line a request, for people or as JSON for programs."""

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any, Literal

Style = Literal["text", "json", "quiet"]
_LEVELS = {"text": logging.INFO, "json": logging.INFO, "quiet": logging.WARNING}


def start_logging(style: Style) -> None:
    """Send the logs of hqsam and uvicorn to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    for name in ("hqsam.serving", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(_LEVELS[style] if name == "hqsam.serving" else logging.WARNING)


class _Text(logging.Formatter):
    """Formats a record as text for people."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{datetime.now():%H:%M:%S} {record.getMessage()} {_one_line(facts)}{trace}".rstrip()


class _Json(logging.Formatter):
    """Formats a record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **_facts(record)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "facts", {})


def _one_line(text: str) -> str:
    """Replace unprintable characters: a path in a request may hold line breaks and escape sequences."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
