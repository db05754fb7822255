"""A ticket of `software_delivery` over HTTP, and what tests do to it."""

from __future__ import annotations

from typing import Any

from agents.models import Project
from tests.factories import allow_workflow
from tests.support import reports

EVIDENCE = {
    "REQUIREMENTS": {"requirements_document": reports.requirements()},
    "IMPLEMENTATION": {
        "code_changes": reports.changes("pay.py", "tests/test_pay.py"),
        "test_coverage": reports.cobertura(9, 1),
    },
    "TESTING": {"test_results": reports.junit(3), "test_evidence": b"a log"},
}


class Delivery:
    """One ticket: `person` moves it; `agent` does its work and submits the results."""

    def __init__(self, person: Any, agent: Any, *, project: str = "OMO") -> None:
        self.person, self.agent = person, agent
        allow_workflow(Project.objects.get(key=project), "software_delivery")
        opened = person.post(
            "/tickets", {"project": project, "title": "Payments", "workflow": "software_delivery"}
        )
        assert opened.status_code == 201, opened.json()
        self.key = opened.json()["key"]
        self.at = f"/tickets/{self.key}"

    @property
    def phase(self) -> str:
        return self.person.get(self.at).json()["phase"]

    def go(self, to: str, **more: Any) -> Any:
        if to.endswith("BLOCKED"):
            more = {"class": "clarification", **more}
        return self.person.post(f"{self.at}/transitions", {"to": to, **more})

    def work_off(self, **completion: Any) -> None:
        """Claim and complete a task of the ticket's phase."""
        assert self.person.post(f"{self.at}/tasks", {"tasks": [{"title": "do it"}]}).status_code == 201
        claim = self.claim()
        done = self.agent.post(
            f"/tasks/{claim['task']['id']}/completion", {"fence": claim["fence"], **completion}
        )
        assert done.status_code == 200, done.json()

    def claim(self) -> dict[str, Any]:
        [claim] = self.agent.post("/claims", {}).json()["claims"]
        return claim

    def submit(self, kind: str, content: bytes, **more: Any) -> Any:
        made = self.person.post(f"{self.at}/artifacts", {"type": kind, "content": content.decode(), **more})
        assert made.status_code == 201, made.json()
        return made.json()

    def satisfy(self) -> None:
        """Submit all that the gate of this phase needs."""
        phase = self.phase
        if phase in EVIDENCE:
            self.work_off()
            for kind, content in EVIDENCE[phase].items():
                self.submit(kind, content)

    def bring_to(self, phase: str) -> None:
        """Advance through the gates to this phase."""
        for here, onward in (
            ("BACKLOG", "REQUIREMENTS"),
            ("REQUIREMENTS", "DESIGN"),
            ("DESIGN", "IMPLEMENTATION"),
            ("IMPLEMENTATION", "TESTING"),
            ("TESTING", "DEPLOYMENT"),
            ("DEPLOYMENT", "DONE"),
        ):
            if self.phase == phase:
                return
            if self.phase == here:
                self.satisfy()
                moved = self.go(onward)
                assert moved.status_code == 200, moved.json()
        assert self.phase == phase

    def gate(self) -> dict[str, Any]:
        return self.person.get(f"{self.at}/gate").json()

    def judge(self) -> dict[str, Any]:
        judged = self.person.post(f"{self.at}/gate/evaluations", {})
        assert judged.status_code == 201, judged.json()
        return judged.json()

    def refusals(self) -> list[dict[str, Any]]:
        """The journal's events of refused moves."""
        from agents.models import Event

        told = Event.objects.filter(topic=f"ticket:{self.key}", kind="ticket.move_refused").order_by("id")
        return [{"actor": event.actor, **event.data} for event in told]


def codes(answer: Any) -> set[str]:
    """The codes of what is unmet, of a gate_closed problem or of a verdict."""
    told = answer.json() if hasattr(answer, "json") else answer
    unmet = (
        told["unmet"]
        if "unmet" in told
        else [reason for check in told["checks"] for reason in check["reasons"]]
    )
    return {reason["code"] for reason in unmet}
