"""What there is in the model, and how long everything takes.

Times are in units of UNIT_S seconds. They end between whole units and time moves by whole ones, so the
seconds that a history really takes decide nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

UNIT_S = 1000
LEASE, HAND_LEASE, STALL, TAKEN, TIMEOUT = 2.5, 0.9, 3.5, 4.5, 5.5
BACK_OFF, AVOIDED, RESET = 1.5, 1.8, 2.5
SAME = TOO_MANY = 3
MOST_LIMITS = 5
ENDED = ("completed", "failed", "cancelled")
PHASES = ["TODO", "DOING", "REVIEW", "DONE"]
NEXT = dict(itertools.pairwise(PHASES))
FULL_AT = 1  # tickets in REVIEW, which then holds DOING


class Refused(Exception):
    """The act is not possible; its argument is the name of the error."""


@dataclass
class Task:
    id: int
    ticket: int
    phase: str
    skills: frozenset[str] = frozenset()
    max_attempts: int = 2
    state: str = "pending"
    holder: str | None = None
    fence: int = 0
    attempts: int = 0
    lease: float | None = None
    started: bool = False
    wakes: float | None = None  # while it is not due
    limits: int = 0  # how often in a row it met the limit of an account
    timeout: bool = False
    timeout_at: float | None = None
    began: float = 0
    active: float = 0
    mark: str = ""
    stalled: bool = False
    avoid: tuple[str, float] | None = None
    settled: tuple[str, int, str] | None = None
    claimed_no: int = 0
    ended_no: int = 0
    join: int | None = None  # how many of its needs are enough; None: all
    rounds: int = 0  # failed validations, all of the same signature

    @property
    def open(self) -> bool:
        return self.state in ("pending", "claimed")


@dataclass
class Ticket:
    phase: str = "TODO"
    origin: str = "TODO"
    paused: bool = False
    archived: bool = False
    sent_no: int | None = None  # since it was sent back or reopened, only what happens from then on counts

    @property
    def open_phases(self) -> set[str]:
        if self.paused or self.archived or self.phase not in PHASES:
            return set()
        return {"TODO", "DOING"} if self.phase == "TODO" else {self.phase}


@dataclass
class Agent:
    skills: frozenset[str]
    phases: frozenset[str]
    capacity: int
    pools: list[str]
    state: str = "available"
    awake: bool = True
    assigned: bool = False
    failed: list[int] = field(default_factory=list)  # tasks in a row


@dataclass
class Pool:
    limit: int | None = None
    closed: bool = False
    resets: float | None = None
    probe: tuple[int, int] | None = None


@dataclass
class Need:
    parent: int
    child: int
    when: str
    on_failure: str
