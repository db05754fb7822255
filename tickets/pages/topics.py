"""What a page follows live: the topics that stand in its `data-live`."""

from __future__ import annotations

from collections.abc import Iterable

from agents.models import Project

MOST_FOLLOWED = 500  # projects that a page follows


def of_projects(projects: Iterable[Project]) -> list[str]:
    return [f"project:{project.key}" for project in projects][:MOST_FOLLOWED]
