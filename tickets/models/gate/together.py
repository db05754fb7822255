"""What the checks of several tickets read, in as many statements as for one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db.models import Count

from tickets.models.gate import approval_state
from tickets.models.gate.approval_state import Decided
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.verdict import Case
from tickets.models.repository import Repository
from tickets.models.ticket.fields import TicketFields

Place = tuple[int, str]  # a ticket and a phase


class Together:
    """Several tickets, each in its phase. What a check reads is read for all of them when it is first asked
    for. Runs of checks, and who did a review, are read for each ticket whose gate asks for them.
    """

    def __init__(self, tickets: Sequence[TicketFields]) -> None:
        self.phases = {ticket.pk: ticket.phase for ticket in tickets}
        self.projects = {ticket.project_id for ticket in tickets}
        self._tasks: Any = tickets[0].tasks.model.objects.filter(ticket__in=self.phases) if tickets else None

    @cached_property
    def open_tasks(self) -> dict[int, set[str]]:
        """The phases that have open tasks, by ticket."""
        found = defaultdict(set)
        for ticket, phase in self._tasks.open().values_list("ticket", "phase").distinct():
            found[ticket].add(phase)
        return found

    @cached_property
    def tasks(self) -> dict[Place, Counter[str]]:
        found: dict[Place, Counter[str]] = defaultdict(Counter)
        counted = self._tasks.order_by().values("ticket", "phase", "state").annotate(number=Count("pk"))
        for ticket, phase, state, number in counted.values_list("ticket", "phase", "state", "number"):
            found[ticket, phase][state] = number
        return found

    @cached_property
    def artifacts(self) -> dict[Place, list[Artifact]]:
        found = defaultdict(list)
        wanted = Artifact.objects.filter(ticket__in=self.phases, phase__in=set(self.phases.values()))
        for artifact in wanted.current().select_related("blob"):
            found[artifact.ticket_id, artifact.phase].append(artifact)
        return found

    @cached_property
    def repositories(self) -> dict[int, list[Repository]]:
        """By project, the oldest first."""
        found = defaultdict(list)
        repositories = Repository.objects.filter(project__in=self.projects).select_related("project")
        for repository in repositories.order_by("pk"):
            found[repository.project_id].append(repository)
        return found

    @cached_property
    def decisions(self) -> dict[int, list[Decided]]:
        return approval_state.decided_about(self.phases)

    @cached_property
    def approvers_left(self) -> dict[int, int]:
        return approval_state.approvers_left_of(self.phases)


class CaseOfSeveral(Case):
    """The case of one of several tickets, in the phase where it stands."""

    def __init__(self, ticket: TicketFields, together: Together) -> None:
        super().__init__(ticket, together.phases[ticket.pk])
        self.together = together

    @cached_property
    def artifacts(self) -> list[Artifact]:
        found = self.together.artifacts[self.ticket.pk, self.phase]
        return sorted(found, key=lambda artifact: artifact.pk, reverse=True)

    def repository(self, name: str = "") -> Repository | None:
        found = self.together.repositories[self.ticket.project_id]
        return next((row for row in found if name in ("", row.name)), None)

    def decisions(self) -> list[Decided]:
        return self.together.decisions.get(self.ticket.pk, [])

    def approvers_left(self) -> int:
        return self.together.approvers_left.get(self.ticket.pk, 0)

    def tasks(self) -> Counter[str]:
        return self.together.tasks[self.ticket.pk, self.phase]
