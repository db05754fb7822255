"""Quota pools over HTTP: accounts whose limit several agents share."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, Event, Pool
from omoi_site.database import sql
from tests.flows.conftest import titles
from tests.support.api_client import api_of
from tickets.models import Task
from tickets.models.claim.quota import follow_pools

pytestmark = pytest.mark.django_db

POOL = "anthropic:team"


@pytest.fixture
def pool(calls, ada):
    """A pool that `ada` names, and `bob` does not."""
    assert calls.post("/pools", {"name": POOL}).status_code == 201
    answer = calls.patch("/agents/ada", {"pools": [POOL]})
    assert (answer.status_code, answer.json()["pools"]) == (200, [POOL])
    return lambda: calls.get(f"/pools/{POOL}").json()


@pytest.fixture
def others(bob):
    """REST as `bob`, who names no pool."""
    return api_of(bob)


def rate_limited(agent, held, *, resets_at=None, pool=None, **more):
    body = {"fence": held["fence"], "error": "429 Too Many Requests", "kind": "rate_limited", **more}
    body |= {"resets_at": resets_at.isoformat()} if resets_at else {}
    body |= {"pool": pool} if pool else {}
    answer = agent.post(f"/tasks/{held['task']['id']}/failure", body)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def soon():
    return timezone.now() + timedelta(hours=1)


def reset(name=POOL):
    """The time of its reset has come."""
    assert Pool.objects.filter(name=name).update(resets_at="2020-01-01T00:00Z") == 1


def moment(text):
    return datetime.fromisoformat(text)


def granted(agent, limit=1):
    answer = agent.post("/claims", {"limit": limit})
    assert answer.status_code in (200, 204), answer.json()
    return answer.json()["claims"] if answer.status_code == 200 else []


# -- a failure closes


def test_a_rate_limited_failure_costs_no_attempt_and_the_task_is_ready_again(opened, claim, agent, pool):
    opened("Write it")
    [held] = claim()
    task = rate_limited(agent, held, resets_at=soon())
    assert (task["state"], task["attempts"], task["ready"], task["not_before"]) == ("pending", 0, True, None)


def test_the_pool_is_closed_until_the_reset_that_the_failure_named(opened, claim, agent, pool):
    opened("Write it")
    until = soon()
    rate_limited(agent, claim()[0], resets_at=until)
    closed = pool()
    assert (closed["state"], closed["closed_by"]) == ("closed", "agent:ada")
    assert moment(closed["resets_at"]) == until
    assert closed["reason"] == "429 Too Many Requests"


def test_who_has_a_closed_pool_is_granted_nothing_and_another_agent_takes_the_work(
    opened, claim, agent, others, pool
):
    opened("one", "two")
    rate_limited(agent, claim()[0], resets_at=soon())
    assert claim() == []
    assert agent.post("/claims", {}).status_code == 204
    assert sorted(titles(granted(others, 2))) == ["one", "two"]


def test_a_reset_counts_at_most_24_hours_ahead(opened, claim, agent, pool):
    opened("Write it")
    rate_limited(agent, claim()[0], resets_at=timezone.now() + timedelta(days=400))
    ahead = moment(pool()["resets_at"]) - timezone.now()
    assert timedelta(hours=23, minutes=59) < ahead <= timedelta(hours=24)


def test_without_a_time_it_is_closed_for_1_5_15_and_30_minutes(opened, claim, agent, pool):
    opened(*[f"task {n}" for n in range(5)])
    for minutes in (1, 5, 15, 30, 30):
        before = timezone.now()
        rate_limited(agent, claim()[0])
        pause = moment(pool()["resets_at"]) - before
        assert timedelta(minutes=minutes) <= pause < timedelta(minutes=minutes, seconds=30)
        reset()
        # the next failure is of another task: the fifth of one is held
        Task.objects.update(rate_limits=0)


def test_a_time_that_is_over_counts_as_none(opened, claim, agent, pool):
    opened("Write it")
    rate_limited(agent, claim()[0], resets_at=timezone.now() - timedelta(hours=1))
    assert moment(pool()["resets_at"]) > timezone.now()


def test_an_agent_closes_only_pools_that_it_names(opened, claim, agent, calls, pool):
    """Another name closes none, and the failure is taken all the same: the task is ready without cost."""
    calls.post("/pools", {"name": "openai:team"})
    opened("Write it")
    [held] = claim()
    for name in ("openai:team", "no_such_pool"):
        task = rate_limited(agent, held, pool=name, resets_at=soon())
        assert (task["state"], task["attempts"], task["ready"]) == ("pending", 0, True)
        assert pool()["state"] == calls.get("/pools/openai:team").json()["state"] == "open"
        [held] = claim()


def test_it_closes_the_one_it_names_or_without_a_name_all_of_its_own(opened, claim, agent, calls, pool):
    calls.post("/pools", {"name": "openai:team"})
    calls.patch("/agents/ada", {"pools": [POOL, "openai:team"]})
    opened("Write it")

    def state():
        return [calls.get(f"/pools/{name}").json()["state"] for name in (POOL, "openai:team")]

    rate_limited(agent, claim()[0], pool="openai:team", resets_at=soon())
    assert state() == ["open", "closed"]
    assert claim() == []
    calls.post("/pools/openai:team/open")
    rate_limited(agent, claim()[0], resets_at=soon())
    assert state() == ["closed", "closed"]


def test_an_agent_without_pools_may_be_rate_limited_too(opened, others):
    opened("Write it")
    task = rate_limited(others, granted(others)[0], resets_at=soon())
    assert (task["state"], task["attempts"], task["ready"]) == ("pending", 0, True)
    assert titles(granted(others)) == ["Write it"]


def test_settlements_close_pools_too(opened, claim, agent, pool):
    opened("one", "two")
    held = claim(2)
    item = {"outcome": "failed", "error": "429", "kind": "rate_limited", "resets_at": soon().isoformat()}
    items = [{"task": each["task"]["id"], "fence": each["fence"], **item} for each in held]
    answer = agent.post("/settlements", {"items": items, "next": {"limit": 2}})
    assert [item["state"] for item in answer.json()["results"]] == ["pending", "pending"]
    assert answer.json()["claims"] == []
    assert pool()["state"] == "closed"
    assert list(Task.objects.values_list("attempts", flat=True)) == [0, 0]


def test_claims_from_before_it_was_closed_do_not_close_it_for_longer(opened, claim, agent, pool):
    opened("one", "two", "three")
    first, second, third = claim(3)
    rate_limited(agent, first)
    until = pool()["resets_at"]
    rate_limited(agent, second)
    assert pool()["resets_at"] == until
    later = soon()
    rate_limited(agent, third, resets_at=later)
    assert moment(pool()["resets_at"]) == later


def test_a_repeated_failure_closes_nothing_again(opened, claim, agent, calls, pool):
    opened("Write it")
    [held] = claim()
    rate_limited(agent, held, resets_at=soon())
    calls.post(f"/pools/{POOL}/open")
    rate_limited(agent, held, resets_at=soon())
    assert pool()["state"] == "open"


# -- the probe


def test_after_the_reset_exactly_one_grant_tries_it_out(opened, claim, agent, pool):
    opened("one", "two", "three")
    rate_limited(agent, claim()[0], resets_at=soon())
    reset()
    assert pool()["state"] == "due"
    [probe] = claim(3)
    assert claim(3) == []
    assert (pool()["state"], pool()["probe"]) == ("tried", probe["task"]["key"])


def test_the_success_of_the_probe_opens_the_pool(opened, claim, agent, complete, pool):
    opened("one", "two", "three")
    rate_limited(agent, claim()[0], resets_at=soon())
    reset()
    complete(claim(3)[0])
    assert pool()["state"] == "open"
    assert len(claim(3)) == 2
    assert follow_pools() == 1
    event = Event.objects.get(kind="pool.opened")
    assert (event.actor, event.subject) == ("system:clock", f"pool:{POOL}")


def test_the_clock_opens_a_pool_that_no_claim_asks_for(opened, claim, agent, complete, pool):
    opened("Write it")
    rate_limited(agent, claim()[0], resets_at=soon())
    reset()
    complete(claim()[0])
    assert follow_pools() == 1
    assert follow_pools() == 0
    assert Pool.objects.get().closed_at is None


def test_a_probe_that_meets_the_limit_closes_it_again_with_the_next_pause(opened, claim, agent, pool):
    opened("one", "two")
    rate_limited(agent, claim()[0])
    reset()
    rate_limited(agent, claim()[0])
    pause = moment(pool()["resets_at"]) - timezone.now()
    assert timedelta(minutes=4) < pause <= timedelta(minutes=5)
    assert claim() == []


@pytest.mark.parametrize("end", ["release", "lapse", "fail"])
def test_a_probe_that_ends_in_another_way_frees_the_trial(opened, claim, agent, pool, end):
    opened("one", "two", "three")
    rate_limited(agent, claim()[0], resets_at=soon())
    reset()
    [probe] = claim(3)
    route = f"/tasks/{probe['task']['id']}"
    if end == "release":
        agent.post(f"{route}/release", {"fence": probe["fence"]})
    elif end == "fail":
        agent.post(f"{route}/failure", {"fence": probe["fence"], "error": "it broke", "kind": "transient"})
    else:
        sql.rows("UPDATE tickets_task SET lease_expires_at = now() - interval '1 s' WHERE state = 'claimed'")
        assert Task.objects.lapse() == 1
    assert pool()["state"] == "due"
    assert len(claim(3)) == 1
    assert claim(3) == []


# -- held for a person


def test_the_fifth_in_a_row_is_held_for_a_person(opened, claim, agent, calls, pool):
    opened("Write it")
    for _ in range(5):
        [held] = claim()
        task = rate_limited(agent, held, resets_at=soon())
        calls.post(f"/pools/{POOL}/open")
    assert (task["state"], task["attempts"], task["ready"]) == ("pending", 0, False)
    assert claim() == []
    [cause] = calls.get(f"/tasks/{task['id']}/explain").json()["causes"]
    assert (cause["code"], cause["who"]) == ("quota", "operator")
    [item] = calls.get("/attention", kind="quota").json()["results"]
    assert (item["subject"], item["who"], item["act"]["path"]) == (
        task["key"],
        "operator",
        f"/api/v1/tasks/{task['id']}/retry",
    )

    answer = calls.post(f"/tasks/{task['id']}/retry", {"reason": "the account was topped up"})
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert calls.get("/attention", kind="quota").json()["results"] == []
    assert titles(claim()) == ["Write it"]


def test_another_end_between_them_begins_the_row_anew(opened, claim, agent, calls, pool):
    opened("Write it")
    for n in range(8):
        [held] = claim()
        if n == 3:
            body = {"fence": held["fence"], "error": "it broke", "kind": "transient"}
            agent.post(f"/tasks/{held['task']['id']}/failure", body)
            Task.objects.update(not_before="2020-01-01T00:00Z")
        else:
            task = rate_limited(agent, held)
            calls.post(f"/pools/{POOL}/open")
    assert task["ready"]


# -- the limit of claims


def test_a_pool_may_cap_concurrent_claims(opened, claim, agent, calls, pool, others, complete):
    calls.patch(f"/pools/{POOL}", {"limit": 2})
    calls.patch("/agents/bob", {"pools": [POOL]})
    opened(*[f"task {n}" for n in range(5)])
    [held] = claim()
    assert len(granted(others, 4)) == 1
    assert (pool()["state"], pool()["claims"]) == ("full", 2)
    assert claim() == []
    complete(held)
    assert len(claim(4)) == 1


# -- profiles


@pytest.fixture
def profiled(project, settings, tmp_path):
    """A profile that names the pool, and a worker."""
    settings.OMOI_HOME = tmp_path
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "model.yaml").write_text(f"kind: command\nwords: ['true']\npools: ['{POOL}']\n")
    project.profiles = [*project.profiles, "model"]
    project.save()
    return Agent.objects.worker("worker-1", capacity=5)


def test_a_task_whose_profile_names_a_closed_pool_is_not_granted(opened, calls, profiled):
    echo = {"title": "echo", "profile": "echo", "slots": {"text": "hello"}}
    opened({"title": "ask the model", "profile": "model"}, echo)
    assert calls.get(f"/pools/{POOL}").json()["state"] == "open"
    calls.post(f"/pools/{POOL}/close", {"reason": "used up", "resets_at": soon().isoformat()})
    assert [claim.title for claim in Task.objects.claim(by=profiled, limit=5)] == ["echo"]
    reset()
    opened({"title": "another", "profile": "model"})
    assert len(Task.objects.claim(by=profiled, limit=5)) == 1
    assert Task.objects.claim(by=profiled, limit=4) == []


def test_a_cap_counts_what_workers_hold_of_the_profile(opened, calls, profiled):
    calls.post("/pools", {"name": POOL, "limit": 2})
    opened(*[{"title": f"task {n}", "profile": "model"} for n in range(5)])
    assert len(Task.objects.claim(by=profiled, limit=5)) == 2
    assert Task.objects.claim(by=profiled, limit=3) == []
    assert calls.get(f"/pools/{POOL}").json()["claims"] == 2


# -- explain


def test_explain_names_the_pool_and_the_time(opened, claim, agent, calls, pool):
    _, tasks = opened("Write it")
    until = soon()
    rate_limited(agent, claim()[0], resets_at=until)
    told = calls.get(f"/tasks/{tasks['Write it']['id']}/explain").json()
    cause = told["causes"][0]
    assert (cause["code"], cause["who"], told["waiting_on"]) == ("quota", "clock", "clock")
    assert f"the pool {POOL} is closed; it is tried again in 59 minutes" in cause["what"]
    assert moment(cause["until"]) == until


def test_explain_does_not_speak_of_quota_while_another_agent_has_room(opened, claim, agent, calls, pool, bob):
    _, tasks = opened("Write it")
    rate_limited(agent, claim()[0], resets_at=soon())
    told = calls.get(f"/tasks/{tasks['Write it']['id']}/explain").json()
    assert [cause["code"] for cause in told["causes"]] == ["capacity"]
    assert "bob could claim it" in told["causes"][0]["what"]


# -- the whole


@pytest.mark.full
def test_thirty_tasks_of_a_pool_that_is_used_up(opened, agent, others, calls, pool, complete):
    """No attempt is spent, at most one probe a reset, all are done in the end, others are untouched."""
    calls.patch("/agents/ada", {"capacity": 30})
    opened(*[f"task {n}" for n in range(30)])
    held = granted(agent, 30)
    for each in held:
        rate_limited(agent, each, resets_at=soon())
    for _ in range(3):  # the account is still used up
        reset()
        [probe] = granted(agent, 30)
        assert granted(agent, 30) == []
        rate_limited(agent, probe, resets_at=soon())
    assert set(Task.objects.values_list("state", "attempts")) == {("pending", 0)}
    [theirs] = granted(others)
    assert (
        others.post(f"/tasks/{theirs['task']['id']}/completion", {"fence": theirs["fence"]}).status_code
        == 200
    )
    reset()
    [probe] = granted(agent, 30)
    complete(probe)
    for each in granted(agent, 30):
        complete(each)
    assert set(Task.objects.values_list("state", "attempts")) == {("completed", 1)}


# -- who manages pools


def test_only_an_admin_sets_the_pools_of_an_agent(calls, project, pool, ada):
    agent = api_of(ada, "work", "agents:register")
    register = {"name": "eve", "projects": [project.key]}
    assert agent.post("/agents", {**register, "pools": [POOL]}).status_code == 403
    assert agent.post("/agents", register).status_code == 201
    assert agent.patch("/agents/eve", {"pools": [POOL]}).status_code == 403
    assert calls.patch("/agents/eve", {"pools": [POOL]}).json()["pools"] == [POOL]
    assert agent.patch("/agents/eve", {"pools": [POOL], "tags": ["x"]}).status_code == 200


def test_an_agent_names_only_pools_that_exist(calls, ada):
    answer = calls.patch("/agents/ada", {"pools": ["no:such"]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pools")


def test_a_pool_is_created_changed_listed_and_removed(calls, project):
    made = calls.post("/pools", {"name": POOL, "project": project.key, "limit": 4})
    assert (made.status_code, made.json()["limit"], made.json()["project"]) == (201, 4, project.key)
    assert calls.post("/pools", {"name": POOL}).status_code == 422
    assert calls.patch(f"/pools/{POOL}", {"limit": None}).json()["limit"] is None
    assert [each["name"] for each in calls.get("/pools").json()["results"]] == [POOL]
    assert calls.delete(f"/pools/{POOL}").status_code == 204
    assert calls.get(f"/pools/{POOL}").status_code == 404


def test_a_pool_that_an_agent_names_is_not_removed(calls, pool):
    answer = calls.delete(f"/pools/{POOL}")
    assert (answer.status_code, "ada names" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 64, "ä", "a/b", "a\u200b"])
def test_a_strange_name_is_refused(calls, name):
    assert calls.post("/pools", {"name": name}).status_code == 422


def test_a_person_closes_and_opens_a_pool(opened, claim, calls, pool):
    opened("Write it")
    assert calls.post(f"/pools/{POOL}/close", {}).status_code == 422
    past = {"reason": "x", "resets_at": "2020-01-01T00:00:00Z"}
    assert calls.post(f"/pools/{POOL}/close", past).status_code == 422
    closed = calls.post(f"/pools/{POOL}/close", {"reason": "the card expired"}).json()
    assert (closed["state"], closed["resets_at"], closed["reason"]) == ("closed", None, "the card expired")
    assert claim() == []
    assert calls.post(f"/pools/{POOL}/open").json()["state"] == "open"
    assert titles(claim()) == ["Write it"]


def test_what_a_person_closed_no_failure_opens(opened, claim, agent, calls, pool):
    opened("Write it")
    [held] = claim()
    calls.post(f"/pools/{POOL}/close", {"reason": "the card expired"})
    rate_limited(agent, held, resets_at=soon())
    assert (pool()["state"], pool()["resets_at"]) == ("closed", None)


def test_heartbeats_and_completions_go_on_while_a_pool_is_closed(opened, claim, agent, calls, pool, complete):
    opened("Write it")
    [held] = claim()
    calls.post(f"/pools/{POOL}/close", {"reason": "used up"})
    beat = agent.post(
        "/agents/me/heartbeat", {"claims": [{"task": held["task"]["id"], "fence": held["fence"]}]}
    )
    assert [each["task"] for each in beat.json()["claims"]] == [held["task"]["id"]]
    assert complete(held)["state"] == "completed"


def test_full_capacity_is_said_also_while_a_pool_is_closed(opened, claim, agent, calls, pool):
    calls.patch("/agents/ada", {"capacity": 1})
    opened("one", "two")
    claim()
    calls.post(f"/pools/{POOL}/close", {"reason": "used up"})
    assert agent.post("/claims", {}).json()["code"] == "capacity_full"
