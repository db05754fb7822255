"""A ticket of `software_delivery` before a gate, the actors who try to get past it, and their ways."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, ProgrammingError, transaction
from psycopg.errors import InsufficientPrivilege

from agents.models import Agent, Event, Project
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.support.api_client import Api, api_of
from tests.support.delivery import EVIDENCE, Delivery
from tickets.models import PhaseMove, Ticket, Verdict

ORDER = ["BACKLOG", "REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE"]
LONG = "because I say so, really"
REFUSED = {"ticket.move_refused", "ticket.birth_refused"}


@dataclass
class GateScene:
    """A ticket in a gated phase, and the actors who try."""

    delivery: Delivery
    calls: Api
    agent: Api
    operator: Any
    ada: Agent
    project: Project
    people: Any

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.select_related("workflow", "project").get(key=self.delivery.key)

    def go(self, to: str = "DESIGN", **more: Any) -> Any:
        return self.delivery.go(to, **more)

    def writer(self) -> Api:
        """The operator with a key that may write tickets but not force moves."""
        return api_of(self.operator, "tickets:write", "work")

    def advance(self, verdict: Verdict, to: str = "DESIGN") -> None:
        """As a door would that kept a verdict."""
        recorded = Ticket.objects.record_refusals(self.ticket.pk, to, by=self.operator)
        with recorded, Ticket.objects.locked(key=self.delivery.key) as ticket:
            ticket.advance(to, by=self.operator, verdict=verdict)

    def put(self, phase: str = "DESIGN") -> None:
        sql.rows("UPDATE tickets_ticket SET phase = %s WHERE id = %s", [phase, self.ticket.pk])

    def write_history(self, ground: str, to: str = "DESIGN", **more: Any) -> None:
        ticket = self.ticket
        more = {"by": "user:mallory", "reason": LONG, **more}
        PhaseMove.objects.create(
            ticket=ticket, move=ticket.moves + 1, from_phase=ticket.phase, to_phase=to, ground=ground, **more
        )


@dataclass(frozen=True)
class Way:
    """lacks: the artifact type that the way brings itself, while all other evidence is there and the work is
    done; None: the gate has nothing. door: the journal must hold the try.
    """

    act: Callable[[GateScene], Any]
    phase: str
    lacks: str | None
    door: bool


class Ways(dict[str, Way]):
    """The ways of a test file, by name."""

    def way(self, phase: str = "REQUIREMENTS", *, lacks: str | None = None, door: bool = True) -> Callable:
        """`act` returns the last answer, or raises."""

        def kept(act: Callable[[GateScene], Any]) -> Callable[[GateScene], Any]:
            self[act.__name__] = Way(act, phase, lacks, door)
            return act

        return kept


def expect_no_way_on(scene: GateScene, way: Way) -> None:
    """Bring the ticket to the gate, try, and see that it stays before it."""
    scene.delivery.bring_to(way.phase)
    if way.lacks is not None:
        scene.delivery.work_off()
        for kind, content in EVIDENCE[way.phase].items():
            if kind != way.lacks:
                scene.delivery.submit(kind, content)
    refusals = Event.objects.filter(kind__in=REFUSED).count()

    try:
        with nullcontext() if way.door else transaction.atomic():
            answer = way.act(scene)
    except (OmoiError, IntegrityError):
        pass
    except ProgrammingError as refusal:
        if not isinstance(refusal.__cause__, InsufficientPrivilege):
            raise
    else:
        assert answer is None or answer.status_code in (403, 409, 412, 422), answer.content

    here = ORDER.index(way.phase)
    for ticket in Ticket.objects.filter(workflow__name="software_delivery"):
        assert ticket.phase in (*ORDER[: here + 1], "BLOCKED", "CANCELLED")
        assert not ticket.history.filter(to_phase__in=ORDER[here + 1 :]).exists()
    assert not Verdict.objects.filter(ticket=scene.ticket, passed=True, phase=way.phase, checks=[]).exists()
    if way.door:
        assert Event.objects.filter(kind__in=REFUSED).count() > refusals
