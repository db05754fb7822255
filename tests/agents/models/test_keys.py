"""Keys: who may create which, how long they are valid, and what ends with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Key, Member, Project, ProjectSpec
from agents.models.key import LONGEST_BY_AGENT
from omoi_site.errors import Forbidden
from tests.support.api_client import Api, api_of
from tests.support.concurrency import meanwhile

DAY = 86_400


def made_with(api: Api, name: str = "ada", **body) -> Api:
    answer = api.post(f"/agents/{name}/keys", body)
    assert answer.status_code == 201, answer.json()
    return Api(answer.json()["key"])


def key_of(api: Api) -> Key:
    return Key.objects.get(prefix=api.headers["Authorization"].split("_")[1])


@pytest.mark.django_db
def test_a_revoked_key_takes_along_what_was_made_with_it(ada, bob, operator):
    first, other = api_of(ada), api_of(ada)
    child = made_with(first)
    grandchild, spared = made_with(child), made_with(other)

    assert sorted(Key.objects.filter(pk=key_of(first).pk).revoke(by=operator)) == sorted(
        key_of(api).prefix for api in (first, child, grandchild)
    )

    assert [api.get("/agents/me").status_code for api in (first, child, grandchild, spared)] == [
        401,
        401,
        401,
        200,
    ]


@pytest.mark.django_db
def test_an_agent_registered_with_a_key_loses_its_own_with_that(project, operator):
    calls = api_of(operator)
    eve = Api(calls.post("/agents", {"name": "eve", "projects": ["OMO"]}).json()["key"])
    assert key_of(eve).expires_at is None

    Key.objects.filter(pk=key_of(calls).pk).revoke(by=operator)

    assert eve.get("/agents/me").status_code == 401


@pytest.fixture
def with_key(ada, operator):
    """ada as an actor with a key, and that key."""
    key, _ = Key.objects.issue(by=operator, agent=ada)
    ada.via_key, ada.key_scopes = key.prefix, frozenset({"work"})
    return ada, key


@pytest.mark.django_db(transaction=True)
def test_a_key_is_not_revoked_before_what_is_just_made_with_it_is_there(with_key, operator):
    ada, key = with_key
    with meanwhile(lambda: Key.objects.filter(pk=key.pk).revoke(by=operator)) as ending:
        made, _ = Key.objects.issue(by=ada, agent=ada)

    assert ending.answer() == [key.prefix, made.prefix]


@pytest.mark.django_db(transaction=True)
def test_no_key_is_made_with_one_that_is_just_being_revoked(with_key, operator):
    ada, key = with_key
    with meanwhile(lambda: Key.objects.issue(by=ada, agent=ada)) as making:
        Key.objects.filter(pk=key.pk).revoke(by=operator)

    with pytest.raises(Forbidden, match="just been revoked"):
        making.answer()
    assert Key.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "days"), [({}, 30), ({"expires_s": 300 * DAY}, 30), ({"expires_s": 2 * DAY}, 2)]
)
def test_a_key_made_with_an_agents_key_ends_after_thirty_days_at_most(ada, asked, days):
    left = key_of(made_with(api_of(ada), **asked)).expires_at - timezone.now()
    assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)
    assert timedelta(days=30) == LONGEST_BY_AGENT


@pytest.mark.django_db
def test_a_key_made_by_a_person_need_not_end(ada, operator):
    assert key_of(made_with(api_of(operator))).expires_at is None


@pytest.mark.django_db
def test_nobody_gives_a_key_more_than_they_have(project, ada, operator, django_user_model):
    people = {
        role: django_user_model.objects.create_user(f"a-{role}") for role in ("viewer", "operator", "admin")
    }
    for role, person in people.items():
        Member.objects.create(project=project, user=person, role=role)

    refused = [
        (people["viewer"], {"agent": ada}),
        (people["operator"], {"agent": ada, "scopes": ["tickets:write"]}),
        (people["admin"], {"agent": ada, "scopes": ["admin"]}),  # of one project, not of the installation
        (people["admin"], {"user": operator}),
        (ada, {"user": people["viewer"]}),
        (ada, {"agent": ada, "scopes": ["gates:force"]}),
    ]
    ada.key_scopes = frozenset({"work"})
    for who, key in refused:
        with pytest.raises(Forbidden):
            Key.objects.issue(by=who, **key)
    Project.objects.create_project(ProjectSpec("TWO"), by=operator).agents.add(ada)
    with pytest.raises(Forbidden):
        Key.objects.issue(by=people["admin"], agent=ada)  # who is admin in one of its projects only

    narrow = django_user_model.objects.get(pk=people["admin"].pk)  # who came with a key for work alone
    narrow.key_scopes = frozenset({"work"})
    for scopes in (["tickets:write"], []):  # without scopes a key has those of their roles
        with pytest.raises(Forbidden):
            Key.objects.issue(by=narrow, user=narrow, scopes=scopes)
    assert not Key.objects.exists()

    for who, key in [
        (narrow, {"user": narrow, "scopes": ["work"]}),
        (operator, {"agent": ada, "scopes": ["admin"]}),
        (operator, {"user": people["viewer"]}),
        (people["viewer"], {"user": people["viewer"]}),
    ]:
        assert Key.objects.issue(by=who, **key)
