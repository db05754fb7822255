"""Sorts the relations of an import into needs, parents and links, and writes them.

Needs derived from parents and children (`inherited`) are written with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.models import label, via
from omoi_site.database import sql
from tickets.models.journal_sql import ticket_events
from tickets.models.task.need import Cycle, Edge, Need
from tickets.models.ticket.awaited import Relation
from tickets.models.ticket.cycles import break_cycles
from tickets.models.ticket.import_run import ImportRun
from tickets.models.ticket.inherited_needs import MOST, Pairs, inherited, too_many, waits_for_children

ADOPTED = """jsonb_build_object(
  'before', '{"parent": null}'::jsonb, 'after', jsonb_build_object('parent', parent_key))"""
ADOPT = sql.statement(__file__, "adopt", journal=ticket_events("edited", "'ticket.edited'", data=ADOPTED))
PARENT_CYCLE = sql.statement(__file__, "parent_cycle")
LINK = """
INSERT INTO tickets_link (ticket_id, other_id, kind)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::varchar[])
ON CONFLICT DO NOTHING
RETURNING id, ticket_id
"""


@dataclass
class Relations:
    """Relations by kind, between ids of the source. needs: (parent, child), with the end that meets them."""

    needs: dict[tuple[str, str], str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    links: list[tuple[str, str, str]] = field(default_factory=list)


def sort_relations(run: ImportRun, closing: dict[Relation, int]) -> Relations:
    """Sort the relations of the backlog, and earlier ones that waited for its ids.

    Relations whose other end is missing are left out; the result lists them as awaited or skipped.
    """
    relations, backlog, result = Relations(), run.backlog, run.result
    kinds = backlog.kinds
    for relation in dict.fromkeys((*backlog.relations, *closing)):
        kind, one, other = relation
        if other not in run.tickets:
            (result.skipped if other in backlog.never else result.awaited).append(relation)
        elif (
            kind == kinds.parents
            and relations.parents.get(one, other) == other
            and not (relation in closing and run.existing[one]["parent_id"])
        ):
            relations.parents[one] = other
        elif kind in (kinds.needs, kinds.ends) and run.blocks.get(other, True):
            if kind == kinds.needs or (other, one) not in relations.needs:
                relations.needs[other, one] = "success" if kind == kinds.needs else "always"
        elif one != other:
            relations.links.append((one, other, kind))
            if kind == kinds.parents:
                result.further.append((relation, relations.parents.get(one, "")))
    return relations


class RelationWriter:
    """Writes the relations of one import, in this order: needs, parents, links, derived needs."""

    def __init__(self, run: ImportRun, relations: Relations) -> None:
        self.run, self.relations = run, relations
        self.name_of = {task: name for name, task in run.tasks.items()}
        self.completed = {
            run.tasks[item.id] for item in run.backlog.items if item.id in run.new_tasks and item.done
        } | {row["task"] for row in run.existing.values() if row["state"] == "completed"}
        self.new_edges: list[Edge] = []

    def write(self) -> None:
        result = self.run.result
        self._add_stated_needs()
        adopted = self._adopt()
        links = self._link()
        self._add_derived_needs(adopted, links)
        result.parents, result.links, result.needs = len(adopted), len(links), len(self.new_edges)

    def _add_stated_needs(self) -> None:
        """Open work must not form a circle. Finished work may; then some of its edges are left out."""
        tasks = self.run.tasks
        needs: Pairs = {
            (tasks[one], tasks[other]): when
            for (one, other), when in self.relations.needs.items()
            if tasks[one] and tasks[other]
        }
        self._add({pair: when for pair, when in needs.items() if self.completed.isdisjoint(pair)})
        finished = {pair: when for pair, when in needs.items() if not self.completed.isdisjoint(pair)}
        if finished:
            existing = Need.objects.below(child for _, child in finished)
            self.run.result.cycles = [
                [self.name_of.get(task, str(task)) for task in cycle]
                for cycle in break_cycles(existing, finished)
            ]
            self._add(finished)

    def _adopt(self) -> set[int]:
        """Set the parent of tickets that have none; a ticket with another parent keeps it. Returns the
        changed tickets.
        """
        run, parents = self.run, self.relations.parents
        rows = sql.rows(
            ADOPT,
            {
                "children": [run.tickets[child] for child in parents],
                "parents": [run.tickets[parent] for parent in parents.values()],
                "new": [run.tickets[name] for name in run.new_tasks],
                "actor": label(run.by),
                "key": via(run.by),
            },
        )
        existing = [row["id"] for row in rows if row["existing"]]
        params = {"ids": existing, "source": run.backlog.source}
        if existing and (cycle := sql.one(PARENT_CYCLE, params)):
            names = cycle["names"]
            raise Cycle(f"{names[0]} would be a parent of itself: {' -> '.join(names)}", cycle=names)
        return {row["id"] for row in rows}

    def _link(self) -> dict[int, int]:
        """The ids of the new links, and the ticket of each."""
        tickets = self.run.tickets
        ends = [(tickets[one], tickets[other], kind) for one, other, kind in self.relations.links]
        new = sql.rows(LINK, [list(column) for column in zip(*ends, strict=True)]) if ends else []
        return {row["id"]: row["ticket_id"] for row in new}

    def _add_derived_needs(self, adopted: set[int], links: dict[int, int]) -> None:
        """Add needs of tickets that wait for another's children, or because their parent waits. Those that
        would close a cycle are left out.
        """
        run, kinds = self.run, self.run.backlog.kinds
        ticket_of = {run.tasks[name]: ticket for name, ticket in run.tickets.items()}
        ignored = {run.tasks[name] for name, blocks in run.blocks.items() if not blocks and name in run.tasks}
        waits = self._waits_of_the_file(ignored)
        seeds = {ticket_of[after] for _, after in waits}
        if kinds.children:
            parents = self.relations.parents
            waits |= waits_for_children(
                kinds,
                links=links,
                parents={run.tickets[parents[name]] for name in parents if run.tickets[name] in adopted},
                passes_nothing_on=ignored,
            )
        if kinds.parents:
            children = (ticket_of[edge.child] for edge in self.new_edges if edge.child in ticket_of)
            waits |= inherited(
                seeds | {*adopted, *links.values(), *children},
                source=run.backlog.source,
                parents=kinds.parents,
                more=waits,
                passes_nothing_on=ignored,
            )
        if len(waits) > MOST:
            raise too_many()
        if waits:
            count = len(waits)
            break_cycles(Need.objects.below(child for _, child in waits), waits)
            run.result.dropped = count - len(waits)
            self._add(waits)

    def _waits_of_the_file(self, ignored: set[int]) -> Pairs:
        tasks = self.run.tasks
        return {
            (tasks[before], tasks[after]): "always"
            for before, after in self.run.backlog.waits
            if after in self.run.new_tasks
            and before in tasks
            and tasks[before] not in self.completed | ignored
            and tasks[after] not in self.completed
        }

    def _add(self, pairs: Pairs) -> None:
        new, late = Need.objects.import_edges(
            self.run.project.pk,
            [Edge(*pair, when) for pair, when in pairs.items()],
            created=set(self.run.new_tasks.values()),
            names=self.name_of,
            by=self.run.by,
        )
        self.new_edges.extend(new)
        self.run.result.late += [
            (self.name_of[edge.parent], self.name_of[edge.child])
            for edge in late
            if edge.parent in self.name_of and edge.child in self.name_of
        ]
