"""Bringing in work that another tool kept: many tickets at once, each with one task, all or none.

What is known (by source and its id there) stays as it is: agents may be at work on it. Only what is missing
here is added, so the same backlog a second time adds nothing. The number of statements does not grow with the
number of tickets, but for batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from agents.models import Actor, Event, Project, label, rights, via
from omoi_site import limits
from omoi_site.database import sql
from omoi_site.errors import Faults, Invalid
from tickets.models.journal_sql import ticket_events
from tickets.models.task.need import Cycle, Edge, Need
from tickets.models.task.readiness import recount
from tickets.models.task.spec import TaskSpec
from tickets.models.task.task import Task
from tickets.models.ticket import external
from tickets.models.ticket.awaited import Awaited, Relation
from tickets.models.ticket.circles import break_circles
from tickets.models.ticket.comment import Comment, NewComment
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.inherited import HOLDS, MOST, Pairs, gathered, inherited, too_many
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import FORCE
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

BATCH = 1000
# Locked in id order before anything else of theirs: comments, references and parents are written in orders of
# their own.
KNOWN = f"""
WITH k AS MATERIALIZED (
  SELECT id, project_id, key, source_id, title, description, priority, phase, parent_id, external_ref
  FROM tickets_ticket WHERE project_id = %s AND source = %s AND source_id = ANY (%s)
  ORDER BY id FOR NO KEY UPDATE)
SELECT k.*, t.id AS task, t.state, {HOLDS} AS holds
FROM k LEFT JOIN LATERAL (SELECT id, state FROM tickets_task WHERE ticket_id = k.id ORDER BY id LIMIT 1) t ON true
"""
ADOPTED = """jsonb_build_object(
  'before', '{"parent": null}'::jsonb, 'after', jsonb_build_object('parent', parent_key))"""
ADOPT = f"""
WITH i AS (SELECT * FROM unnest(%(children)s::bigint[], %(parents)s::bigint[]) AS i(child, parent)),
mine AS MATERIALIZED (SELECT k.id, i.parent, NOT k.id = ANY (%(born)s::bigint[]) AS known FROM tickets_ticket k JOIN i ON i.child = k.id
                      WHERE k.parent_id IS NULL ORDER BY k.id FOR NO KEY UPDATE OF k),
told AS (UPDATE tickets_ticket k SET parent_id = mine.parent, version = k.version + mine.known::int, events = k.events + mine.known::int
         FROM mine WHERE k.id = mine.id RETURNING k.id, k.key, k.project_id, k.events, k.parent_id, mine.known),
edited AS (
  SELECT told.project_id, told.key, told.events, p.key AS parent_key
  FROM told JOIN tickets_ticket p ON p.id = told.parent_id WHERE told.known),
log AS ({ticket_events("edited", "'ticket.edited'", data=ADOPTED)})
SELECT id, known FROM told
"""
ANCESTORS = """
WITH RECURSIVE up(id, parent_id, named) AS (
  SELECT id, parent_id, ARRAY[CASE WHEN source = %(source)s THEN source_id ELSE key END] FROM tickets_ticket WHERE id = ANY (%(ids)s)
  UNION ALL
  SELECT p.id, p.parent_id, up.named || CASE WHEN p.source = %(source)s THEN p.source_id ELSE p.key END
  FROM tickets_ticket p JOIN up ON p.id = up.parent_id) CYCLE id SET loops USING path
