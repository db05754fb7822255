"""Discoveries: recorded with the completion, and made what the workflow says."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from tests.support.api_client import api_of
from tests.tickets.discovery.conftest import DOCUMENT, complete_with
from tickets.models import Discovery, Task, TaskSpec

pytestmark = pytest.mark.django_db


def test_a_completion_over_http_makes_a_task_of_what_the_workflow_maps(mapped, ada):
    api = api_of(ada)
    [claim] = api.post("/claims", {}).json()["claims"]
    found = [{"type": "bug", "title": "Sums are wrong", "body": "2 + 2 is 5"}]

    done = api.post(
        f"/tasks/{claim['task']['id']}/completion", {"fence": claim["fence"], "discoveries": found}
    )

    assert done.json()["state"] == "completed"
    [listed] = api.get("/discoveries?ticket=" + mapped.key).json()["results"]
    assert (listed["state"], listed["decided_by"]) == ("task", "system:workflow")
    made = Task.objects.get(pk=listed["made_task"])
    assert (made.title, made.priority_name, made.kind, made.phase) == (
        "Repair: Sums are wrong",
        "high",
        "bug",
        "BUILD",
    )
    assert made.description.startswith("2 + 2 is 5")
    assert made.is_ready


def test_a_type_may_become_a_ticket_of_its_own(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("optimization_opportunity", "Cache it"), by=ada)
    made = Discovery.objects.get().made_ticket
    assert (made.parent, made.title, made.priority_name, made.phase) == (mapped, "Cache it", "low", "TODO")


def test_a_task_of_a_phase_that_was_left_becomes_a_ticket_and_says_why(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("requires_clarification", "Which currency?"), by=ada)
    found = Discovery.objects.get()
    assert (found.state, found.type, found.made_ticket.parent) == ("ticket", "needs_clarification", mapped)
    assert "has left Plan" in found.reason


def test_a_type_that_the_workflow_does_not_know_stays_open(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("smell", "Old code"), by=ada)
    found = Discovery.objects.get()
    assert (found.state, found.made_task, found.made_ticket, found.reason) == ("open", None, None, "")


def test_a_repeated_completion_records_nothing_twice(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("bug", "Sums are wrong"), by=ada)
    assert complete_with(claim, ("bug", "Sums are wrong"), by=ada).repeated
    assert Discovery.objects.count() == 1
    assert Task.objects.filter(kind="bug").count() == 1


def test_the_page_shows_what_became_of_each_and_a_person_decides(mapped, ada, operator, client):
    [claim] = Task.objects.claim(by=ada)
    complete_with(
        claim,
        ("bug", "Sums <b>are</b> wrong", "2 + 2"),
        ("optimisation", "Cache it"),
        ("smell", "Old code"),
        by=ada,
    )
    client.force_login(operator)

    text = client.get(f"/tickets/{mapped.key}/").content.decode()

    assert "Sums &lt;b&gt;are&lt;/b&gt; wrong" in text
    assert "Became task" in text
    assert "Became ticket" in text
    assert "1 of 3 open" in text
    found = Discovery.objects.get(state="open")
    assert client.get(f"/tickets/{mapped.key}/discoveries/{found.pk}/dismiss/").status_code == 200
    address = f"/tickets/{mapped.key}/discoveries/{found.pk}/make-task/"
    assert client.post(address, {"reason": "worth it"}).status_code == 302
    found.refresh_from_db()
    assert (found.state, found.made_task.title, found.decided_by) == ("task", "Old code", "user:admin")
    again = client.post(address, {"reason": "worth it"})
    assert "This is done already" in again.content.decode()


@pytest.mark.django_db(transaction=True)
def test_several_settlements_bring_their_discoveries(mapped, ada, operator):
    Task.objects.add(mapped, [TaskSpec("Write more")], by=operator)
    api = api_of(ada)
    claims = api.post("/claims", {"limit": 2}).json()["claims"]
    items = [
        {
            "task": each["task"]["id"],
            "fence": each["fence"],
            "outcome": "completed",
            "discoveries": [{"type": "bug", "title": f"Bug in {each['task']['key']}"}],
        }
        for each in claims
    ]

    done = api.post("/settlements", {"items": items, "next": {"limit": 5}}).json()

    assert [each["ok"] for each in done["results"]] == [True, True]
    assert {each["task"]["title"] for each in done["claims"]} == {
        f"Repair: Bug in {each['task']['key']}" for each in claims
    }


def test_a_failure_has_no_discoveries(mapped, ada):
    api = api_of(ada)
    [claim] = api.post("/claims", {}).json()["claims"]
    item = {"task": claim["task"]["id"], "fence": claim["fence"], "outcome": "failed", "error": "x"}
    found = [{"type": "bug", "title": "x"}]

    refused = api.post("/settlements", {"items": [{**item, "kind": "permanent", "discoveries": found}]})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "items.0.discoveries"


BAD = [
    ({"type": "bug", "title": "x"}, "discoveries"),
    ([{"type": "bug"}], "discoveries.0.title"),
    ([{"title": "x"}], "discoveries.0.type"),
    ([{"type": "bug", "title": " "}], "discoveries.0.title"),
    ([{"type": "bug", "title": "\u200b"}], "discoveries.0.title"),
    ([{"type": "bug", "title": "a\nb"}], "discoveries.0.title"),
    ([{"type": "bug", "title": "x" * 301}], "discoveries.0.title"),
    ([{"type": "bug", "title": "x", "body": "x" * 20_001}], "discoveries.0.body"),
    ([{"type": "bug", "title": ["x"]}], "discoveries.0.title"),
    ([{"type": "bug", "title": "x", "body": "a\x00b"}], ""),
    ([{"type": "Bug report", "title": "x"}], "discoveries.0.type"),
    ([{"type": "b" * 61, "title": "x"}], "discoveries.0.type"),
    ([{"type": "bug", "title": "x", "severity": 3}], "discoveries.0.severity"),
    (["bug"], "discoveries.0"),
    ([{"type": "bug", "title": "x"}] * 51, "discoveries"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("found", "field"), BAD)
def test_what_cannot_be_a_discovery_is_refused_and_nothing_is_stored(mapped, ada, found, field):
    api = api_of(ada)
    [claim] = api.post("/claims", {}).json()["claims"]

    refused = api.post(
        f"/tasks/{claim['task']['id']}/completion", {"fence": claim["fence"], "discoveries": found}
    )

    assert refused.status_code == (422 if field else 400), refused.json()
    assert not field or refused.json()["errors"][0]["field"] == field
    assert Task.objects.get(pk=int(claim["task"]["id"])).state == "claimed"
    assert not Discovery.objects.exists()


def test_secrets_are_not_stored(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    token = "ghp_" + "a1B2" * 9
    complete_with(claim, ("bug", f"It logs {token}", f"password: hunter2hunter2\nand {token}"), by=ada)

    found = Discovery.objects.get()

    stored = " ".join([found.title, found.body, found.made_task.title, found.made_task.description])
    assert token not in stored
    assert "hunter2" not in stored
    assert "[redacted]" in found.title
    assert "[redacted]" in found.body


def test_what_the_workflow_asks_for_but_cannot_be_made_stays_open_and_says_why(ticket_of, ada):
    bug = {"make": "task", "profile": "echo", "slots": {"text": "{discovery}"}}
    ticket = ticket_of({**DOCUMENT, "name": "other", "discoveries": {"bug": bug}})
    ticket.project.profiles = []
    ticket.project.save()
    [claim] = Task.objects.claim(by=ada)

    assert complete_with(claim, ("bug", "Sums are wrong"), by=ada).state == "completed"

    found = Discovery.objects.get()
    assert (found.state, found.made_task, found.decided_by) == ("open", None, "")
    assert "may not use the profile echo" in found.reason
    assert Event.objects.filter(kind="discovery.follow_failed").count() == 1
    assert not Task.objects.filter(kind="bug").exists()


def test_a_ticket_of_a_workflow_that_the_project_does_not_allow_stays_open(ticket_of, ada):
    bug = {"make": "ticket", "workflow": "software_delivery"}
    ticket_of({**DOCUMENT, "name": "other", "discoveries": {"bug": bug}})
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("bug", "Sums are wrong"), by=ada)
    found = Discovery.objects.get()
    assert found.state == "open"
    assert "not software_delivery" in found.reason


def test_every_discovery_leaves_its_events(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("bug", "Sums are wrong"), ("smell", "Old code"), by=ada)
    kinds = Event.objects.filter(kind__startswith="discovery.").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["discovery.recorded", "discovery.decided", "discovery.recorded"]


def test_fifty_discoveries_take_their_share_each(mapped, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, *[("bug", f"Bug {n}") for n in range(50)], by=ada)
    assert Task.objects.filter(kind="bug").count() == 50


def test_a_title_that_becomes_too_long_is_cut(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("bug", "x" * 300), by=ada)
    assert Discovery.objects.get().made_task.title == f"Repair: {'x' * 291}…"


def test_words_in_a_discovery_are_not_replaced(mapped, ada):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("bug", "Use {ticket}"), by=ada)
    assert Discovery.objects.get().made_task.title == "Repair: Use {ticket}"


@pytest.mark.full
def test_pages_take_as_many_statements_for_many_discoveries_as_for_one(ticket_of, ada, operator, client):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use
    counts = []
    for number in (3, 42):
        ticket = ticket_of(DOCUMENT)
        [claim] = Task.objects.claim(by=ada)
        kinds = ("smell", "bug", "optimisation")
        complete_with(claim, *[(kinds[n % 3], f"Finding {n}") for n in range(number)], by=ada)
        for address in (f"/tickets/{ticket.key}/?discoveries=all", "/attention/?view=all"):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            counts.append(len(asked))
        Task.objects.filter(ticket=ticket).open().cancel(by=operator, reason="enough")
    assert counts[:2] == counts[2:]
