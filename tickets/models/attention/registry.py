"""The kinds of attention: each condition under which somebody must act, once.

The list, its page, its route and its command read them from here. An app registers its kinds in
AppConfig.ready, so that a later capability adds to this list and never makes a second one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

API = "/api/v1"
Values = dict[str, Any]  # the columns of one item


@dataclass(frozen=True)
class Act:
    """The request that helps, complete as it stands. `page`: the name of the same action on the page of the
    ticket; empty if it has none there. `section`: the part of that page where it is done. `discovery`: of
    which one it is the action; 0: of the task or ticket.
    """

    label: str
    method: str
    path: str
    body: Values | None = None
    page: str = ""
    section: str = ""
    discovery: int = 0


@dataclass(frozen=True)
class Kind:
    """`name` is for programs, `label`, `tone` and `icon` are for people.

    rows: SQL of its items in project `j`, with the columns id, since, who (a role; who has a higher one may
    act too), ticket_id and task_id. details: SQL of one JSON object with what `what` and `act` say of an item
    `f`, asked only for items that are shown. `k` is its ticket, `t` its task. indexed: an index has its items
    in the order of since; without one, a count takes any. installation: it has one item at most, which is
    about no project, and for the operators of the installation. swept: to find its items, all agents are
    looked at, so for the number on every page a sweep counts them.
    """

    name: str
    label: str
    tone: str
    icon: str
    rows: str
    what: Callable[[Values], str]
    act: Callable[[Values], Act]
    details: str = "'{}'::jsonb"
    indexed: bool = True
    installation: bool = False
    swept: bool = False


def see_why(values: Values) -> Act:
    """Where nothing can be done from the list: why the task does not move."""
    return Act("See why", "GET", f"{API}/tasks/{values['task']}/explain")


_kinds: dict[str, Kind] = {}


def register(kind: Kind, *, before: str = "") -> None:
    """Add a kind, before the kind of this name or at the end. Registering it twice has no effect."""
    if kind.name in _kinds:
        return
    order = list(_kinds.values())
    order.insert(next((at for at, other in enumerate(order) if other.name == before), len(order)), kind)
    _kinds.clear()
    _kinds.update({each.name: each for each in order})


def registered() -> dict[str, Kind]:
    """Each kind by its name, in the order of the list: what matters most comes first."""
    return _kinds
