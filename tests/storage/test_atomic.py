import errno
import os
import time
from pathlib import Path

import pytest

from hqsam import storage
from hqsam.errors import OutputError
from tests.storage.killing import run_until_it_says_ready_and_kill
from tests.storage.listing import names_in


class TestReplacing:
    def test_the_file_takes_its_name_when_the_block_ends_well(self, tmp_path):
        with storage.replacing(tmp_path / "mask.png") as temporary_path:
            temporary_path.write_bytes(b"pixels")
            assert not (tmp_path / "mask.png").exists()
        assert (tmp_path / "mask.png").read_bytes() == b"pixels"
        assert names_in(tmp_path) == ["mask.png"]

    def test_the_temporary_path_lies_beside_the_target_and_keeps_its_suffix(self, tmp_path):
        with storage.replacing(tmp_path / "mask.png") as temporary_path:
            assert temporary_path.parent == tmp_path
            assert temporary_path.suffix == ".png"

    def test_missing_folders_are_made(self, tmp_path):
        storage.write_text(tmp_path / "a" / "b" / "note.txt", "Größe\r\n")
        assert (tmp_path / "a" / "b" / "note.txt").read_bytes() == "Größe\r\n".encode()

    def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(self, tmp_path):
        (tmp_path / "mask.png").write_bytes(b"old")
        with pytest.raises(KeyError), storage.replacing(tmp_path / "mask.png") as temporary_path:
            temporary_path.write_bytes(b"half")
            raise KeyError("a bug of the caller")
        assert (tmp_path / "mask.png").read_bytes() == b"old"
        assert names_in(tmp_path) == ["mask.png"]

    def test_a_name_of_the_greatest_length_can_be_written(self, tmp_path):
        name = "m" * 251 + ".png"
        storage.write_bytes(tmp_path / name, b"pixels")
        assert names_in(tmp_path) == [name]

    @pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
    def test_others_may_read_it_as_any_new_file_even_if_the_writer_is_secretive(self, tmp_path):
        (tmp_path / "usual").touch()
        with storage.replacing(tmp_path / "mask.png") as temporary_path:
            temporary_path.chmod(0o600)
        assert (tmp_path / "mask.png").stat().st_mode == (tmp_path / "usual").stat().st_mode

    def test_many_writers_of_one_file_leave_one_whole_file(self, tmp_path):
        with storage.replacing(tmp_path / "a.txt") as first, storage.replacing(tmp_path / "a.txt") as second:
            first.write_text("first")
            second.write_text("second")
        assert (tmp_path / "a.txt").read_text() == "first"
        assert names_in(tmp_path) == ["a.txt"]


class TestWhatCannotBeWritten:
    def test_a_file_in_the_place_of_the_folder(self, tmp_path):
        (tmp_path / "out").write_text("a file")
        with pytest.raises(OutputError, match=r"out.*a part of the path is a file"):
            storage.write_text(tmp_path / "out" / "mask.png", "pixels")

    def test_a_folder_in_the_place_of_the_file(self, tmp_path):
        (tmp_path / "out").mkdir()
        with pytest.raises(OutputError, match="it is a folder"):
            storage.write_text(tmp_path / "out", "pixels")

    def test_an_unwritable_folder_is_found_out_before_the_work(self, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "touch", refuse)  # permissions do not bind root, who may run this test
        with pytest.raises(OutputError, match="you may not write there"), storage.replacing(tmp_path / "a"):
            pytest.fail("the block ran")

    @pytest.mark.skipif(os.name != "posix", reason="only POSIX can limit the size of a file")
    def test_a_file_that_the_disk_has_no_room_for(self, tmp_path):
        import resource

        (tmp_path / "mask.png").write_bytes(b"old")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OutputError, match="larger than this disk"):
                storage.write_bytes(tmp_path / "mask.png", bytes(2000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "mask.png").read_bytes() == b"old"
        assert names_in(tmp_path) == ["mask.png"]

    def test_a_disk_that_turns_out_full_at_the_last_moment(self, tmp_path, monkeypatch):
        def fill_up(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", fill_up)
        with pytest.raises(OutputError, match="the disk is full"):
            storage.write_bytes(tmp_path / "mask.png", b"pixels")
        assert names_in(tmp_path) == []

    def test_an_error_about_another_file_is_not_ours(self, tmp_path):
        with pytest.raises(FileNotFoundError), storage.replacing(tmp_path / "mask.png"):
            (tmp_path / "photo.jpg").read_bytes()
        with pytest.raises(ConnectionResetError), storage.replacing(tmp_path / "mask.png"):
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        assert names_in(tmp_path) == []


class TestChecks:
    def test_a_folder_that_need_not_be_there_is_checked_and_nothing_is_left(self, tmp_path):
        storage.check_folder(tmp_path / "new" / "folder")
        storage.check_folder(tmp_path)
        assert names_in(tmp_path) == []

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OutputError, match=r"deep.*a part of the path is a file"):
            storage.check_folder(tmp_path / "file" / "deep")
        monkeypatch.setattr(Path, "touch", lambda *_, **__: (_ for _ in ()).throw(PermissionError(errno.EACCES, "no")))
        with pytest.raises(OutputError, match="you may not write there"):
            storage.check_folder(tmp_path / "new")

    def test_a_file_is_removed_and_one_that_is_gone_is_no_error(self, tmp_path):
        (tmp_path / "mask.png").touch()
        storage.remove(tmp_path / "mask.png")
        storage.remove(tmp_path / "mask.png")
        assert names_in(tmp_path) == []
        (tmp_path / "folder").mkdir()
        with pytest.raises(OutputError, match="cannot remove"):
            storage.remove(tmp_path / "folder")


class TestAKill:
    PROGRAM = """
import time
from hqsam import storage
with storage.replacing({path!r}) as temporary_path:
    temporary_path.write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""

    def test_leaves_the_old_file_and_what_it_abandons_is_swept_next_time(self, tmp_path):
        (tmp_path / "mask.png").write_bytes(b"old")
        run_until_it_says_ready_and_kill(self.PROGRAM.format(path=str(tmp_path / "mask.png")))
        assert (tmp_path / "mask.png").read_bytes() == b"old"
        assert len(names_in(tmp_path)) == 2

        storage.write_bytes(tmp_path / "other.png", b"new")
        assert names_in(tmp_path) == ["mask.png", "other.png"]

    def test_of_another_machine_is_swept_after_a_day(self, tmp_path):
        abandoned = tmp_path / ".mask.00000000-1-0123abcd.partial.png"
        recent = tmp_path / ".mask.00000000-2-0123abcd.partial.png"
        for path in (abandoned, recent):
            path.write_bytes(b"half")
        os.utime(abandoned, (0, time.time() - 2 * 24 * 60 * 60))
        storage.write_bytes(tmp_path / "mask.png", b"new")
        assert names_in(tmp_path) == [recent.name, "mask.png"]
