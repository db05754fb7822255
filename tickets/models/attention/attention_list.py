"""The attention list: what needs somebody, across projects.

In the order of the kinds, and inside each kind the oldest first. Each question is one statement, put together
from the registered kinds.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.models import Actor
from agents.models.actor import is_agent, pk_of, sees_all
from agents.models.scopes import ADDED, Role
from omoi_site.database import sql
from omoi_site.errors import Malformed
from tickets.models.attention.lane_kinds import AWAKE, FLEET
from tickets.models.attention.registry import Act, Kind, Values, registered
from tickets.models.explain.sql_fragments import QUOTED
from tickets.models.task.readiness import READY

ROLES = tuple(Role.values)  # each may do what those before it may
MOST_PEOPLE = 5  # people named for an item
MOST_COUNTED = 100


@dataclass(frozen=True)
class Query:
    """project: a key; empty: all. kinds: names; empty: all. mine: only what the reader's role can act on."""

    project: str = ""
    kinds: Sequence[str] = ()
    mine: bool = False


@dataclass(frozen=True)
class Place:
    """The place of an item in the list, from which the next page goes on."""

    kind: str
    since: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.since.isoformat()}"

    @classmethod
    def read(cls, text: str) -> Place:
        """The place in the text of one. Raises Malformed."""
        kind, _, rest = text.partition(" ")
        number, _, since = rest.partition(" ")
        try:
            place = cls(kind, datetime.fromisoformat(since), int(number))
        except ValueError as error:
            raise Malformed("this cursor is not valid") from error
        if kind not in registered() or not place.since.tzinfo or not 0 < place.id < 2**63:
            raise Malformed("this cursor is not valid")
        return place


@dataclass(frozen=True)
class Item:
    """What needs somebody. who: the role that must act. people: the first of those who have it. mine: whether
    the reader's role can. about: what it is about where that is no ticket, such as the name of an agent.
    alike: the mark of the error of a task that failed. project: empty if it is about the installation.
    """

    kind: Kind
    id: int
    project: str
    ticket: str
    title: str
    task: int | None
    who: str
    people: Sequence[str]
    since: datetime
    what: str
    act: Act
    mine: bool
    moves: int
    about: str = ""
    alike: str = ""

    @property
    def subject(self) -> str:
        return f"{self.ticket}.{self.task}" if self.task else self.ticket or self.about

    def document(self) -> dict[str, Any]:
        """As clients get it."""
        names = ("project", "subject", "ticket", "title", "who", "people", "mine", "since", "what")
        act = {name: getattr(self.act, name) for name in ("label", "method", "path", "body")}
        task = None if self.task is None else str(self.task)
        return {
            "kind": self.kind.name,
            **{name: getattr(self, name) for name in names},
            "task": task,
            "act": act,
        }

    @property
    def place(self) -> Place:
        return Place(self.kind.name, self.since, self.id)


@dataclass(frozen=True)
class Tickets:
    """`ids`: the tickets of a project that need attention. `stuck`: those that nobody else can move."""

    ids: frozenset[int]
    stuck: frozenset[int]


def page(
    query: Query, *, by: Actor, limit: int, after: Place | None = None, of_kind: int = 0
) -> tuple[list[Item], bool]:
    """Up to `limit` items after this place that `by` sees, and whether there are more. of_kind: so many of
    each kind come before the others, so that many of one do not hide the rest.
    """
    kinds = asked_kinds(query, after)
    if not kinds:
        return [], False
    params = {
        **reader_params(query, by),
        **_places(kinds, after),
        "most": limit + 1,
        "of_kind": of_kind or limit,
    }
    rows = sql.rows(items_statement(kinds), params)
    shown = sorted(rows[:limit], key=lambda row: (row["place"], row["since"], row["id"]))
    people = _people({row["project_id"] for row in shown})
    return [_item(kinds[row["place"]], row, people) for row in shown], len(rows) > limit


def count(query: Query, *, by: Actor) -> int:
    """How many items there are, at most MOST_COUNTED."""
    kinds = asked_kinds(query)
    if not kinds:
        return 0
    params = {**reader_params(query, by), "most": MOST_COUNTED}
    row = sql.one(count_statement(kinds), params)
    return int(row["count"]) if row else 0


def store_counts() -> None:
    """Count what the frame of a page does not count itself."""
    kinds = swept_kinds(asked_kinds(Query()))
    params = {**reader_params(Query(), "system:attention"), "most": MOST_COUNTED, "kinds": list(kinds)}
    sql.rows(store_statement(kinds), params)


def tickets_of(project: str) -> Tickets:
    """The tickets of all items of a project."""
    kinds = asked_kinds(Query())
    params = {**reader_params(Query(project), "system:attention"), "most": None}
    [(ids, stuck)] = sql.tuples(tickets_statement(kinds), params)
    return Tickets(frozenset(ids), frozenset(stuck))


def stuck(query: Query, *, by: Actor) -> frozenset[int]:
    """The tickets that `by` sees and nobody but a person can move; of each kind the first MOST_COUNTED items
    are looked at.
    """
    params = {**reader_params(query, by), "most": MOST_COUNTED}
    [(_, found)] = sql.tuples(tickets_statement(asked_kinds(query)), params)
    return frozenset(found)


def stuck_numbers() -> dict[int, int]:
    """How many tickets `stuck` finds in each project, by its id; without those that have none."""
    params = {**reader_params(Query(), "system:attention"), "most": MOST_COUNTED}
    return {
        row["project_id"]: row["number"] for row in sql.rows(stuck_statement(asked_kinds(Query())), params)
    }


