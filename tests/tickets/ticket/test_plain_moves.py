"""Plain automatic moves of many tickets at once: the same as one by one, and cheap."""

from __future__ import annotations

import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.factories import allow_workflow, complete, due_for_two_moves, submit
from tests.support.concurrency import Act
from tickets.models import Outcome, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket import plain_moves

PHASES = [
    {"name": "TODO", "to": ["DOING"], "automatic": "on_claim"},
    {"name": "DOING", "to": ["CHECK", "TODO"], "automatic": "on_completion"},
    {"name": "CHECK", "to": ["DOING", "LOOK", "DONE"], "automatic": "on_completion"},
    {
        "name": "LOOK",
        "to": ["MEND", "DONE"],
        "automatic": "on_completion",
        "gate": [{"check": "artifact", "type": "notes"}],
    },
    {"name": "MEND", "to": ["DONE"], "tasks": [{"title": "Mend it"}], "automatic": "on_completion"},
    {"name": "DONE", "to": []},
]
SHORT = [
    {"name": "MAKE", "to": ["SHIP"], "automatic": "on_completion"},
    {"name": "SHIP", "to": ["OUT"], "automatic": "on_completion"},
    {"name": "OUT", "to": []},
]
# Everything that a move may change; what differs between two runs of the same act is left out.
STATE = {
    "tickets": """
        SELECT to_jsonb(k) - '{phase_since,updated_at,move_fault_at}'::text[] AS row
        FROM tickets_ticket k ORDER BY id""",
    "history": """
        SELECT to_jsonb(h) - '{id,at,xid,verdict_id}'::text[] AS row
        FROM tickets_phasemove h ORDER BY ticket_id, move""",
    "journal": """
        SELECT to_jsonb(e) - '{id,at,xid,subject}'::text[] #- '{data,verdict}' AS row
        FROM agents_event e ORDER BY topic, id""",
    "tasks": """
        SELECT to_jsonb(t) - '{id,lane_id,rank,created_at,ready_at,promote_at}'::text[]
          || jsonb_build_object('ready', ready_at IS NOT NULL, 'promoted', promote_at - ready_at) AS row
        FROM tickets_task t ORDER BY ticket_id, id""",
    "lanes": """
        SELECT to_jsonb(l) - 'id' AS row
        FROM tickets_lane l
        WHERE phase <> 'MEND'  -- its tasks are made by the act itself, each at its own time
        ORDER BY project_id, phase, capabilities, has_profile""",
    "verdicts": """
        SELECT to_jsonb(v) - '{id,at}'::text[] AS row
        FROM tickets_verdict v ORDER BY ticket_id, id""",
}


class World:
    """Tickets of two workflows in states that a random sequence of acts has led to."""

    def __init__(self, seed, project, operator, agents):
        self.random, self.operator, self.agents = random.Random(seed), operator, agents
        self.project = project
        self.workflows = [
            allow_workflow(project, Workflow.objects.install({"name": name, "phases": phases}))
            for name, phases in (("moving", PHASES), ("short", SHORT))
        ]
        self.tickets = [self.opened(number) for number in range(30)]
        for _ in range(80):
            try:
                with transaction.atomic():
                    self.random.choice([self.claim, self.settle, self.on_ticket, self.submit])()
            except OmoiError:
                pass  # not possible in this state
        Task.objects.raise_floors()

    def opened(self, number):
        workflow = self.workflows[number % 3 == 0]
        phases = [phase["name"] for phase in workflow.document["phases"][:-1]]
        tasks = [
            TaskSpec(
                "Do it",
                phase=self.random.choice(phases[:4]),
                ended=self.random.random() < 0.5,
                priority=self.random.randint(0, 3),
                **({"profile": "echo", "slots": {"text": "hi"}} if self.random.random() < 0.2 else {}),
            )
            for _ in range(self.random.randint(0, 4))
        ]
        return Ticket.objects.open(
            self.project, TicketSpec(f"{number}", workflow=workflow, tasks=tasks), by=self.operator
        )

    def claim(self):
        Task.objects.claim(by=self.random.choice(self.agents), limit=self.random.randint(1, 5))

    def settle(self):
        agent = self.random.choice(self.agents)
        state = self.random.choice(["completed", "completed", "completed", "failed"])
        Task.objects.settle(
            [Outcome(t.pk, t.fence, state, kind="permanent") for t in Task.objects.filter(holder=agent)[:3]],
            by=agent,
        )

    def submit(self):
        ticket = Ticket.objects.get(pk=self.random.choice(self.tickets).pk)
        kind, phase = self.random.choice(["notes", "log"]), self.random.choice(["DOING", "LOOK"])
        submit(ticket, kind, str(self.random.randint(1, 3)).encode(), by=self.operator, phase=phase)

    def on_ticket(self):
        ticket = Ticket.objects.get(pk=self.random.choice(self.tickets).pk)
        phase = self.random.choice(PHASES)["name"]
        act = self.random.choice(["cancel_task", "force", "send_back", "pause", "archive", "block"])
        if act == "cancel_task":
            one = ticket.tasks.open().values_list("pk", flat=True)[:1]
            ticket.tasks.filter(pk__in=[*one]).cancel(by=self.operator, reason="not wanted")
        elif act == "force":
            Ticket.objects.act(
                ticket.pk, "force", by=self.operator, to=phase, reason="this is how it must be"
            )
        elif act == "send_back":
            Ticket.objects.act(ticket.pk, act, by=self.operator, reason="not yet")
        elif act == "block":
            how = {"reason": "not yet", "cause": "dependency"}
            Ticket.objects.act(ticket.pk, act, by=self.operator, **how)
        else:
            Ticket.objects.act(ticket.pk, act, by=self.operator)


