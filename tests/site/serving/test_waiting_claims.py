"""Agents that wait for work get it at once, and hold no thread or connection until then."""

from __future__ import annotations

import http.client
import json
import signal
import statistics
import time

import pytest

from agents.models import Agent, AgentSpec, Key, Reply
from omoi_site.database import sql
from tests.support.api_client import api_of
from tests.support.long_poll import Poll, answered
from tests.support.wait import until
from tests.support.web_process import Web
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 200


def key_of(agent) -> str:
    return Key.objects.issue(agent=agent, by="system:tests")[1]


def add(ticket, operator, *titles, **more):
    return Task.objects.add(ticket, [TaskSpec(title, **more) for title in titles or ("one",)], by=operator)


def asked(port, path, **headers):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    text = answer.read()
    link.close()
    return answer.status, text


def connections():
    """What each other process has open to this database, and whether it is at work."""
    return sql.rows(
        "SELECT pid, application_name AS name, state FROM pg_stat_activity WHERE datname ="
        " current_database() AND pid <> pg_backend_pid()"
    )


def waiting(web, polls):
    """Each of them has looked, found nothing and waits, and nothing else goes on."""
    until(
        lambda: (
            json.loads(asked(web.port, "/healthz")[1])
            == {"alive": True, "busy": 0, "signing_in": 0, "waiting": len(polls)}
        )
    )
    assert not any(poll.answered() for poll in polls)


@pytest.fixture
def crowd(project, operator):
    """Two hundred agents' keys."""
    agents = [
        Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)
        for number in range(CROWD)
    ]
    return [key_of(agent) for agent in agents]


def gather(web, keys):
    """A poll a key, opened as agents come: some at a time."""
    polls = []
    for start in range(0, len(keys), 40):
        polls += [Poll(web.port, key) for key in keys[start : start + 40]]
        waiting(web, polls)
    return polls


@pytest.mark.full
@pytest.mark.alone
def test_who_waits_is_granted_at_once_when_work_appears(web, ticket, operator, ada):
    key, delays = key_of(ada), []
    for number in range(5):
        poll = Poll(web.port, key)
        waiting(web, [poll])
        [added] = add(ticket, operator, f"task {number}")
        committed = time.monotonic()
        status, head, told = poll.answer()
        delays.append(poll.came - committed)
        assert status == 200
        assert [claim["task"]["id"] for claim in told["claims"]] == [str(added.pk)]
        assert "x-wait" not in head.lower()
    print(
        f"granted {statistics.median(delays) * 1000:.0f} ms (worst {max(delays) * 1000:.0f}) after the commit"
    )
    assert statistics.median(delays) < 0.3
    assert max(delays) < 4


@pytest.mark.full
def test_when_the_time_is_over_there_was_nothing(web, ada):
    poll = Poll(web.port, key_of(ada), wait_s=0.5)
    status, head, _ = poll.answer()
    assert status == 204
    assert 0.5 <= poll.came - poll.began < 3
    assert "x-wait" not in head.lower()


def test_who_does_not_wait_or_has_full_hands_is_answered_at_once(web, ticket, operator, ada):
    key = key_of(ada)
    assert Poll(web.port, key, wait_s=0).answer(5)[0] == 204
    add(ticket, operator, *map(str, range(5)))
    assert Poll(web.port, key, limit=5).answer(5)[0] == 200
    status, _, told = Poll(web.port, key).answer(5)
    assert (status, told["code"]) == (409, "capacity_full")


def test_a_server_that_cannot_wait_answers_at_once_and_leaks_nothing(ada):
    calls = api_of(ada)
    answer = calls.client.post(
        "/api/v1/claims", {"wait_s": 30}, content_type="application/json", headers=calls.headers
    )
    assert answer.status_code == 204
    assert "X-Wait" not in answer


@pytest.mark.full
def test_work_that_rings_nobody_is_found_all_the_same(web, ticket, operator, ada):
    [added] = add(ticket, operator)
    sql.rows("UPDATE tickets_task SET held = true WHERE id = %s", [added.pk])
    poll = Poll(web.port, key_of(ada))
    waiting(web, [poll])
    sql.rows("UPDATE tickets_task SET held = false WHERE id = %s", [added.pk])  # not a word in the journal
    assert poll.answer(12)[0] == 200


