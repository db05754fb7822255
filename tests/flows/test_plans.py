"""Every statement that runs often, in a database with much in it: none reads tasks, tickets, needs, history
or the journal as a whole, and none throws away many rows.

The statements are those that the verbs send, so a new one takes part by itself, and each file of a statement
must be run by one of the acts, or be in `statement_files.NOT_RUN` with the reason why not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from agents.models import Agent, Event, Key, Pool, Project, journal_changes
from collaboration.live.access import STILL_GRANTED
from omoi_site.api import fast
from omoi_site.database import sql
from tests.factories import allow_workflow, submit
from tests.support import large_world, statement_files
from tests.support.api_client import ROOT, api_of
from tests.support.both_ways import scope
from tests.support.costs import Cost, costs
from tickets.models import (
    BulkAct,
    CapacityFull,
    CheckRun,
    Edge,
    Lane,
    Need,
    Outcome,
    PatternRequest,
    PatternRun,
    Schedule,
    ScheduleSpec,
    StoredEstimate,
    Task,
    TaskOutput,
    TaskSpec,
    TemplateSpec,
    Ticket,
    TicketSpec,
    TicketTemplate,
    Workflow,
)
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query
from tickets.models.claim.heartbeat import Report
from tickets.models.claim.history import past_claims
from tickets.models.claim.quota import follow_pools
from tickets.models.estimate import expected_late
from tickets.models.estimate.estimate import estimate
from tickets.models.output.task_output import NewOutput
from tickets.models.pool_state import documents
from tickets.models.queue.task_filter import TaskFilter
from tickets.models.task.documents import TaskQuery
from tickets.models.task.task_spec import NeedSpec
from tickets.runtime import sweeps

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]

LARGE = {"tickets_task", "tickets_ticket", "tickets_need", "tickets_phasemove", "agents_event"}
THROWN_AWAY = 500  # rows that one run of a statement may read and not use

# Audits read a range of rows by its ids, and answer nothing as long as all is well, or only what is open.
AUDITS = (
    "WITH child AS MATERIALIZED ( SELECT DISTINCT",
    "WITH task AS MATERIALIZED ( SELECT id, ticket_id",
    "( SELECT k.id, k.workflow_id, k.phase, false AS failed_before, ( SELECT greatest",
    "SELECT id FROM tickets_task WHERE id > %(after)s AND id <= %(upto)s AND state IN",
)


class World(NamedTuple):
    """Who acts: `ada` holds nothing yet and can do the work of three lanes."""

    ticket: Ticket
    ada: Agent
    worker: Agent


def settled(world: World, *outcomes: Callable[[Any], Outcome]) -> None:
    claims = Task.objects.claim(by=world.ada, limit=len(outcomes))
    assert len(claims) == len(outcomes)
    Task.objects.settle([made(claim) for made, claim in zip(outcomes, claims, strict=True)], by=world.ada)


def completed(claim: Any) -> Outcome:
    return Outcome(claim.task, claim.fence, "completed")


def failed(kind: str) -> Callable[[Any], Outcome]:
    return lambda claim: Outcome(claim.task, claim.fence, "failed", error="broken", kind=kind)


def claim_what_there_is_not(world: World) -> None:
    assert Task.objects.claim(by=world.ada, phases=["BLOCKED"]) == []


def claim_when_full(world: World) -> None:
    Agent.objects.filter(pk=world.ada.pk).update(capacity=1)
    Task.objects.claim(by=world.ada)
    with contextlib.suppress(CapacityFull):
        Task.objects.claim(by=world.ada)


def complete_what_others_need(world: World) -> None:
    """The parents of tasks in this agent's lanes."""
    parent = Task.objects.get(ticket=large_world.FIRST + 10_000, title__endswith="8")
    Task.objects.filter(pk=parent.pk).bump(by="system:tests")
    Agent.objects.filter(pk=world.ada.pk).update(capabilities=[f"skill-{n}" for n in range(20)])
    [claim] = Task.objects.claim(by=world.ada)
    assert claim.task == parent.pk
    Task.objects.settle([completed(claim)], by=world.ada)


