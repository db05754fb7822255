"""What an agent has done: its claims that have ended, newest first."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Agent, AgentSpec, Member, Project, ProjectSpec
from bench.claim import connect
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.claim import history
from tickets.models.claim.history import PAST_CLAIMS, TASK_CLAIMS

pytestmark = pytest.mark.django_db


def history_of(by, name="ada", **query):
    answer = api_of(by).get(f"/agents/{name}/history", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def released(claim, ada, operator):
    Task.objects.release(claim.task, claim.fence, by=ada, reason="lunch")


def timed_out(claim, ada, operator):
    Task.objects.filter(pk=claim.task).update(timeout_s=1)
    sql.rows("UPDATE tickets_task SET timeout_at = now() - interval '1 s' WHERE id = %s", [claim.task])
    assert Task.objects.time_out() == 1


ENDINGS = {
    "completed": lambda claim, ada, operator: complete(claim, by=ada),
    "failed": lambda claim, ada, operator: fail(claim, by=ada, kind="permanent", error="no"),
    "retried": lambda claim, ada, operator: fail(claim, by=ada, kind="transient", error="no"),
    "released": released,
    "lapsed": lambda claim, ada, operator: lapse(claim),
    "timed_out": timed_out,
    "revoked": lambda claim, ada, operator: Task.objects.filter(pk=claim.task).revoke(
        by=operator, reason="elsewhere"
    ),
    "cancelled": lambda claim, ada, operator: Task.objects.filter(pk=claim.task).cancel(
        by=operator, reason="not needed"
    ),
}


@pytest.mark.parametrize("outcome", ENDINGS)
def test_each_end_of_a_claim_is_in_its_history(task, ada, bob, operator, outcome):
    [claim] = Task.objects.claim(by=ada)
    sql.rows("UPDATE tickets_task SET claimed_at = claimed_at - interval '90 s'")
    ENDINGS[outcome](claim, ada, operator)

    [past] = history_of(operator)["results"]

    assert (past["outcome"], past["task"], past["key"]) == (outcome, str(task.pk), claim.key)
    assert (past["fence"], past["attempt"], past["title"]) == (1, 1, "Write the endpoint")
    by_others = {
        "lapsed": "system:clock",
        "timed_out": "system:clock",
        "revoked": "user:admin",
        "cancelled": "user:admin",
    }
    assert past["by"] == by_others.get(outcome, "agent:ada")
    assert past["kind"] == {"failed": "permanent", "retried": "transient"}.get(outcome, "")
    assert 90 <= past["held_s"] < 150
    assert history_of(operator, "bob")["results"] == []


def test_what_ends_no_claim_is_in_no_history(task, ada, operator):
    Task.objects.act(task.pk, "bump", by=operator, reason="x")
    Task.objects.act(task.pk, "cancel", by=operator, reason="x")
    Task.objects.act(task.pk, "retry", by=operator, reason="x")
    Task.objects.claim(by=ada)
    assert history_of(operator)["results"] == []


def test_pages_go_back_from_the_newest_without_a_gap(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"t{n}") for n in range(5)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=5):
        complete(claim, by=ada)
    everything = [past["key"] for past in history_of(operator)["results"]]

    seen, page = [], history_of(operator, limit=2)
    seen += page["results"]
    Task.objects.add(ticket, [TaskSpec("later")], by=operator)
    for claim in Task.objects.claim(by=ada):
        complete(claim, by=ada)
    while page["next"]:
        page = history_of(operator, limit=2, cursor=page["next"])
        seen += page["results"]

    assert [past["key"] for past in seen] == everything
    assert len(everything) == 5


def test_who_sees_one_project_reads_of_that_one_only(
    task, ada, project, operator, django_user_model, monkeypatch
):
    secret = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    Agent.objects.act(ada.pk, "edit", by=operator, projects=[project, secret])
    Ticket.objects.open(secret, TicketSpec("x", tasks=[TaskSpec("hidden")]), by=operator)
    for claim in Task.objects.claim(by=ada, limit=2):
        complete(claim, by=ada)
    vera = django_user_model.objects.create_user("vera")
    Member.objects.set(project, vera, "viewer", by=operator)

    assert {past["title"] for past in history_of(operator)["results"]} == {"hidden", "Write the endpoint"}
    assert [past["title"] for past in history_of(vera)["results"]] == ["Write the endpoint"]
    monkeypatch.setattr(history, "EXAMINED", 1)  # a page may be short, and the next goes on
    pages = history_of(vera, limit=1), history_of(vera, limit=1, cursor=history_of(vera, limit=1)["next"])
    assert [past["title"] for page in pages for past in page["results"]] == ["Write the endpoint"]


def test_an_agent_that_one_does_not_see_has_no_history(ada, operator):
    other = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    Agent.objects.register(AgentSpec("eve"), projects=[other], by=operator)
    assert api_of(ada).get("/agents/eve/history").status_code == 404
    assert api_of(ada).get("/agents/nobody/history").status_code == 404


@pytest.mark.parametrize("cursor", ["x", "____", "MV8", "OTk5OTk5OTk5OTk5OTk5OTk5OTlfMQ"])
def test_a_cursor_that_cannot_be_is_refused(ada, operator, cursor):
    assert api_of(operator).get("/agents/ada/history", cursor=cursor).status_code == 400


def test_the_command_lists_it(task, ada, operator, capsys):
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent", error="no such module")
    call_command("agents", "history", "ada", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert [(each["key"], each["outcome"], each["kind"]) for each in shown["results"]] == [
        (claim.key, "failed", "permanent")
    ]
    call_command("agents", "history", "ada")
    assert f"{claim.key} failed (permanent) after" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_page_reads_the_index_and_not_the_journal(task, ada):
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    with connect() as link:
        link.execute("SET enable_seqscan = off")
        text = PAST_CLAIMS % {
            name: value
            for name, value in {
                "holders": "ARRAY['agent:ada', 'user:ada']",
                "xid": f"'{2**63 - 1}'",
                "id": str(2**63 - 1),
                "projects": "NULL",
                "limit": "5",
                "examined": "5",
                "span": "interval '1 day'",
            }.items()
        }
        plan = "\n".join(row[0] for row in link.execute(f"EXPLAIN {text}".encode()))
        text = TASK_CLAIMS % {"subject": f"'task:{task.pk}'", "before": "9", "limit": "5"}
        of_task = "\n".join(row[0] for row in link.execute(f"EXPLAIN {text}".encode()))
    assert "event_of_holder" in plan, plan
    assert "event_of_claims" in of_task, of_task
    assert "Sort" not in of_task, of_task
