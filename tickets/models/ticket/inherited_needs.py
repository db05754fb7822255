"""Derived needs of imported tickets: children wait for what their parent waits for, and some tickets wait for
another's children.

Both are stored as needs, so a claim need not know about them. A derived need that would close a cycle is left
out, because the source has no such circle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Set
from graphlib import CycleError, TopologicalSorter

from omoi_site.database import sql
from omoi_site.errors import TooLarge
from tickets.models.task.readiness import MET, OPEN
from tickets.models.ticket.backlog import RelationKinds

MOST = 200_000  # the most derived needs in one import

# Whether tasks that need ticket `k` wait for it, according to the first event of the ticket.
HOLDS = """
coalesce((
  SELECT (data ->> 'blocks')::boolean
  FROM agents_event
  WHERE topic = 'ticket:' || k.key
  ORDER BY xid, id
  LIMIT 1
), true)
"""

FAMILY = sql.statement(__file__, "family")
FAMILY_WAITS = sql.statement(__file__, "family_waits", holds=HOLDS, met=MET)
WAITS_FOR_CHILDREN = sql.statement(__file__, "waits_for_children", holds=HOLDS)
Pairs = dict[tuple[int, int], str]  # (task, task that waits for it), and the end that meets it


def waits_for_children(
    kinds: RelationKinds,
    *,
    links: Iterable[int],
    parents: Iterable[int],
    passes_nothing_on: Set[int],
) -> Pairs:
    """The waits for open children of other tickets, if the link or the child is new.

    Nothing waits for tasks in `passes_nothing_on`.
    """
    params = {
        "every": kinds.children,
        "any": kinds.any_child,
        "links": list(links),
        "parents": list(parents),
        "parent": kinds.parents,
        "limit": MOST + 1,
    }
    rows = sql.rows(WAITS_FOR_CHILDREN, params)
    if len(rows) > MOST:
        raise too_many()
    any_done = {(row["waiter"], row["parent"]) for row in rows if row["any"] and row["state"] == "completed"}
    return {
        (row["before"], row["after"]): "always"
        for row in rows
        if row["state"] in OPEN
        and row["waiting"] == "pending"
        and not (row["any"] and (row["waiter"], row["parent"]) in any_done)
        and row["holds"]
        and row["before"] not in passes_nothing_on
        and row["before"] != row["after"]
    }


def inherited(
    seeds: Iterable[int],
    *,
    source: str,
    parents: str,
    more: Mapping[tuple[int, int], str],
    passes_nothing_on: Set[int],
) -> Pairs:
    """The waits of these open tickets and their children that come from an open parent. `more` are waits
    about to be added.
    """
    above: dict[int, set[int]] = {}
    for row in sql.rows(FAMILY, {"seeds": list(seeds), "source": source, "parents": parents}):
        above.setdefault(row["child"], set()).add(row["parent"])
    if not above:
        return {}
    below: dict[int, list[int]] = {}
    for child, parents_of_child in above.items():
        for parent in parents_of_child:
            below.setdefault(parent, []).append(child)
    open_rows = {
        row["id"]: row for row in sql.rows(FAMILY_WAITS, [list(above.keys() | below)]) if row["state"] in OPEN
    }
    waits = {row["task"]: dict(zip(row["waits"], row["ends"], strict=True)) for row in open_rows.values()}
    for (before, after), when in more.items():
        if after in waits:
            waits[after].setdefault(before, when)
    passing = {
        ticket for ticket, row in open_rows.items() if row["holds"] and row["task"] not in passes_nothing_on
    }
    derived: Pairs = {}
    queue = deque(_parents_first(above))
    queued = set(queue)
    while queue:
        queued.discard(ticket := queue.popleft())
        for child in below.get(ticket, ()) if ticket in passing else ():
            if child not in open_rows or open_rows[child]["state"] != "pending":
                continue
            task, heir = open_rows[ticket]["task"], open_rows[child]["task"]
            new = {before: when for before, when in waits[task].items() if before not in waits[heir]}
            derived |= {(before, heir): when for before, when in new.items()}
            new.pop(heir, None)  # a circle, which is reported
            waits[heir] |= new
            if len(derived) > MOST:
                raise too_many()
            if new and child not in queued:
                queue.append(child)
                queued.add(child)
    return derived


def too_many() -> TooLarge:
    return TooLarge(
        f"Nothing was imported. Parents and children would lead to more than {MOST} waits."
        " Split the file, or remove some waits"
    )


def _parents_first(above: dict[int, set[int]]) -> list[int]:
    try:
        return list(TopologicalSorter(above).static_order())
    except CycleError:  # second parents may form a circle
        return [*set().union(*above.values())]
