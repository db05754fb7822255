"""The pages of projects, their switch in the frame, and pools, as a person without script has them."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event, Member, Pool, Project, ProjectSpec
from tickets.models import Freeze, Schedule, ScheduleSpec, Task, TemplateSpec, TicketTemplate
from tickets.pages import timeline_kinds
from tickets.pages.projects.project_page import WORDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client, operator, project):
    client.force_login(operator)
    return client


@pytest.fixture
def other(operator):
    return Project.objects.create_project(ProjectSpec("RND", workflow="simple"), by=operator)


@pytest.fixture
def eve(django_user_model):
    return django_user_model.objects.create_user("eve")


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def send(client, act, key="OMO", **form):
    return client.post(f"/projects/{key}/{act}/", form, follow=True)


def settings(key="OMO"):
    return Project.objects.get(key=key)


def test_every_kind_of_change_of_a_project_has_its_words(desk, project, operator):
    assert WORDS.keys() >= timeline_kinds.ELSEWHERE
    template = TicketTemplate.objects.create_template(project, TemplateSpec("nightly", "Audit"), by=operator)
    Schedule.objects.run_now(
        Schedule.objects.create_schedule(project, ScheduleSpec(template, "@daily"), by=operator).pk,
        by=operator,
    )

    shown = text_of(desk.get("/projects/OMO/"))

    assert "admin made a template nightly" in shown
    assert "admin made a schedule nightly" in shown
    assert "admin opened a ticket by time OMO-1" in shown
    assert "after 30 min without progress, taken back 10 min later" in shown


def test_the_list_has_people_agents_work_limits_and_states(desk, project, other, eve, operator, task, ada):
    Member.objects.set(project, eve, "viewer", by=operator)
    Project.objects.act(project.pk, "edit", by=operator, max_agents=1)
    Task.objects.claim(by=ada)
    Project.objects.act(other.pk, "pause", by=operator)
    Freeze.objects.freeze(project, by=operator, reason="Stop")

    text = text_of(desk.get("/projects/"))

    assert "Frozen" in text
    assert "Paused" in text
    assert "1 of 1 agent at work, which is all" in text
    assert 'id="project-RND"' not in desk.get("/projects/?q=omo").content.decode()


def test_members_come_change_and_go_and_two_who_change_one_are_told(desk, project, eve):
    added = send(desk, "member", user="eve", role="operator", was="")
    repeated = send(desk, "member", user="eve", role="operator", was="")
    raised = send(desk, "member", user="eve", role="approver", was="operator")
    late = send(desk, "member", user="eve", role="viewer", was="operator")
    removed, again = (send(desk, "remove-member", user="eve", was="approver") for _ in range(2))

    assert "eve is an operator of OMO" in text_of(added)
    assert repeated.status_code == raised.status_code == 200
    assert late.status_code == 412
    assert "The role of eve is approver now" in text_of(late)
    assert "eve is no longer a member of OMO" in text_of(removed)
    assert "no member of OMO any more, so nothing was done" in text_of(again)
    kinds = Event.objects.filter(kind__startswith="member.").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["member.set", "member.set", "member.removed"]


def test_limits_are_saved_once_and_an_older_page_is_refused_with_what_was_typed(desk, project):
    version = str(project.version)
    form = {"max_agents": "3", "max_tickets": "", "stall_after_s": "900", "stall_grace_s": "60"}

    saved, repeated = (send(desk, "limits", **form, version=version) for _ in range(2))
    late = send(desk, "limits", **{**form, "max_agents": "9"}, version=version)

    assert saved.status_code == repeated.status_code == 200
    assert late.status_code == 412
    assert 'value="9"' in late.content.decode()
    assert (settings().max_agents, settings().max_tickets, settings().stall_after_s) == (3, None, 900)
    assert Event.objects.filter(kind="project.edited").count() == 1


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 12, "٣", "9" * 400])
def test_a_limit_that_is_no_number_is_refused(desk, project, number):
    form = {"max_agents": number, "stall_after_s": "1800", "stall_grace_s": "600"}

    refused = send(desk, "limits", **form, version=str(project.version))

    assert refused.status_code == 422
    assert settings().max_agents is None


def test_workflows_profiles_and_the_name_are_saved(desk, project):
    def now():
        return str(settings().version)

    send(desk, "workflows", workflow="software_delivery", workflows=["simple"], version=now())
    send(desk, "profiles", profiles=["echo"], version=now())
    send(desk, "name", name="The shop", version=now())
    wrong = send(desk, "workflows", workflow="nowhere", version=now())

    saved = settings()
    assert (saved.workflow, saved.workflows) == ("software_delivery", ["simple"])
    assert (saved.profiles, saved.name) == (["echo"], "The shop")
    assert wrong.status_code == 422


def test_a_project_and_a_phase_are_paused_and_go_on(desk, project):
    assert "OMO is paused" in text_of(send(desk, "pause", reason="Costs"))
    assert "was paused already" in text_of(send(desk, "pause", reason="Again"))
    assert settings().pause_reason == "Costs"
    send(desk, "resume")
    send(desk, "pause", phase="DOING")
    assert not settings().paused
    assert list(settings().paused_phases) == ["DOING"]
    send(desk, "resume", phase="DOING")
    assert settings().paused_phases == {}


def test_a_viewer_reads_and_is_told_who_may(client, project, operator, eve):
    Member.objects.set(project, eve, "viewer", by=operator)
    client.force_login(eve)

    page = client.get("/projects/OMO/")

    assert "you need the role of an administrator in OMO" in text_of(page)
    assert "<form" not in page.content.decode().partition('id="main"')[2].partition("</main>")[0]
    for act in ("member", "remove-member", "limits", "workflows", "name", "pause", "resume"):
        form = {"user": "eve", "role": "admin", "workflow": "simple", "name": "x", "was": "viewer"}
        numbers = {"stall_after_s": "1", "stall_grace_s": "1"}
        assert send(client, act, **form, **numbers).status_code == 403, act
    # nor do they hear who has an account
    assert send(client, "member", user="nobody", role="viewer").status_code == 403
    assert send(client, "remove-member", user="nobody").status_code == 403


def test_an_admin_of_the_project_grants_no_profiles(client, project, operator, eve):
    Member.objects.set(project, eve, "admin", by=operator)
    client.force_login(eve)

    assert "Only the operator of this installation grants profiles" in text_of(client.get("/projects/OMO/"))
    assert send(client, "profiles", profiles=[], version=str(settings().version)).status_code == 403
    gone = send(client, "remove-member", user="eve", was="admin")
    assert "eve is no longer a member of OMO" in text_of(gone)
    assert "You are not a member of any project" in text_of(gone)


@pytest.mark.parametrize("key", ["GONE", "RND"])
def test_a_project_that_is_not_there_or_not_theirs_leads_to_a_search(
    client, project, other, operator, eve, key
):
    Member.objects.set(project, eve, "operator", by=operator)
    client.force_login(eve)

    pages = ("/", "/board/", "/agents/", "/attention/", "/repositories/", "/new-ticket/", "/freeze/")
    for address in [f"/projects/{key}/", *(f"{page}?project={key}" for page in pages)]:
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert "No such project" in answer.content.decode(), address
        assert 'action="/projects/"' in answer.content.decode(), address


def test_the_switch_names_the_project_and_the_links_keep_it(desk, project, other, ticket):
    page = desk.get("/?project=RND").content.decode()
    assert 'href="/board/?project=RND" data-of-project' in page
    assert 'href="/?project=OMO"' in page
    assert 'href="/board/?project=OMO"' in desk.get("/board/?project=RND").content.decode()
    assert (
        'href="/tasks/?status=failed&amp;project=OMO"'
        in desk.get("/tasks/?status=failed&project=RND&after=0.1").content.decode()
    )
    shown = text_of(desk.get(f"/tickets/{ticket.key}/"))
    assert "Shown: OMO" in shown


def test_a_pool_is_closed_opened_and_limited_by_hand(desk, project, operator, eve):
    Pool.objects.create_pool("team", by=operator, project=project)

    def act(name, **form):
        version = str(Pool.objects.get().version)
        return desk.post(f"/agents/pools/team/{name}/", {"version": version, **form}, follow=True)

    assert "/agents/pools/team/close/" in desk.get("/agents/").content.decode()
    assert "/agents/pools/team/close/?back=OMO" in desk.get("/projects/OMO/").content.decode()
    assert desk.get("/agents/pools/team/close/").status_code == 200
    act("close", reason="The bill", minutes="5")
    closed = Pool.objects.get()
    assert closed.close_reason == "The bill"
    assert closed.resets_at
    assert act("close", reason="Again").status_code == 409
    act("open", reason="")
    assert Pool.objects.get().closed_at is None
    act("limit", limit="3")
    assert Pool.objects.get().limit == 3
    assert act("limit", limit="0").status_code == 422
    assert act("close", reason="").status_code == 422


def test_a_pool_is_managed_by_its_admins_alone(client, project, operator, eve):
    Pool.objects.create_pool("team", by=operator, project=project)
    Member.objects.set(project, eve, "operator", by=operator)
    client.force_login(eve)

    assert "/agents/pools/team/close/" not in client.get("/agents/").content.decode()
    assert client.post("/agents/pools/team/close/", {"reason": "x"}).status_code == 403
    assert client.get("/agents/pools/none/close/").status_code == 404


def test_pages_take_as_many_statements_for_many(desk, client, project, operator, django_user_model):
    def statements(who):
        client.force_login(who)
        client.get("/board/")
        counts = []
        for address in ("/projects/", "/projects/OMO/"):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            counts.append(len(asked))
        return counts

    lead = django_user_model.objects.create_user("lead")
    Member.objects.set(project, lead, "admin", by=operator)
    Pool.objects.create_pool("first", by=operator, project=project)
    few = [statements(operator), statements(lead)]
    for n in range(12):
        made = Project.objects.create_project(ProjectSpec(f"P{n}"), by=operator)
        person = django_user_model.objects.create_user(f"p{n}")
        Member.objects.set(project, person, "viewer", by=operator)
        Member.objects.set(made, lead, "viewer", by=operator)
        Pool.objects.create_pool(f"pool{n}", by=operator, project=project)

    assert [statements(operator), statements(lead)] == few
    assert max(map(max, few)) <= 15
