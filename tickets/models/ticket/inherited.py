"""What imported tickets wait for because of their family: children for what holds their parent, and gatherers
for another's children.

Both are stored as needs, so a claim looks at nothing else. A need that would close a circle is left out: the
circle exists only here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Set
from graphlib import CycleError, TopologicalSorter

from omoi_site.database import sql
from omoi_site.errors import TooLarge
from tickets.models.task.conditions import MET

MOST = 200_000  # needs that follow from the families of one import

# Whether what needs ticket `k` waits for it, as the first event of the ticket tells.
HOLDS = """coalesce((SELECT (data ->> 'blocks')::boolean FROM agents_event
                     WHERE topic = 'ticket:' || k.key ORDER BY xid, id LIMIT 1), true)"""

# Everything at and below these tickets that came from the same source, each with its parents; further parents
# are links.
FAMILY = """
WITH RECURSIVE down(id) AS (
  SELECT unnest(%(seeds)s::bigint[])
  UNION
  SELECT x.id FROM down CROSS JOIN LATERAL (
    SELECT k.id FROM tickets_ticket k WHERE k.parent_id = down.id AND k.source = %(source)s
    UNION ALL SELECT l.ticket_id FROM tickets_link l WHERE l.other_id = down.id AND l.kind = %(parents)s) x)
SELECT down.id AS child, k.parent_id AS parent FROM down JOIN tickets_ticket k ON k.id = down.id WHERE k.parent_id IS NOT NULL
UNION SELECT down.id, l.other_id FROM down JOIN tickets_link l ON l.ticket_id = down.id AND l.kind = %(parents)s
"""
WAITS = f"""
SELECT k.id, t.id AS task, t.state, {HOLDS} AS holds,
       coalesce(array_agg(n.parent_id) FILTER (WHERE p.state IN ('pending', 'claimed') OR NOT {MET}), '{{}}') AS waits,
       coalesce(array_agg(n.on_end) FILTER (WHERE p.state IN ('pending', 'claimed') OR NOT {MET}), '{{}}') AS ends
FROM tickets_ticket k CROSS JOIN LATERAL (SELECT id, state FROM tickets_task WHERE ticket_id = k.id ORDER BY id LIMIT 1) t
LEFT JOIN tickets_need n ON n.child_id = t.id LEFT JOIN tickets_task p ON p.id = n.parent_id
WHERE k.id = ANY (%s) GROUP BY k.id, t.id, t.state
"""
# Who waits for the children of a ticket, by a link that is new or because a child is.
GATHERED = f"""
WITH gather AS (
  SELECT ticket_id, other_id, kind FROM tickets_link
  WHERE kind IN (%(every)s, %(any)s) AND (id = ANY (%(links)s) OR other_id = ANY (%(parents)s))),
child AS MATERIALIZED (
  SELECT g.ticket_id AS waiter, g.other_id AS parent, g.kind, k.id
  FROM gather g JOIN tickets_ticket k ON k.parent_id = g.other_id
  UNION ALL
  SELECT g.ticket_id, g.other_id, g.kind, l.ticket_id
  FROM gather g JOIN tickets_link l ON l.other_id = g.other_id AND l.kind = %(parent)s
  LIMIT %(limit)s),
aside AS MATERIALIZED (
  SELECT k.id FROM tickets_ticket k WHERE k.id IN (SELECT id FROM child) AND NOT {HOLDS})
SELECT c.waiter, c.parent, c.kind = %(any)s AS any, w.id AS after, w.state AS waiting, t.id AS before, t.state,
       c.id NOT IN (SELECT id FROM aside) AS holds
FROM child c
CROSS JOIN LATERAL (SELECT id, state FROM tickets_task WHERE ticket_id = c.waiter ORDER BY id LIMIT 1) w
CROSS JOIN LATERAL (SELECT id, state FROM tickets_task WHERE ticket_id = c.id ORDER BY id LIMIT 1) t ORDER BY c.waiter, c.id
"""
OPEN = ("pending", "claimed")

Pairs = dict[tuple[int, int], str]  # (task, task that waits for it), and the end that meets it


def gathered(
    every: str,
    any_child: str,
    *,
    links: Iterable[int],
    parents: Iterable[int],
    parent: str,
    passes_nothing_on: Set[int],
) -> Pairs:
    """What waits for the open children of another ticket, as far as the links (of these two kinds) or the
    children are new.

    Nobody waits for tasks of `passes_nothing_on`.
    """
    params = {
        "every": every,
        "any": any_child,
        "links": list(links),
        "parents": list(parents),
        "parent": parent,
        "limit": MOST + 1,
    }
    rows = sql.rows(GATHERED, params)
    if len(rows) > MOST:
        raise too_many()
    begun = {(row["waiter"], row["parent"]) for row in rows if row["any"] and row["state"] == "completed"}
    return {
        (row["before"], row["after"]): "always"
        for row in rows
        if row["state"] in OPEN
        and row["waiting"] == "pending"
        and not (row["any"] and (row["waiter"], row["parent"]) in begun)
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
    """What the open tickets at and below these wait for because an open parent does; `more` is about to be
    waited for too.
    """
    above: dict[int, set[int]] = {}
    for row in sql.rows(FAMILY, {"seeds": list(seeds), "source": source, "parents": parents}):
        above.setdefault(row["child"], set()).add(row["parent"])
    if not above:
        return {}
    family = {*above, *(parent for each in above.values() for parent in each)}
    facts = {row["id"]: row for row in sql.rows(WAITS, [list(family)]) if row["state"] in OPEN}
    waits = {row["task"]: dict(zip(row["waits"], row["ends"], strict=True)) for row in facts.values()}
    for (before, after), when in more.items():
        if after in waits:
            waits[after].setdefault(before, when)
    below: dict[int, list[int]] = {}
    for child, each in above.items():
        for parent in each:
            below.setdefault(parent, []).append(child)
    found: Pairs = {}
    queue = deque(_parents_first(above))
    due = set(queue)
    while queue:
        due.discard(ticket := queue.popleft())
        if ticket not in facts or not facts[ticket]["holds"]:
            continue
        if (task := facts[ticket]["task"]) in passes_nothing_on:
            continue
        for child in below.get(ticket, ()):
            if child not in facts or facts[child]["state"] != "pending":
                continue
            heir = facts[child]["task"]
            new = {before: when for before, when in waits[task].items() if before not in waits[heir]}
            found |= {(before, heir): when for before, when in new.items()}
            new.pop(heir, None)  # a circle, and told as one
            waits[heir] |= new
            if len(found) > MOST:
                raise too_many()
            if new and child not in due:
                queue.append(child)
                due.add(child)
    return found


def too_many() -> TooLarge:
    return TooLarge(
        f"Nothing was imported. Tickets would wait for more than {MOST} others for the sake of their parents"
        " or another's children: split the file, or wait for fewer"
    )


def _parents_first(above: dict[int, set[int]]) -> list[int]:
    try:
        return list(TopologicalSorter(above).static_order())
    except CycleError:  # second parents may go round
        return [*{parent for each in above.values() for parent in each}]
