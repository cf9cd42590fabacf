"""The JSON file of measurements: the machine and versions in it, and its summary for a terminal."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

import hqsam
from benchmarks import tables
from hqsam import hardware

Report = dict[str, Any]

_PEERS = ("torch", "segment-anything-hq", "transformers", "openvino")


def read(path: Path) -> Report:
    """Read what was measured before; an empty report where there is no file."""
    return json.loads(path.read_text()) if path.exists() else {"models": {}}


def surroundings(device: str, peers_python: str) -> Report:
    """Return the machine, and the versions of what is measured on it."""
    ours = {
        "hqsam": hqsam.__version__,
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
    }
    machine = {key: value for key, value in hardware.report().items() if key != "memory"}
    return {
        "device": device,
        "weights": "random",
        "versions": ours,
        "peers": _versions(peers_python),
        "machine": machine,
    }


def summary(report: Report) -> Group:
    """Return the tables for a terminal."""
    return Group(*(_rich(title, rows) for title, rows in tables.all_tables(report) if len(rows) > 1))


def _versions(python: str) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, sys\n"
        "known = {d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: known[n] for n in sys.argv[1:] if n in known}))"
    )
    answer = subprocess.run([python, "-c", code, *_PEERS], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def _rich(title: str, rows: list[list[str]]) -> Table:
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows[1:]:
        table.add_row(*row)
    return table
