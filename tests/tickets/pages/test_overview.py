"""The overview: what it shows to whom, its addresses, and what it costs."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import fail
from tests.support import large_world
from tests.support.costs import costs
from tests.support.html import squeeze
from tests.support.vacuum import vacuum
from tickets.models import HourlyFigures, Task, TaskSpec, Ticket, TicketSpec
from tickets.pages.chart import chart, round_top, small

pytestmark = pytest.mark.django_db(transaction=True)
MOST_STATEMENTS = 15
MOST_BUFFERS = 1_200  # of the figures: up to 1,000 ready tasks, and two months of hours
HOURS = """
INSERT INTO tickets_hourlyfigures (project_id, hour, completed, ready, claimed, stuck, waits, stays)
SELECT
  p.id,
  date_trunc('hour', now(), 'UTC') - n * interval '1 h',
  n,
  n,
  n,
  n,
  array_fill(1, ARRAY[46]),
  '{"TODO": {"1": 3, "20": 1}, "DOING": {"21": 2}, "BLOCKED": {"30": 1}}'
FROM generate_series(1, 1440) n
CROSS JOIN unnest(ARRAY[0, %s::bigint]) p(id)
"""


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use
    return client


def text(answer):
    assert answer.status_code == 200
    return squeeze(answer.content.decode())


def busy_project():
    return Project.objects.get(key="OMO")


def latest_of(answer):
    """The lines of the latest events, without their age."""
    part = answer.content.decode().partition('id="latest-title"')[2].partition("</section>")[0]
    lines = (re.sub(r"<[^>]+>", " ", line).rpartition(" ago")[0] for line in part.split("<li ")[1:])
    return [" ".join(line.partition(">")[2].split()).rsplit(" ", 2)[0] for line in lines]


@pytest.fixture
def busy(project, ticket, ada, operator):
    """One task failed, one is at work."""
    Task.objects.add(ticket, [TaskSpec("Break it"), TaskSpec("Build it")], by=operator)
    first, second = Task.objects.claim(by=ada, limit=2)
    fail(first, by=ada, kind="permanent")
    Task.objects.report_progress(second.task, second.fence, {"message": "half\u202eway"}, by=ada)
    HourlyFigures.objects.count_events()
    HourlyFigures.objects.sample_queue()
    return second


def test_it_shows_what_needs_me_then_who_is_at_work_then_figures(page, busy):
    shown = text(page.get("/"))

    assert "<title>(1) Overview · Omoi</title>" in shown
    places = [
        shown.index(found) for found in ('id="item-task_failed', f'id="work-{busy.task}"', "tile-queue")
    ]
    assert places == sorted(places)
    assert "half" in shown
    assert "\u202e" not in shown
    assert shown.count("<h1>") == 1
    assert shown.count('aria-current="page"') == 3  # in both bars, and the range
    live = page.get("/", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert text(live).lstrip().startswith('<div class="overview" id="overview-part" data-live="project:OMO"')


def test_it_tells_the_latest_acts_on_the_tickets_that_one_sees(
    page, client, project, busy, operator, django_user_model
):
    other = Project.objects.create_project(ProjectSpec("RND", workflow="simple"), by=operator)
    Ticket.objects.open(other, TicketSpec("Secret"), by=operator)
    eve = django_user_model.objects.create_user("eve")
    Member.objects.set(project, eve, "viewer", by=operator)

    told = latest_of(page.get("/"))
    assert told[0] == "RND-1 admin opened it in Todo"
    assert f"OMO-1 ada failed at OMO-1.{busy.task - 1} Break it for good broken" in told
    client.force_login(eve)
    assert not [line for line in latest_of(client.get("/")) if "RND" in line]


def test_claims_of_every_project_are_looked_at(page, busy, ticket, ada, operator, monkeypatch):
    """Also if an earlier project has more than are looked at of one."""
    Task.objects.add(ticket, [TaskSpec("Try it")], by=operator)
    other = Project.objects.create_project(ProjectSpec("ZED", workflow="simple"), by=operator)
    ada.projects.add(other)
    Ticket.objects.open(other, TicketSpec("x", tasks=[TaskSpec("Lost")]), by=operator)
    Ticket.objects.advance_due()
    Task.objects.claim(by=ada, limit=2)
    lost = Task.objects.get(project=other)
    sql.rows("UPDATE tickets_task SET lease_expires_at = now() - interval '1 s' WHERE id = %s", [lost.pk])
    assert "now; 3 at work" in text(page.get("/"))
    monkeypatch.setattr("tickets.models.claim.at_work.MOST", 1)

    shown = text(page.get("/"))

    assert shown.index(f'id="work-{lost.pk}"') < shown.index(f'id="work-{busy.task}"')
    assert '<span class="tag">2+</span>' in shown
    assert "now; 2+ at work" in shown


def test_a_member_sees_only_their_projects(client, busy, project, operator, django_user_model):
    other = Project.objects.create_project(ProjectSpec("ZED", workflow="simple"), by=operator)
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.set(other, viewer, "viewer", by=operator)
    client.force_login(viewer)

    shown = text(client.get("/"))

    assert "OMO-" not in shown
    assert "Nobody is at work" in shown
    assert "Nothing needs you" in shown
    assert client.get("/?project=OMO").status_code == 404
    Member.objects.set(project, viewer, "viewer", by=operator)
    assert f'id="work-{busy.task}"' in text(client.get("/"))
    assert "OMO-" not in text(client.get("/?project=ZED"))


@pytest.mark.parametrize("address", ["/", "/attention/", "/agents/", "/agents/ada/"])
def test_a_page_that_changes_by_time_alone_looks_again(page, ada, address):
    assert "tickets/look.js" in page.get(address).content.decode()


def test_who_is_in_no_project_learns_it(client, project, django_user_model):
    client.force_login(django_user_model.objects.create_user("vera"))
    assert "You are not a member of any project" in text(client.get("/"))


@pytest.mark.parametrize("query", ["project=OMO&q=pay", "view=stuck", "open=DONE", "priority="])
def test_a_link_to_the_board_that_stood_here_leads_to_it(page, project, query):
    assert page.get(f"/?{query}")["Location"] == f"/board/?{query}"


@pytest.mark.parametrize(
    "query", ["range=1y&data=x", "range=7d&data=claiming", "range=30d&data=stuck", "x=y"]
)
def test_what_the_address_asks_for_is_shown_and_nonsense_is_not(page, busy, query):
    shown = text(page.get(f"/?{query}"))
    assert ('id="data"' in shown) == ("data=claiming" in query or "data=stuck" in query)


@pytest.mark.parametrize("project", ["NONE", "%00", "omo", "x" * 3000])
def test_a_project_of_others_is_not_found(page, project):
    assert page.get(f"/?project={project}").status_code == 404


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(large_world.Size(tickets=100, tasks=1_000, agents=20, lanes=5), id="small"),
        pytest.param(large_world.Size(tickets=10_000, tasks=100_000), id="large", marks=pytest.mark.full),
    ],
)
def test_it_costs_the_same_however_much_there_is(page, ticket, task, ada, size):
    large_world.make(ticket, task, ada, size)
    HourlyFigures.objects.sample_queue()
    sql.rows(HOURS, [ticket.project_id])
    vacuum()
    for query in ("", "?range=30d&project=OMO&data=stuck"):
        with CaptureQueriesContext(connection) as asked:
            text(page.get(f"/{query}"))
        assert len(asked) <= MOST_STATEMENTS, [each["sql"][:200] for each in asked]
    with costs() as found:
        shown = text(page.get(f"/{query}"))
    phases = [shown.index(f'<th scope="row">{name}</th>') for name in ("Todo", "Doing", "Blocked")]
    assert phases == sorted(phases)
    [figures] = [cost for cost in found if "tickets_hourlyfigures" in cost.text]
    assert figures.buffers <= MOST_BUFFERS, figures
    if size.tasks > 10_000:  # a small table is read as a whole
        assert not [cost for cost in found if "tickets_task" in cost.scanned]
    with costs() as found:
        assert HourlyFigures.objects.count_events(limit=500) == 500
    assert sum(cost.buffers for cost in found) <= 2 * MOST_BUFFERS


def test_a_line_breaks_where_nothing_is_known():
    line = small([1, None, 2, 3])
    assert line.path.count("M") == line.area.count("Z") == 2
    assert small([None, None]).end is None
    assert [round_top(most) for most in (0.5, 2, 3, 47, 100, 101)] == [2, 2, 4, 60, 100, 200]
    with pytest.raises(ValueError, match="at most 2"):
        chart([[1], [1], [1]], ["a"])