def outcome(act):
    """What `act` returns and leaves, with the guards of the database checked; then it is undone."""
    with transaction.atomic():
        connection.hints = {}
        returned = act()
        sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
        left = {name: [row["row"] for row in sql.rows(query)] for name, query in STATE.items()}
        hinted = "work" in connection.hints
        transaction.set_rollback(True)
    return returned, hinted, left


@pytest.mark.full
@pytest.mark.django_db
@pytest.mark.parametrize(
    "seed",
    [
        *(7, 17, *range(20, 28)),
        *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(28, 40)),
    ],
)
def test_many_at_once_move_as_one_by_one(seed, project, operator, ada, bob, monkeypatch, caplog):
    worker = Agent.objects.worker("w", capacity=3)
    World(seed, project, operator, [ada, bob, worker])
    counts = []
    original = plain_moves.move
    monkeypatch.setattr(
        plain_moves, "move", lambda *a, **k: counts.append(found := original(*a, **k)) or found
    )

    together = outcome(Ticket.objects.advance_due)
    monkeypatch.setattr(plain_moves, "ways", lambda plans: {})
    alone = outcome(Ticket.objects.advance_due)

    assert together == alone
    assert "could not move on together" not in caplog.text  # as where a gate is between
    assert sum(moved for moved, _ in counts) > 0


@pytest.mark.django_db
def test_a_move_through_a_gate_or_into_a_phase_with_tasks_is_not_plain():
    phases = [
        {"name": "GATED", "to": ["BUSY"], "automatic": "on_completion", "gate": PHASES[3]["gate"]},
        {"name": "BUSY", "to": ["FULL"], "automatic": "on_completion"},
        {"name": "FULL", "to": ["LAST"], "automatic": "on_completion", "tasks": [{"title": "Do it"}]},
        {"name": "LAST", "to": ["END"]},
        {"name": "END", "to": []},
    ]
    workflow = Workflow.objects.install({"name": "mixed", "phases": phases})

    assert {phase for _, phase in plain_moves.ways(Workflow.objects.plans({workflow.pk}))} == {"FULL"}


@pytest.mark.django_db(transaction=True)
def test_a_ticket_with_open_work_of_an_earlier_phase_is_not_done(project, operator, ada):
    workflow = allow_workflow(project, Workflow.objects.install({"name": "short", "phases": SHORT}))
    tasks = [TaskSpec("first"), TaskSpec("second", phase="SHIP")]
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow, tasks=tasks), by=operator)
    Ticket.objects.act(ticket.pk, "force", by=operator, to="SHIP", reason="this is how it must be")
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    assert Ticket.objects.advance_due([ticket.pk]) == 0

    ticket = Ticket.objects.get(pk=ticket.pk)
    assert (ticket.phase, ticket.tasks.open().count()) == ("SHIP", 1)
    assert "still open" in ticket.move_fault


@pytest.mark.django_db(transaction=True)
def test_forty_tickets_of_two_moves_cost_eleven_statements(project, operator, ada):
    made = due_for_two_moves(40, project, operator, ada)

    with CaptureQueriesContext(connection) as statements:
        assert Ticket.objects.advance_due([ticket.pk for ticket in made]) == 80

    assert len(statements) <= 11
    assert set(Ticket.objects.values_list("phase", flat=True)) == {"DONE"}


@pytest.mark.django_db(transaction=True)
def test_a_locked_ticket_keeps_no_other_waiting(project, operator, ada):
    held, free = due_for_two_moves(2, project, operator, ada)
    other = Act(lambda: Ticket.objects.advance_due([held.pk, free.pk]))

    with Ticket.objects.lock(pk=held.pk):
        other.start()
        assert other.waits()
        assert phase_of(free) == "DONE"

    assert other.answer() == 4
    assert phase_of(held) == "DONE"


@pytest.mark.django_db(transaction=True)
def test_a_ticket_whose_move_fails_keeps_no_other_from_moving(project, operator, ada, caplog):
    workflow = allow_workflow(project, Workflow.objects.install({"name": "short", "phases": SHORT}))
    tasks = [TaskSpec("first"), TaskSpec("later", phase="SHIP")]
    broken, sound = [
        Ticket.objects.open(project, TicketSpec("x", workflow=workflow, tasks=tasks), by=operator)
        for _ in range(2)
    ]
    for claim in Task.objects.claim(by=ada, limit=2):
        complete(claim, by=ada)

    def impatiently():
        sql.rows("SET lock_timeout = '50 ms'")
        return Ticket.objects.advance_due([broken.pk, sound.pk])

    other = Act(impatiently)
    with transaction.atomic():
        # the move would free this task
        sql.rows(
            "SELECT FROM tickets_task WHERE ticket_id = %s AND phase = 'SHIP' FOR NO KEY UPDATE", [broken.pk]
        )
        other.start()
        assert other.answer() == 1

    assert (phase_of(broken), phase_of(sound)) == ("MAKE", "SHIP")
    assert "2 tickets could not move on together" in caplog.text
    assert f"ticket {broken.pk} could not move on by itself" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_plain_move_asks_a_worker_for_the_profile_tasks_that_it_frees(project, operator, ada):
    workflow = allow_workflow(project, Workflow.objects.install({"name": "short", "phases": SHORT}))
    tasks = [TaskSpec("first"), TaskSpec("later", phase="SHIP", profile="echo", slots={"text": "hi"})]
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow, tasks=tasks), by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    sql.rows("DELETE FROM dramatiq.queue")

    assert Ticket.objects.advance_due([ticket.pk]) == 1

    assert [
        row["actor"] for row in sql.rows("SELECT message ->> 'actor_name' AS actor FROM dramatiq.queue")
    ] == ["work"]


def phase_of(ticket):
    return Ticket.objects.values_list("phase", flat=True).get(pk=ticket.pk)
