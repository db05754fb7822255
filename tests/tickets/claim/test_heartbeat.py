"""What a heartbeat tells an agent to do, on the fast route and in the full view alike."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentPresence, Event
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tests.support.api_client import api_of
from tests.support.both_ways import answered
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db


def beat(agent, *claims, **report):
    named = [{"task": str(claim.task), "fence": claim.fence} for claim in claims]
    answer = api_of(agent).post("/agents/me/heartbeat", {"claims": named, **report})
    assert answer.status_code == 200, answer.content
    return answer.json()


def commands(agent, *claims, **report):
    return [each["command"] for each in beat(agent, *claims, **report)["commands"]]


@pytest.fixture
def claims(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    return Task.objects.claim(by=ada, limit=2)


def test_an_agent_that_has_nothing_to_do_hears_nothing(claims, ada):
    assert beat(ada, *claims)["commands"] == []
    assert beat(ada)["commands"] == []


def test_a_draining_agent_hears_so_with_every_heartbeat(claims, ada, operator):
    Agent.objects.act(ada.pk, "drain", by=operator)
    answered.clear()

    assert commands(ada, *claims) == ["drain"]
    assert commands(ada) == ["drain"]
    assert answered["POST /api/v1/agents/me/heartbeat"] == 2

    Agent.objects.act(ada.pk, "make_available", by=operator)
    assert commands(ada, *claims) == []


def test_a_lost_claim_is_to_be_stopped_until_it_is_not_named_any_more(claims, ada, operator):
    lost, kept = claims
    Task.objects.filter(pk=lost.task).cancel(by=operator, reason="not needed")

    for _ in range(2):
        assert beat(ada, lost, kept)["commands"] == [
            {
                "command": "cancel",
                "task": str(lost.task),
                "fence": lost.fence,
                "reason": "the task was cancelled: not needed",
            }
        ]
    assert commands(ada, kept) == []


def timed_out(claim, operator):
    Task.objects.filter(pk=claim.task).update(timeout_s=1)
    sql.rows("UPDATE tickets_task SET timeout_at = now() - interval '1 s' WHERE id = %s", [claim.task])
    assert Task.objects.time_out() == 1


ENDINGS = {
    "the task was taken back: ada is needed elsewhere": lambda claim, ada, operator: Task.objects.filter(
        pk=claim.task
    ).revoke(by=operator, reason="ada is needed elsewhere"),
    "the task ran longer than it may": lambda claim, ada, operator: timed_out(claim, operator),
    "the claim was given back": lambda claim, ada, operator: Task.objects.release(
        claim.task, claim.fence, by=ada
    ),
    "the claim was settled: the task is completed": lambda claim, ada, operator: complete(claim, by=ada),
    "the claim was settled: the task has failed: no": lambda claim, ada, operator: fail(
        claim, by=ada, kind="permanent", error="no"
    ),
}


@pytest.mark.parametrize("reason", ENDINGS)
def test_it_says_how_the_claim_ended(claims, ada, bob, operator, reason):
    lost, _ = claims
    ENDINGS[reason](lost, ada, operator)
    Task.objects.claim(by=bob)  # also when somebody else has it now

    [command] = beat(ada, lost)["commands"]

    assert (command["command"], command["reason"]) == ("cancel", reason)


def test_a_claim_that_lapsed_is_to_be_stopped_once_another_has_it(claims, ada, bob):
    lost, _ = claims
    lapse(lost)
    assert beat(ada, lost)["lost"][0]["code"] == "lapsed"
    assert commands(ada, lost) == [], "it can still be completed"
    Task.objects.claim(by=bob)
    [command] = beat(ada, lost)["commands"]
    assert (command["command"], command["reason"]) == ("cancel", "its lease ended without a heartbeat")


def test_nothing_is_said_of_a_task_that_the_agent_may_not_see(ada):
    answer = api_of(ada).post("/agents/me/heartbeat", {"claims": [{"task": "999", "fence": 1}]}).json()
    assert answer["commands"] == [
        {"command": "cancel", "task": "999", "fence": 1, "reason": "there is no such claim"}
    ]


@pytest.mark.parametrize("task", ["zz", "-1", "OMO-1.4", "9" * 19, ""])
def test_what_is_no_id_is_refused_and_not_answered_as_another(claims, ada, task):
    for path, body in (
        ("/agents/me/heartbeat", {"claims": [{"task": task, "fence": 1}]}),
        ("/settlements", {"items": [{"task": task, "fence": 1, "outcome": "completed"}]}),
    ):
        answer = api_of(ada).post(path, body)
        assert answer.status_code == 422, answer.content
        [fault] = answer.json()["errors"]
        assert fault["field"].endswith("0.task")
        assert fault["message"].startswith("nothing has this id")


@pytest.mark.parametrize("state", ["available", "draining"])
def test_a_heartbeat_is_one_statement_whether_or_not_there_is_something_to_hear(claims, ada, state):
    Agent.objects.filter(pk=ada.pk).update(state=state)
    named = [(claim.task, claim.fence) for claim in claims]
    for given in (named, []):
        with CaptureQueriesContext(connection) as seen:
            Task.objects.beat_at_once(given, by=ada)
        assert len(seen) == 1


# -- processes


def test_two_processes_at_once_are_noticed_once_and_both_hear_of_it(ada):
    assert commands(ada, instance="one") == []
    assert commands(ada, instance="two") == [], "it may have replaced the first"

    told = beat(ada, instance="one")["commands"]
    assert [each["command"] for each in told] == ["check_processes"]
    assert told[0]["instances"] == ["two"]
    assert beat(ada, instance="two")["commands"][0]["instances"] == ["one"]

    [event] = Event.objects.filter(kind="agent.shared")
    assert (event.topic, event.data) == ("agent:ada", {"instances": ["one", "two"]})


def test_three_processes_are_noticed_as_well(ada):
    for name in ("one", "two", "three"):
        assert commands(ada, instance=name) == []
    assert beat(ada, instance="one")["commands"][0]["instances"] == ["three", "two"]


def test_a_process_that_was_replaced_is_no_second_one(ada):
    for name in ("one", "one", "two", "two", "three"):
        assert commands(ada, instance=name) == []
    assert not Event.objects.filter(kind="agent.shared").exists()


def an_hour_later(agent):
    """As if the last heartbeat had been an hour earlier."""
    sql.rows(
        """
        UPDATE agents_agentpresence
        SET
          last_seen_at = last_seen_at - interval '1 h',
          shared_at = shared_at - interval '1 h',
          instances = (
            SELECT jsonb_object_agg(
              key, jsonb_build_array((value ->> 0)::numeric - 3600, (value ->> 1)::numeric - 3600)
            )
            FROM jsonb_each(instances)
          )
        WHERE agent_id = %s
        """,
        [agent.pk],
    )


def test_what_was_noticed_an_hour_ago_is_over_and_can_be_noticed_again(ada):
    for name in ("one", "two", "one"):
        beat(ada, instance=name)
    an_hour_later(ada)

    assert commands(ada, instance="two") == []
    assert list(AgentPresence.objects.get(agent=ada).instances) == ["two"]
    for name in ("one", "two"):
        beat(ada, instance=name)
    assert Event.objects.filter(kind="agent.shared").count() == 2


def test_few_processes_are_remembered(ada):
    for number in range(30):
        beat(ada, instance=f"process-{number}")
    assert len(AgentPresence.objects.get(agent=ada).instances) == 9


@pytest.mark.parametrize("instance", ["", " ", "a b", "é", "x" * 65, "a/b", ["one"], None])
def test_a_name_of_a_process_that_cannot_be_is_refused(ada, instance):
    answer = api_of(ada).post("/agents/me/heartbeat", {"instance": instance})
    assert answer.status_code == 422, answer.content
    assert [fault["field"] for fault in answer.json()["errors"]] == ["instance"]


def test_a_heartbeat_that_names_its_process_is_answered_fast(ada):
    answered.clear()
    beat(ada, instance="0d6f.1:a_B-2")
    assert answered["POST /api/v1/agents/me/heartbeat"] == 1
