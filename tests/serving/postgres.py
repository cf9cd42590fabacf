"""A PostgreSQL of the test's own: a new cluster in a folder, on a socket, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import needs

_USER = "postgres"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    programs = needs.program("initdb", install="apt-get install postgresql", beside="/usr/lib/postgresql/*/bin")
    folder = Path(tempfile.mkdtemp(prefix="hqsam-pg-"))
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user = {"user": _USER} if os.name == "posix" and os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, _USER)

    def run(name: str, *words: str) -> None:
        command = [str(programs / name), *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **user)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "hqsam", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c shared_buffers=16MB"
        run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql://hqsam@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
