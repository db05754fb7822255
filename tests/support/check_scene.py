"""A ticket whose gate has one check, with evidence that does not pass it, and the actors who try."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents.models import Agent, AgentSpec, Member, Project
from tests.factories import allow_workflow, complete, shell_profile, submit
from tests.support.api_client import Api, api_of
from tests.support.http_service import Service, service
from tickets.models import CheckRun, Claim, Task, Ticket, TicketSpec, Verdict, Workflow
from tickets.runtime.check_runner import carry_out_next

TEXT = "A payment is charged once"
SCHEMA = {"type": "object", "properties": {"port": {"type": "integer"}}, "required": ["port"]}
PARAMETERS: dict[str, dict[str, Any]] = {
    "acceptance": {},
    "agent_review": {"rounds": 5},
    "command": {"profile": "plans", "slots": {"text": "grep -q how"}, "reads": ["plan"], "timeout_s": 20},
    "http": {"timeout_s": 1},
    "json_schema": {"type": "settings", "schema": SCHEMA},
}


def phases(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": "PLAN", "to": ["WORK"]},
        {"name": "WORK", "to": ["DONE"], "gate": [entry]},
        {"name": "DONE", "to": []},
    ]


@dataclass
class CheckScene:
    """In WORK; ada did the work, bob of another owner could review it."""

    ticket: Ticket
    entry: dict[str, Any]
    project: Project
    operator: Any
    ada: Agent
    bob: Agent
    people: Any

    @property
    def at(self) -> str:
        return f"/tickets/{self.ticket.key}"

    @property
    def calls(self) -> Api:
        return api_of(self.operator)

    def member(self, role: str) -> Any:
        user = self.people.objects.create_user(role)
        Member.objects.create(project=self.project, user=user, role=role)
        return user

    def submit(self, kind: str, content: bytes, **more: Any) -> None:
        submit(self.ticket, kind, content, by=self.ada, **more)

    def judge(self) -> Verdict:
        return Ticket.objects.judge(pk=self.ticket.pk, by=self.operator)

    def carry_out(self) -> Verdict:
        """Ask the check, and let workers answer as they find it."""
        self.judge()
        while carry_out_next("w1"):
            pass
        return self.judge()

    def take(self) -> CheckRun:
        """Ask the check, and take its run as a worker."""
        self.judge()
        taken = CheckRun.objects.take("system:w1")
        assert taken
        return taken

    def claim_review(self, who: Agent) -> Claim:
        self.judge()
        [claim] = Task.objects.claim(by=who)
        return claim

    def review(self, who: Agent, verdict: str, *reasons: str) -> None:
        result = {"verdict": verdict, "reasons": list(reasons)} if reasons else {"verdict": verdict}
        complete(self.claim_review(who), by=who, result=result)

    def install(self, entry: dict[str, Any]) -> None:
        """Another version of its workflow."""
        Workflow.objects.install({"name": "checked", "phases": phases(entry)}, by=self.operator)

    def advance(self, verdict: Verdict) -> None:
        """As a door would that kept a verdict."""
        recorded = Ticket.objects.record_refusals(self.ticket.pk, "DONE", by=self.operator)
        with recorded, Ticket.objects.locked(pk=self.ticket.pk) as ticket:
            ticket.advance("DONE", by=self.operator, verdict=verdict)

    def go(self) -> Any:
        return self.calls.post(f"{self.at}/transitions", {"to": "DONE"})

    def pass_the_check(self) -> None:
        """With evidence that is true."""
        GOOD[self.entry["check"]](self)
        self.carry_out()


def settings(port: Any) -> bytes:
    return json.dumps({"port": port}).encode()


def answer_criterion(scene: CheckScene) -> None:
    scene.submit("test_results", b"once", name="results.xml")
    Ticket.objects.act(scene.ticket.pk, "answer", by=scene.ada, number=1, evidence="results.xml")


GOOD: dict[str, Callable[[CheckScene], Any]] = {
    "acceptance": answer_criterion,
    "agent_review": lambda scene: scene.review(scene.bob, "approved"),
    "command": lambda scene: scene.submit("plan", b"why and how"),
    "http": lambda scene: setattr(Service, "status", 200),
    "json_schema": lambda scene: scene.submit("settings", settings(8000)),
}


@contextmanager
def check_scene(check: str, **cast: Any) -> Iterator[CheckScene]:
    """cast: project, operator, ada and people. Asks the check of the ticket's present evidence nothing."""
    with service() as url:
        Service.status = 503
        entry = {"check": check, **PARAMETERS[check], **({"url": url} if check == "http" else {})}
        shell_profile("plans")
        bob = Agent.objects.register(
            AgentSpec("bob", capacity=5),
            projects=[cast["project"]],
            by=cast["operator"],
            owner=cast["people"].objects.create_user("rita").username,
        )
        bob.key_scopes = frozenset({"work"})
        workflow = Workflow.objects.install({"name": "checked", "phases": phases(entry)})
        spec = TicketSpec("Payments", workflow=allow_workflow(cast["project"], workflow), acceptance=[TEXT])
        ticket = Ticket.objects.open(cast["project"], spec, by=cast["operator"])
        Ticket.objects.move(ticket.pk, "WORK", by=cast["operator"])
        scene = CheckScene(Ticket.objects.get(pk=ticket.pk), entry, bob=bob, **cast)
        scene.submit("plan", b"only why")
        scene.submit("settings", settings("none"))
        yield scene