def settle_and_claim(world: World) -> None:
    claims = Task.objects.claim(by=world.ada, limit=2)
    for _ in range(2):  # the second time it is a repetition
        Task.objects.settle_and_claim([completed(claim) for claim in claims], by=world.ada, limit=2)


def claim_where_work_is_limited(world: World) -> None:
    project = world.ticket.project
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(max_agents=1_000, max_tickets=1_000, by="system:tests")
    assert Task.objects.claim(by=world.ada)


def fail_and_claim_again(world: World) -> None:
    """Nobody else who can do it is there, so it comes back at once."""
    [claim] = Task.objects.claim(by=world.ada)
    Task.objects.settle([failed("transient")(claim)], by=world.ada)
    Task.objects.filter(pk=claim.task).update(not_before="2020-01-01T00:00Z")
    Task.objects.wake()
    assert Task.objects.claim(by=world.ada)


def claim_of_a_pool(world: World) -> None:
    """Four hundred agents share an account: one is granted work of it, meets its limit, waits, and tries it
    out. Another one is named by a profile.
    """
    pools = [Pool.objects.create_pool(f"account:{n}", by="system:tests", limit=500) for n in range(3)]
    Agent.objects.exclude(runs_profiles=True).update(pools=["account:0", "account:1"])
    ada = Agent.objects.get(pk=world.ada.pk)
    ada.key_scopes = world.ada.key_scopes
    # asked otherwise than before, so that no earlier claim has left word of its guards
    claims = Task.objects.claim(by=ada, limit=3, project=world.ticket.project)
    assert len(claims) == 3
    Task.objects.settle([failed("rate_limited")(claims[0]), completed(claims[1])], by=world.ada)
    assert Task.objects.claim(by=world.ada) == []
    assert len(documents(pools)) == 3
    first = Task.objects.filter(ticket=large_world.FIRST + 7).values_list("pk", flat=True)
    Task.objects.explanations(list(first))
    Lane.objects.filter(pk=world.ticket.tasks.first().lane_id).update(pools=["account:2"])
    Task.objects.claim(by=world.worker, limit=8)
    Pool.objects.exclude(closed_at=None).update(resets_at="2020-01-01T00:00Z")
    assert follow_pools() == 2
    [probe] = Task.objects.claim(by=world.ada, limit=3)
    Task.objects.settle([completed(probe)], by=world.ada)
    assert follow_pools() == 2


def look_after_agents(world: World) -> None:
    """A claim is asked about, cancelled and heard of; two processes work under one name."""
    claims = Task.objects.claim(by=world.ada, limit=2)
    [first, _] = [claim.task for claim in claims]
    Task.objects.cancellation(first, by="system:tests", dependants="cancel")
    Task.objects.filter(pk=first).cancel(by="system:tests", reason="not needed")
    for instance in ("one", "two", "one"):
        named = [(claim.task, claim.fence) for claim in claims]
        Task.objects.beat(named, by=world.ada, report=Report(instance=instance))
    Task.objects.times(first)
    past_claims(world.ada, by="system:tests", limit=50)


def keep_and_give_back(world: World) -> None:
    first, second = Task.objects.claim(by=world.ada, limit=2)
    Task.objects.renew([(first.task, first.fence), (second.task, second.fence + 1)], by=world.ada)
    Task.objects.report_progress(first.task, first.fence, {"percent": 50}, by=world.ada)
    Task.objects.release(first.task, first.fence, by=world.ada)


