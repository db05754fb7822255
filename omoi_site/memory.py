"""Memory that a large request took goes back to the system."""

from __future__ import annotations

import ctypes
import gc

LARGE = 256 << 10  # bytes of a body or an answer, from which on it is worth it
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's


def give_back() -> None:
    """Free what only circles hold (an exception and its frames), and hand empty pages to the system; some tens of milliseconds."""
    gc.collect()
    if _trim:
        _trim(0)
