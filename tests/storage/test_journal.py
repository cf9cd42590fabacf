import os
import signal

import pytest

from hqsam import storage
from hqsam.errors import DataError, OutputError
from tests.storage.killing import run_until_it_says_ready_and_kill
from tests.storage.listing import names_in


def test_what_was_appended_to_a_journal_is_read_back(tmp_path):
    records = [{"image": "straße.jpg", "masks": 3}, {"image": "b.jpg", "masks": 0}]
    with storage.Journal(tmp_path / "runs" / "journal.jsonl") as journal:
        for record in records:
            journal.append(record)
        assert list(journal) == records
    assert list(storage.Journal(journal.path)) == records


def test_a_journal_that_does_not_exist_is_empty_and_reading_does_not_make_it(tmp_path):
    assert list(storage.Journal(tmp_path / "journal.jsonl")) == []
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("torn", [b'{"n": 3', b"3", b"\xff\xfe", b"\0\0\0\0\n", b'{"n"\n'])
def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_append(tmp_path, torn):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n' + torn)
    assert list(storage.Journal(path)) == [{"n": 1}, {"n": 2}]
    with storage.Journal(path) as journal:
        journal.append({"n": 3})
    assert path.read_bytes() == b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'


def test_damage_before_the_last_line_is_an_error(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n"\n{"n": 2}\n')
    with pytest.raises(DataError, match="line 2"):
        list(storage.Journal(path))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX can limit the size of a file")
def test_a_record_that_finds_no_room_leaves_no_half_line(tmp_path):
    import resource

    with storage.Journal(tmp_path / "journal.jsonl") as journal:
        journal.append("short")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OutputError):
                journal.append("long" * 1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        journal.append("after")
        assert list(journal) == ["short", "after"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only POSIX kills outright")
def test_a_journal_survives_a_kill(tmp_path):
    path = tmp_path / "journal.jsonl"
    run_until_it_says_ready_and_kill(f"""
import time
from hqsam import storage
journal = storage.Journal({str(path)!r})
for n in range(100):
    journal.append(n)
print("ready", flush=True)
time.sleep(60)
""")
    assert list(storage.Journal(path)) == list(range(100))
