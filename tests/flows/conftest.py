"""Fixtures for tests over HTTP: open a ticket with tasks, claim, complete."""

from __future__ import annotations

import pytest

from tests.support.api_client import api_of
from tests.support.browser import browser, window  # noqa: F401
from tests.support.web_process import server  # noqa: F401


@pytest.fixture
def calls(operator):
    """REST as the operator."""
    return api_of(operator)


@pytest.fixture
def agent(ada):
    """REST as the agent `ada`, who can hold five tasks."""
    return api_of(ada)


@pytest.fixture
def opened(project, calls):
    """Open a ticket with tasks (title, or fields). Returns the ticket and its tasks by title."""

    def opened(*tasks, **more):
        specs = [{"title": task} if isinstance(task, str) else task for task in tasks]
        answer = calls.post("/tickets", {"project": project.key, "title": "Ship it", "tasks": specs, **more})
        assert answer.status_code == 201, answer.json()
        key = answer.json()["key"]
        return answer.json(), {
            task["title"]: task for task in calls.get("/tasks", ticket=key, limit=200).json()["results"]
        }

    return opened


@pytest.fixture
def claim(agent):
    """Claims of `ada`, in the order granted; nothing to grant is an empty list."""

    def claim(limit=1, **more):
        answer = agent.post("/claims", {"limit": limit, **more})
        assert answer.status_code in (200, 204), answer.json()
        return answer.json()["claims"] if answer.status_code == 200 else []

    return claim


@pytest.fixture
def complete(agent):
    def complete(claimed, result=None):
        answer = agent.post(
            f"/tasks/{claimed['task']['id']}/completion", {"fence": claimed["fence"], "result": result}
        )
        assert answer.status_code == 200, answer.json()
        return answer.json()

    return complete


def titles(claims):
    return [claimed["task"]["title"] for claimed in claims]