SELECT named FROM up WHERE loops AND named[1] = named[cardinality(named)] ORDER BY named LIMIT 1
"""
LINK = """
INSERT INTO tickets_link (ticket_id, other_id, kind) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::varchar[]) ON CONFLICT DO NOTHING RETURNING id, ticket_id
"""


class Words(NamedTuple):
    """What a source calls its relations; any other word is that of a link.

    needs: the one waits until the other is completed. ends: until it has ended, in any way. children: a link,
    and the one waits for the other's children. any_child: the same, and nothing is waited for once one of
    them is done.
    """

    needs: str = ""
    parents: str = ""
    ends: str = ""
    children: str = ""
    any_child: str = ""


LINKS = Words()


@dataclass(frozen=True)
class Item:
    """One ticket to be, by its id where it comes from; `kind` and `not_before` are its task's. `done`: it is
    born in the last phase, its task completed.
    """

    id: str
    title: str
    description: str = ""
    priority: int = 2
    labels: Sequence[str] = ()
    kind: str = "task"
    done: bool = False
    created_at: datetime | None = None
    not_before: datetime | None = None
    closed_at: datetime | None = None
    pause: str = ""  # why it comes in paused
    pause_class: str = ""  # the same in a word, by which the report counts
    external_ref: str = ""
    comments: Sequence[NewComment] = ()  # the oldest first
    holds: bool = True  # whether what needs it waits for it


@dataclass(frozen=True)
class Backlog:
    """What `source` kept: items once each, and relations once each in order, which may lead to ids that came
    earlier or come later.
    """

    source: str
    items: Sequence[Item]
    relations: Sequence[Relation] = ()
    words: Words = LINKS
    deleted: Sequence[str] = ()  # ids that were deleted there; a ticket that is here stays
    never: Set[str] = frozenset()  # ids that never come, deleted ones among them
    waits: Sequence[
        tuple[str, str]
    ] = ()  # (before, after) as far as both are here; what would close a circle is left out

    @property
    def ids(self) -> set[str]:
        """Every id that is named."""
        ends = {end for _, *both in self.relations for end in both}
        return ends.union((item.id for item in self.items), self.deleted)


@dataclass
class Arrival:
    """What became of a backlog: what is new here, what was known, and where the known differs (left as it
    is).
    """

    new: int = 0
    known: int = 0
    tasks: int = 0
    needs: int = 0
    parents: int = 0
    links: int = 0
    comments: int = 0
    external_refs: int = 0
    changed: list[dict[str, Any]] = field(default_factory=list)  # {id, ticket, fields}
    late: list[tuple[str, str]] = field(
        default_factory=list
    )  # needs (parent, child) whose child's task has begun
    skipped: list[Relation] = field(default_factory=list)  # to ids that never come
    awaited: list[Relation] = field(default_factory=list)  # to ids that may come later
    closed: int = 0  # relations of earlier imports whose other end has come
    further: list[tuple[Relation, str]] = field(
        default_factory=list
    )  # parents kept as links, with the parent that there is
    circles: list[list[str]] = field(
        default_factory=list
    )  # of finished work, some of whose edges are left out
    paused: dict[str, int] = field(
        default_factory=dict
    )  # new tickets that came in paused, by their pause_class
    ready: int = 0  # new tasks that can be claimed at once
    dropped: int = 0  # waits for the family's sake that would close a circle


@dataclass
class Edges:
    """Relations as what they are here, by the ids of the source.

    needs: (parent, child) and the end that meets them.
    """

    needs: dict[tuple[str, str], str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    links: list[tuple[str, str, str]] = field(default_factory=list)


@sql.atomic
def import_backlog(
    backlog: Backlog,
    *,
    project: Project,
    workflow: Workflow,
    by: Actor,
    watch: Callable[[int], None] = lambda made: None,
) -> Arrival:
    """Add what is new of a backlog, in one transaction.

    Finished work begins past the first phase, which takes the right to force a move: else raises Forbidden.
    `watch` is told now and then how many tickets are made. Raises Cycle when needs or parents would go round
    together with what is here.
    """
    Need.objects.lock_graph(
        project.pk
    )  # before any row; and so one import of a project comes after the other
    closing = Awaited.objects.closing(
        (item.id for item in backlog.items), project=project.pk, source=backlog.source
    )
    named = backlog.ids.union(relation.from_id for relation in closing)
    known = {row["source_id"]: row for row in sql.rows(KNOWN, [project.pk, backlog.source, list(named)])}
    fresh = [item for item in backlog.items if item.id not in known]
    _refuse_faults(backlog.items, known)
    tickets, tasks = (
        {name: row["id"] for name, row in known.items()},
        {name: row["task"] for name, row in known.items()},
    )
    if any(item.done for item in fresh):
        with Ticket.objects.record_refused_creation(project, "the last", by=by):
            rights.require(by, FORCE, project)
    born: dict[str, int] = {}
    for ticket, task in _born(fresh, backlog.source, project, workflow, by):
        tickets[ticket.source_id], born[ticket.source_id] = ticket.pk, task
        if len(born) % BATCH == 0:
            watch(len(born))
    tasks |= born
    here = {row["id"] for row in known.values()}
    remarks = [(tickets[item.id], remark) for item in backlog.items for remark in item.comments]
    refs = {
        row["id"]: item.external_ref
        for item in backlog.items
        if item.external_ref and (row := known.get(item.id)) and not row["external_ref"]
    }
    arrival = Arrival(
        new=len(fresh),
        known=len(backlog.items) - len(fresh),
        tasks=len(born),
        paused=dict(Counter(item.pause_class or "paused" for item in fresh if item.pause).most_common()),
        comments=Comment.objects.import_comments(remarks, source=backlog.source, known=here, by=by),
        external_refs=sum(bool(item.external_ref) for item in fresh) + external.fill(refs, by=by),
    )
    edges = _sorted_out(backlog, closing, tickets, known, arrival)
    Awaited.objects.keep([(tickets[one], kind, other) for kind, one, other in arrival.awaited])
    if closing:
        Awaited.objects.filter(pk__in=closing.values()).delete()
        arrival.closed = len(closing)
    _connect(backlog, edges, project, tickets, tasks, born, known, arrival, by)
    arrival.changed = list(_changed(backlog, edges.parents, known, workflow.plan))
    made = ("new", "needs", "parents", "links", "comments", "external_refs")
    counts = {name: getattr(arrival, name) for name in (*made, "known", "tasks")}
    if any(counts[name] for name in made):
        project.record("project.imported", by=by, data={"source": backlog.source, **counts})
    watch(len(born))
    return arrival


def _connect(
    backlog: Backlog,
    edges: Edges,
    project: Project,
    tickets: dict[str, int],
    tasks: dict[str, int],
    born: dict[str, int],
    known: dict[str, dict[str, Any]],
    arrival: Arrival,
    by: Actor,
) -> None:
    """Write needs, parents and links, and the needs that follow from them."""

    over = {tasks[item.id] for item in backlog.items if item.id in born and item.done}
    over |= {row["task"] for row in known.values() if row["state"] == "completed"}
    needs: Pairs = {
        (tasks[one], tasks[other]): when
        for (one, other), when in edges.needs.items()
        if tasks[one] and tasks[other]
    }
    name_of = {task: name for name, task in tasks.items()}
    new: list[Edge] = []

    def add(pairs: Pairs) -> None:
        told, late = Need.objects.import_edges(
            project.pk,
            [Edge(*pair, when) for pair, when in pairs.items()],
            born=set(born.values()),
            names=name_of,
            by=by,
        )
        new.extend(told)
        arrival.late += [
            (name_of[edge.parent], name_of[edge.child])
            for edge in late
            if edge.parent in name_of and edge.child in name_of
        ]

    add({pair: when for pair, when in needs.items() if over.isdisjoint(pair)})
    finished = {pair: when for pair, when in needs.items() if not over.isdisjoint(pair)}
    if finished:
        there = Need.objects.below(child for _, child in finished)
        arrival.circles = [
            [name_of.get(task, str(task)) for task in circle] for circle in break_circles(there, finished)
        ]
        add(finished)
    adopted = _adopt(edges, tickets, born, backlog.source, by)
    arrival.parents = len(adopted)
    links = _link(edges, tickets)
    arrival.links = len(links)

    ticket_of = {tasks[name]: ticket for name, ticket in tickets.items()}
    passes_nothing_on = {
        tasks[name] for name, holds in _holds(backlog, known).items() if not holds and name in tasks
    }
    words = backlog.words
    waits: Pairs = {
        (tasks[one], tasks[other]): "always"
        for one, other in backlog.waits
        if other in born
        and one in tasks
        and tasks[one] not in over | passes_nothing_on
        and tasks[other] not in over
    }
    seeds = {ticket_of[after] for _, after in waits}
    if words.children:
        family = {tickets[edges.parents[name]] for name in edges.parents if tickets[name] in adopted}
        waits |= gathered(
            words.children,
            words.any_child,
            links=links,
            parents=family,
            parent=words.parents,
            passes_nothing_on=passes_nothing_on,
        )
    if words.parents:
        seeds |= {
            *adopted,
            *links.values(),
            *(ticket_of[edge.child] for edge in new if edge.child in ticket_of),
        }
        waits |= inherited(
            seeds,
            source=backlog.source,
            parents=words.parents,
            more=waits,
            passes_nothing_on=passes_nothing_on,
        )
    if len(waits) > MOST:
        raise too_many()
    if waits:
        count = len(waits)
        break_circles(Need.objects.below(child for _, child in waits), waits)
        arrival.dropped = count - len(waits)
        add(waits)
    recount(list(born.values()))
    arrival.needs = len(new)
    arrival.ready = Task.objects.filter(pk__in=born.values()).ready().count()


def _refuse_faults(items: Sequence[Item], known: Container[str]) -> None:
    faults = Faults()
    for item in items:
        values = (
            {"external_ref": item.external_ref} if item.id in known else {**vars(item), "source_id": item.id}
        )
        for name, message in limits.faults(Ticket, values):
            faults.add(f"{item.id}: {name}", message)
        for place, remark in enumerate(item.comments, 1):
            for name, message in limits.faults(Comment, vars(remark)):
                faults.add(f"{item.id}: comment {place}: {name}", message)
    faults.check()


def _born(
    items: Sequence[Item], source: str, project: Project, workflow: Workflow, by: Actor
) -> Iterator[tuple[Ticket, int]]:
    """Tickets with their births, tasks and events, batch by batch; each with the id of its task."""
    if not items:
        return
    plan, last = workflow.plan, _last(workflow) if any(item.done for item in items) else ""
    works = plan.works_in(plan.start)
    if plan[works].terminal and not all(item.done for item in items):
        raise Invalid(
            f"in {workflow} a ticket is done when it is opened: open work has no place in it",
            field="workflow",
        )
    made = sql.one(
        "UPDATE agents_project SET tickets_made = tickets_made + %s WHERE id = %s RETURNING tickets_made, workflow, workflows, clock_timestamp() AS now",
        [len(items), project.pk],
    )
    assert made
    workflow.expect_allowed(project.key, made["workflow"], made["workflows"])
    first, now = made["tickets_made"] - len(items) + 1, made["now"]
    for place in range(0, len(items), BATCH):
        if place:  # what deferred triggers have to look at must not pile up until the end
            sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
            sql.rows("SET CONSTRAINTS ALL DEFERRED")
        batch = items[place : place + BATCH]
        tickets = [
            Ticket(
                project=project,
                number=number,
                key=f"{project.key}-{number}",
                title=item.title,
                description=item.description,
                priority=item.priority,
                labels=list(item.labels),
                workflow=workflow,
                phase=last if item.done else plan.start,
                source=source,
                source_id=item.id,
                external_ref=item.external_ref,
                events=1,
                created_at=item.created_at or now,
                paused=bool(item.pause),
                paused_at=now if item.pause else None,
                pause_reason=item.pause,
            )
            for number, item in enumerate(batch, first + place)
        ]
        sql.copy_in(tickets)
        sql.copy_in([_birth(ticket, by) for ticket in tickets])
        sql.copy_in([_opening(ticket, item.holds, by) for ticket, item in zip(tickets, batch, strict=True)])
        specs = [
            TaskSpec(
                item.title,
                kind=item.kind,
                phase=works,
                ended=item.done,
                ended_at=item.closed_at,
                not_before=item.not_before,
            )
            for item in batch
        ]
        tasks = Task.objects.import_tasks(list(zip(tickets, specs, strict=True)), now=now, by=by)
        yield from zip(tickets, tasks, strict=True)


def _adopt(edges: Edges, tickets: dict[str, int], born: dict[str, int], source: str, by: Actor) -> set[int]:
    """Give a parent to tickets that have none; one that has another keeps it. Those that have one now."""
    told = sql.rows(
        ADOPT,
        {
            "children": [tickets[child] for child in edges.parents],
            "parents": [tickets[parent] for parent in edges.parents.values()],
            "born": [tickets[name] for name in born],
            "actor": label(by),
            "key": via(by),
        },
    )
    known = [row["id"] for row in told if row["known"]]
    if known and (loop := sql.one(ANCESTORS, {"ids": known, "source": source})):
        raise Cycle(
            f"{loop['named'][0]} would be a parent of itself: {' -> '.join(loop['named'])}",
            cycle=loop["named"],
        )
    return {row["id"] for row in told}


def _link(edges: Edges, tickets: dict[str, int]) -> dict[int, int]:
    """The ids of those that are new, and the ticket of each."""
    ends = [(tickets[one], tickets[other], kind) for one, other, kind in edges.links]
    new = sql.rows(LINK, [list(column) for column in zip(*ends, strict=True)]) if ends else []
    return {row["id"]: row["ticket_id"] for row in new}


def _sorted_out(
    backlog: Backlog,
    closing: dict[Relation, int],
    tickets: dict[str, int],
    known: dict[str, dict[str, Any]],
    arrival: Arrival,
) -> Edges:
    """Relations of the backlog, and those that waited for it, as what they are; what has no other end is told
    and not among them.
    """
    edges, words = Edges(), backlog.words
    holds = _holds(backlog, known)
    for relation in dict.fromkeys((*backlog.relations, *closing)):
        kind, one, other = relation
        if other not in tickets:
            (arrival.skipped if other in backlog.never else arrival.awaited).append(relation)
        elif (
            kind == words.parents
            and edges.parents.get(one, other) == other
            and not (relation in closing and known[one]["parent_id"])
        ):
            edges.parents[one] = other
        elif kind in (words.needs, words.ends) and holds.get(other, True):
            if kind == words.needs or (other, one) not in edges.needs:
                edges.needs[other, one] = "success" if kind == words.needs else "always"
        elif one != other:
            edges.links.append((one, other, kind))
            if kind == words.parents:
                arrival.further.append((relation, edges.parents.get(one, "")))
    return edges


def _holds(backlog: Backlog, known: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Whether what needs it waits for it: not where the file says no, or the file said so it came in with."""
    came_in = {name: row["holds"] for name, row in known.items()}
    return came_in | {item.id: item.holds and came_in.get(item.id, True) for item in backlog.items}


