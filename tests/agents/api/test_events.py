"""The journal over HTTP."""

from __future__ import annotations

import json

import pytest

from agents.api.events import EventOut
from agents.models import Agent, AgentSpec, Event, Project, ProjectSpec, journal
from tests.support.api_client import api_of
from tickets.models import Task, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_act_is_told_once_in_order_and_read_on_by_cursor(task, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    calls = api_of(operator)
    seen, query = [], {"limit": 2}
    while True:
        answer = calls.get("/events", **query).json()
        seen += answer["results"]
        if not answer["next"]:
            break
        query["cursor"] = answer["next"]
    assert len({event["cursor"] for event in seen}) == len(seen)
    assert [event["kind"] for event in seen if event["subject"] == f"task:{task.pk}"] == [
        "task.added",
        "task.claimed",
    ]
    claimed = seen[-2] if seen[-1]["kind"] == "key.issued" else seen[-1]
    assert (claimed["actor"], claimed["data"]["fence"]) == ("agent:ada", claim.fence)
    assert calls.get("/events", after=seen[-1]["cursor"]).json()["results"] == []
    assert {event["topic"] for event in calls.get("/events", topic="ticket:OMO-1").json()["results"]} == {
        "ticket:OMO-1"
    }
    assert calls.get("/events", after="nonsense").status_code == 400


def test_who_is_outside_a_project_reads_nothing_of_it(ticket, ada, operator):
    other = Project.objects.create_project(ProjectSpec("ELSE", workflow="simple"), by=operator)
    eve = Agent.objects.register(AgentSpec("eve"), projects=[other], by=operator)
    Ticket.objects.open(other, TicketSpec("theirs"), by=operator)
    topics = {event["topic"] for event in api_of(eve).get("/events", limit=200).json()["results"]}
    assert topics == {"project:ELSE", "ticket:ELSE-1", "agent:eve"}
    ticket.record("ticket.edited", by=operator)
    for topic in ("project:OMO", "ticket:OMO-1", "agent:ada", "none:such"):
        for limit in (1, 50):
            assert api_of(eve).get("/events", topic=topic, limit=limit).json() == {
                "results": [],
                "next": None,
            }
            assert (
                api_of(ada).get("/events", topic=topic, limit=limit).json()["results"] or topic == "none:such"
            )


def test_who_sees_some_of_an_agents_projects_hears_of_no_other(project, ada, bob, operator):
    hidden = Project.objects.create_project(ProjectSpec("HID", workflow="simple"), by=operator)
    Agent.objects.register(AgentSpec("eve"), projects=[project, hidden], by=operator)
    for projects in ([hidden], [project, hidden]):
        with Agent.objects.locked(pk=ada.pk) as row:
            row.edit(by=operator, capacity=2, projects=projects)

    def events_of_agents(who):
        events = api_of(who).get("/events", limit=200).json()["results"]
        return [event for event in events if event["topic"] in ("agent:ada", "agent:eve")]

    assert "HID" not in str(events_of_agents(bob))
    assert [event["kind"] for event in events_of_agents(bob) if event["data"].get("project") == "OMO"] == [
        "agent.joined",
        "agent.joined",
        "agent.left",
        "agent.joined",
    ]
    assert [
        event["kind"] for event in events_of_agents(operator) if event["data"].get("project") == "HID"
    ] == [
        "agent.joined",
        "agent.joined",
    ]


def test_a_list_by_kind_goes_on_where_a_page_stopped_looking(ticket, operator, ada, monkeypatch):
    monkeypatch.setattr(journal, "EXAMINED", 4)
    for _ in range(3):
        ticket.record("ticket.edited", by=operator)
    ada.record("agent.edited", by=operator)
    everything = list(Event.objects.order_by("xid", "id"))
    for reader, topics in ((operator, None), (ada, {"project:OMO", "ticket:OMO-1", "agent:ada"})):
        for kind in ("", "ticket.edited", "agent.edited", "none.such"):
            found, after = [], ""
            while True:
                page = journal.page_json(by=reader, limit=2, after=after, kind=kind)
                found += [event["cursor"] for event in json.loads(page.results)]
                if page.following is None:
                    break
                after = page.following
            assert found == [
                f"{event.xid}_{event.pk}"
                for event in everything
                if kind in ("", event.kind) and (topics is None or event.topic in topics)
            ], (reader, kind)


def test_an_event_is_written_as_before(ticket, ada, operator):
    ticket.record("ticket.edited", by=ada, reason='"why"\n', data={"a": [1, None]})
    row = Event.objects.get(kind="ticket.edited")
    [event] = api_of(operator).get("/events", kind="ticket.edited").json()["results"]
    assert list(event) == list(EventOut().fields)
    assert event == {
        "cursor": f"{row.xid}_{row.pk}",
        "at": row.at.isoformat().replace("+00:00", "Z"),
        "topic": "ticket:OMO-1",
        "subject": "ticket:OMO-1",
        "number": row.number,
        "kind": "ticket.edited",
        "actor": "agent:ada",
        "key": "",
        "data": {"a": [1, None]},
        "reason": '"why"\n',
    }
