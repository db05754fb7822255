"""The last answer of a check that may take long, for those who must not wait for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

FRESH_S = 5.0
PATIENCE_S = 0.3  # that may be waited for an answer; those who come later than that do not wait


class LastHealth:
    """Asks in a thread of its own, once at a time, and not again while the answer is fresh."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self.ask = ask
        self.answer = ""
        self.turn = threading.Condition()
        self.asking = False
        self.began = self.answered = float("-inf")

    def lately(self) -> str:
        """The answer; if there is none yet, the one before; if there was none, an empty text."""
        with self.turn:
            now = time.monotonic()
            if not self.asking and now - self.answered > FRESH_S:
                with contextlib.suppress(RuntimeError):  # no thread can be started: the next one tries again
                    threading.Thread(target=self._ask, name="last health", daemon=True).start()
                    self.asking, self.began = True, now
            self.turn.wait_for(lambda: not self.asking, max(0.0, self.began + PATIENCE_S - now))
            return self.answer

    def _ask(self) -> None:
        answer = self.answer
        try:
            answer = self.ask()
        finally:
            with self.turn:
                self.answer, self.answered, self.asking = answer, time.monotonic(), False
                self.turn.notify_all()
