"""The command line prints what Label Studio has to be told, and that is what opens the server."""

import base64
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing

from tests.nano import nano_file


def test_the_line_that_the_command_prints_is_the_way_in(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = ["serve", "--data", str(tmp_path / "data"), "--port", port, "--no-browser", "--label-studio"]
    command = [sys.executable, "-c", "from hqsam.cli import main; main()", *words, "--model", str(nano_file(tmp_path))]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HQSAM_OFFLINE": "1", "HQSAM_DATA": str(tmp_path / "user")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = ""
        while "Label Studio" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        line = r"Label Studio: backend URL http://127\.0\.0\.1:(\d+), user (\S+), password (\S+)"
        found, user, password = re.search(line, said).groups()
        assert found == port
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        assert status(port, {"Authorization": f"Basic {basic}"}) == 200
        assert status(port, {}) == 401
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def status(port, headers):
    """The status of /health."""
    with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)) as connection:
        connection.request("GET", "/health", headers=headers)
        return connection.getresponse().status
