"""The mark `own_process`: a file's tests that have it run in one pytest of their own, a child of this one.

Its memory ends with it, and if it dies, a test has failed, with what it said: without it, a whole worker would be lost.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import IO, Any

import pytest

_LINK = "HQSAM_TESTS_LINK"
_link_here = os.environ.pop(_LINK, None)
"""In a child: the file descriptor of its end of the link."""
_SECONDS_TO_END = 60
_next_item = pytest.StashKey["pytest.Item | None"]()
_child = pytest.StashKey["_Child"]()
_said: list[tuple[str, str]] = []
"""In a child: outcome and text of each report of the test that runs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give these tests no fixtures here; they have them in the child."""
    for item in items:
        if _runs_apart(item) and isinstance(item, pytest.Function):
            item.fixturenames = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep what comes next, and end a child whose file is done."""
    item.stash[_next_item] = nextitem
    if _child in item.config.stash and item.config.stash[_child].file != _file(item):
        _end_child(item.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    _end_child(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Let the child run the test, and have its outcome here."""
    if not _runs_apart(pyfuncitem):
        return None
    config, following = pyfuncitem.config, pyfuncitem.stash[_next_item]
    if _child not in config.stash:
        config.stash[_child] = _Child.started(pyfuncitem)
    child = config.stash[_child]
    goes_on = following is not None and _file(following) == child.file
    outcomes = child.outcomes(pyfuncitem.nodeid, following.nodeid if goes_on and following else None)
    if not goes_on or not child.is_running:
        _end_child(config)
    _take_over(outcomes)
    return True


def _file(item: pytest.Item) -> str | None:
    """Return the file whose child runs a test; None for one that runs here."""
    alone = item.get_closest_marker("own_process") and _link_here is None and sys.platform != "win32"
    return str(item.path) if alone else None


def _runs_apart(item: pytest.Item) -> bool:
    return _file(item) is not None and not item.get_closest_marker("skip")


def _end_child(config: pytest.Config) -> None:
    if _child in config.stash:
        config.stash[_child].end()
        del config.stash[_child]


def _take_over(outcomes: list[tuple[str, str]]) -> None:
    failures = [text for outcome, text in outcomes if outcome == "failed"]
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
    for outcome, text in outcomes:
        if outcome == "skipped":
            pytest.skip(text)


@dataclass
class _Child:
    file: str
    process: "subprocess.Popen[bytes]"
    link: "Connection[Any, Any]"
    output: IO[bytes] = field(repr=False)

    @classmethod
    def started(cls, item: pytest.Item) -> "_Child":
        ours, theirs = Pipe()
        output = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(item.path)]
        command += ["-m", item.config.option.markexpr] if item.config.option.markexpr else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        process = subprocess.Popen(
            command, cwd=item.config.rootpath, env=environment | {_LINK: str(theirs.fileno())},
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        theirs.close()
        return cls(str(item.path), process, ours, output)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def outcomes(self, test: str, following: str | None) -> list[tuple[str, str]]:
        """Run one test, and say which comes next: what both share is kept until then."""
        begin = self._said_bytes()
        try:
            self.link.send((test, following))
            while not self.link.poll(1) and self.is_running:  # a fork of the child may keep its end open
                pass
            if not self.link.poll(0):
                raise EOFError
            found = self.link.recv()
        except (EOFError, OSError):
            found = [("failed", f"the process of this test ended with {self.process.wait(_SECONDS_TO_END)}")]
        if any(outcome == "failed" for outcome, _ in found):  # read without moving the place where the child writes
            said = os.pread(self.output.fileno(), self._said_bytes() - begin, begin).decode(errors="replace")
            found.append(("failed", f"-- what it said --\n{said}"))
        return found

    def _said_bytes(self) -> int:
        return os.fstat(self.output.fileno()).st_size

    def end(self) -> None:
        """Wait until the child has left."""
        self.link.close()
        try:
            self.process.wait(_SECONDS_TO_END)
        finally:
            self.process.kill()
            self.process.wait()
            self.output.close()


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """In a child: run the tests that are asked for, one by one."""
    if _link_here is None:
        return None
    os.set_inheritable(int(_link_here), False)
    link: Connection[Any, Any] = Connection(int(_link_here))
    items = {item.nodeid: item for item in session.items}
    for test, following in _asked(link):
        _said.clear()
        item = items[test]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=items.get(following))
        link.send(list(_said))
    return True


def _asked(link: "Connection[Any, Any]") -> Iterator[tuple[str, str]]:
    with suppress(EOFError):
        while True:
            yield link.recv()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In a child: keep what there is to say of a test."""
    is_skip = isinstance(report.longrepr, tuple)
    _said.append((report.outcome, report.longrepr[2].removeprefix("Skipped: ") if is_skip else report.longreprtext))
