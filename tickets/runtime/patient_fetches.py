"""Fetches of repositories that may take minutes, in threads of their own: the worker goes on meanwhile.

What waits here is lost with the process. Then a check fetches, or somebody who presses the button.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable

from django.db import close_old_connections, connection

from tickets.models import Repository

AT_ONCE = 2  # so one repository that never ends does not keep all others waiting
log = logging.getLogger(__name__)
_waiting: queue.Queue[int] = queue.Queue()
_known: set[int] = set()  # in the queue
_guard = threading.Lock()
_threads: list[threading.Thread] = []


def ask(ids: Iterable[int]) -> None:
    """Fetch these one after the other; one that waits already is fetched once."""
    with _guard:
        for pk in ids:
            if pk not in _known:
                _known.add(pk)
                _waiting.put(pk)
        while len(_threads) < AT_ONCE:
            # daemons: their git ends with them when the worker does
            _threads.append(threading.Thread(target=_work, name="fetches", daemon=True))
            _threads[-1].start()


def wait() -> None:
    """Until everything that was asked for has been tried."""
    _waiting.join()


def _work() -> None:
    while True:
        pk = _waiting.get()
        with _guard:
            _known.discard(pk)
        try:
            close_old_connections()
            Repository.objects.fetch_patiently(pk)
        except Exception:
            log.exception("repository %s could not be fetched", pk)
        finally:
            connection.close()
            _waiting.task_done()
