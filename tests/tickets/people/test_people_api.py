"""People at work, over REST."""

from __future__ import annotations

import re

import pytest

from agents.models import Event, Key, Member
from tests.support.api_client import Api, api_of
from tests.support.waits import store_waits
from tickets.models import Freeze, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(eve):
    return api_of(eve)


def take(api, task, to="me", reason="I know this part"):
    return api.post(f"/tasks/{task.pk}/assignment", {"to": to, "reason": reason})


def test_take_and_complete(api, task):
    taken = take(api, task)
    assert taken.status_code == 200
    body = taken.json()
    assert (body["state"], body["holder"], body["waiting_on"]) == ("claimed", "user:eve", "user:eve")
    assert body["lease_expires_at"] is None
    done = api.post(
        f"/tasks/{task.pk}/completion",
        {"fence": body["fence"], "result": {"ok": True}, "reason": "Checked by hand."},
    )
    assert (done.status_code, done.json()["state"]) == (200, "completed")


def test_a_completion_without_a_reason_is_refused(api, task):
    fence = take(api, task).json()["fence"]
    refused = api.post(f"/tasks/{task.pk}/completion", {"fence": fence})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")


def test_take_and_fail(api, task):
    fence = take(api, task).json()["fence"]
    failed = api.post(
        f"/tasks/{task.pk}/failure", {"fence": fence, "error": "It cannot be done.", "kind": "permanent"}
    )
    assert failed.json()["state"] == "failed"
    assert failed.json()["tried"][0]["by"] == "user:eve"


def test_take_and_hand_back(api, task):
    fence = take(api, task).json()["fence"]
    refused = api.post(f"/tasks/{task.pk}/release", {"fence": fence})
    assert refused.status_code == 422
    back = api.post(f"/tasks/{task.pk}/release", {"fence": fence, "reason": "off for today"})
    assert (back.json()["state"], back.json()["ready"]) == ("pending", True)


def test_to_an_agent_and_its_next_claim(api, task, ada):
    given = take(api, task, "ada", "she knows it").json()
    assert given["holder"] == "ada"
    client = api_of(ada)
    brief = client.get("/agents/me/brief").json()
    assert brief["claims"][0]["fence"] == given["fence"]
    claimed = client.post("/claims", {})
    assert claimed.json()["claims"][0]["task"]["id"] == str(task.pk)
    assert claimed.json()["claims"][0]["fence"] == given["fence"]


def test_the_journal_names_person_and_key(api, eve, task):
    fence = take(api, task).json()["fence"]
    api.post(f"/tasks/{task.pk}/completion", {"fence": fence, "reason": "Done."})
    prefix = Key.objects.get(user=eve).prefix
    events = Event.objects.filter(subject=f"task:{task.pk}", actor="user:eve").order_by("xid", "id")
    assert [(event.kind, event.key) for event in events] == [
        ("task.taken", prefix),
        ("task.completed", prefix),
    ]


def test_a_revoked_key_settles_nothing(api, eve, task):
    fence = take(api, task).json()["fence"]
    Key.objects.filter(user=eve).end(by="system:test")
    refused = api.post(f"/tasks/{task.pk}/completion", {"fence": fence, "reason": "Done."})
    assert refused.status_code == 401
    assert Task.objects.get(pk=task.pk).state == "claimed"


def test_who_takes_too_late_is_told_who_was_faster(api, task, ada, member):
    [_claim] = Task.objects.claim(by=ada)
    worker = api_of(member("wes"), "work")
    refused = take(worker, task)
    assert (refused.status_code, refused.json()["scope"]) == (403, "tickets:write")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "to"),
        ({"to": "me"}, "reason"),
        ({"to": "me", "reason": " \u200b "}, "reason"),
        ({"to": "me", "reason": "x" * 2001}, "reason"),
        ({"to": "x" * 171, "reason": "x"}, "to"),
        ({"to": "user:nobody", "reason": "x"}, "to"),
        ({"to": ["me"], "reason": "x"}, "to"),
    ],
)
def test_bad_input_is_refused_with_its_field(api, task, body, field):
    refused = api.post(f"/tasks/{task.pk}/assignment", body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


def test_what_is_not_there_is_not_found(api, task, django_user_model):
    assert take(api, task, "nobody").status_code == 404
    outsider = api_of(django_user_model.objects.create_user("out"))
    assert take(outsider, task).status_code in (403, 404)
    assert api.post("/tasks/999999/assignment", {"to": "me", "reason": "x"}).status_code == 404
    assert api.post("/tasks/999999/completion", {"fence": 1, "reason": "x"}).status_code == 404


def test_frozen_is_409_with_the_code_of_the_obstacle(api, task):
    Freeze.objects.freeze(by="system:test", reason="Stop", wait_s=0)
    refused = take(api, task)
    assert (refused.status_code, refused.json()["code"]) == (409, "freeze")
    assert "thaw" in refused.json()["next_action"].lower()


def test_explain_says_who_holds_it(api, task, eve, project, operator):
    take(api, task)
    explained = api.get(f"/tasks/{task.pk}/explain").json()
    assert explained["waiting_on"] == "user:eve"
    [cause] = explained["causes"]
    assert (cause["code"], cause["until"]) == ("capacity", None)
    assert re.fullmatch(r"held by the person eve for \d+ seconds?", cause["what"])
    assert cause["since"] is not None
    store_waits()
    found = api.get("/tasks", waiting_on="user:eve").json()["results"]
    assert [row["id"] for row in found] == [str(task.pk)]
    Member.objects.remove(project, eve, by=operator)
    explained = api_of(operator).get(f"/tasks/{task.pk}/explain").json()
    assert explained["waiting_on"] == "operator"
    assert "can no longer work" in explained["causes"][0]["what"]


def test_a_deactivated_person_shows_too(api, task, eve, operator):
    take(api, task)
    eve.is_active = False
    eve.save()
    assert api.get(f"/tasks/{task.pk}").status_code == 401
    assert api_of(operator).get(f"/tasks/{task.pk}/explain").json()["waiting_on"] == "operator"


def test_people_are_no_capacity(api, task, ada, operator):
    client = api_of(operator)
    before = client.get("/agents/statistics").json()
    take(api, task)
    assert client.get("/agents/statistics").json() == before
    names = [found["agent"]["name"] for found in client.get("/agents/search").json()["results"]]
    assert "user:eve" not in names
    [row] = [row for row in client.get("/agents").json()["results"] if row["name"] == "user:eve"]
    assert (row["kind"], row["status"], row["held"]) == ("person", "running", 1)


def test_tasks_by_the_person_who_holds_them(api, task):
    take(api, task)
    assert api.get("/tasks", agent="user:eve").json()["results"][0]["id"] == str(task.pk)


def test_without_a_credential_nothing(task):
    assert take(Api(), task).status_code == 401
