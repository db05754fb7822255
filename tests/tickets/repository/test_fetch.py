"""A fetch brings the branches as they are now, or keeps why not and leaves the mirror as it was."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Event
from omoi_site.brokers import hints
from omoi_site.errors import Forbidden
from tests.support import origins
from tickets.models import NewRepository, Repository

pytestmark = pytest.mark.django_db(transaction=True)


def kinds():
    return list(Event.objects.filter(kind__startswith="repository.").values_list("kind", flat=True))


def test_it_brings_every_branch(repository, origin, operator):
    side = origin.commit({"a": "b"}, branch="side")

    fetched = Repository.objects.fetch(repository.pk, by=operator)

    assert fetched.fault == {}
    assert fetched.fetched_at
    assert fetched.commit(side) == side
    assert fetched.commit(origin.tip("main")[:9]) == origin.tip("main")
    assert kinds() == ["repository.added", "repository.fetched"]


def test_what_is_gone_there_is_kept_as_it_was_with_the_reason(repository, origin, operator):
    Repository.objects.fetch(repository.pk, by=operator)
    tip = origin.tip("main")
    origin.folder.rename(origin.folder.with_name("elsewhere.git"))

    for _ in range(2):
        fetched = Repository.objects.fetch(repository.pk, by=operator)

    assert fetched.fault["code"] == "not_found"
    assert fetched.fetched_at < fetched.tried_at
    assert Repository.objects.get(pk=repository.pk).commit(tip) == tip
    assert kinds() == ["repository.added", "repository.fetched", "repository.fetch_failed"]


def test_an_empty_repository_has_no_commits_and_no_fault(project, operator):
    with origins.origin("empty.git") as empty:
        added = Repository.objects.add(project, NewRepository("empty", empty.url), by=operator)
        fetched = Repository.objects.fetch(added.pk, by=operator)

        assert (fetched.fault, fetched.commit("4f2a91c")) == ({}, "")


def test_inside_a_transaction_a_worker_is_asked(repository, operator):
    hints.take_waiting("fetch_repositories")

    with transaction.atomic():
        fetched = Repository.objects.fetch(repository.pk, by=operator)

    assert fetched.fault["code"] == "waits"
    assert repository.pk in hints.take_waiting("fetch_repositories")
    assert not fetched.mirror.exists


def test_who_may_not_work_in_the_project_does_not_fetch(repository, django_user_model):
    with pytest.raises(Forbidden):
        Repository.objects.fetch(repository.pk, by=django_user_model.objects.create_user("eve"))


def test_a_removed_repository_leaves_no_mirror(repository, operator):
    mirror = Repository.objects.fetch(repository.pk, by=operator).mirror

    Repository.objects.remove(repository.pk, by=operator)

    assert not mirror.folder.exists()
    assert not Repository.objects.exists()


def test_another_address_is_another_mirror(repository, origin, operator):
    former = Repository.objects.fetch(repository.pk, by=operator).mirror

    with origins.origin("other.git") as other:
        tip = other.commit({"x": "y"})
        Repository.objects.edit(repository.pk, by=operator, url=other.url)
        fetched = Repository.objects.fetch(repository.pk, by=operator)

        assert not former.folder.exists()
        assert fetched.commit(tip) == tip
        assert fetched.commit(origin.tip("main")) == ""
