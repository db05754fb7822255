"""A small project in which anything may happen, for tests over random states."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import strategies as st

from agents.models import Agent, AgentSpec, Pool, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.support.wip_scene import follow_full
from tickets.models import (
    Edge,
    Freeze,
    Need,
    Outcome,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
AGENTS, SKILLS = ["ada", "bob", "eve"], ["rust", "sql"]
ACTS = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from(AGENTS), st.integers(1, 3)),
    st.tuples(
        st.sampled_from(
            ["complete", "fail", "give_up", "lapse", "expire", "release", "beat", "stall", "meet_limit"]
        ),
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
                "tighten",
                "loosen",
            ]
        ),
        st.integers(0, 1),
    ),
    st.tuples(
        st.sampled_from(["sleep", "wake", "cancel", "retry", "need", "take", "give", "finish", "hand_back"]),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    st.tuples(
        st.sampled_from(["pause_project", "resume_project", "freeze", "thaw", "turn", "open_pool", "wait"])
    ),
    st.tuples(st.sampled_from(["pause_phase", "resume_phase"]), st.sampled_from(["TODO", "DOING"])),
    st.tuples(
        st.just("limit"),
        st.sampled_from(["max_agents", "max_tickets"]),
        st.sampled_from([None, 1, 1, 2]),
    ),
)
TASKS = st.lists(
    st.builds(
        lambda skills, phase, ticket, attempts, priority: (
            ticket,
            TaskSpec("Do it", capabilities=skills, phase=phase, max_attempts=attempts, priority=priority),
        ),
        st.lists(st.sampled_from(SKILLS), max_size=1),
        st.sampled_from(["TODO", "DOING", "DOING"]),
        st.integers(0, 1),
        st.integers(1, 2),
        st.sampled_from([0, 2]),
    ),
    min_size=3,
    max_size=6,
)


class World:
    """A small project in which anything may happen."""

    def __init__(self, operator, key="RND"):
        self.operator, self.name = operator, key.lower()
        self.project = Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator)
        self.agents = {}
        self.pool = f"{self.name}:pool"
        Pool.objects.create_pool(self.pool, by=operator)
        for name, skills, phases, capacity, pools in (
            ("ada", SKILLS, [], 2, [self.pool]),
            ("bob", [], ["DOING"], 1, []),
            ("eve", ["sql"], [], 1, [self.pool]),
        ):
            self.agents[name] = Agent.objects.register(
                AgentSpec(
                    f"{self.name}-{name}", capabilities=skills, phases=phases, capacity=capacity, pools=pools
                ),
                projects=[self.project],
                by=operator,
            )
        self.tickets = [Ticket.objects.open(self.project, TicketSpec(f"{n}"), by=operator) for n in range(2)]
        self.tasks = []
        self.loose = Workflow.objects.latest_of("simple")
        phases = [
            {**phase, **({"wip": {"limit": 1, "holds": ["TODO"]}} if phase["name"] == "DOING" else {})}
            for phase in self.loose.document["phases"]
        ]
        self.tight = Workflow.objects.install({**self.loose.document, "phases": phases})

    def add(self, tasks):
        for ticket, spec in tasks:
            self.tasks += Task.objects.add(self.tickets[ticket], [spec], by=self.operator)

    def act(self, name, *args):
        try:
            with transaction.atomic():
                getattr(self, name)(*args)
                follow_full()
        except OmoiError:
            pass  # not possible now: also an answer

    def held(self, agent):
        return list(Task.objects.filter(holder=self.agents[agent]).order_by("id")[:1])

    def claim(self, agent, limit):
        Task.objects.claim(by=self.agents[agent], limit=limit)

    def settle(self, agent, state, kind="transient", **more):
        Task.objects.settle(
            [Outcome(task.pk, task.fence, state, kind=kind, **more) for task in self.held(agent)],
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

    def meet_limit(self, agent):
        self.settle(agent, "failed", "rate_limited", resets_at=timezone.now() + timedelta(hours=1))

    def open_pool(self):
        Pool.objects.act(Pool.objects.get(name=self.pool).pk, "open", by=self.operator)

    def wait(self):
        """As if nothing had happened for two minutes to what is ready."""
        earlier = {"ready_at": F("ready_at") - timedelta(minutes=2)}
        Task.objects.filter(project=self.project, ready_at__isnull=False).update(**earlier)
        idle = Task.objects.filter(project=self.project, state="pending", active_at__isnull=False)
        idle.update(active_at=F("active_at") - timedelta(minutes=2))

    def release(self, agent):
        for task in self.held(agent):
            Task.objects.release(task.pk, task.fence, by=self.agents[agent])

    def expire(self, agent):
        Task.objects.filter(holder=self.agents[agent]).update(lease_expires_at="2020-01-01T00:00Z")

    def lapse(self, agent):
        self.expire(agent)
        Task.objects.lapse()

    def beat(self, agent):
        """Each heartbeat of the others has the same mark."""
        claims = [(task.pk, task.fence) for task in self.held(agent)]
        Task.objects.renew(claims, by=self.agents[agent], marks=["busy"] * len(claims))

    def stall(self, agent):
        """The first task that the agent holds shows no progress for half an hour."""
        for task in self.held(agent):
            sql.rows(
                "UPDATE tickets_task SET active_at = active_at - interval '31 min',"
                " lease_look_at = clock_timestamp() WHERE id = %s",
                [task.pk],
            )
        Task.objects.stall()
        Task.objects.look_later()

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

    def tighten(self, place):
        """Only one ticket may stand in DOING, and holds TODO."""
        self.on_ticket(place, lambda row: row.follow(self.tight, by=self.operator))

    def loosen(self, place):
        self.on_ticket(place, lambda row: row.follow(self.loose, by=self.operator))

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

    def take(self, place, _):
        Task.objects.assign(self.some(place).get().pk, by=self.operator, reason="by hand")

    def give(self, place, agent):
        to = f"{self.name}-{AGENTS[agent % len(AGENTS)]}"
        Task.objects.assign(self.some(place).get().pk, to=to, by=self.operator, reason="by hand")

    def finish(self, place, _):
        task = self.some(place).get()
        Task.objects.settle([Outcome(task.pk, task.fence, "completed")], by=self.operator, reason="done")

    def hand_back(self, place, _):
        task = self.some(place).get()
        Task.objects.release(task.pk, task.fence, by=self.operator, reason="not now")

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

    def pause_phase(self, phase):
        Project.objects.act(self.project.pk, "pause_phase", phase=phase, by=self.operator)

    def resume_phase(self, phase):
        Project.objects.act(self.project.pk, "resume_phase", phase=phase, by=self.operator)

    def limit(self, what, number):
        with Project.objects.locked(pk=self.project.pk) as row:
            row.edit(by=self.operator, **{what: number})

    def freeze(self):
        # the verb commits before it waits, which cannot be undone here
        Freeze.objects.get_or_create(project=self.project, defaults={"reason": "stop", "by": "user:admin"})

    def thaw(self):
        Freeze.objects.thaw(self.project, by=self.operator)

    def turn(self):
        Ticket.objects.advance_due()

    def granted_to(self, agent):
        """All tasks the agent could be granted from here, had it and their project room for all of them once
        they have any; nothing is changed.
        """
        granted, held = set(), set(agent.held_tasks.values_list("pk", flat=True))
        with transaction.atomic():
            sql.rows(
                "UPDATE agents_agent a SET capacity = 1000 WHERE id = %s AND capacity > (SELECT count(*)"
                " FROM tickets_task t WHERE t.holder_id = a.id AND t.lease_expires_at > clock_timestamp())",
                [agent.pk],
            )
            sql.rows(
                "UPDATE agents_project j SET max_tickets = NULL WHERE id = %s AND max_tickets > (SELECT"
                " count(DISTINCT t.ticket_id) FROM tickets_task t WHERE t.project_id = j.id AND"
                " t.state = 'claimed' AND t.lease_expires_at > clock_timestamp())",
                [self.project.pk],
            )
            try:
                while claims := Task.objects.claim(by=agent, limit=50):
                    granted |= {claim.task for claim in claims} - held  # what is delivered, it holds
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
