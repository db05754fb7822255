"""Pools under many hands: what is counted under the lock of a pool holds when all come at once."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentSpec, Pool, Project, ProjectSpec
from tests.support.concurrency import meanwhile, race
from tests.tickets.claim.test_limits import crew, held, in_doing, settle
from tickets.models import Lane, Outcome, Task, TaskSpec
from tickets.models.claim import claim
from tickets.models.claim.profile_pools import follow_profiles
from tickets.models.claim.quota import follow_pools

pytestmark = pytest.mark.django_db(transaction=True)

POOL = "anthropic:team"
NOT_LOCKED = pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock of the pool"])


@pytest.fixture
def pool(operator):
    return Pool.objects.create_pool(POOL, by=operator)


def change(pool, **fields):
    Pool.objects.filter(pk=pool.pk).update(**fields)


def make_due(pool):
    """It is closed, and its reset has come."""
    change(pool, closed_at=timezone.now(), resets_at=timezone.now() - timedelta(seconds=1), came_due_at=None)


def fail(task, *, by, **more):
    Task.objects.settle([Outcome(task.task, task.fence, "failed", error="429", **more)], by=by)


@pytest.fixture
def two(operator, pool):
    """Agents of the pool, each with the task of a project of its own: they meet nowhere but at the pool."""
    agents = []
    for key in ("ONE", "TWO"):
        project = Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator)
        in_doing(project, operator, 1)
        spec = AgentSpec(key.lower(), pools=[POOL])
        agents.append(Agent.objects.register(spec, projects=[project], by=operator))
    return agents


@pytest.fixture
def unlocked(monkeypatch):
    def patch():
        for name in ("LOCK_GUARDS", "FIND_GUARDS"):
            text = getattr(claim, name).replace(
                "JOIN agent ON NOT agent.runs_profiles", "JOIN agent ON false"
            )
            assert text != getattr(claim, name)
            monkeypatch.setattr(claim, name, text)

    return patch


# -- races


@NOT_LOCKED
def test_two_claims_at_once_do_not_both_take_the_last_place(two, pool, unlocked, locked):
    one, other = two
    change(pool, limit=1)
    if not locked:
        unlocked()

    with meanwhile(lambda: Task.objects.claim(by=other), waits=locked) as second:
        assert Task.objects.claim(by=one)

    assert len(second.answer()) == (0 if locked else 1)
    assert len(held()) == (1 if locked else 2)


@NOT_LOCKED
def test_two_claims_at_once_do_not_both_try_out_a_pool(two, pool, unlocked, locked):
    one, other = two
    make_due(pool)
    if not locked:
        unlocked()

    # without the lock before it, the second waits where it writes itself into the pool: too late
    with meanwhile(lambda: Task.objects.claim(by=other)) as second:
        [probe] = Task.objects.claim(by=one)

    assert len(second.answer()) == (0 if locked else 1)
    assert len(held()) == (1 if locked else 2)
    pool.refresh_from_db()
    assert ((pool.probe_task, pool.probe_fence) == (probe.task, probe.fence)) is locked


@pytest.mark.parametrize("how", ["its probe is completed", "somebody opens it", "its limit is raised"])
def test_a_claim_sees_what_happened_while_it_waited_for_the_pool(two, pool, operator, how):
    """A claim that waits for the pool counts anew: it does not decide by what it saw before."""
    one, other = two
    make_due(pool)
    [probe] = Task.objects.claim(by=one)
    if how == "its limit is raised":
        change(pool, closed_at=None, resets_at=None, probe_task=None, limit=1)

    with meanwhile(lambda: Task.objects.claim(by=other)) as second:
        if how == "its probe is completed":
            settle(held(), by=one)
            assert follow_pools() == 1
        elif how == "somebody opens it":
            Pool.objects.act(pool.pk, "open", by=operator)
        else:
            Pool.objects.act(pool.pk, "edit", by=operator, limit=2)

    assert len(second.answer()) == 1
    assert probe.task not in {each.task for each in second.answer()}


def test_a_claim_that_waited_while_the_pool_was_closed_is_granted_nothing(two, pool):
    one, other = two
    [mine] = Task.objects.claim(by=one)
    reset = timezone.now() + timedelta(hours=1)

    with meanwhile(lambda: Task.objects.claim(by=other)) as second:
        fail(mine, by=one, kind="rate_limited", resets_at=reset)

    assert second.answer() == []


@pytest.mark.full
def test_64_claimers_at_once_never_exceed_the_cap_of_a_pool(project, operator, pool):
    in_doing(project, operator, 70)
    agents = crew(project, operator, 64, pools=[POOL])
    change(pool, limit=7)

    [answers] = race(1, *[lambda _, agent=agent: Task.objects.claim(by=agent) for agent in agents])

    assert not [each for each in answers if isinstance(each, Exception)]
    assert len(held()) == sum(len(each) for each in answers) == 7


@pytest.mark.full
def test_64_claimers_at_once_try_out_a_pool_once(project, operator, pool):
    in_doing(project, operator, 70)
    agents = crew(project, operator, 64, pools=[POOL])
    make_due(pool)

    [answers] = race(1, *[lambda _, agent=agent: Task.objects.claim(by=agent) for agent in agents])

    assert not [each for each in answers if isinstance(each, Exception)]
    assert len(held()) == sum(len(each) for each in answers) == 1


@pytest.mark.full
def test_claims_and_failures_of_two_pools_at_once_end(project, operator, pool):
    """Each takes the pools in the same order, and waits for nothing while it holds them."""
    Pool.objects.create_pool("openai:team", by=operator)
    in_doing(project, operator, 40)
    agents = crew(project, operator, 8, pools=["openai:team", POOL], capacity=3)

    def work(turn, agent):
        for each in Task.objects.claim(by=agent, limit=3):
            named = [POOL, "openai:team", ""][turn % 3]
            fail(each, by=agent, kind="rate_limited", pool=named)
        for name in (POOL, "openai:team"):
            Pool.objects.act(Pool.objects.get(name=name).pk, "open", by=operator)
        follow_pools()

    answers = race(3, *[lambda turn, agent=agent: work(turn, agent) for agent in agents])

    assert not [each for turn in answers for each in turn if each is not None]
    assert not held()


# -- a profile whose file changes


@pytest.fixture
def profile(project, settings, tmp_path):
    """Writes the file of the profile `model` with these pools."""
    settings.OMOI_HOME = tmp_path
    (tmp_path / "profiles").mkdir()
    project.profiles = [*project.profiles, "model"]
    project.save()

    def write(*pools, at=0):
        file = tmp_path / "profiles" / "model.yaml"
        file.write_text(f"kind: command\nwords: ['true']\npools: {list(pools)}\nabout: for {len(pools)}\n")
        os.utime(file, (at, at))

    return write


def pools_of(tasks):
    lanes = Task.objects.filter(pk__in=[task.pk for task in tasks]).values("lane")
    return list(Lane.objects.filter(pk__in=lanes).values_list("pools", flat=True).distinct())


def test_open_tasks_follow_a_profile_that_names_other_pools(ticket, operator, profile, pool):
    profile()
    worker = Agent.objects.worker("worker-1", capacity=1)
    tasks = Task.objects.add(ticket, [TaskSpec(str(n), profile="model") for n in range(5)], by=operator)
    [mine] = Task.objects.claim(by=worker)
    assert pools_of(tasks) == [None]

    profile(POOL, at=1)
    assert follow_profiles(limit=3) == 3
    assert follow_profiles(limit=3) == 2
    assert pools_of(tasks) == [[POOL]]
    assert follow_profiles() == 0
    pool.refresh_from_db()
    assert pool.profiles == ["model"]

    # also one that comes back counts for the pool
    Task.objects.release(mine.task, mine.fence, by=worker)
    Pool.objects.act(pool.pk, "close", by=operator, reason="used up")
    assert Task.objects.claim(by=worker) == []

    profile(at=2)
    assert follow_profiles() == 5
    assert follow_profiles() == 0
    pool.refresh_from_db()
    assert pool.profiles == []
    assert len(Task.objects.claim(by=worker)) == 1


def test_what_was_added_while_the_file_changed_follows_too(ticket, operator, profile, pool):
    """A transaction that has read the file of before may still add tasks: the clock looks for a while."""
    now = timezone.now().timestamp()
    profile(POOL, at=now)
    assert follow_profiles() == 0
    assert Pool.objects.get().profiles == []

    [late] = Task.objects.add(ticket, [TaskSpec("late", profile="model")], by=operator)
    Task.objects.filter(pk=late.pk).update(lane=lane_without_pools(late))
    assert follow_profiles() == 1
    assert pools_of([late]) == [[POOL]]

    profile(POOL, at=now - 61)
    assert follow_profiles() == 0
    assert Pool.objects.get().profiles == ["model"]


def test_a_lane_of_other_pools_waits_for_the_claims_of_its_project(ticket, operator, profile, pool):
    """Such a claim would else count for pools that it has not locked."""
    profile(POOL)
    Task.objects.add(ticket, [TaskSpec("first", profile="model")], by=operator)
    worker = Agent.objects.worker("worker-1", capacity=1)
    profile("openai:team", at=1)

    add = [TaskSpec("second", profile="model")]
    with meanwhile(lambda: Task.objects.add(ticket, add, by=operator)) as adding:
        assert len(Task.objects.claim(by=worker)) == 1

    assert pools_of(adding.answer()) == [["openai:team"]]


def lane_without_pools(task):
    marks = task.marks._replace(pools=())
    return Lane.objects.of(task.project_id, [marks])[marks]


def test_a_profile_makes_the_pools_that_it_names(project, profile):
    profile("openai:team")
    assert follow_profiles() == 0
    assert [(pool.name, pool.profiles) for pool in Pool.objects.all()] == [("openai:team", ["model"])]


@pytest.mark.parametrize("about", ["2026-13-45", "!!int many", "[" * 9_000, "x" * 70_000])
def test_a_file_that_cannot_be_read_does_not_stop_the_others(project, profile, tmp_path, about):
    (tmp_path / "profiles" / "broken.yaml").write_text(f"kind: command\nwords: ['true']\nabout: {about}")
    profile("openai:team")
    follow_profiles()
    assert [(pool.name, pool.profiles) for pool in Pool.objects.all()] == [("openai:team", ["model"])]


def test_a_pool_that_a_profile_names_is_not_removed(operator, profile, pool):
    profile(POOL)
    follow_profiles()
    with pytest.raises(Exception, match="the profile model names anthropic:team"):
        Pool.objects.remove(pool.pk, by=operator)
    (profile(at=1), follow_profiles())
    Pool.objects.remove(pool.pk, by=operator)
    assert not Pool.objects.exists()
