"""What a claim costs does not grow with the backlog: buffers, plans and statements, counted."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from bench.claim import asked, backlog, choosing, connect, measure, numbered
from bench.plan_buffers import parts, with_filled_caches
from omoi_site.database import sql as db
from tests.factories import complete
from tests.support import cluster
from tests.support.vacuum import vacuum
from tickets.models import Edge, Need, Outcome, Task
from tickets.models.claim.claim_sql import CLAIM
from tickets.models.claim.lease import RENEW
from tickets.models.claim.settle import SETTLE
from tickets.models.task.open_needs import DECIDE

pytestmark = pytest.mark.django_db(transaction=True)

SERVED = 3  # of the lanes, by an agent with three skills
SIZES = [1_000, 10_000, pytest.param(100_000, marks=pytest.mark.full)]


@pytest.fixture
def skilled(ada):
    Agent.objects.filter(pk=ada.pk).update(capabilities=[f"skill-{n}" for n in range(SERVED)])
    return ada


@pytest.mark.parametrize("ready", SIZES)
@pytest.mark.parametrize(
    ("lanes", "served", "most"),
    [(1, 1, 65), (20, SERVED, 80), (300, SERVED, 80)],
    ids=["one", "twenty", "three of 300"],
)
def test_a_claim_touches_few_pages_however_long_the_backlog(ticket, skilled, ready, lanes, served, most):
    """With 300 lanes of which three are served, 99 % of the backlog is out of this agent's reach.

    Three of the pages are those of task_list, the index of lists: each change of a task's state adds to it.
    """
    backlog(ticket, ready, lanes)

    parts = measure(CLAIM, asked(skilled))

    assert choosing(parts) <= 16 + 4 * (served - 1), parts
    assert sum(parts.values()) <= most, parts


@pytest.mark.parametrize("lanes", [1, 300])
def test_a_claim_costs_the_same_from_a_long_backlog(ticket, skilled, lanes):
    backlog(ticket, 1_000, lanes)
    short = sum(measure(CLAIM, asked(skilled)).values())
    backlog(ticket, 20_000, lanes)
    assert sum(measure(CLAIM, asked(skilled)).values()) <= 1.25 * short


def test_tasks_claimed_before_are_not_walked_over(ticket, skilled):
    """Claimed rows stay in the index until they are vacuumed away; the lane's floor keeps claims clear of
    them.
    """
    backlog(ticket, 3_000, 1)
    before = choosing(measure(CLAIM, asked(skilled)))
    Agent.objects.filter(pk=skilled.pk).update(capacity=1000)
    with snapshot_kept():
        Task.objects.claim(by=skilled, limit=1000)
        without = choosing(measure(CLAIM, asked(skilled, limit=1) | {"agent": other(skilled).pk}))
        Task.objects.raise_floors()
        assert choosing(measure(CLAIM, asked(skilled) | {"agent": other(skilled).pk})) <= before + 4 < without


@pytest.mark.full
@pytest.mark.parametrize("claims", [300, pytest.param(4_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("ranks", ["of their own", "one for all"])
def test_a_claim_costs_the_same_while_an_old_snapshot_keeps_what_was_claimed_before(
    ticket, skilled, claims, ranks
):
    """Neither what the agent held before, nor its own row, nor what was first in its lanes piles up. Tasks
    that became ready together share their rank.
    """
    backlog(ticket, claims + 100, 1)
    if ranks == "one for all":
        db.rows("UPDATE tickets_task SET rank = 1")
        db.rows("VACUUM (FULL, ANALYZE) tickets_task")
    work_through(skilled, 1)
    before = measure(CLAIM, asked(skilled))
    with snapshot_kept():
        work_through(skilled, claims)
        Task.objects.raise_floors()
        after = measure(CLAIM, asked(skilled))
    assert choosing(after) <= choosing(before) + 4, after
    assert sum(after.values()) <= 1.5 * sum(before.values()), after


def test_a_lane_without_ready_tasks_costs_nothing_while_an_old_snapshot_keeps_what_it_had(ticket, skilled):
    backlog(ticket, 300, 1)
    with snapshot_kept():
        work_through(skilled, 300)
        Task.objects.raise_floors()
        assert choosing(measure(CLAIM, asked(skilled))) <= 4


@pytest.mark.parametrize("table", ["agents_event", "tickets_latestgrant", "tickets_task"])
def test_a_claim_is_measured_with_filled_caches_whenever_autovacuum_comes(ticket, skilled, table):
    backlog(ticket, 300, 1)
    work_through(skilled, 1)
    text, names = numbered(CLAIM)
    given = asked(skilled)
    values = psycopg.sql.SQL(", ").join(psycopg.sql.Literal(given[name]) for name in names)
    explain = psycopg.sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE measured ({})").format(values)
    found = []
    with connect() as link, cluster.superuser(connection.settings_dict["NAME"]) as server:
        server.autocommit = True
        link.execute("SET plan_cache_mode = force_generic_plan")
        link.execute(f"PREPARE measured AS {text}".encode())

        def run():
            if len(found) == 3:  # between one run and the next
                # which makes plans anew only if it finds another number of rows
                server.execute(f"UPDATE pg_class SET reltuples = 0 WHERE oid = '{table}'::regclass".encode())
                server.execute(f"ANALYZE {table}".encode())
            link.execute("BEGIN")
            found.append(link.execute(explain).fetchone()[0][0])
            link.execute("ROLLBACK")
            return found[-1]

        undisturbed = parts(with_filled_caches(run)["Plan"])
        while len(found) < 3:
            run()
        disturbed = parts(with_filled_caches(run)["Plan"])

    assert len(found) == 5  # the run that was disturbed is not the one that counts
    assert sum(disturbed.values()) <= sum(undisturbed.values()) + 4, (undisturbed, disturbed)


@contextmanager
def snapshot_kept():
    """A report that runs meanwhile: nothing that it could see is cleaned up."""
    with connect() as report:
        report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        report.execute("SELECT count(*) FROM tickets_task")
        yield


def work_through(agent, claims):
    for number in range(claims):
        [claim] = Task.objects.claim(by=agent)
        complete(claim, by=agent)
        if number % 200 == 199:  # as the clock does each second
            Task.objects.raise_floors()


def test_settling_many_costs_no_more_for_each_than_settling_few(ticket, ada):
    """All of one ticket with many tasks, of which most have ended."""
    backlog(ticket, 1_300, 1)
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"], capacity=1000)
    ended = Task.objects.claim(by=ada, limit=1000)
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed") for claim in ended], by=ada)
    claims = Task.objects.claim(by=ada, limit=200)

    def each(number):
        settled = claims[:number]
        vacuum()
        cost = measure(
            SETTLE,
            {
                "agent": ada.pk,
                "actor": ada.label,
                "key": "",
                "ids": [claim.task for claim in settled],
                "fences": [claim.fence for claim in settled],
                "outcomes": ["completed"] * number,
                "results": ["null"] * number,
                "errors": [""] * number,
                "again": ["false"] * number,
                "rechecks": ["false"] * number,
                "kinds": [""] * number,
                "failures": [""] * number,
                "limited": ["false"] * number,
            },
        )
        return sum(cost.values()) / number

    assert each(200) <= 1.1 * each(10)


def other(agent):
    found, _ = Agent.objects.get_or_create(name="other", defaults={"capabilities": agent.capabilities})
    found.capabilities = Agent.objects.get(pk=agent.pk).capabilities
    found.save()
    found.projects.set(agent.projects.all())
    return found


def test_hot_statements_are_planned_once_and_for_all(ticket, ada, operator):
    """A statement whose general plan looks dearer is planned anew at every call, for ever."""
    backlog(ticket, 1_000, 1)
    ids = list(Task.objects.order_by("id").values_list("pk", flat=True))
    db.rows(
        """
        INSERT INTO tickets_need (parent_id, child_id, on_end, on_failure)
        SELECT unnest(%s::bigint[]), unnest(%s::bigint[]), 'success', 'hold'
        """,
        [ids[:-2], ids[1:-1]],
    )
    vacuum()
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])
    connection.close()  # a fresh one has no plans yet

    for _ in range(9):
        [claim] = Task.objects.claim(by=ada)
        Task.objects.renew([(claim.task, claim.fence)], by=ada)
        complete(claim, by=ada)

    plans = {
        row["statement"]: row
        for row in db.rows("SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements")
    }
    for name, statement in (
        ("claim", CLAIM),
        ("settle", SETTLE),
        ("decide", DECIDE),
        ("heartbeat", RENEW),
    ):
        row = plans[numbered(statement)[0]]
        assert (row["generic_plans"] >= 3, row["custom_plans"]) == (True, 0), (name, row)


def test_a_claim_a_heartbeat_and_a_completion_take_two_statements_at_most(ticket, ada, operator):
    backlog(ticket, 10, 1)
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])

    def statements(act):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            answer = act()
        return answer, [query["sql"] for query in seen if query["sql"] not in ("BEGIN", "COMMIT")]

    claims, asked_for = statements(lambda: Task.objects.claim(by=ada, limit=5))
    assert (len(claims), len(asked_for)) == (5, 1)
    _, asked_for = statements(
        lambda: Task.objects.renew([(claim.task, claim.fence) for claim in claims], by=ada)
    )
    assert len(asked_for) == 1
    _, asked_for = statements(lambda: [complete(claim, by=ada) for claim in claims[:1]])
    assert len(asked_for) == 2  # fence and write, and whether there are children
    assert not any("dramatiq" in sql for sql in asked_for)  # the ticket has more to do
    outcome = Outcome(claims[1].task, claims[1].fence, "completed")
    (_, [_]), asked_for = statements(lambda: Task.objects.settle_and_claim([outcome], by=ada))
    assert len(asked_for) == 4  # the agent's row, fence and write, whether there are children, and the claim


def test_a_claim_that_finds_nothing_writes_nothing(ticket, ada):
    with CaptureQueriesContext(connection) as seen:
        assert Task.objects.claim(by=ada) == []
    assert (
        len([query for query in seen if query["sql"] not in ("BEGIN", "COMMIT")]) == 1
    )  # asked in two, another could free a task between them
    assert not any(
        ("INSERT" in query["sql"] and "picked" not in query["sql"]) or "sweeprun" in query["sql"]
        for query in seen
    )


def test_one_claim_for_many_tasks_costs_less_than_many_claims(ticket, skilled):
    backlog(ticket, 1_000, 1)
    Agent.objects.filter(pk=skilled.pk).update(capacity=50)
    one, fifty = (sum(measure(CLAIM, asked(skilled, limit=limit)).values()) for limit in (1, 50))
    assert fifty / 50 <= one / 2


def test_the_children_of_an_ended_task_are_found_by_index(ticket, ada, operator):
    backlog(ticket, 1_000, 1)
    parent, child = Task.objects.order_by("id")[:2]
    Need.objects.add(ticket.project_id, [Edge(parent.pk, child.pk)], by=operator)
    before = sum(measure(DECIDE, {"ended": [parent.pk]}).values())
    backlog(ticket, 10_000, 1)
    assert sum(measure(DECIDE, {"ended": [parent.pk]}).values()) <= before + 8
