"""A time limit for functions of an installation, which Omoi calls while others wait.

Python cannot end a function that hangs, so each runs in a thread that may outlive its call. At most MOST do:
after that, none is called until one has come back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

MOST = 8
_free = threading.BoundedSemaphore(MOST)


class TooLate(Exception):
    """It did not answer in time; the message says so."""


def called_within(limit_s: float, function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns or raises within this time. Raises TooLate. It has no part in the caller's
    transaction: its thread has database connections of its own.
    """
    if not _free.acquire(timeout=limit_s):
        raise TooLate(f"was not called, because {MOST} earlier calls have not come back")
    answer: dict[str, Any] = {}

    def run() -> None:
        try:
            answer["value"] = function(*args)
        except BaseException as error:
            answer["error"] = error
        finally:
            connections.close_all()
            _free.release()

    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the machine gives no more threads
        _free.release()
        raise
    thread.join(limit_s)
    if thread.is_alive():
        raise TooLate(f"did not answer within {limit_s:g} s")
    if "error" in answer:
        raise answer["error"]
    return answer["value"]
