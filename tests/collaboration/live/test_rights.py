"""Rights end at once: a follower that loses them gets no more signals, at once if the journal has an event of
it, else within 5 s.
"""

from __future__ import annotations

import asyncio
import random

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from websockets.exceptions import ConnectionClosed

from agents.models import Agent, AgentSpec, Key, Member, Project, ProjectSpec
from agents.models.journal_changes import changed_since
from collaboration.live import access
from omoi_site.database import location, sql
from omoi_site.serving.live_hub import Follower, Hub
from tests.support.long_poll import Poll
from tests.support.wait import until
from tests.support.web_process import write_events
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db(transaction=True)

AT_MOST_S = 5
OF_VERA = "expire_date = (SELECT max(expire_date) FROM django_session)"  # hers is the newest
EXPIRE = "UPDATE django_session SET expire_date = now() - interval '1 s'"


@pytest.fixture
def viewer(django_user_model, project):
    viewer = django_user_model.objects.create_user("vera", password=None)
    Member.objects.create(project=project, user=viewer, role="viewer")
    return viewer


class Room:
    """Open pages, and one of the operator that gets every signal."""

    def __init__(self, web, operator, project) -> None:
        self.web, self.project, self.pages = web, project, []
        self.marks = iter([f"ticket:OMO-{number}" for number in range(1_000, 1_900)])
        self.witness = self.open(operator, *[f"ticket:OMO-{number}" for number in range(1_000, 1_900)])

    def open(self, user, *topics):
        page = self.web.page(user)
        self.pages.append(page)
        page.follow(*topics)
        return page

    def hears(self, page):
        """Whether the page gets the signal of a new event, as the operator's page does."""
        write_events(self.project.pk, [mark := next(self.marks), "agent:ada", "ticket:OMO-1"])
        assert self.witness.next() == mark
        try:
            return bool(page.next(timeout=0.2))
        except TimeoutError:
            return False

    def closed(self, page):
        """The code with which the server closed the page, if it did."""
        try:
            self.hears(page)
        except ConnectionClosed:
            return page.socket.close_code
        return None


@pytest.fixture
def room(web, operator, project):
    room = Room(web, operator, project)
    yield room
    for page in room.pages:
        page.close()


def test_a_member_who_was_removed_is_told_to_look_again_and_hears_nothing_from_then_on(
    room, viewer, operator, project
):
    page = room.open(viewer, "project:OMO")
    assert room.hears(page)

    Member.objects.remove(project, viewer, by=operator)

    assert page.next() == "resync"
    assert [room.hears(page) for _ in range(3)] == [False] * 3


@pytest.mark.full
@pytest.mark.parametrize(
    ("topic", "end"),
    [
        ("project:OMO", "DELETE FROM agents_member"),
        ("ticket:OMO-1", "DELETE FROM agents_member"),
        ("agent:ada", "DELETE FROM agents_agent_projects"),
        ("project:OMO", "UPDATE auth_user SET is_superuser = false WHERE username = 'root'"),
    ],
)
def test_what_one_may_see_no_more_is_not_heard_after_5_s_though_nothing_told_of_it(
    room, viewer, ada, topic, end, django_user_model
):
    page = room.open(django_user_model.objects.create_superuser("root") if "root" in end else viewer, topic)
    assert room.hears(page)

    sql.rows(end)

    until(lambda: not room.hears(page), seconds=AT_MOST_S)


@pytest.mark.full
@pytest.mark.parametrize(
    "end",
    [
        "UPDATE auth_user SET is_active = false WHERE username = 'vera'",
        "UPDATE auth_user SET password = 'another' WHERE username = 'vera'",
        "DELETE FROM auth_user WHERE username = 'vera'",
        f"DELETE FROM django_session WHERE {OF_VERA}",
        f"{EXPIRE} WHERE {OF_VERA}",
    ],
)
def test_a_page_of_somebody_signed_out_is_closed_within_5_s_though_nothing_told_of_it(room, viewer, end):
    page = room.open(viewer, "project:OMO")
    sql.rows("DELETE FROM agents_member")

    sql.rows(end)

    assert until(lambda: room.closed(page), seconds=AT_MOST_S) == 4401


@pytest.mark.full
@pytest.mark.parametrize("end", ["revoked_at = now()", "expires_at = now()"])
def test_who_waits_with_a_key_that_is_over_is_told_so_within_5_s(web, ada, end):
    key, text = Key.objects.issue(agent=ada, by="system:tests")
    poll = Poll(web.port, text, wait_s=30)
    assert not poll.answered(0.5)

    sql.rows(f"UPDATE agents_key SET {end} WHERE id = %s", [key.pk])

    assert poll.answer(AT_MOST_S)[0] == 401


