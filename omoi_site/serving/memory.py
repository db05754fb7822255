"""Returns the memory of a large request to the operating system."""

from __future__ import annotations

import ctypes
import gc

LARGE = 256 << 10  # bytes of a body or an answer from which it is worth the time
# glibc's numbers for mallopt. By default glibc raises both thresholds to the size last freed, and keeps that
# much in each thread's arena.
ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
_libc = ctypes.CDLL(None)


def keep_little() -> None:
    """Tell the allocator to keep little free memory. Call it before threads start."""
    if hasattr(_libc, "mallopt"):
        for option, value in ((ARENA_MAX, 2), (MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, 1 << 20)):
            _libc.mallopt(option, value)


def give_back() -> None:
    """Collect reference cycles (an exception and its frames) and return empty pages to the system. It takes
    some tens of milliseconds.
    """
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
