"""What the frame of every page asks: the projects of its reader, what is frozen, whether they may freeze."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.models import rights
from agents.models.actor import pk_of, sees_all
from agents.models.scopes import OF_ROLE, Role
from omoi_site import field_limits, humanize
from omoi_site.database import sql
from tickets.models.explain.sentences import listed, shortened
from tickets.models.freeze.freeze import SCOPE, shown

FREEZES = "freezes"  # the topic that every page follows
KINDS_OF_FREEZES = ("project.frozen", "project.thawed")
MOST = 5  # names of projects in the line
LONGEST = 200  # characters of a reason in it
CHOICES = 30  # projects to choose from; their page has all
ROLES = [role.value for role in Role if SCOPE in OF_ROLE[role]]
ASKED = sql.statement(__file__, "frame")


@dataclass(frozen=True)
class Frame:
    """`line`: what is frozen of what the reader sees, and why; empty if nothing is. `may`: whether they may
    freeze something, and `may_all` everything. `projects`: key and name of the first ones, of `number`.
    """

    line: str = ""
    since: datetime | None = None
    may: bool = False
    may_all: bool = False
    projects: Sequence[tuple[str, str]] = ()
    number: int = 0


def frame(who: Any) -> Frame:
    of_all = sees_all(who)
    asked = {"all": of_all, "person": pk_of(who), "roles": ROLES, "most": CHOICES}
    found = sql.one(ASKED, asked)
    assert found
    may_all = of_all and SCOPE in rights.scopes(who)
    line, since = _line(shown(who)) if found["frozen"] else ("", None)
    projects = [(key, name) for key, name in found["projects"]]
    return Frame(line, since, may_all or found["may"], may_all, projects, found["number"])


def _line(freezes: list[dict[str, Any]]) -> tuple[str, datetime | None]:
    if not freezes:
        return "", None
    first = freezes[0]
    names = [freeze["project"] for freeze in freezes if freeze["project"]]
    everything = first["project"] is None
    if everything:
        thawed = [key for key in first["thawed"] if key not in names]
        what = f"Everything except {listed(thawed[:MOST], len(thawed))}" if thawed else "Everything"
    else:
        what = listed(names[:MOST], len(names))
    alone = everything or len(names) == 1
    reason = shortened(field_limits.visible(first["reason"]), LONGEST)
    why = f" by {humanize.actor(first['by'])}: {reason.rstrip('.')}" if alone else ""
    stands = f"{what} {'is' if alone else 'are'} frozen{why}."
    line = f"{stands} No work is granted there, and nothing moves by itself."
    return line, min(freeze["since"] for freeze in freezes)
