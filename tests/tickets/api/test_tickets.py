"""Tickets, tasks, edges and moves over HTTP."""

from __future__ import annotations

import pytest

from agents.models import Event
from tests.support.api_client import api_of
from tests.support.waits import store_waits
from tickets.models import Need, Task, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(operator):
    return api_of(operator)


def view_of(calls, path):
    """The answer of the full view alone."""
    return calls.client.get(f"/api/v1{path}", headers=calls.headers)


def opened(calls, **more):
    answer = calls.post("/tickets", {"project": "OMO", "title": "Capture payments", **more})
    assert answer.status_code == 201, answer.json()
    return answer.json()


@pytest.mark.parametrize(
    "path",
    ["/tickets/{}/approvals", "/tickets/{}/gate/runs", "/tickets/{}/workflow", "/workflows/{}/statistics"],
)
def test_nothing_has_a_name_with_a_nul(project, calls, path):
    for name in ("%00", "OMO-1%00"):
        answer = view_of(calls, path.format(name))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_ticket_is_opened_with_its_tasks_in_its_first_phase(project, calls):
    ticket = opened(
        calls,
        priority="HIGH",
        labels=["payments"],
        tasks=[
            {"ref": "api", "title": "Write it"},
            {"title": "Document it", "needs": ["api"], "capabilities": [" Docs "]},
        ],
    )
    assert (ticket["key"], ticket["phase"], ticket["priority"]) == ("OMO-1", "TODO", "high")
    assert ticket["workflow"] == {"name": "simple", "version": 1}
    assert ticket["tasks"]["pending"] == 2
    first, second = Task.objects.order_by("id")
    assert Need.objects.get().child_id == second.pk
    told = calls.get(f"/tasks/{second.pk}").json()
    assert told["capabilities"] == ["docs"]
    assert [need["task"] for need in told["needs"]] == [str(first.pk)]
    assert told["ready"] is False


def test_locks_that_are_not_enforced_are_refused_by_field(project, calls):
    refused = calls.post(
        "/tickets", {"project": "OMO", "title": "x", "tasks": [{"title": "y", "locks": [{"name": "a"}]}]}
    )
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == ["tasks.0.locks"]
    assert not Ticket.objects.exists()


def test_an_unknown_project_is_told_beside_the_other_faults(project, calls):
    refused = calls.post("/tickets", {"project": "NONE", "priority": "soon"})
    assert refused.status_code == 422
    assert {fault["field"] for fault in refused.json()["errors"]} == {"title", "priority", "project"}
    assert calls.post("/tickets", {"project": "NONE", "title": "x"}).status_code == 404


def test_a_ticket_born_past_the_first_phase_needs_force_and_a_reason(project, calls, operator):
    writer = api_of(operator, "tickets:write")
    body = {"project": "OMO", "title": "x", "phase": "PHASE_DOING", "reason": "it was begun elsewhere"}
    assert writer.post("/tickets", body).json()["scope"] == "gates:force"
    told = Event.objects.filter(kind="ticket.birth_refused").get()
    assert (told.topic, told.data) == ("project:OMO", {"phase": "DOING", "code": "forbidden"})
    assert calls.post("/tickets", {**body, "reason": "short"}).status_code == 422
    assert opened(calls, phase="DOING", reason="it was begun elsewhere")["phase"] == "DOING"


def test_tickets_move_and_tell_their_history(project, calls):
    key = opened(calls)["key"]
    ways = {way["to"]: way for way in calls.get(f"/tickets/{key}/transitions").json()}
    assert ways["DOING"]["allowed"]
    moved = calls.post(f"/tickets/{key}/transitions", {"to": "DOING"}).json()
    assert (moved["ticket"]["phase"], moved["history"]["ground"]) == ("DOING", "ungated")
    blocked = calls.post(
        f"/tickets/{key}/transitions",
        {"to": "BLOCKED", "reason": "no key", "class": "environment"},
    ).json()
    assert blocked["ticket"]["blocked"] == {"class": "environment", "reason": "no key"}
    assert (
        calls.post(f"/tickets/{key}/transitions", {"to": "DONE"}).json()["code"] == "transition_not_allowed"
    )
    assert calls.post(f"/tickets/{key}/transitions", {"to": "DOING"}).status_code == 200
    assert [row["to_phase"] for row in calls.get(f"/tickets/{key}/history").json()] == [
        "TODO",
        "DOING",
        "BLOCKED",
        "DOING",
    ]


def test_an_edit_from_an_old_copy_is_refused(project, calls):
    ticket = opened(calls)
    tag = calls.get(f"/tickets/{ticket['key']}")["ETag"]
    assert calls.patch(f"/tickets/{ticket['key']}", {"title": "New"}, If_Match=tag).json()["title"] == "New"
    refused = calls.patch(f"/tickets/{ticket['key']}", {"title": "Newer"}, If_Match=tag)
    assert (refused.status_code, refused.json()["code"]) == (412, "version_conflict")