# -- the statements: one for each choice of kinds


@functools.cache
def items_statement(kinds: Sequence[str]) -> str:
    details = "\n".join(f"WHEN {at} THEN {registered()[kind].details}" for at, kind in enumerate(kinds))
    return sql.statement(
        __file__,
        "items",
        places=PLACES,
        fleet=FLEET,
        rows=rows_of(kinds, FROM_PLACE),
        rank=_rank("f.who"),
        details=f"CASE f.place {details} END",
        quoted=str(QUOTED),
    )


@functools.cache
def count_statement(kinds: Sequence[str]) -> str:
    return sql.statement(__file__, "count", places=PLACES, fleet=FLEET, rows=rows_of(kinds))


@functools.cache
def store_statement(kinds: Sequence[str]) -> str:
    return sql.statement(__file__, "store_counts", places=PLACES, fleet=FLEET, rows=rows_of(kinds))


def swept_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Those of these kinds that a sweep counts for the frame of pages."""
    return tuple(kind for kind in kinds if registered()[kind].swept)


@functools.cache
def tickets_statement(kinds: Sequence[str]) -> str:
    return sql.statement(__file__, "tickets", found=_tickets_found(kinds))


@functools.cache
def stuck_statement(kinds: Sequence[str]) -> str:
    return sql.statement(__file__, "stuck_numbers", found=_tickets_found(kinds))


def _tickets_found(kinds: Sequence[str]) -> str:
    return sql.statement(
        __file__,
        "tickets_found",
        places=PLACES,
        fleet=FLEET,
        rows=rows_of(kinds),
        ready=READY,
        awake=AWAKE,
    )


def rows_of(kinds: Sequence[str], page: str = "") -> str:
    """The items of these kinds, of each the first; with `page`, the first after a place."""
    return "\nUNION ALL\n".join(
        "("
        + sql.statement(
            __file__,
            "installation_rows" if registered()[kind].installation else "kind_rows",
            place=str(at),
            rows=registered()[kind].rows,
            rank=OF_WHO,
            page=page.format(place=at),
            # a LIMIT alone could make the planner read a whole table where an index has a few rows
            order="ORDER BY r.since, r.id" if page or registered()[kind].indexed else "",
        )
        + ")"
        for at, kind in enumerate(kinds)
    )


def _rank(role: str) -> str:
    """SQL: the number of this role, higher for those that may do more."""
    return f"array_position(ARRAY[{', '.join(repr(each) for each in ROLES)}], {role}::text)"


OF_WHO = _rank("r.who")
FROM_PLACE = "AND (r.since, r.id) > (%(since_{place})s::timestamptz, %(id_{place})s::bigint)"
PLACES = sql.statement(__file__, "places", rank=_rank("m.role"))
PEOPLE = sql.statement(__file__, "people")

# -- their parameters


def asked_kinds(query: Query, after: Place | None = None) -> tuple[str, ...]:
    """The kinds asked for, in the order of the list, from that of `after` on."""
    names = [name for name in registered() if not query.kinds or name in query.kinds]
    return tuple(names[names.index(after.kind) :] if after and after.kind in names else names)


def _places(kinds: Sequence[str], after: Place | None) -> Values:
    """After which item each kind begins."""
    params: Values = {}
    for at, kind in enumerate(kinds):
        begun = after if after and after.kind == kind else None
        params |= {f"since_{at}": begun.since if begun else "-infinity", f"id_{at}": begun.id if begun else 0}
    return params


def reader_params(query: Query, by: Actor) -> Values:
    """The parameters of PLACES."""
    return {
        "project": query.project or None,
        "mine": query.mine,
        "sees_all": sees_all(by),
        "agent": pk_of(by) if is_agent(by) else None,
        "person": None if is_agent(by) else pk_of(by),
        "at_most": _at_most(by),
    }


def _at_most(by: Actor) -> int:
    """The highest rank that the key of a person allows. An agent has no role."""
    if is_agent(by):
        return 0
    scopes = getattr(by, "key_scopes", None) or frozenset(ADDED.values())
    return max(place for place, scope in enumerate(ADDED.values(), 1) if not scope or scope in scopes)


# -- the items

NamedPeople = dict[tuple[int | None, str], list[str]]  # by project and role


def _people(projects: Collection[int | None]) -> NamedPeople:
    """The first people of each role in these projects, and the operators of the installation."""
    found: NamedPeople = defaultdict(list)
    if projects:
        ids = [project for project in projects if project is not None]
        for row in sql.rows(PEOPLE, {"projects": ids, "most": MOST_PEOPLE}):
            found[row["project_id"], row["role"]].append(row["username"])
    return found


def _named(people: NamedPeople, project: int | None, who: str) -> list[str]:
    """Who has the role itself comes first; without any member, the operators of the installation."""
    able = [name for role in ROLES[ROLES.index(who) :] for name in people.get((project, role), ())]
    return (able or people.get((None, ""), []))[:MOST_PEOPLE]


def _item(name: str, row: dict[str, Any], people: NamedPeople) -> Item:
    kind = registered()[name]
    return Item(
        kind=kind,
        people=_named(people, row["project_id"], row["who"]),
        what=kind.what(row),
        project=row["project"] or "",
        act=kind.act(row),
        about=(row["details"] or {}).get("about", ""),
        alike=(row["details"] or {}).get("alike", ""),
        ticket=row["ticket"] or "",
        title=row["title"] or "",
        moves=row["moves"] or 0,
        **{field: row[field] for field in ("id", "task", "who", "since", "mine")},
    )
