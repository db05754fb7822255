"""A small project in which anything may happen, for tests over random states."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import strategies as st

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models import (
    Edge,
    Need,
    Outcome,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
)

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
AGENTS, SKILLS = ["ada", "bob", "eve"], ["rust", "sql"]
ACTS = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from(AGENTS), st.integers(1, 3)),
    st.tuples(
        st.sampled_from(["complete", "fail", "give_up", "lapse", "expire", "release"]),
        st.sampled_from(AGENTS),
    ),
    st.tuples(st.sampled_from(["drain", "available", "quiet"]), st.sampled_from(AGENTS)),
    st.tuples(
        st.sampled_from(
            [
                "pause",
                "resume",
                "block",
                "unblock",
                "archive",
                "restore",
                "advance",
                "send_back",
                "give_ticket_up",
            ]
        ),
        st.integers(0, 1),
    ),
    st.tuples(
        st.sampled_from(["sleep", "wake", "cancel", "retry", "need"]), st.integers(0, 5), st.integers(0, 5)
    ),
    st.tuples(st.sampled_from(["pause_project", "resume_project", "turn"])),
)
TASKS = st.lists(
    st.builds(
        lambda skills, phase, ticket, attempts: (
            ticket,
            TaskSpec("Do it", capabilities=skills, phase=phase, max_attempts=attempts),
        ),
        st.lists(st.sampled_from(SKILLS), max_size=1),
        st.sampled_from(["TODO", "DOING", "DOING"]),
        st.integers(0, 1),
        st.integers(1, 2),
    ),
    min_size=3,
    max_size=6,
)


class World:
    """A small project in which anything may happen."""

    def __init__(self, operator):
        self.operator = operator
        self.project = Project.objects.create_project(ProjectSpec("RND", workflow="simple"), by=operator)
        self.agents = {}
        for name, skills, phases, capacity in (
            ("ada", SKILLS, [], 2),
            ("bob", [], ["DOING"], 1),
            ("eve", ["sql"], [], 1),
        ):
            self.agents[name] = Agent.objects.register(
                AgentSpec(f"rnd-{name}", capabilities=skills, phases=phases, capacity=capacity),
                projects=[self.project],
                by=operator,
            )
        self.tickets = [Ticket.objects.open(self.project, TicketSpec(f"{n}"), by=operator) for n in range(2)]
        self.tasks = []

    def add(self, tasks):
        for ticket, spec in tasks:
            self.tasks += Task.objects.add(self.tickets[ticket], [spec], by=self.operator)

    def act(self, name, *args):
        try:
            with transaction.atomic():
                getattr(self, name)(*args)
        except OmoiError:
            pass  # not possible now: also an answer

    def held(self, agent):
        return list(Task.objects.filter(holder=self.agents[agent]).order_by("id")[:1])

    def claim(self, agent, limit):
        Task.objects.claim(by=self.agents[agent], limit=limit)

    def settle(self, agent, state, kind="transient"):
        Task.objects.settle(
            [Outcome(task.pk, task.fence, state, kind=kind) for task in self.held(agent)],
            by=self.agents[agent],
        )

    def complete(self, agent):
        self.settle(agent, "completed")

    def fail(self, agent):
        held = [task.pk for task in self.held(agent)]
        self.settle(agent, "failed")
        # the next attempt is due within seconds: not while the state is looked at in several statements
        later = timezone.now() + timedelta(hours=1)
        Task.objects.filter(pk__in=held, not_due=True).update(not_before=later)

    def give_up(self, agent):
        self.settle(agent, "failed", "permanent")

    def release(self, agent):
        for task in self.held(agent):
            Task.objects.release(task.pk, task.fence, by=self.agents[agent])

    def expire(self, agent):
        Task.objects.filter(holder=self.agents[agent]).update(lease_expires_at="2020-01-01T00:00Z")

    def lapse(self, agent):
        self.expire(agent)
        Task.objects.lapse()

    def drain(self, agent):
        with Agent.objects.locked(pk=self.agents[agent].pk) as row:
            row.drain(by=self.operator)

    def available(self, agent):
        with Agent.objects.locked(pk=self.agents[agent].pk) as row:
            row.make_available(by=self.operator)
        row.seen()

    def quiet(self, agent):
        silent(self.agents[agent])

    def on_ticket(self, place, act):
        with Ticket.objects.locked(pk=self.tickets[place].pk) as row:
            act(row)

    def pause(self, place):
        self.on_ticket(place, lambda row: row.pause(by=self.operator))

    def resume(self, place):
        self.on_ticket(place, lambda row: row.resume(by=self.operator))

    def block(self, place):
        self.on_ticket(place, lambda row: row.block(by=self.operator, reason="stuck", cause="clarification"))

    def unblock(self, place):
        self.on_ticket(place, lambda row: row.unblock(by=self.operator))

    def archive(self, place):
        self.on_ticket(place, lambda row: row.archive(by=self.operator))

    def restore(self, place):
        self.on_ticket(place, lambda row: row.restore(by=self.operator))

    def advance(self, place):
        self.on_ticket(place, lambda row: row.advance(by=self.operator))

    def send_back(self, place):
        self.on_ticket(place, lambda row: row.send_back("TODO", by=self.operator, reason="once more"))

    def give_ticket_up(self, place):
        self.on_ticket(place, lambda row: row.cancel(by=self.operator, reason="not wanted"))

    def some(self, place):
        return Task.objects.filter(pk=self.tasks[place % len(self.tasks)].pk)

    def sleep(self, place, _):
        Task.objects.edit(
            self.some(place).get().pk, by=self.operator, not_before=timezone.now() + timedelta(hours=1)
        )

    def wake(self, place, _):
        self.some(place).filter(not_due=True).update(not_before="2020-01-01T00:00Z")

    def cancel(self, place, _):
        self.some(place).cancel(by=self.operator, reason="not wanted")

    def retry(self, place, _):
        self.some(place).retry(by=self.operator, reason="once more")

    def need(self, parent, child):
        Need.objects.add(
            self.project.pk, [Edge(self.some(parent).get().pk, self.some(child).get().pk)], by=self.operator
        )

    def pause_project(self):
        with Project.objects.locked(pk=self.project.pk) as row:
            row.pause(by=self.operator)

    def resume_project(self):
        with Project.objects.locked(pk=self.project.pk) as row:
            row.resume(by=self.operator)

    def turn(self):
        Ticket.objects.advance_due()

    def granted_to(self, agent):
        """All tasks the agent could be granted from here, had it room for all of them once it has any;
        nothing is changed.
        """
        granted = set()
        with transaction.atomic():
            sql.rows(
                "UPDATE agents_agent a SET capacity = 1000 WHERE id = %s AND capacity > (SELECT count(*)"
                " FROM tickets_task t WHERE t.holder_id = a.id AND t.lease_expires_at > clock_timestamp())",
                [agent.pk],
            )
            try:
                while claims := Task.objects.claim(by=agent, limit=50):
                    granted |= {claim.task for claim in claims}
            except OmoiError:
                pass
            transaction.set_rollback(True)
        return granted


def silent(agent, seconds=300):
    sql.rows(
        "UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - %s * interval '1 s' WHERE"
        " agent_id = %s",
        [seconds, agent.pk],
    )