def _why(ticket: Ticket) -> str:
    """The reason for being born past the first phase."""
    return "" if ticket.phase == ticket.plan.start else f"closed in {ticket.source}"


def _birth(ticket: Ticket, by: Actor) -> PhaseMove:
    why = _why(ticket)
    ground = PhaseMove.Ground.IMPORTED if why else PhaseMove.Ground.BORN
    return PhaseMove(
        ticket=ticket, move=0, to_phase=ticket.phase, ground=ground, reason=why, by=label(by), key=via(by)
    )


def _opening(ticket: Ticket, blocks: bool, by: Actor) -> Event:
    return Event(
        project_id=ticket.project_id,
        topic=ticket.topic,
        subject=ticket.subject,
        number=ticket.events,
        kind="ticket.opened",
        actor=label(by),
        key=via(by),
        data={
            "title": ticket.title,
            "phase": ticket.phase,
            "source": ticket.source,
            "source_id": ticket.source_id,
        }
        | ({"paused": ticket.pause_reason} if ticket.paused else {})
        | ({} if blocks else {"blocks": False}),  # a later import asks: nothing waits for it
        reason=_why(ticket),
    )


def _last(workflow: Workflow) -> str:
    """The phase of finished work."""
    ends = [phase.name for phase in workflow.plan.phases if phase.terminal]
    if not ends:
        raise Invalid(
            f"{workflow} has no phase that ends: finished work has no place in it", field="workflow"
        )
    return ends[-1]


def _changed(
    backlog: Backlog, parents: dict[str, str], known: dict[str, dict[str, Any]], plan: Plan
) -> Iterator[dict[str, Any]]:
    """Known items that say something else than their ticket; that a ticket went on here is no change there."""
    parent_of = {row["id"]: name for name, row in known.items()}
    for item in backlog.items:
        if row := known.get(item.id):
            fields = [
                name for name in ("title", "description", "priority") if getattr(item, name) != row[name]
            ]
            if row["external_ref"] not in ("", item.external_ref):
                fields.append("external_ref")
            if item.done and not (row["phase"] in plan and plan[row["phase"]].terminal):
                fields.append("status")
            if row["parent_id"] and parent_of.get(row["parent_id"]) != parents.get(item.id):
                fields.append("parent")
            if fields:
                yield {"id": item.id, "ticket": row["key"], "fields": fields}
    for name in backlog.deleted:
        if row := known.get(name):
            yield {"id": name, "ticket": row["key"], "fields": ["deleted"]}