def work_by_hand(world: World) -> None:
    """A person takes tasks, completes one, hands one back, and gives one to an agent, which comes for it."""
    person = get_user_model().objects.create_superuser("hands")
    claims = Task.objects.claim(by=world.ada, limit=3)
    first, second, third = Task.objects.filter(pk__in=[claim.task for claim in claims]).order_by("pk")
    for task in (first, second, third):
        Task.objects.assign(task.pk, by=person, reason="by hand")
    Task.objects.explanations([first.pk, second.pk, third.pk])
    attention_list.page(Query("OMO"), by="system:tests", limit=50)
    Task.objects.settle([Outcome(first.pk, first.fence + 1, "completed")], by=person, reason="done")
    Task.objects.release(second.pk, second.fence + 1, by=person, reason="not now")
    Task.objects.assign(third.pk, by=person, to=world.ada.name, reason="hers")
    [claim] = Task.objects.claim(by=world.ada)
    assert claim.task == third.pk


def let_leases_end(world: World) -> None:
    claims = Task.objects.claim(by=world.ada, limit=3)
    sql.rows(
        """
        UPDATE tickets_task
        SET
          lease_expires_at = clock_timestamp() - interval '1 s',
          timeout_s = 1,
          timeout_at = clock_timestamp() - interval '1 s'
        WHERE id = ANY (%s)
        """,
        [[claim.task for claim in claims]],
    )
    Task.objects.lapse(1)
    Task.objects.time_out()


def sweep(world: World) -> None:
    for one in sweeps.SWEEPS:
        one.run()
    assert "clock" in sweeps.health()


def open_by_time(world: World) -> None:
    """Schedules are due, some while their last ticket is open, some while the project is full."""
    project, by = world.ticket.project, "system:tests"
    tasks = [TaskSpec("a", ref="a"), TaskSpec("b", needs=[NeedSpec("a")])]
    spec = TemplateSpec("nightly", "Audit of {date}", tasks=tasks)
    template = TicketTemplate.objects.create_template(project, spec, by=by)
    for overlap in ("queue", "replace") * 3:
        schedule = ScheduleSpec(template, "* * * * *", overlap=overlap)
        Schedule.objects.create_schedule(project, schedule, by=by)
    for minutes in (1, 2, 3):
        assert Schedule.objects.open_due(now=timezone.now() + timedelta(minutes=minutes))
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(max_tickets=1, by=by)
    Schedule.objects.open_due(now=timezone.now() + timedelta(minutes=4))
    attention_list.page(Query(kinds=["schedule_owed"]), by=by, limit=50)


def move_on(world: World) -> None:
    Ticket.objects.advance_due([large_world.FIRST + n for n in range(1, 20)])
    [task] = Task.objects.add(world.ticket, [TaskSpec("the only one", priority=0)], by="system:tests")
    Task.objects.exclude(pk=task.pk).filter(ticket=world.ticket).cancel(by="system:tests", reason="not now")
    Task.objects.filter(pk=task.pk).bump(by="system:tests")
    settled(world, completed)
    assert Ticket.objects.advance_due([world.ticket.pk])


def start_and_stop(world: World) -> None:
    """What a worker does with what it has claimed."""
    claims = Task.objects.claim(by=world.ada, limit=2)
    Task.objects.start_all([(claim.task, claim.fence) for claim in claims], by=world.ada)
    Task.objects.settle([failed("permanent")(claims[0])], by=world.ada)
    Task.objects.filter(pk=claims[0].task).retry(by="system:tests", reason="mended")
    Task.objects.filter(pk=claims[1].task).revoke(by="system:tests")


def add_work(world: World) -> None:
    """A ticket with tasks that need each other, of a kind that is new; one of them can no longer be done."""
    specs = [
        TaskSpec(f"{n}", ref=f"{n}", capabilities=["new"], needs=[NeedSpec(f"{n - 1}")] if n else [])
        for n in range(3)
    ]
    made = Ticket.objects.open(world.ticket.project, TicketSpec("More", tasks=specs), by="system:tests")
    first, _, third = made.tasks.order_by("pk")
    Need.objects.add(made.project_id, [Edge(first.pk, third.pk, on_failure="cancel")], by="system:tests")
    with Ticket.objects.locked(pk=made.pk) as locked:
        locked.edit(priority=0, by="system:tests")
        locked.pause(by="system:tests")
    Task.objects.filter(pk=first.pk).cancel(by="system:tests", reason="not needed")


