"""Every check of this repository, in one command: `python -m tests` (or `make test`).

Arguments go to pytest: `python -m tests -k rle` runs the other checks and only those tests.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(sys.executable).parent

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["basedpyright", "--pythonpath", sys.executable, "--level", "error"],
    "import layers": ["lint-imports"],
    # A worker that has nothing left takes over some of the other's.
    "tests": ["pytest", "-n", "2", "--dist", "worksteal", "-q"],
}


def main() -> int:
    # Each pytest worker computes on one thread: two of them with two threads each would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A worker runs thousands of tests of all sizes; what one of them frees must be there for the other worker's.
    os.environ.setdefault("HQSAM_KEEP_MEMORY", "0")
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    sys.stdout.write(f"\nfailed: {', '.join(failed)}\n" if failed else "\neverything passed\n")
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    program, *arguments = command
    if name == "tests":
        arguments += sys.argv[1:]
    started = time.monotonic()
    sys.stdout.write(f"\n== {name}: {' '.join([program, *arguments])}\n")
    sys.stdout.flush()
    finished = subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    sys.stdout.write(
        f"== {name}: {'ok' if finished.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s\n"
    )
    return finished.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