def test_edges_are_added_taken_away_and_never_close_a_cycle(project, calls):
    key = opened(calls, tasks=[{"title": "a"}, {"title": "b"}])["key"]
    a, b = (str(task.pk) for task in Task.objects.order_by("id"))
    edge = calls.post(f"/tickets/{key}/edges", {"task": b, "needs": a})
    assert edge.status_code == 201
    refused = calls.post(f"/tickets/{key}/edges", {"task": a, "needs": b})
    assert (refused.status_code, refused.json()["code"]) == (409, "cycle")
    assert calls.delete(f"/tickets/{key}/edges/{edge.json()['id']}").status_code == 204
    assert calls.delete(f"/tickets/{key}/edges/{edge.json()['id']}").status_code == 404


def test_tasks_are_cancelled_retried_bumped_and_edited(project, calls):
    opened(calls, tasks=[{"title": "a"}])
    pk = Task.objects.get().pk
    assert calls.post(f"/tasks/{pk}/bump", {"reason": "customer waits"}).status_code == 200
    assert calls.patch(f"/tasks/{pk}", {"priority": "critical"}).json()["priority"] == "critical"
    assert calls.post(f"/tasks/{pk}/cancellation", {"reason": "not needed"}).json()["state"] == "cancelled"
    refused = calls.post(f"/tasks/{pk}/cancellation", {"reason": "again"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_ready")
    assert calls.post(f"/tasks/{pk}/retry", {"reason": "needed after all"}).json()["state"] == "pending"


def test_lists_are_paged_by_key_and_filtered(project, calls):
    for n in range(5):
        opened(calls, title=f"ticket {n}", priority="low" if n % 2 else "high")
    seen, cursor = [], {}
    while True:
        answer = calls.get("/tickets", limit=2, **cursor)
        seen += [ticket["key"] for ticket in answer.json()["results"]]
        if not answer.json()["next"]:
            break
        assert 'rel="next"' in answer["Link"]
        cursor = {"cursor": answer.json()["next"]}
    assert seen == ["OMO-5", "OMO-4", "OMO-3", "OMO-2", "OMO-1"]
    assert len(calls.get("/tickets", priority="low", project="OMO").json()["results"]) == 2
    assert calls.get("/tickets", colour="red").status_code == 422
    assert calls.get("/tickets", cursor="nonsense").status_code == 400


def test_a_list_costs_the_same_for_one_ticket_and_for_fifty(project, calls, django_assert_max_num_queries):
    for n in range(20):
        opened(calls, title=str(n), tasks=[{"title": "t"}])
    for noun in ("tickets", "tasks"):
        with django_assert_max_num_queries(3):  # the key, its first use, and the list
            assert len(view_of(calls, f"/{noun}").json()["results"]) == 20


@pytest.mark.full
def test_a_ticket_is_opened_with_as_many_tasks_as_its_body_holds(project, calls):
    tasks = [
        {"ref": f"t{n}", "title": f"Do part {n}", "needs": [f"t{n - 1}", f"t{n // 2}"] if n > 1 else []}
        for n in range(5000)
    ]
    assert opened(calls, tasks=tasks)["tasks"]["pending"] == 5000
    assert Need.objects.count() == 2 * 4998 - 1
    assert Task.objects.ready().count() == 2

    added = calls.post("/tickets/OMO-1/tasks", {"tasks": [{"title": "x"}] * 2000})
    assert (added.status_code, len(added.json()["tasks"])) == (201, 2000)


def test_tickets_are_listed_by_who_must_act_a_page_at_a_time(project, ada, calls):
    busy = opened(calls, tasks=[{"title": "Write it"}])["key"]
    idle = [opened(calls)["key"] for _ in range(3)]
    store_waits()
    assert [ticket["key"] for ticket in calls.get("/tickets", waiting_on="agents").json()["results"]] == [
        busy
    ]
    answer = calls.get("/tickets", waiting_on="operator", project="OMO", limit=2)
    assert [ticket["key"] for ticket in answer.json()["results"]] == idle[:0:-1]
    assert "waiting_on=operator" in answer["Link"]
    rest = calls.get("/tickets", waiting_on="operator", limit=2, cursor=answer.json()["next"]).json()
    assert ([ticket["key"] for ticket in rest["results"]], rest["next"]) == (idle[:1], None)
    assert calls.get("/tickets", waiting_on="operator", cursor="bm9uc2Vuc2U").status_code == 400


def test_tasks_are_listed_by_who_must_act_a_page_at_a_time(project, ada, calls):
    key = opened(calls, tasks=[{"title": title} for title in "abc"])["key"]
    calls.post(f"/tickets/{key}/tasks", {"tasks": [{"title": "d", "capabilities": ["rust"]}]})
    store_waits()

    def listed(**query):
        answer = calls.get("/tasks", project="OMO", **query)
        return [task["title"] for task in answer.json()["results"]], answer.json()["next"]

    titles, following = listed(waiting_on="agents", limit=2)
    assert titles == ["a", "b"]
    assert listed(waiting_on="agents", limit=2, cursor=following) == (["c"], None)
    assert listed(waiting_on="operator") == (["d"], None)
    assert calls.get("/tasks", waiting_on="agents", cursor="bm9uc2Vuc2U").status_code == 400