def coordinate(world: World) -> None:
    """Two parts of a task, for which a sync waits, and whose results are merged."""
    [source] = Task.objects.add(world.ticket, [TaskSpec("all")], by="system:tests")
    parts = {"id": "parts", "source_task_id": str(source.pk), "target_tasks": [{"title": n} for n in "ab"]}
    document = {
        "name": "parts",
        "pattern": parts,
        "sync_points": [{"id": "gathered"}],
        "merge": {"id": "results", "merge_strategy": "combine"},
        "join": {"id": "go_on", "continuation_task": {"title": "go on"}},
    }
    made, _ = PatternRun.objects.apply(world.ticket, PatternRequest(document, "one"), by="system:tests")
    Task.objects.filter(pk__in=[source.pk, *(one.pk for one in made.tasks)]).bump(by="system:tests")
    settled(world, completed)
    settled(world, completed, completed)
    assert Task.objects.filter(ticket=world.ticket, operation="merge", state="completed").exists()


def look_at_pages(world: World) -> None:
    """A ticket as a graph and as a list."""
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("looks"))
    ticket = Ticket.objects.get(pk=large_world.FIRST + 7)
    for query in ({}, {"view": "list"}, {"timeline": "all"}):
        assert browser.get(f"/tickets/{ticket.key}/", query).status_code == 200
    Ticket.objects.waits([large_world.FIRST + n for n in range(50)])


def look_at_a_gate(world: World) -> None:
    """It waits for a review and for people; and the artifacts that it judges."""
    work = {"name": "WORK", "to": ["DONE"], "gate": [{"check": "agent_review"}]}
    phases = [work | {"approvals": {"count": 1, "role": "approver"}}, {"name": "DONE", "to": []}]
    workflow = Workflow.objects.install({"name": "reviewed", "phases": phases})
    spec = TicketSpec("Pay", workflow=allow_workflow(world.ticket.project, workflow))
    ticket = Ticket.objects.open(world.ticket.project, spec, by="system:tests")
    artifact = submit(ticket, "notes", b"done", by=world.ada)
    Ticket.objects.judge(pk=ticket.pk, by="system:tests")
    CheckRun.objects.take("system:w1")
    CheckRun.objects.renew(CheckRun.objects.latest("id"))
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("looks"))
    for page in ("", "artifacts/", f"artifacts/{artifact.pk}/"):
        assert browser.get(f"/tickets/{ticket.key}/{page}").status_code == 200


def look_at_board(world: World) -> None:
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("looks"))
    for query in ({}, {"view": "stuck"}):
        assert browser.get("/board/", {"project": "OMO", **query}).status_code == 200
        assert browser.get(f"/tickets/{world.ticket.key}/next/").status_code == 302


def look_at_tasks(world: World) -> None:
    """The list by each of its filters, and one task that has printed something."""
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("looks"))
    [claim] = Task.objects.claim(by=world.ada)
    TaskOutput.objects.add([NewOutput(claim.task, claim.fence, 0, b"so far")], by=world.ada)
    TaskOutput.objects.forget()
    for query in (
        {},
        {"status": "all", "sort": "newest", "project": "OMO"},
        {"status": "ready"},
        {"error": "d41d8cd98f00b204"},
        {"failure": "permanent"},
        {"waiting_on": "operator"},
        {"text": "task 7"},
        {"text": "OMO-1000007"},
        {"agent": "ada", "capability": "skill-1"},
    ):
        assert browser.get("/tasks/", query).status_code == 200
    assert browser.get(f"/tasks/{claim.key}/").status_code == 200


