"""Times and memory. Implementations take turns within one run, so that a busy machine slows all of them alike."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.implementations import IMPLEMENTATIONS
from hqsam.hardware import cpu_features

_ROOT = Path(__file__).parent.parent

Seconds = dict[str, list[float]]
"""Seconds of each repetition, by task."""


class TaskRunner(Protocol):
    """Does tasks, and returns the seconds of each repetition."""

    def do(self, task: str, **settings: int) -> list[float]: ...


@dataclass(frozen=True)
class Setup:
    """Model, device, files and interpreter that implementations run with."""

    model: str
    device: str
    files: dict[str, Path]
    """The model's checkpoint by suffix."""
    peers_python: str
    """The interpreter of the environment in which the peers are installed."""
    busy: bool = False
    """The machine is shared: measure the processor's seconds of one thread, which other work lengthens little."""

    def installed(self, name: str) -> bool:
        """Return True if the implementation is installed and has the model, and the machine has what it needs."""
        row = IMPLEMENTATIONS[name]
        if row.needs and (self.device != "cpu" or row.needs not in cpu_features()):
            return False
        wanted = (row.package, *row.also)
        asked = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(each) for each in {wanted!r}))"
        return self.model in row.models and subprocess.run([self.python(name), "-c", asked]).returncode == 0

    def python(self, name: str) -> str:
        return sys.executable if IMPLEMENTATIONS[name].is_ours else self.peers_python


class WorkerProcess:
    """An implementation in a process of its own."""

    def __init__(self, name: str, setup: Setup, threads: int | None = None) -> None:
        self._name = f"{name} with {setup.model}"
        file = setup.files.get(IMPLEMENTATIONS[name].suffix or "", Path("-"))
        command = [setup.python(name), "-m", "benchmarks.worker", name, setup.model, setup.device, str(file)]
        environment = dict(os.environ) | {"PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}"}
        if not IMPLEMENTATIONS[name].is_ours:
            environment["PYTHONWARNINGS"] = "ignore"  # peers say on import what is no concern of the reader's
        if setup.busy:
            environment |= {"BENCHMARK_CLOCK": "processor", "OMP_NUM_THREADS": "1"}
        elif threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=_ROOT
        )
        try:
            self.start: dict[str, Any] = self._answer()
            """Seconds to import and to load, and bytes after that."""
        except BaseException:
            self.close()
            raise

    def do(self, task: str, **settings: int) -> list[float]:
        return self._ask(task, settings)

    def memory(self) -> dict[str, int]:
        """Return the bytes that it holds now, and held at most."""
        return self._ask("memory", {})

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _ask(self, task: str, settings: dict[str, int]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task, **settings}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended; what it said is above")
        return json.loads(line)


@contextlib.contextmanager
def worker_processes(names: Sequence[str], setup: Setup) -> Iterator[dict[str, WorkerProcess]]:
    """Start a process for each implementation, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name in names:
            started[name] = stack.enter_context(contextlib.closing(WorkerProcess(name, setup)))
        yield started


def measure_in_turns(
    runners: dict[str, TaskRunner], tasks: dict[str, dict[str, int]], rounds: int, warm: bool = True
) -> dict[str, Seconds]:
    """Let each do the tasks that it can do, in rounds of changing order; if `warm`, a first round is not counted."""
    times: dict[str, Seconds] = {name: {} for name in runners}
    for number in range(rounds + warm):
        order = list(runners)
        first = number % len(order) if order else 0
        order = order[first:] + order[:first]
        for name in order:
            for task, settings in tasks.items():
                if task in IMPLEMENTATIONS[name].tasks:
                    seconds = runners[name].do(task, **settings)
                    if number >= warm:
                        times[name].setdefault(task, []).extend(seconds)
    return times
