"""Files of tests that have a process of their own, because what they load may end the one that it is in."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def assert_passes_alone(file: Path) -> None:
    """Run the tests of a file, whose name is no test's, in a new process; what it says is the error."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"pytest ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert " passed" in done.stdout
