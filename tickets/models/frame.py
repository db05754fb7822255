"""What the frame of every page shows of its reader. It is one statement, because each page pays for it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.models import Actor, rights
from agents.models.actor import sees_all
from agents.models.scopes import OF_ROLE, Role
from omoi_site.database import sql
from tickets.models.attention.attention_count import FRESH, SWEEP
from tickets.models.attention.attention_list import (
    MOST_COUNTED,
    OF_WHO,
    PLACES,
    ROLES,
    Query,
    asked_kinds,
    reader_params,
    rows_of,
    swept_kinds,
)
from tickets.models.attention.lane_kinds import FLEET
from tickets.models.freeze.banner import banner
from tickets.models.freeze.freeze import SCOPE, shown

CHOICES = 30  # projects to choose from; their page has all
FREEZING = min(
    place for place, role in enumerate(ROLES, 1) if SCOPE in OF_ROLE[Role(role)]
)  # as `rank` counts


@dataclass(frozen=True)
class Frame:
    """`attention`, `board`: the numbers beside the navigation, each at most MOST_COUNTED. `views`: name, path
    and query of each saved view. `frozen_line`: what is frozen of what the reader sees, and why; empty if
    nothing is. `may_freeze`: whether they may freeze something, and `may_freeze_all` everything. `projects`:
    key and name of the first ones, of `number`.
    """

    attention: int = 0
    board: int = 0
    single_letters: bool = True
    views: Sequence[tuple[str, str, str]] = ()
    frozen_line: str = ""
    frozen_since: datetime | None = None
    may_freeze: bool = False
    may_freeze_all: bool = False
    projects: Sequence[tuple[str, str]] = ()
    number: int = 0


def frame(who: Actor) -> Frame:
    params = {**reader_params(Query(mine=True), who), "most": MOST_COUNTED, "choices": CHOICES}
    found = sql.one(_statement(asked_kinds(Query())), params)
    assert found
    # seldom is anything
    line, since = banner(shown(who)) if found.pop("frozen") else ("", None)
    may_all = sees_all(who) and SCOPE in rights.scopes(who)
    found["may_freeze"] = may_all or found["may_freeze"]
    return Frame(**found, frozen_line=line, frozen_since=since, may_freeze_all=may_all)


@functools.cache
def _statement(kinds: Sequence[str]) -> str:
    swept = swept_kinds(kinds)
    return sql.statement(
        __file__,
        "frame",
        places=PLACES,
        fleet=FLEET,
        rows=rows_of([kind for kind in kinds if kind not in swept]),
        swept=rows_of(swept),
        rank=OF_WHO,
        sweep=SWEEP,
        fresh=FRESH,
        freezing=str(FREEZING),
    )
