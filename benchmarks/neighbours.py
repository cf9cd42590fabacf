"""How busy everybody else kept the machine while something was measured: a time is worth less if they did."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STAT = Path("/proc/stat")
_BUSY = slice(1, 4)
"""The columns user, nice and system, of all processors together."""


def watched(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Its result, and the cores that other processes used on average meanwhile; None where the system does not tell."""
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
    """This process's and those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
