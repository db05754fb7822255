"""A ticket that waits for one approval, and the people who could give it or would like to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agents.models import Agent, Member, Project
from omoi_site.database import sql
from tests.factories import allow_workflow, seen, submit
from tests.support.api_client import api_of
from tickets.models import Ticket, TicketSpec, Verdict, Workflow

ASKED = {"count": 1, "role": "approver"}
PHASES = [
    {"name": "WORK", "to": ["REVIEW", "DONE"], "approvals": ASKED},
    {"name": "REVIEW", "to": ["DONE"], "approvals": ASKED},
    {"name": "DONE", "to": []},
]


@dataclass
class ApprovalScene:
    """A ticket in WORK with notes of abe's. abe and bea are approvers."""

    ticket: Ticket
    project: Project
    people: Any
    operator: Any
    ada: Agent
    abe: Any = None
    bea: Any = None

    def person(self, name: str, role: str) -> Any:
        user = self.people.objects.create_user(name)
        Member.objects.create(project=self.project, user=user, role=role)
        return user

    def approve(self, who: Any, *scopes: str, **body: Any) -> Any:
        """By REST."""
        asked = {"decision": "approve", "seen": seen(self.ticket), **body}
        return api_of(who, *scopes).post(f"/tickets/{self.ticket.key}/approvals", asked)

    def go(self, to: str = "DONE") -> Any:
        return api_of(self.operator).post(f"/tickets/{self.ticket.key}/transitions", {"to": to})

    def advance(self, verdict: Verdict, to: str = "DONE") -> None:
        """As a door would that kept a verdict."""
        recorded = Ticket.objects.record_refusals(self.ticket.pk, to, by=self.operator)
        with recorded, Ticket.objects.locked(pk=self.ticket.pk) as ticket:
            ticket.advance(to, by=self.operator, verdict=verdict)

    def judge(self) -> Verdict:
        return Ticket.objects.judge(pk=self.ticket.pk, by=self.operator)

    def call(self, decider: int, **changes: Any) -> None:
        """The function of the database, as whoever has the application's role could call it."""
        here = Ticket.objects.get(pk=self.ticket.pk)
        given = {
            "phase": here.phase,
            "move": here.moves,
            "seen": seen(here),
            "decision": "approve",
            **changes,
        }
        params = [here.pk, *given.values(), "", decider, ""]
        sql.rows("SELECT omoi_decide(%s, %s, %s, %s, %s, %s, %s, %s)", params)

    def answer(self) -> None:
        """The function that judges, with the answer that it is approved."""
        here = Ticket.objects.get(pk=self.ticket.pk)
        answers = [{"check": "approvals", **ASKED, "reasons": []}]
        evidence = "(SELECT omoi_evidence(id, phase) FROM tickets_ticket WHERE id = %s)"
        sql.rows(
            f"SELECT omoi_judge(%s, 'WORK', %s, {evidence}, %s, 'user:mallory', '')",
            [here.pk, here.moves, here.pk, json.dumps(answers)],
        )


def approval_scene(project: Project, operator: Any, ada: Agent, people: Any) -> ApprovalScene:
    workflow = allow_workflow(project, Workflow.objects.install({"name": "approved", "phases": PHASES}))
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    scene = ApprovalScene(ticket, project, people, operator, ada)
    scene.abe, scene.bea = scene.person("abe", "approver"), scene.person("bea", "approver")
    submit(ticket, "notes", b"by abe", by=scene.abe)
    return scene
