"""Sends hints to a broker outside our database, from one thread per process, so that no act waits for it."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from omoi_site.brokers.messages import Hints, messages
from omoi_site.redaction import error_line

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 10.0
LAST_WORDS_S = 2.0  # how long an ending process waits for its last hints to be sent, and for the thread
NOTED_S = 10.0
MOST_IDS = 50_000  # kept while the broker is away; a sweep finds the rest


class QueueFull(Exception):
    """So many messages wait that no worker takes them, or not fast enough."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting:,} messages wait in the queue, and no worker takes them, or not fast enough."
            " Start a worker with the same BROKER_URL, or one more"
        )


class Sender:
    """Takes hints and returns at once. Hints that cannot be sent are kept, merged and tried again.

    send_one: sends a message or raises. note: is told why it could not, or an empty text when it could; that
    not more often than every NOTED_S.
    """

    def __init__(self, send_one: Callable[[Any], Any], note: Callable[[str], Any] = bool) -> None:
        self.send_one, self.note = send_one, note
        self.noted_at = float("-inf")
        self.kept: Hints = {}
        self.turn = threading.Condition()
        self.idle = True
        self.stopped = False
        self.thread: threading.Thread | None = None

    def send(self, hints: Hints) -> None:
        with self.turn:
            self._keep(hints)
            if not self.stopped and (self.thread is None or not self.thread.is_alive()):
                self._start()
            self.turn.notify_all()

    def flush(self, timeout: float = LAST_WORDS_S) -> bool:
        """Wait until everything is sent; False on timeout."""
        with self.turn:
            return self.turn.wait_for(lambda: not self.kept and self.idle, timeout)

    def stop(self, timeout: float = LAST_WORDS_S) -> None:
        """Send what can be sent within `timeout`, then end the thread, which must not write to a log that is
        closed already. A sweep finds the rest.
        """
        self.flush(timeout)
        with self.turn:
            self.stopped = True
            self.turn.notify_all()
        atexit.unregister(self.stop)
        if self.thread is not None:
            self.thread.join(timeout)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="hints", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the act is committed already: the next one tries again
            log.warning("hints are kept, because no thread can be started: %s", error)
            return
        self.thread = thread
        atexit.register(self.stop)

    def _keep(self, hints: Hints) -> None:
        for actor, ids in hints.items():
            waiting = self.kept.setdefault(actor, set())
            if len(waiting) < MOST_IDS:
                waiting |= ids

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self.turn:
                self.turn.wait_for(lambda: self.stopped, pause)
                self.turn.wait_for(lambda: self.kept or self.stopped)
                if self.stopped:
                    return
                hints, self.kept, self.idle = self.kept, {}, False
            failed = self._sent(hints)
            try:
                self._note(failed)
            except Exception:  # whoever is told must not stop the sending
                log.exception("whether hints are sent could not be noted")
            with self.turn:
                self.idle = True
                if failed and not self.stopped:
                    log.warning("the broker does not accept hints; they are kept: %s", failed)
                    self._keep(hints)
                pause = min(LONGEST_PAUSE_S, pause * 2 or 0.5) if failed else 0.0
                self.turn.notify_all()

    def _note(self, failed: str) -> None:
        """A process that ended may have noted a failure: others tell from time to time that they can send."""
        if failed or time.monotonic() > self.noted_at + NOTED_S:
            self.noted_at = float("-inf") if failed else time.monotonic()
            self.note(failed)

    def _sent(self, hints: Hints) -> str:
        """Send them. Returns an empty string, or what went wrong and what to do."""
        try:
            for message in messages(hints):
                self.send_one(message)
        except QueueFull as error:
            return str(error)
        except Exception as error:  # each broker's client has its own exceptions
            return f"{error_line(error).rstrip('. ')}. Check BROKER_URL, and that the broker runs"
        return ""
