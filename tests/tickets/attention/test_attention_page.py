"""The attention page: its address, its number on other pages, and what it costs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Member, Project, ProjectSpec
from tests.factories import fail
from tests.support.html import squeeze
from tickets.models import Task, TaskSpec, Ticket, TicketWait
from tickets.models.attention import registry
from tickets.models.claim.failures import BY
from tickets.models.claim.heartbeat import Report

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use
    return client


@pytest.fixture
def failing(ticket, ada, operator):
    """Let so many more tasks fail."""

    def failing(count):
        Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(count)], by=operator)
        for claim in Task.objects.claim(by=ada, limit=5):
            fail(claim, by=ada, kind="permanent")
        Task.objects.filter(state="pending").update(state="cancelled")

    ada.capacity = 100
    ada.save()
    return failing


def test_it_takes_as_many_statements_for_many_items_as_for_one(page, failing):
    counts = []
    for count in (1, 4):
        failing(count)
        with CaptureQueriesContext(connection) as asked:
            assert page.get("/attention/").status_code == 200
        counts.append(len(asked))

    assert counts[0] == counts[1] <= 14, counts


def test_every_page_has_the_number(page, failing, ticket, client, django_user_model):
    failing(2)
    for address in ("/board/", f"/tickets/{ticket.key}/", "/attention/?kind=blocked", "/nowhere/"):
        text = page.get(address).content.decode()
        assert text.count('data-count="attention">2</span>') == 2, address
    live = page.get("/board/", headers={"HX-Request": "true"})
    assert live["X-Counts"] == "attention=2"
    TicketWait.objects.store([ticket.pk])
    assert page.get("/board/", headers={"HX-Request": "true"})["X-Counts"] == "attention=2&board=1"
    assert 'data-count="board">1</span>' in page.get("/").content.decode()


def test_an_item_about_a_task_leads_to_its_page(page, failing, ticket):
    failing(1)
    key = Task.objects.get(state="failed").key
    for address in ("/attention/", "/"):
        assert f'href="/tasks/{key}/" data-nav' in page.get(address).content.decode()


def test_the_board_marks_their_tickets(page, failing):
    failing(1)

    assert page.get("/board/?view=attention").content.decode().count('id="card-OMO-') == 1


@pytest.mark.parametrize(
    "query",
    [
        "kind=nothing&view=x",
        "after=x",
        "after=%00",
        "after=task_failed+1+9999-12-31T23%3A59%3A59%2B00%3A00",
        "after=task_failed+1+0001-01-01T00%3A00%3A00%2B23%3A59",
        "kind=task_failed&kind=blocked",
        f"after={'9' * 3000}",
    ],
)
def test_an_address_that_says_nothing_is_ignored(page, failing, query):
    assert page.get(f"/attention/?{query}").status_code == 200


@pytest.mark.parametrize("project", ["NONE", "%00", "omo", "x" * 3000])
def test_a_project_of_others_is_not_found(page, project):
    assert page.get(f"/attention/?project={project}").status_code == 404


def test_it_can_be_narrowed_to_a_project(page, failing, operator):
    failing(1)
    Project.objects.create_project(ProjectSpec("ZED", workflow="simple"), by=operator)

    assert "attention-item" in page.get("/attention/?project=OMO").content.decode()
    zed = page.get("/attention/?project=ZED").content.decode()
    assert "attention-item" not in zed
    assert "Nothing matches the filters" in zed
    assert 'data-live="project:ZED"' in zed


def test_it_has_pages(page, ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"{n}", max_attempts=1) for n in range(55)], by=operator)
    ada.capacity = 100
    ada.save()
    for claim in Task.objects.claim(by=ada, limit=55):
        fail(claim, by=ada, kind="transient")
    first = page.get("/attention/")
    following = first.context["page"].following

    second = page.get("/attention/", {"after": following})

    counts = [answer.content.decode().count('class="attention-item') for answer in (first, second)]
    assert counts == [50, 5]
    assert "From the beginning" in second.content.decode()


@pytest.fixture
def stopped(project, ada):
    """ada got no more work, because she failed three tasks in a row."""
    Agent.objects.filter(pk=ada.pk).update(
        state="maintenance",
        state_by=BY,
        state_at=timezone.now(),
        state_reason="it failed three tasks in a row",
    )
    return ada


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_an_agent_is_made_available_from_the_list(
    client, stopped, project, operator, django_user_model, role
):
    person = django_user_model.objects.create_user("vera")
    Member.objects.set(project, person, role, by=operator)
    client.force_login(person)
    text = squeeze(client.get("/attention/?view=all").content.decode())
    address = "/agents/ada/resume/?back=attention"
    assert "Make ada available" in text
    assert (f'href="{address}" data-act data-action' in text) == (role == "admin")

    dialog = client.get(address).content.decode()
    answer = client.post("/agents/ada/resume/", {"back": "attention"}, follow=True)

    assert ('name="back" value="attention"' in dialog) == (role == "admin")
    if role == "admin":
        assert answer.redirect_chain == [("/attention/", 302)]
        assert "ada takes work again" in answer.content.decode()
    assert Agent.objects.get(pk=stopped.pk).state == ("available" if role == "admin" else "maintenance")


def test_an_item_about_an_agent_leads_to_its_page(client, ada, project, operator, django_user_model):
    admin = django_user_model.objects.create_user("vera")
    Member.objects.set(project, admin, "admin", by=operator)
    for instance in ("one", "two", "one"):
        Task.objects.beat([], by=ada, report=Report(instance=instance))

    for person in (admin, operator):
        client.force_login(person)
        text = squeeze(client.get("/attention/").content.decode())
        assert "2 processes work as ada" in text
        assert 'href="/agents/ada/" data-act' in text


def test_an_upper_app_adds_a_kind_and_chooses_its_place(monkeypatch):
    before = dict(registry.registered())
    monkeypatch.setattr(registry, "_kinds", dict(before))
    more = registry.Kind("lock_held", "Lock held long", "warn", "lock", "SELECT", str, lambda values: None)

    registry.register(more, before="task_failed")
    registry.register(more)

    names = list(registry.registered())
    assert names[names.index("lock_held") + 1] == "task_failed"
    assert len(names) == len(before) + 1


def test_a_person_without_a_project_sees_an_empty_list(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("eve"))

    assert "Nothing needs anybody" in client.get("/attention/").content.decode()
    assert client.get("/attention/", {"project": "OMO"}).status_code == 404
    assert Ticket.objects.count() == 0