@pytest.mark.full
def test_two_hundred_waiting_hold_no_thread_and_no_connection(ticket, operator, crowd):
    others = {connection["pid"] for connection in connections()}
    web = Web(OMOI_THREADS="4")
    try:
        polls = gather(web, crowd)
        names = sorted(connection["name"] for connection in connections() if connection["pid"] not in others)
        print(f"{CROWD} polls wait; connections of the process: {len(names)}")
        assert len(names) <= 4 + 1 + 1
        assert names.count("omoi live") == 1

        taken = []
        for _ in range(20):  # more than the threads: each would have to wait for one that is held
            began = time.monotonic()
            assert asked(web.port, "/api/v1/agents/me", Authorization=f"Bearer {crowd[0]}")[0] == 200
            taken.append(time.monotonic() - began)
        print(
            f"a request beside them: {statistics.median(taken) * 1000:.0f} ms, worst {max(taken) * 1000:.0f}"
        )
        assert not any(poll.answered() for poll in polls)

        add(ticket, operator)
        committed = time.monotonic()
        [first] = answered(polls, 1)
        print(f"one task for {CROWD}: granted after {(first.came - committed) * 1000:.0f} ms")
        assert first.answer()[0] == 200
        polls.remove(first)
        waiting(web, polls)

        add(ticket, operator, *(f"task {number}" for number in range(CROWD - 1)))
        committed = time.monotonic()
        done = answered(polls, CROWD - 1)
        print(
            f"{CROWD - 1} tasks for {CROWD - 1}: all granted after"
            f" {(max(poll.came for poll in done) - committed) * 1000:.0f} ms"
        )
        told = [poll.answer() for poll in done]
        assert {status for status, _, _ in told} == {200}
        assert len({claim["task"]["id"] for _, _, answer in told for claim in answer["claims"]}) == CROWD - 1
        assert Task.objects.filter(state="claimed", fence=1).count() == CROWD
    finally:
        web.stop()


def test_who_left_is_granted_nothing(web, ticket, operator, ada, bob):
    leaving = [Poll(web.port, key_of(ada)) for _ in range(5)]
    staying = Poll(web.port, key_of(bob))
    waiting(web, [*leaving, staying])
    for poll in leaving:
        poll.leave()
    waiting(web, [staying])
    add(ticket, operator, "one", "two")

    assert staying.answer()[0] == 200
    waiting(web, [])
    assert list(Task.objects.filter(state="claimed").values_list("holder__name", flat=True)) == ["bob"]


def test_an_agent_waits_only_for_what_it_can_do_and_at_once_for_what_it_learns(
    web, ticket, operator, ada, bob
):
    add(ticket, operator, capabilities=["python"])
    polls = [Poll(web.port, key_of(ada)), Poll(web.port, key_of(bob))]
    waiting(web, polls)
    with Agent.objects.locked(name="bob") as locked:
        locked.edit(by=operator, capabilities=["python"])

    assert polls[1].answer()[0] == 200
    assert not polls[0].answered()
    polls[0].leave()
    waiting(web, [])


def test_a_key_revoked_while_its_agent_waits_ends_the_wait(web, ada):
    poll = Poll(web.port, key_of(ada))
    waiting(web, [poll])
    Key.objects.filter(agent=ada).revoke(by="system:tests")
    status, _, told = poll.answer()
    assert (status, told["code"]) == (401, "unauthorized")


@pytest.mark.full
def test_at_the_end_of_the_process_those_who_wait_are_told_that_there_is_nothing(ada):
    web = Web(OMOI_DRAIN_S="4")
    polls = [Poll(web.port, key_of(ada)) for _ in range(10)]
    waiting(web, polls)
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)

    assert [poll.answer()[0] for poll in polls] == [204] * 10
    assert Poll(web.port, key_of(ada)).answer()[0] == 204  # while the door is still open
    web.process.communicate(timeout=20)
    assert time.monotonic() - began < 20  # instead of the 30 s for which they would wait


@pytest.mark.full
def test_the_same_key_twice_at_one_time_is_one_grant_told_to_both(web, ticket, operator, ada):
    key, headers = key_of(ada), {"Idempotency-Key": "once"}
    first = Poll(web.port, key, headers=headers)
    waiting(web, [first])
    second = Poll(web.port, key, headers=headers)
    for _ in range(10):  # in progress is said only while the first looks; it may look again just now
        if not second.answered(1):
            break
        status, _, told = second.answer()
        assert (status, told["code"]) == (409, "idempotency_in_progress")
        second = Poll(web.port, key, headers=headers)
    waiting(web, [first, second])
    assert not Reply.objects.exists()  # nobody has been answered

    add(ticket, operator, "one", "two", "three")

    first, second = first.answer(), second.answer()
    assert first[0] == second[0] == 200
    assert json.dumps(first[2], sort_keys=True) == json.dumps(second[2], sort_keys=True)
    assert "idempotency-replayed: true" in (first[1] + second[1]).lower()
    assert Task.objects.filter(state="claimed").count() == 1
    assert Poll(web.port, key, headers=headers).answer()[2] == first[2]
