from __future__ import annotations

import pytest

from agents.models import Member


@pytest.fixture
def member(django_user_model, project, operator):
    """Makes a person with this role in the project."""

    def made(name, role="operator"):
        person = django_user_model.objects.create_user(name)
        if role:
            Member.objects.set(project, person, role, by=operator)
        return person

    return made


@pytest.fixture
def eve(member):
    """A person who may work in the project."""
    return member("eve")


@pytest.fixture
def dan(member):
    return member("dan")
