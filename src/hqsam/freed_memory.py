"""Memory that this process has freed: it is kept, because a network soon asks for it again, but does not pile up."""

import ctypes
import os
import platform

import psutil


def keep_freed_memory() -> bool:
    """Ask the C library to keep the memory this process frees, and say whether it will.

    A network frees and asks again for the same hundreds of megabytes at every step. glibc hands such blocks back to
    the system each time, which then clears every page again: on some machines that costs more than the arithmetic.
    The process stays at its peak memory instead. Only glibc has this; `HQSAM_KEEP_MEMORY=0` leaves it as it was.
    """
    if os.environ.get("HQSAM_KEEP_MEMORY") == "0" or platform.libc_ver()[0] != "glibc":
        return False
    set_option = ctypes.CDLL(None).mallopt
    taken = [set_option(option, value) for option, value in _KEEP_FREED_MEMORY.items()]
    return all(taken)


_KEEP_FREED_MEMORY = {-4: 0, -1: 2**31 - 1, -2: 256 << 20, -8: 1}
"""mallopt's M_MMAP_MAX: no block of its own; M_TRIM_THRESHOLD: never shrink; M_TOP_PAD: grow in large steps;
M_ARENA_MAX: one heap, from which all threads reuse."""


class FreedMemory:
    """Gives memory back to the system when what is freed and kept has grown.

    Images of other shapes ask for blocks of other sizes, and these leave holes in the kept heap that fit no later
    block: over a thousand photos of many shapes that took 200 MB. Now and then is enough, because pages that are
    given back have to be cleared again when they are needed.
    """

    def __init__(self, every: int = 64, growth: float = 1.25) -> None:
        self.every, self.growth = every, growth
        self._images, self._least = 0, 0.0

    def after(self, images: int) -> bool:
        """Look after every so many images, and say whether memory was given back; never without glibc."""
        self._images += images
        if self._images < self.every or platform.libc_ver()[0] != "glibc":
            return False
        self._images = 0
        process = psutil.Process()
        if process.memory_info().rss <= self.growth * self._least:
            return False
        ctypes.CDLL(None).malloc_trim(0)
        self._least = process.memory_info().rss
        return True
