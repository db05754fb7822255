"""Memory that a large request took goes back to the system."""

from __future__ import annotations

import ctypes
import gc

LARGE = 256 << 10  # bytes of a body or an answer, from which on it is worth it
# glibc's numbers for mallopt. Left alone it raises the two thresholds to what was last freed, and keeps as
# much in each thread's arena.
ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
_libc = ctypes.CDLL(None)


def keep_little() -> None:
    """Ask the allocator to hold on to little that is free; before the threads start."""
    if hasattr(_libc, "mallopt"):
        for option, value in ((ARENA_MAX, 2), (MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, 1 << 20)):
            _libc.mallopt(option, value)


def give_back() -> None:
    """Free what only circles hold (an exception and its frames), and hand empty pages to the system; some
    tens of milliseconds.
    """
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
