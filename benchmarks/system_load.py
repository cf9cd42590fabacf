"""Load by other programs while something is measured: a time is worth less if there was any."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STAT = Path("/proc/stat")
_BUSY = slice(1, 4)
"""The columns user, nice and system, of all processors together."""


def with_system_load(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the work's result, and the mean cores that other processes used meanwhile; None where that is unknown."""
    started, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    result = work()
    seconds = time.perf_counter() - started
    if busy is None:
        return result | {"others_cores": None}
    others = (_busy_seconds() or 0) - busy - (_own_seconds() - own)
    return result | {"others_cores": round(max(0.0, others / seconds), 2)}


def _busy_seconds() -> float | None:
    if not _STAT.exists():
        return None
    return sum(map(int, _STAT.read_text().split("\n", 1)[0].split()[_BUSY])) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Return the processor's seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
