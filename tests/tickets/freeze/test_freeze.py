"""A freeze: nothing is granted and nothing moves by itself; what is held and what people do goes on."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from agents.models import AgentSpec, Event, Key, Member, Project, ProjectSpec
from agents.models.agent import Agent
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid
from tests.factories import complete, due_for_two_moves, holder_of, lapse
from tests.support.api_client import Api, api_of
from tests.support.concurrency import Act, race
from tickets.models import Freeze, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(operator):
    """A second project."""
    return Project.objects.create_project(ProjectSpec("RND", workflow="simple"), by=operator)


@pytest.fixture
def rover(project, other, operator):
    """An agent of both projects."""
    return Agent.objects.register(AgentSpec("rover", capacity=9), projects=[project, other], by=operator)


def work_in(project, operator):
    ticket = Ticket.objects.open(project, TicketSpec("T"), by=operator)
    return Task.objects.add(ticket, [TaskSpec("Do it", phase="DOING")], by=operator)[0]


def freeze(project=None, *, by="system:test", reason="An agent runs wild", **more):
    return Freeze.objects.freeze(project, by=by, reason=reason, **more)


def granted(agent):
    return {claim.task for claim in Task.objects.claim(by=agent, limit=9)}


def kinds(project):
    return list(
        Event.objects.filter(project_id=project.pk, kind__in=["project.frozen", "project.thawed"])
        .order_by("id")
        .values_list("kind", flat=True)
    )


def test_a_frozen_project_grants_nothing_and_the_others_do(project, other, task, rover, operator):
    elsewhere = work_in(other, operator)
    freeze(project)

    assert granted(rover) == {elsewhere.pk}

    Freeze.objects.thaw(project, by=operator)
    assert granted(rover) == {task.pk}


def test_a_freeze_of_everything_holds_projects_made_after_it(project, task, ada, operator):
    freeze()
    assert granted(ada) == set()

    new = Project.objects.create_project(ProjectSpec("NEW", workflow="simple"), by=operator)
    late = Agent.objects.register(AgentSpec("late"), projects=[new], by=operator)
    work_in(new, operator)
    assert granted(late) == set()


def test_a_worker_is_granted_nothing(project, ticket, operator):
    Task.objects.add(ticket, [TaskSpec("Echo", profile="echo", slots={"text": "hello"})], by=operator)
    worker = Agent.objects.worker("w", capacity=2)
    freeze(project)

    assert granted(worker) == set()

    Freeze.objects.thaw(project, by=operator)
    assert len(granted(worker)) == 1


def test_next_of_a_settlement_gives_no_claims(ticket, operator, ada):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    freeze()

    answer = api_of(ada).post(
        "/settlements",
        {
            "items": [{"task": str(claim.task), "fence": claim.fence, "outcome": "completed"}],
            "next": {"limit": 5},
        },
    )

    assert answer.json()["results"][0]["ok"] is True
    assert answer.json()["claims"] == []


def test_a_claim_is_204_and_may_wait(project, task, ada):
    freeze(project)
    api = api_of(ada)

    assert api.post("/claims", {}).status_code == 204
    assert api.post("/claims", {"wait_s": 5}).status_code == 204


def test_what_is_held_goes_on(ticket, operator, ada, bob):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two"), TaskSpec("three")], by=operator)
    one, two, three = Task.objects.claim(by=ada, limit=3)
    freeze()

    kept, gone = Task.objects.renew([(one.task, one.fence)], by=ada)
    assert (len(kept), gone) == (1, [])
    complete(one, by=ada)
    Task.objects.release(two.task, two.fence, by=ada)
    lapse(three)
    assert granted(bob) == set()


def test_people_move_tickets_and_nothing_moves_by_itself(project, operator, ada):
    [by_itself, by_hand] = due_for_two_moves(2, project, operator, ada)
    freeze(project)

    assert Ticket.objects.advance_due() == 0
    assert Ticket.objects.advance_due([by_itself.pk]) == 0
    Ticket.objects.move(by_hand.pk, "DOING", by=operator)
    assert Ticket.objects.get(pk=by_hand.pk).phase == "DOING"

    Freeze.objects.thaw(project, by=operator)
    assert Ticket.objects.advance_due() == 3
    assert {row.phase for row in Ticket.objects.filter(project=project)} == {"DONE"}


def test_stop_held_takes_back_what_agents_hold_at_no_cost(project, other, task, ada, rover, operator):
    elsewhere = work_in(other, operator)
    [claim] = Task.objects.claim(by=ada)
    [kept] = Task.objects.claim(by=rover, project=other)

    assert freeze(project, stop_held=True).stopped == 1

    told = api_of(ada).post(
        "/agents/me/heartbeat", {"claims": [{"task": str(claim.task), "fence": claim.fence}]}
    )
    assert told.json()["lost"][0]["code"] == "claim_lost"
    assert told.json()["commands"][0]["command"] == "cancel"
    assert Task.objects.get(pk=task.pk).attempts == 0
    assert holder_of(elsewhere) == rover
    assert kept.task == elsewhere.pk


def test_one_project_is_thawed_out_of_a_freeze_of_everything(project, other, task, rover, operator):
    elsewhere = work_in(other, operator)
    freeze()

    Freeze.objects.thaw(other, by=operator)
    assert granted(rover) == {elsewhere.pk}
    assert [row["thawed"] for row in api_of(operator).get("/freeze").json()["freezes"]] == [["RND"]]

    freeze(reason="Once more")
    assert granted(rover) == set()
    assert kinds(other) == ["project.frozen", "project.thawed", "project.frozen"]
    assert kinds(project) == ["project.frozen"]

    Freeze.objects.thaw(by=operator)
    assert granted(rover) == {task.pk}


def test_what_was_frozen_by_itself_stays_frozen_when_everything_is_thawed(project, other, rover, operator):
    here, elsewhere = work_in(project, operator), work_in(other, operator)
    freeze(project, reason="Its own")
    freeze()

    Freeze.objects.thaw(by=operator)

    assert granted(rover) == {elsewhere.pk}
    assert kinds(other) == ["project.frozen", "project.thawed"]
    assert "project.thawed" not in kinds(project)
    Freeze.objects.thaw(project, by=operator)
    assert granted(rover) == {here.pk}


def test_twice_is_once_and_keeps_the_first_reason(project, operator):
    freeze(project, reason="First")
    freeze(project, reason="Second")

    [row] = Freeze.objects.all()
    assert row.reason == "First"
    assert kinds(project) == ["project.frozen"]

    Freeze.objects.thaw(project, by=operator)
    Freeze.objects.thaw(project, by=operator)
    assert kinds(project) == ["project.frozen", "project.thawed"]


def test_what_cannot_be_read_counts_as_frozen(project, task, ada):
    freeze()
    sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
    # a list of thawed projects that says nothing of this one
    Freeze.objects.update(thawed=[])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tickets_freeze SET thawed = ARRAY[NULL]::bigint[]")

    assert granted(ada) == set()


def test_it_is_the_first_cause_of_a_task_and_a_ticket(project, ticket, task, operator):
    freeze(project, reason="Costs too much")

    for path in (f"/tasks/{task.pk}/explain", f"/tickets/{ticket.key}/explain"):
        told = api_of(operator).get(path).json()
        first = told["causes"][0]
        assert told["waiting_on"] == "operator"
        assert (first["code"], first["what"]) == ("freeze", "project OMO is frozen: Costs too much")
        assert "thaw OMO" in first["how"]
        assert first["since"]
    Freeze.objects.thaw(project, by=operator)
    freeze()
    told = api_of(operator).get(f"/tasks/{task.pk}/explain").json()
    assert told["causes"][0]["what"] == "everything is frozen: An agent runs wild"


def test_who_may(project, other, ada, django_user_model, operator):
    boss = django_user_model.objects.create_user("boss")
    Member.objects.set(project, boss, "admin", by=operator)
    clerk = django_user_model.objects.create_user("clerk")
    Member.objects.set(project, clerk, "operator", by=operator)

    for who in (clerk, ada):
        with pytest.raises(Forbidden):
            freeze(project, by=who)
    with pytest.raises(Forbidden):
        freeze(by=boss)
    freeze(project, by=boss)
    freeze(by=operator)
    with pytest.raises(Forbidden):  # out of a freeze of everything
        Freeze.objects.thaw(project, by=boss)
    assert Freeze.objects.count() == 2
    with pytest.raises(Forbidden):
        Key.objects.issue(agent=ada, scopes=["fleet:freeze"], by=boss)
    _, key = Key.objects.issue(agent=ada, scopes=["work", "fleet:freeze"], by=operator)
    Freeze.objects.thaw(by=operator)
    Freeze.objects.thaw(project, by=operator)
    assert Api(key).post("/freeze", {"reason": "I see smoke"}).json()["in_force"] is True
    assert Api(key).post("/freeze", {"reason": "I see smoke", "project": "RND"}).status_code == 404


def test_members_see_what_concerns_them(project, other, ada, operator):
    freeze(other)
    assert api_of(ada).get("/freeze").json() == {"freezes": []}
    freeze(project, reason="Smoke")

    [seen] = api_of(ada).get("/freeze").json()["freezes"]
    assert (seen["project"], seen["reason"], seen["by"]) == ("OMO", "Smoke", "system:test")


@pytest.mark.parametrize("reason", ["", " ", "\u200b", "\u2800", "x" * 2001])
def test_it_needs_a_reason(project, operator, reason):
    with pytest.raises(Invalid):
        freeze(project, reason=reason)
    assert api_of(operator).post("/freeze", {"project": "OMO", "reason": reason}).status_code == 422
    assert not Freeze.objects.exists()


def test_the_commands(project, task, ada, capsys, operator):
    call_command("freeze", "OMO", "--reason", "Smoke", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["freezes"][0]["project"] == "OMO"
    assert told["in_force"]
    assert told["stopped"] == 0
    call_command("freeze", "--reason", "All of it")
    assert "Nothing is granted any more" in capsys.readouterr().out
    call_command("thaw")
    assert "Still frozen: OMO. Smoke" in capsys.readouterr().out
    call_command("thaw", "OMO", "--json")
    assert json.loads(capsys.readouterr().out) == {"freezes": []}
    assert granted(ada) == {task.pk}


def test_the_command_says_what_it_froze_and_whose_reason_stays(project, capsys):
    call_command("freeze", "OMO", "--reason", "Smoke")
    assert capsys.readouterr().out == "Project OMO is frozen. Nothing is granted in OMO any more.\n"
    call_command("freeze", "omo", "--reason", "Fire")
    again = capsys.readouterr().out
    assert "by the command line. The first reason stays: Smoke\n" in again
    assert "Fire" not in again
    call_command("freeze", "OMO", "--reason", "Fire", "--json")
    assert not json.loads(capsys.readouterr().out)["new"]


def test_the_remedy_thaws_the_project_as_it_is_written(project, task, operator):
    freeze(project)
    how = Task.objects.explanations([task.pk])[task.pk]["causes"][0]["how"]
    path, body = re.search(r"POST (/\S+) (\{.*\})", how).groups()

    assert api_of(operator).post(path, json.loads(body)).json() == {"freezes": []}


def test_each_page_says_what_is_frozen(project, other, client, operator):
    client.force_login(operator)
    assert "frozen by" not in client.get("/attention/").content.decode()

    freeze(project, by=operator, reason="Smoke & fire")
    page = client.get("/attention/").content.decode()
    assert "OMO is frozen by admin: Smoke &amp; fire." in page
    freeze(other)
    assert "OMO, RND are frozen." in client.get("/attention/").content.decode()
    freeze(reason="Stop")
    Freeze.objects.thaw(other, by=operator)
    page = client.get("/attention/").content.decode()
    assert "Everything except RND is frozen by Omoi: Stop." in page


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_a_claim_that_began_before(project, task, ada, operator):
    """The claim has its snapshot from before the freeze; the answer comes after its end."""
    claims = Act(lambda: slow_claim(ada))
    with transaction.atomic():
        sql.rows("SELECT FROM agents_agent WHERE id = %s FOR NO KEY UPDATE", [ada.pk])
        claims.start()
        assert claims.waits()
        answer = Act(lambda: freeze(project))
        answer.start()
        answer.join(1)
        assert answer.is_alive()
        assert Freeze.objects.exists()

    assert answer.answer().in_force
    assert len(claims.answer()) == 1
    assert Event.objects.filter(kind="task.claimed").count() == 1


def slow_claim(agent):
    return Task.objects.claim(by=agent)


@pytest.mark.django_db(transaction=True)
def test_it_says_when_it_does_not_wait_any_longer(project, task, ada, operator):
    held = Act(lambda: None)
    with transaction.atomic():
        sql.rows("SELECT 1")
        held = Act(lambda: freeze(project, wait_s=0.05))
        held.start()
        frozen = held.answer()
    assert (frozen.in_force, frozen.still_open) == (False, 1)
    assert granted(ada) == set()
    assert freeze(project).in_force


@pytest.mark.django_db(transaction=True)
def test_two_at_once_and_a_thaw_meanwhile(project, other, operator):
    answers = race(
        6,
        lambda _: freeze(project),
        lambda _: freeze(project),
        lambda _: freeze(),
        lambda _: Freeze.objects.thaw(project, by=operator),
        lambda _: Freeze.objects.thaw(by=operator),
    )

    assert [answer for turn in answers for answer in turn if isinstance(answer, Exception)] == []
    assert Freeze.objects.filter(project=project).count() <= 1
    assert Freeze.objects.filter(project=None).count() <= 1
    Freeze.objects.thaw(by=operator)
    Freeze.objects.thaw(project, by=operator)
    assert not Freeze.objects.exists()
    for each in (project, other):
        told = kinds(each)
        assert told.count("project.frozen") >= told.count("project.thawed") > 0
