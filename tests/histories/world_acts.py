"""The same acts as those of the model, through the verbs of the product."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents.models import Agent, Pool, Project
from omoi_site.database import sql
from tests.histories.model.parts import BACK_OFF, LEASE, RESET, TIMEOUT, UNIT_S
from tickets.models import Edge, Freeze, Need, Outcome, Task, TaskSpec, Ticket
from tickets.models.task.task_spec import NeedSpec


class Acts:
    prefix: str
    operator: Any
    people: dict[str, Any]
    project: Project
    agents: dict[str, Agent]
    pools: dict[str, int]

    # -- claims

    def claim(self, name: str, limit: int) -> list[tuple[int, int]]:
        claims = Task.objects.claim(by=self.agents[name], limit=limit, lease_s=int(LEASE * UNIT_S))
        return [(claim.task, claim.fence) for claim in claims]

    def assign(self, pk: int, to: str) -> tuple[int, bool]:
        name = to if to in self.people else self.prefix + to
        assigned = Task.objects.assign(pk, by=self.operator, to=name, reason="by hand")
        return assigned.fence, assigned.changed

    def renew(self, name: str, pk: int, fence: int, mark: str) -> str:
        kept, lost = Task.objects.renew([(pk, fence)], by=self.agents[name], marks=[mark])
        return "kept" if kept else str(lost[0]["code"])

    def progress(self, name: str, pk: int, fence: int) -> None:
        Task.objects.report_progress(pk, fence, {"message": "on it"}, by=self.agents[name])

    def release(self, name: str, pk: int, fence: int) -> None:
        Task.objects.release(pk, fence, by=self._who(name), reason="not now")

    def settle(self, name: str, pk: int, fence: int, how: str) -> tuple[str, str]:
        state = "completed" if how == "completed" else "failed"
        failure = {"kind": how, "error": "it is wrong"} if state == "failed" else {}
        if how == "rate_limited":
            failure["resets_at"] = timezone.now() + timedelta(seconds=RESET * UNIT_S)
        [settled] = Task.objects.settle(
            [Outcome(pk, fence, state, **failure)], by=self._who(name), reason="done"
        )
        if settled.lost:
            return "lost", ""
        if how == "transient" and settled.state == "pending" and not settled.repeated:
            self._back_off(pk)
        return "repeated" if settled.repeated else "late" if settled.late else "settled", settled.state

    def _back_off(self, pk: int) -> None:
        """It waits for seconds, which histories take: from now on for longer."""
        task = Task.objects.get(pk=pk)
        assert task.not_before is not None
        most = min(60, 1.25 * 2 ** (task.attempts - 1))
        assert task.not_before < timezone.now() + timedelta(seconds=most)
        Task.objects.filter(pk=pk).update(not_before=self._in(BACK_OFF))

    # -- what people do with tasks

    def add(
        self,
        ticket: int,
        phase: str,
        skills: list[str],
        needs: list[int],
        how: tuple[str, str],
        join: int | None = None,
        needed_by: int | None = None,
    ) -> int:
        spec = TaskSpec(
            "Do it",
            phase=phase,
            capabilities=skills,
            needs=[NeedSpec(parent, *how) for parent in needs],
            join=join,
            needed_by=[needed_by] if needed_by else [],
            max_attempts=2,
        )
        [task] = Task.objects.add(Ticket.objects.get(pk=ticket), [spec], by=self.operator)
        return task.pk

    def connect(self, parent: int, child: int, when: str, on_failure: str) -> bool:
        return bool(
            Need.objects.add(self.project.pk, [Edge(parent, child, when, on_failure)], by=self.operator)
        )

    def disconnect(self, parent: int, child: int) -> None:
        Need.objects.remove(Need.objects.get(parent=parent, child=child), by=self.operator)

    def cancel(self, pk: int, dependants: str) -> None:
        Task.objects.act(pk, "cancel", by=self.operator, reason="not wanted", dependants=dependants)

    def retry(self, pk: int) -> None:
        Task.objects.act(pk, "retry", by=self.operator, reason="once more")

    def bump(self, pk: int) -> None:
        Task.objects.act(pk, "bump", by=self.operator, reason="first")

    def edit(self, pk: int, field: str, value: Any) -> None:
        if field == "not_before":
            value = self._in(BACK_OFF) if value else None
        if field == "timeout_s":
            value = int(TIMEOUT * UNIT_S) if value else None
        Task.objects.edit(pk, by=self.operator, **{field: value})

    # -- tickets

    def _move(self, pk: int, verb: str, **how: Any) -> None:
        Ticket.objects.act(pk, verb, by=self.operator, **how)

    def pause(self, pk: int) -> None:
        self._move(pk, "pause")

    def resume(self, pk: int) -> None:
        self._move(pk, "resume")

    def archive(self, pk: int) -> None:
        self._move(pk, "archive")

    def restore(self, pk: int) -> None:
        self._move(pk, "restore")

    def advance(self, pk: int) -> None:
        self._move(pk, "advance")

    def send_back(self, pk: int) -> None:
        self._move(pk, "send_back", reason="once more")

    def block(self, pk: int) -> None:
        self._move(pk, "block", reason="stuck", cause="clarification")

    def unblock(self, pk: int) -> None:
        self._move(pk, "unblock")

    def cancel_ticket(self, pk: int) -> None:
        self._move(pk, "cancel", reason="not wanted")

    def reopen(self, pk: int) -> None:
        self._move(pk, "reopen", reason="wanted after all")

    # -- agents, pools, the project

    def set_state(self, name: str, verb: str) -> None:
        Agent.objects.act(self.agents[name].pk, verb, by=self.operator)

    def hear(self, name: str, awake: bool) -> None:
        self._heard(self.agents[name], "1 day" if awake else "-1 day")

    def close_pool(self, name: str, forever: bool) -> None:
        until = None if forever else self._in(RESET)
        Pool.objects.act(self.pools[name], "close", by=self.operator, reason="used up", resets_at=until)

    def open_pool(self, name: str) -> None:
        Pool.objects.act(self.pools[name], "open", by=self.operator)

    def limit_pool(self, name: str, limit: int | None) -> None:
        Pool.objects.act(self.pools[name], "edit", by=self.operator, limit=limit)

    def pause_project(self, paused: bool) -> None:
        Project.objects.act(self.project.pk, "pause" if paused else "resume", by=self.operator)

    def pause_phase(self, phase: str, paused: bool) -> None:
        verb = "pause_phase" if paused else "resume_phase"
        Project.objects.act(self.project.pk, verb, phase=phase, by=self.operator)

    def limit(self, what: str, number: int | None) -> None:
        Project.objects.act(self.project.pk, "edit", by=self.operator, **{what: number})

    def freeze(self, everything: bool) -> None:
        which = None if everything else self.project
        assert Freeze.objects.freeze(which, by=self.operator, reason="stop").in_force

    def thaw(self, everything: bool) -> None:
        Freeze.objects.thaw(None if everything else self.project, by=self.operator)

    def _who(self, name: str) -> Any:
        return self.people[name] if name in self.people else self.agents[name]

    def _in(self, units: float) -> Any:
        return timezone.now() + timedelta(seconds=units * UNIT_S)

    @staticmethod
    def _heard(agent: Agent, ago: str) -> None:
        sql.rows(
            "UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() + %s::interval"
            " WHERE agent_id = %s",
            [ago, agent.pk],
        )
