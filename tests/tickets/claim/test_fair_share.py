"""Fair share: an agent of several projects is served from the project with the fewest live claims first."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from tests.tickets.claim.test_limits import in_doing
from tickets.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[2, 3, 5])
def projects(request, operator):
    """The first has the oldest work, and so on."""
    made = [
        Project.objects.create_project(ProjectSpec(f"P{n}", workflow="simple"), by=operator)
        for n in range(request.param)
    ]
    for each in made:
        in_doing(each, operator, 6)
    return made


def of_all(projects, operator, name, capacity=50):
    return Agent.objects.register(AgentSpec(name, capacity=capacity), projects=projects, by=operator)


def shares():
    return Counter(Task.objects.filter(state="claimed").values_list("project__key", flat=True))


@pytest.mark.full
def test_one_claim_after_the_other_goes_to_the_project_with_the_fewest(projects, operator):
    agent = of_all(projects, operator, "all")
    order = [
        claim.ticket.partition("-")[0]
        for _ in range(2)
        for _ in projects
        for claim in Task.objects.claim(by=agent)
    ]
    keys = [each.key for each in projects]
    assert order == keys * 2  # at a tie the oldest work


@pytest.mark.full
def test_a_batch_is_spread_evenly(projects, operator):
    Task.objects.claim(by=of_all(projects, operator, "all"), limit=2 * len(projects))
    assert shares() == {each.key: 2 for each in projects}


def test_claims_of_others_count(projects, operator):
    Task.objects.claim(by=of_all(projects[:1], operator, "busy"), limit=3)
    Task.objects.claim(by=of_all(projects, operator, "all"), limit=3 * (len(projects) - 1))
    assert shares() == {each.key: 3 for each in projects}


@pytest.mark.full
def test_claims_of_people_do_not_count(projects, operator):
    for task in Task.objects.filter(project=projects[0])[:3]:
        Task.objects.assign(task.pk, by=operator, reason="I know it")
    [claim] = Task.objects.claim(by=of_all(projects, operator, "all"))
    assert claim.ticket.startswith("P0-"), "the oldest work, at a tie"


@pytest.mark.full
def test_one_project_is_served_in_the_order_of_work(projects, operator):
    agent = of_all(projects[:1], operator, "one")
    ranks = [Task.objects.get(pk=claim.task).rank for claim in Task.objects.claim(by=agent, limit=6)]
    assert ranks == sorted(ranks)
    assert len(ranks) == 6


def test_a_project_without_work_keeps_nobody_waiting(projects, operator):
    Task.objects.filter(project=projects[0]).update(held=True)
    assert len(Task.objects.claim(by=of_all(projects, operator, "all"), limit=50)) == 6 * (len(projects) - 1)