@pytest.mark.parametrize("end", ["quarantine", "retire"])
def test_an_agent_taken_out_while_it_waits_is_granted_nothing(web, ada, operator, ticket, end):
    poll = Poll(web.port, Key.objects.issue(agent=ada, by="system:tests")[1], wait_s=3)
    assert not poll.answered(0.5)

    Agent.objects.act(ada.pk, end, by=operator, reason="not to be trusted")
    [task] = Task.objects.add(ticket, [TaskSpec("one")], by=operator)

    assert poll.answer(AT_MOST_S)[0] in (204, 401, 403, 409)
    assert Task.objects.get(pk=task.pk).state == "pending"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("UPDATE auth_user SET is_active = false", 302),
        ("UPDATE auth_user SET password = 'another'", 302),
        ("UPDATE auth_user SET is_staff = false, is_superuser = false", 302),
        (EXPIRE, 302),
    ],
)
def test_the_next_request_of_a_signed_in_person_knows_that_it_is_over(web, operator, end, status):
    import http.client

    client = Client()
    client.force_login(operator)
    headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}

    def asked():
        link = http.client.HTTPConnection(web.host, timeout=10)
        link.request("GET", "/admin/", headers=headers)
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    assert asked() == 200
    sql.rows(end)
    assert asked() == status


@pytest.mark.parametrize(
    "end", ["UPDATE auth_user SET is_active = false", "UPDATE agents_key SET revoked_at = now()"]
)
def test_the_next_request_with_a_key_knows_in_every_process_that_it_is_over(web, operator, end):
    import http.client

    _, text = Key.objects.issue(user=operator, by="system:tests")

    def asked():
        link = http.client.HTTPConnection(web.host, timeout=10)
        link.request("GET", "/api/v1/projects", headers={"Authorization": f"Bearer {text}"})
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    assert asked() == 200
    sql.rows(end)
    assert asked() == 401


class Counted:
    """A connection that counts its statements."""

    def __init__(self, link):
        self.link, self.count = link, 0

    async def execute(self, *asked):
        self.count += 1
        return await self.link.execute(*asked)


@pytest.mark.full
def test_all_sockets_are_looked_after_in_one_statement_and_as_the_rights_have_it(django_user_model, operator):
    """For any members, agents, owners and superusers, the remaining topics are those that `may_follow`
    allows.
    """
    chance = random.Random(22)
    projects = [Project.objects.create_project(ProjectSpec(f"P{number}"), by=operator) for number in range(6)]
    people = [
        django_user_model.objects.create_user(f"user{number}", is_superuser=number == 0)
        for number in range(12)
    ]
    for person in people:
        for project in chance.sample(projects, chance.randrange(3)):
            Member.objects.create(project=project, user=person, role="viewer")
    agents = [
        Agent.objects.register(
            AgentSpec(f"agent{number}"),
            projects=chance.sample(projects, 1),
            owner=chance.choice([None, *people]),
            by=operator,
        )
        for number in range(8)
    ]
    topics = {f"project:{project}" for project in projects} | {f"ticket:{project}-7" for project in projects}
    topics |= {f"agent:{agent.name}" for agent in agents} | {"agent:nobody", "project:NONE", "thread:1"}
    topics |= {"workflow:simple", "workflows"}

    async def left():
        hub, followers = Hub(), []
        for viewer in viewers:
            follower = Follower(None, viewer)
            hub.enter(follower)
            hub.join(follower, topics)
            followers.append(follower)
        async with await psycopg.AsyncConnection.connect(**location.libpq(settings), autocommit=True) as link:
            counted = Counted(link)
            await access.recheck(counted, hub)
            return counted.count, [set(follower.topics) for follower in followers]

    from django.conf import settings as all_settings

    settings, viewers = all_settings.DATABASES["default"], []
    for person in people:
        client = Client()
        client.force_login(person)
        request = access.request_of(scope_of(client))
        assert access.viewer(request) == person
        viewers.append(access.Viewer.of(request, person))

    assert asyncio.run(left()) == (1, [access.may_follow(person, topics) for person in people])
    assert Session.objects.count() == len(people)
    assert changed_since("").rights


def scope_of(client):
    headers = {
        "host": "localhost",
        "origin": "http://localhost",
        "cookie": f"sessionid={client.cookies['sessionid'].value}",
    }
    return {
        "type": "websocket",
        "scheme": "ws",
        "http_version": "1.1",
        "raw_path": b"/ws/live/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
