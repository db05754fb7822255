"""The routes of a project's repositories."""

from __future__ import annotations

import pytest

from agents.models import Member
from tests.support import origins
from tests.support.api_client import api_of

pytestmark = pytest.mark.django_db(transaction=True)

HTTPS = {"name": "shop", "url": "https://forge.example/team/shop.git"}


@pytest.fixture
def lead(project, operator, django_user_model):
    """An admin of the project, and of nothing else."""
    user = django_user_model.objects.create_user("lead")
    Member.objects.set(project, user, "admin", by=operator)
    return user


def test_add_look_change_remove(project, lead):
    api = api_of(lead)

    added = api.post("/projects/OMO/repositories", HTTPS)
    changed = api.patch("/projects/OMO/repositories/shop", {"base": "trunk"})

    assert added.status_code == 201
    assert added.json()["landing"] == "none"
    assert (added.json()["fault"], added.json()["fetched_at"]) == (None, None)
    assert changed.json()["base"] == "trunk"
    assert [row["name"] for row in api.get("/projects/OMO/repositories").json()["results"]] == ["shop"]
    assert api.patch("/projects/OMO/repositories/shop", {"landing": "none"}).status_code == 200
    assert api.patch("/projects/OMO/repositories/shop", {"landing": "rebase"}).status_code == 422
    assert api.delete("/projects/OMO/repositories/shop").status_code == 204
    assert api.get("/projects/OMO/repositories/shop").status_code == 404


def test_a_fetch_says_what_came_of_it(project, operator):
    api = api_of(operator)
    with origins.origin() as origin:
        origin.commit({"a": "b"})
        api.post("/projects/OMO/repositories", {"name": "shop", "url": origin.url})
        good = api.post("/projects/OMO/repositories/shop/fetches").json()
    bad = api.post("/projects/OMO/repositories/shop/fetches").json()

    assert (good["fault"], bool(good["fetched_at"])) == (None, True)
    assert bad["fault"]["code"] == "not_found"
    assert bad["fault"]["next_action"]


def test_a_repeated_request_to_fetch_is_done_by_a_worker(project, operator):
    api = api_of(operator)
    api.post("/projects/OMO/repositories", HTTPS)

    answer = api.post("/projects/OMO/repositories/shop/fetches", idempotency_key="once")

    assert answer.json()["fault"]["code"] == "waits"


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"url": "-oProxyCommand=touch"}, "url", "begin with -"),
        ({"url": "https://ada:secret@forge.example/shop"}, "url", "password"),
        ({"url": "http://forge.example/shop"}, "url", "protocol is not allowed"),
        ({"url": ""}, "url", "blank"),
        ({"url": "x" * 2_001}, "url", "characters"),
        ({"url": None}, "url", "null"),
        ({"name": "../up"}, "name", "small letters"),
        ({"name": "a\u200bb"}, "name", "small letters"),
        ({"base": "a..b"}, "base", "branch"),
        ({"landing": "merge"}, "landing", "not available yet"),
        ({"checks": []}, "checks", "no such field"),
    ],
)
def test_what_cannot_be_is_refused_by_field(project, operator, change, field, word):
    answer = api_of(operator).post("/projects/OMO/repositories", {**HTTPS, **change})

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert word in error["message"]
    assert "secret" not in answer.content.decode()


def test_a_name_is_taken_once(project, operator):
    api = api_of(operator)
    api.post("/projects/OMO/repositories", HTTPS)

    answer = api.post("/projects/OMO/repositories", HTTPS)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")


def test_only_the_admin_of_the_installation_names_a_folder(project, lead, operator):
    folder = {"name": "shop", "url": "file:///srv/shop.git"}

    assert api_of(lead).post("/projects/OMO/repositories", folder).status_code == 403
    assert api_of(operator).post("/projects/OMO/repositories", folder).status_code == 201
    assert api_of(lead).patch("/projects/OMO/repositories/shop", {"url": "/srv/other"}).status_code == 403
    assert api_of(lead).patch("/projects/OMO/repositories/shop", {"base": "trunk"}).status_code == 200


def test_others_see_nothing_and_agents_change_nothing(project, ada, operator, django_user_model):
    api_of(operator).post("/projects/OMO/repositories", HTTPS)
    stranger = api_of(django_user_model.objects.create_user("eve"))

    assert stranger.get("/projects/OMO/repositories").status_code == 404
    assert stranger.get("/projects/OMO/repositories/shop").status_code == 404
    assert api_of(ada).get("/projects/OMO/repositories").status_code == 200
    assert api_of(ada).post("/projects/OMO/repositories", HTTPS).status_code == 403
    assert api_of(ada).delete("/projects/OMO/repositories/shop").status_code == 403
