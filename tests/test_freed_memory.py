"""Memory that a process has freed is kept, and given back once it has piled up."""

import platform

import numpy as np
import psutil
import pytest

from hqsam.freed_memory import FreedMemory, keep_freed_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")


def test_freed_memory_is_kept_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("HQSAM_KEEP_MEMORY", "0")
    assert not keep_freed_memory()
    monkeypatch.delenv("HQSAM_KEEP_MEMORY")
    assert keep_freed_memory()


def test_what_is_freed_between_blocks_in_use_is_given_back_now_and_then():
    keep_freed_memory()
    freed = FreedMemory(every=2)
    assert not freed.after(1)
    assert freed.after(1), "the first time, to know what is in use"
    blocks = [np.ones(1 << 19, np.uint8) for _ in range(256)]
    in_use = blocks[::64]
    del blocks
    held = psutil.Process().memory_info().rss
    freed.growth = 1.01
    assert freed.after(2)
    assert held - psutil.Process().memory_info().rss > 64 << 20
    assert not freed.after(2), "nothing has grown since"
    assert all(block.all() for block in in_use)
