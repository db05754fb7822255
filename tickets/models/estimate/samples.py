"""How long pieces of work waited and took: the newest completed ones of a project, in groups.

Of a piece of work counts the group that is most like it and has enough samples.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from omoi_site.database import sql
from tickets.models.estimate.quantile import HALF, LIKELY, left_of
from tickets.models.task.readiness import MEASURED

NEWEST = 200  # pieces of work of a phase that are read
ENOUGH = 5  # samples, below which a wider group counts
GRACE_S = 60.0  # a wait is not called longer than all others for less
GROUPS = ("title", "kind", "capabilities", "phase", "project")  # the narrowest first
SAMPLES = sql.statement(__file__, "samples", measured=MEASURED)
NUMBER = re.compile(r"\d+")


@dataclass
class Group:
    """The samples of one group, as seconds in ascending order."""

    name: str
    work: list[float] = field(default_factory=list)
    wait: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Spell:
    """What is left of a piece of work: what is expected, and what 80 of 100 need at most. `longer`: it has
    lasted, or waited, longer than each sample.
    """

    expected_s: float
    likely_s: float
    group: str
    samples: int
    longer: bool = False


class Samples:
    """The samples for these pieces of work of a project; those of the other `phases` only where their own
    phase has too few.
    """

    def __init__(self, project: int, works: Sequence[dict[str, Any]], phases: Iterable[str]) -> None:
        self.project, self.groups = project, dict[Hashable, Group]()
        first = {work["phase"] for work in works}
        self._read(first)
        if any((group := self.like(work)) is None or len(group.work) < ENOUGH for work in works):
            self._read(set(phases) - first)

    def like(self, work: dict[str, Any]) -> Group | None:
        """The narrowest group with enough samples, else the widest with any. None: there is no sample."""
        found = [self.groups[key] for key in _keys(work) if key in self.groups]
        return next((group for group in found if len(group.work) >= ENOUGH), found[-1] if found else None)

    def left(self, work: dict[str, Any]) -> Spell | None:
        """What is left of an open task {state, waits, since_s and what `_keys` reads}. None: no sample."""
        group = self.like(work)
        if group is None:
            return None
        since = work["since_s"]
        if work["state"] == "claimed":
            expected, likely = (left_of(group.work, since, share) for share in (HALF, LIKELY))
            return Spell(expected, likely, group.name, len(group.work), longer=since >= group.work[-1])
        waited = 0.0 if work["waits"] else since
        expected, likely = (
            left_of(group.wait, waited, share) + left_of(group.work, 0.0, share) for share in (HALF, LIKELY)
        )
        longer = waited > group.wait[-1] + GRACE_S
        return Spell(expected, likely, group.name, len(group.work), longer)

    def _read(self, phases: Iterable[str]) -> None:
        for row in sql.rows(SAMPLES, {"project": self.project, "phases": sorted(phases), "most": NEWEST}):
            for name, key in zip(GROUPS, _keys(row), strict=True):
                group = self.groups.setdefault(key, Group(name))
                group.work.append(row["work_s"])
                group.wait.append(row["wait_s"])
        for group in self.groups.values():
            group.work.sort()
            group.wait.sort()


def _keys(work: dict[str, Any]) -> Sequence[Hashable]:
    """The groups of a piece of work, by GROUPS."""
    phase, skills = work["phase"], tuple(sorted(work["capabilities"]))
    return (
        (phase, skills, work["kind"], _template(work)),
        (phase, skills, work["kind"]),
        (phase, skills),
        phase,
        (),
    )


def _template(work: dict[str, Any]) -> str:
    """Its title without what differs from ticket to ticket: the ticket's title and all numbers."""
    return NUMBER.sub("#", work["title"].replace(work["ticket_title"], "{title}"))
