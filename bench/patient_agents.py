"""Agents that work over HTTP while web processes go and come back: each request is repeated until it is
answered.
"""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from functools import partial
from typing import Any

PAUSE_S = 0.05
AT_ONCE = 20


class PatientAgents:
    """One thread for each key. ports: of the web processes there are, kept up to date by the caller. They
    settle as many tasks as they are allowed to, and wait until that is more.
    """

    def __init__(self, keys: list[str], ports: list[int]) -> None:
        self.ports = ports
        self.allowed = self.settled = 0
        self.turn = threading.Condition()
        self.over = threading.Event()
        self.repeated = self.refused = 0
        self.threads = [threading.Thread(target=self._work, args=[key], daemon=True) for key in keys]

    def __enter__(self) -> PatientAgents:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with self.turn:
            self.turn.notify_all()
        for thread in self.threads:
            thread.join()

    def allow(self, number: int) -> None:
        with self.turn:
            self.allowed = number
            self.turn.notify_all()

    def get_on(self, patience_s: float) -> bool:
        """Wait until they have settled what they may. False if nothing was settled for so long."""
        with self.turn:
            while (before := self.settled) < self.allowed:
                if not self.turn.wait_for(partial(self._settled_more_than, before), patience_s):
                    return False
        return True

    def _settled_more_than(self, before: int) -> bool:
        return self.settled > before

    def _work(self, key: str) -> None:
        while self._may_go_on():
            claimed = self.ask("POST", "/claims", {"limit": AT_ONCE, "wait_s": 1}, key=key)
            items = [
                {"task": claim["task"]["id"], "fence": claim["fence"], "outcome": "completed"}
                for claim in claimed.get("claims", ())
            ]
            if items:
                self.settle(items, key=key)

    def settle(self, items: list[dict[str, Any]], *, key: str) -> None:
        answer = self.ask("POST", "/settlements", {"items": items}, key=key)
        with self.turn:
            self.settled += sum(each["ok"] for each in answer.get("results", ()))
            self.turn.notify_all()

    def _may_go_on(self) -> bool:
        with self.turn:
            self.turn.wait_for(lambda: self.over.is_set() or self.settled < self.allowed)
        return not self.over.is_set()

    def ask(self, method: str, path: str, body: Any = None, *, key: str) -> Any:
        """The answer, once there is one; an empty document where it has no body, when the request is refused,
        or when all is over.
        """
        once = str(uuid.uuid4())
        while not self.over.is_set():
            link = http.client.HTTPConnection(
                "127.0.0.1", self.ports[self.repeated % len(self.ports)], timeout=10
            )
            try:
                link.request(
                    method,
                    f"/api/v1{path}",
                    json.dumps(body) if body is not None else None,
                    {
                        "Authorization": f"Bearer {key}",
                        "Content-Type": "application/json",
                        **({"Idempotency-Key": once} if method == "POST" else {}),
                    },
                )
                answer = link.getresponse()
                text = answer.read()
                document = json.loads(text) if text else {}
                if not worth_repeating(answer.status, document):
                    self.refused += answer.status >= 400
                    return document if answer.status < 400 else {}
            except (OSError, ValueError, http.client.HTTPException):
                pass
            finally:
                link.close()
            self.repeated += 1
            self.over.wait(PAUSE_S)
        return {}


def worth_repeating(status: int, document: Any) -> bool:
    """A web process that was killed may have left its act unfinished for a moment: what that act claims is
    in the answer to the same key, and to nobody else.
    """
    code = document.get("code") if isinstance(document, dict) else ""
    return status >= 500 or status in (408, 429) or code == "idempotency_in_progress"
