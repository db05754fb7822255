"""What people do with agents, pools and the project in the model."""

from __future__ import annotations

from tests.histories.model.changes import Changes
from tests.histories.model.parts import RESET, Refused


class Fleet(Changes):
    def set_state(self, name: str, verb: str) -> None:
        agent = self.agents[name]
        if agent.state == "retired":
            raise Refused("Retired")
        agent.state = {
            "make_available": "available",
            "make_unavailable": "maintenance",
            "drain": "draining",
            "quarantine": "quarantined",
            "retire": "retired",
        }[verb]
        if verb == "make_available":
            agent.failed = []
        if verb in ("quarantine", "retire"):
            self._revoke(self.holds(name))

    def hear(self, name: str, awake: bool) -> None:
        self.agents[name].awake = awake

    def close_pool(self, name: str, forever: bool) -> None:
        pool = self.pools[name]
        pool.closed, pool.resets, pool.probe = True, None if forever else self.now + RESET, None

    def open_pool(self, name: str) -> None:
        self._open(self.pools[name])

    def limit_pool(self, name: str, limit: int | None) -> None:
        self.pools[name].limit = limit

    def pause_project(self, paused: bool) -> None:
        self.paused = paused

    def pause_phase(self, phase: str, paused: bool) -> None:
        (self.paused_phases.add if paused else self.paused_phases.discard)(phase)

    def limit(self, what: str, number: int | None) -> None:
        setattr(self, what, number)

    def freeze(self, everything: bool) -> None:
        if everything:
            self.all_frozen, self.thawed = True, False
        else:
            self.frozen = True

    def thaw(self, everything: bool) -> None:
        if everything:
            self.all_frozen = False
        else:
            self.frozen = False
            self.thawed = self.all_frozen