def act_on_many(world: World) -> None:
    """On 20,000 tasks: prepared, looked at, and a batch of it done; and on all of a ticket."""
    person = get_user_model().objects.create_superuser("many")
    browser = Client()
    browser.force_login(person)
    failed, few = TaskFilter(status="failed"), TaskFilter(ticket=f"OMO-{large_world.FIRST + 7}")
    for act, asked, more in (("retry", failed, {}), ("prioritise", few, {"priority": 1})):
        bulk = BulkAct.objects.prepare(act, asked, by=person, projects=[world.ticket.project], **more)
        assert browser.get(f"/tasks/bulk/{bulk.pk}/").status_code == 200
        BulkAct.objects.confirm(bulk.pk, by=person, reason="mended", **more)
        assert BulkAct.objects.carry_on(bulk.pk) == (bulk.number > 500)
        assert browser.get(f"/tasks/bulk/{bulk.pk}/").status_code == 200
    BulkAct.objects.forget()


def look_at_the_overview(world: World) -> None:
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("looks"))
    for query in ({}, {"project": "OMO", "range": "30d", "data": "stuck"}):
        assert browser.get("/", query).status_code == 200


def look_at_agents(world: World) -> None:
    person = get_user_model().objects.create_superuser("looks")
    pool = Pool.objects.create_pool("anthropic:team", by=person)
    Agent.objects.filter(pk=world.ada.pk).update(pools=[pool.name])
    browser = Client()
    browser.force_login(person)
    for address in ("/agents/", "/agents/?q=agent-3", "/agents/ada/"):
        assert browser.get(address).status_code == 200


def look_at_attention(world: World) -> None:
    """The list, its number beside every page, and the tickets that await approval."""
    list(Ticket.objects.awaiting_approval())
    for project in ("", "OMO"):
        items, more = attention_list.page(Query(project), by="system:tests", limit=50)
        assert (len(items), more) == (50, True)
    attention_list.count(Query(mine=True), by="system:tests")


def follow_live(world: World) -> None:
    """What a web process asks every two seconds for its open pages, and a worker for its messages."""
    asked: dict[str, Any] = {
        "sessions": ["none"],
        "users": [1],
        "passwords": ["none"],
        "followers": [1, 1],
        "kinds": ["project", "agent"],
        "names": ["OMO", "ada"],
        "prefixes": ["none"],
    }
    sql.rows(STILL_GRANTED, asked)


def follow_the_journal(world: World) -> None:
    cursor = Event.objects.current_cursor()
    settled(world, completed)
    journal_changes.changed_since(cursor)
    Event.objects.since(cursor)
    Event.objects.health()


def ask_over_rest(world: World) -> None:
    """What agents ask for all the time, by the fast route and by the full view."""
    headers = api_of(world.ada, "work", "tickets:write").headers
    for path, query in (
        ("/agents/me", {}),
        ("/tickets", {}),
        ("/tickets", {"project": "OMO"}),
        ("/tickets", {"waiting_on": "operator"}),
        ("/tickets", {"waiting_on": "task", "project": "OMO"}),
        ("/tasks", {"waiting_on": "agents"}),
        ("/tasks", {"waiting_on": "agent", "project": "OMO"}),
        ("/tickets", {"project": "OMO", "phase": "DOING"}),
        (f"/tickets/{world.ticket.key}", {}),
        ("/tasks", {"project": "OMO", "state": "pending"}),
        ("/tasks", {"ticket": world.ticket.key}),
        ("/events", {}),
        ("/events", {"topic": world.ticket.topic}),
    ):
        if call := fast.find(scope("get", ROOT + path, query, headers)):
            call.answer(b"")
        assert Client().get(ROOT + path, query, headers=headers).status_code == 200, path
    assert Key.objects.bearing(headers["Authorization"].split()[1])
    world.ada.seen()


def explain(world: World) -> None:
    first = Task.objects.filter(ticket=large_world.FIRST + 7).values_list("pk", flat=True)
    Task.objects.explanations(list(first))
    Task.objects.waits(list(first))


