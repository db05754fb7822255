"""`manage.py repositories`: list, add, fetch, remove."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from omoi_site.errors import NotFound
from tests.support import origins
from tickets.git.faults import BadAddress
from tickets.models import Repository

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(capsys, project):
    def run(*words):
        call_command("repositories", *words, "--json")
        return json.loads(capsys.readouterr().out)

    return run


def test_one_is_added_fetched_listed_and_removed(run):
    with origins.origin() as origin:
        origin.commit({"a": "b"})
        added = run("add", "omo", "shop", origin.url)
        fetched = run("fetch", "OMO", "shop")

    assert (added["project"], added["name"], added["base"], added["fault"]) == ("OMO", "shop", "main", None)
    assert fetched["fetched_at"]
    assert [row["name"] for row in run("list")["repositories"]] == ["shop"]
    assert run("remove", "OMO", "shop")["name"] == "shop"
    assert run("list", "OMO")["repositories"] == []


def test_a_fetch_that_fails_ends_with_1_and_says_what_to_do(run, project, capsys):
    with origins.origin() as origin:
        run("add", "OMO", "shop", origin.url)

    with pytest.raises(SystemExit) as ended:
        call_command("repositories", "fetch", "OMO", "shop")

    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "there is no repository at this address" in told
    assert "Correct its address" in told


def test_what_is_not_there_or_cannot_be_is_refused(run):
    with pytest.raises(NotFound, match="no project NOPE"):
        run("list", "NOPE")
    with pytest.raises(NotFound, match="no repository shop"):
        run("fetch", "OMO", "shop")
    with pytest.raises(BadAddress):
        run("add", "OMO", "shop", "ext::sh -c x")
    assert not Repository.objects.exists()


def test_it_is_shown_to_people(project, capsys):
    call_command("repositories", "list")
    call_command("repositories", "add", "OMO", "shop", "https://forge.example/shop.git")
    call_command("repositories", "list", "OMO")

    told = capsys.readouterr().out
    assert "There are no repositories" in told
    assert "OMO/shop  https://forge.example/shop.git  main  not fetched yet" in told
    Repository.objects.update(fetched_at=timezone.now() - timedelta(hours=3))
    call_command("repositories", "list", "OMO")
    assert "main  fetched 3 hours ago" in capsys.readouterr().out
