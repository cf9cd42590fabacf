"""Times and memory. Contestants take turns within one run, so that a busy machine is unfair to all of them alike."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.contestants import FIELD
from hqsam.hardware import cpu_features

_ROOT = Path(__file__).parent.parent

Seconds = dict[str, list[float]]
"""By task, one entry a repetition."""


class Racer(Protocol):
    """Whoever does tasks and says how many seconds each repetition took."""

    def do(self, task: str, **settings: int) -> list[float]: ...


@dataclass(frozen=True)
class Place:
    """Where contestants run."""

    model: str
    device: str
    files: dict[str, Path]
    """The model's checkpoint by suffix."""
    peers_python: str
    """The interpreter of the environment in which the peers are installed."""
    busy: bool = False
    """Others work on the machine: measure the processor's seconds of one thread, which that lengthens little."""

    def installed(self, name: str) -> bool:
        """Whether the contestant's package is there and has the model, and the machine has what it needs."""
        entry = FIELD[name]
        if entry.needs and (self.device != "cpu" or entry.needs not in cpu_features()):
            return False
        asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({entry.package!r}) is None)"
        return self.model in entry.models and subprocess.run([self.python(name), "-c", asked]).returncode == 0

    def python(self, name: str) -> str:
        return sys.executable if FIELD[name].is_ours else self.peers_python


class Contender:
    """A contestant in a process of its own."""

    def __init__(self, name: str, place: Place, threads: int | None = None) -> None:
        self._name = f"{name} with {place.model}"
        file = place.files.get(FIELD[name].suffix or "", Path("-"))
        command = [place.python(name), "-m", "benchmarks.worker", name, place.model, place.device, str(file)]
        environment = dict(os.environ) | {"PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}"}
        if not FIELD[name].is_ours:
            environment["PYTHONWARNINGS"] = "ignore"  # peers say on import what is no concern of the reader's
        if place.busy:
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
        """Bytes now, and at most so far."""
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
def contenders(names: Sequence[str], place: Place) -> Iterator[dict[str, Contender]]:
    """All of them, started; ended when it is over."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name in names:
            started[name] = stack.enter_context(contextlib.closing(Contender(name, place)))
        yield started


def race(
    racers: dict[str, Racer], tasks: dict[str, dict[str, int]], rounds: int, warm: bool = True
) -> dict[str, Seconds]:
    """Rounds in which each does the tasks that it can do, in changing order; if `warm`, a first one is not counted."""
    times: dict[str, Seconds] = {name: {} for name in racers}
    for turn in range(rounds + warm):
        order = list(racers)
        order = order[turn % len(order) :] + order[: turn % len(order)]
        for name in order:
            for task, settings in tasks.items():
                if task in FIELD[name].tasks:
                    seconds = racers[name].do(task, **settings)
                    if turn >= warm:
                        times[name].setdefault(task, []).extend(seconds)
    return times