def estimate_ends(world: World) -> None:
    """Of a ticket with needs, when work was done before and deadlines are near or passed."""
    settled(world, completed, completed)
    tasks = Task.objects.filter(ticket=large_world.FIRST + 10_000)
    tasks.update(deadline=timezone.now() + timedelta(hours=1))
    Task.objects.filter(pk=tasks.first().pk).update(late_since=timezone.now())
    Task.objects.filter(ticket=world.ticket).update(deadline=timezone.now() - timedelta(hours=1))
    estimate(Ticket.objects.select_related("project", "workflow").get(pk=large_world.FIRST + 10_000))
    StoredEstimate.objects.follow(StoredEstimate.objects.last_move() - 20, limit=20, span_s=60)
    expected_late.look(expected_late.START, limit=50, span_s=60)
    Task.objects.page_json(TaskQuery(overdue=True), by="system:tests", limit=50)
    Task.objects.page_json(TaskQuery(overdue=True), by=world.ada, limit=50)


ACTS: dict[str, Callable[[World], None]] = {
    "claim and complete": lambda world: settled(world, completed),
    "claim five, settle each way": lambda world: settled(
        world, completed, completed, failed("transient"), failed("permanent"), completed
    ),
    "claim and find nothing": claim_what_there_is_not,
    "claim without free capacity": claim_when_full,
    "complete what others need": complete_what_others_need,
    "settle and claim": settle_and_claim,
    "claim where work is limited": claim_where_work_is_limited,
    "claim of a pool": claim_of_a_pool,
    "look after agents": look_after_agents,
    "fail and claim again": fail_and_claim_again,
    "renew, report, release": keep_and_give_back,
    "a worker claims": lambda world: Task.objects.claim(by=world.worker, limit=8),
    "work by hand": work_by_hand,
    "leases end": let_leases_end,
    "sweeps": sweep,
    "open by time": open_by_time,
    "automatic moves": move_on,
    "follow the journal": follow_the_journal,
    "ask over REST": ask_over_rest,
    "explain": explain,
    "estimate": estimate_ends,
    "start and stop": start_and_stop,
    "add work": add_work,
    "coordinate": coordinate,
    "look at pages": look_at_pages,
    "look at a gate": look_at_a_gate,
    "look at the board": look_at_board,
    "look at the tasks": look_at_tasks,
    "act on many tasks": act_on_many,
    "look at the overview": look_at_the_overview,
    "look at the agents": look_at_agents,
    "look at what needs attention": look_at_attention,
    "follow live": follow_live,
}
# A board counts the tickets of its project: that it grows with nothing else is held by `test_page_cost`.
WHOLE_PROJECT = {"look at the board"}


@pytest.fixture
def world(ticket, task, ada):
    large_world.make(ticket, task, ada, large_world.Size())
    Agent.objects.filter(pk=ada.pk).update(capabilities=[f"skill-{n}" for n in range(3)])
    return World(ticket, Agent.objects.get(pk=ada.pk), Agent.objects.worker("w1", capacity=8))


def test_no_statement_that_runs_often_scans_or_throws_much_away(world):
    """One test, because the world takes half a minute to make."""
    sent: dict[str, list[Cost]] = {}
    for name, act in ACTS.items():
        world.ada.key_scopes = frozenset({"work", "tickets:write"})
        with contextlib.suppress(Undone), costs() as found:
            act(world)
            sent[name] = found
            raise Undone  # the next act finds the world as it was

    faults = [
        f"{name}: {cost.label}: scans {sorted(cost.scanned & LARGE)}, throws away {thrown(cost)} rows"
        for name, found in sent.items()
        for cost in found
        if name not in WHOLE_PROJECT
        and (cost.scanned & LARGE or thrown(cost) > THROWN_AWAY)
        and not any(begin in cost.label for begin in AUDITS)
    ]
    run = statement_files.among({cost.text for found in sent.values() for cost in found})
    assert not faults, "\n".join(faults)
    assert statement_files.every() - run == statement_files.NOT_RUN.keys()


def thrown(cost: Cost) -> int:
    return sum(cost.thrown_away[table] for table in LARGE)


class Undone(Exception):
    """Rolls an act back."""
