"""A worker fetches repositories beside its other work."""

from __future__ import annotations

import pytest
from django.db import connections

from tests.support import origins
from tickets.models import NewRepository, Repository
from tickets.runtime import actors, patient_fetches

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hint_is_answered_at_once_and_the_repository_comes(project, operator):
    with origins.origin() as origin:
        origin.commit({"a": "b"})
        good = Repository.objects.add(project, NewRepository("good", origin.url), by=operator)
        gone = Repository.objects.add(project, NewRepository("gone", f"{origin.url}/x"), by=operator)

        actors.fetch_repositories.fn([gone.pk, good.pk, 0, good.pk])
        patient_fetches.wait()

    good.refresh_from_db()
    gone.refresh_from_db()
    assert (good.fault, bool(good.fetched_at)) == ({}, True)
    assert gone.fault["code"] == "not_found"
    assert len(connections.all(initialized_only=True)) == 1


def test_a_project_has_not_any_number_of_them(project, operator, monkeypatch):
    monkeypatch.setattr("tickets.models.repository.MOST_OF_PROJECT", 1)
    Repository.objects.add(project, NewRepository("one", "https://forge.example/x.git"), by=operator)

    with pytest.raises(Exception, match="at most 1 repositories"):
        Repository.objects.add(project, NewRepository("two", "https://forge.example/x.git"), by=operator)
