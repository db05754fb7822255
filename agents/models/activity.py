"""When agents were last heard from and keys last used, gathered in this process and written together.

The web process writes once a second, so a crash loses at most a second of it. A process that does not write
regularly, such as a test, writes at once.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from agents.models.agent import Agent
from agents.models.agent_presence import AgentPresence
from agents.models.key import Key

SEEN_EVERY_S = 5.0
USED_EVERY_S = 60.0
MOST = 20_000  # remembered; beyond that it begins anew, and writes some once more


class Activity:
    """`gathers`: whether somebody calls `write` regularly."""

    def __init__(self) -> None:
        self.gathers = False
        self.lock = threading.Lock()
        self.noted: dict[tuple[type, int], float] = {}  # when an agent or a key was last noted
        self.unwritten: dict[tuple[type, int], float] = {}

    def note(self, who: Any, key: int) -> None:
        """An agent or a person has just sent a request with this key."""
        now, noted = time.monotonic(), self.noted
        due: list[tuple[type, int]] = []
        if isinstance(who, Agent) and now - noted.get((Agent, who.pk), -SEEN_EVERY_S) >= SEEN_EVERY_S:
            due.append((Agent, who.pk))
        if now - noted.get((Key, key), -USED_EVERY_S) >= USED_EVERY_S:
            due.append((Key, key))
        if not due:
            return
        with self.lock:
            if len(self.noted) >= MOST:
                self.noted.clear()
            self.noted.update(dict.fromkeys(due, now))
            self.unwritten.update(dict.fromkeys(due, now))
        if not self.gathers:
            self.write()

    def write(self) -> None:
        """Write what was noted. If that fails, it is kept for the next time."""
        with self.lock:
            taken, self.unwritten = self.unwritten, {}
        try:
            for kind, record in ((Agent, AgentPresence.objects.seen), (Key, Key.objects.used)):
                now = time.monotonic()
                if ages := {pk: now - at for (which, pk), at in taken.items() if which is kind}:
                    record(ages)
        except BaseException:
            with self.lock:
                self.unwritten = taken | self.unwritten
            raise


activity = Activity()
