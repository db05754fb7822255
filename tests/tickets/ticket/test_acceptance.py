"""Each acceptance criterion of a ticket names the artifact that answers it."""

from __future__ import annotations

import pytest

from agents.models import Event
from omoi_site.errors import Forbidden, Invalid, NotFound
from tests.factories import allow_workflow, submit
from tests.support.api_client import api_of
from tickets.models import Ticket, TicketSpec, Verdict, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
ONCE, SAFE = "A payment is charged once", "A retry gives the same answer"


@pytest.fixture
def payments(project, operator):
    phases = [{"name": "WORK", "to": ["DONE"], "gate": [{"check": "acceptance"}]}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "accepted", "phases": phases}))
    spec = TicketSpec("Payments", workflow=workflow, acceptance=[ONCE, SAFE])
    return Ticket.objects.open(project, spec, by=operator)


def answer(ticket, number, evidence, by):
    return Ticket.objects.act(ticket.pk, "answer", by=by, number=number, evidence=evidence)


def states(ticket) -> list[str]:
    return [each.state for each in Ticket.objects.get(pk=ticket.pk).criteria]


def test_a_criterion_is_open_until_its_evidence_is_named(payments, ada, operator):
    submit(payments, "test_results", b"once", by=ada, name="results.xml")
    assert states(payments) == ["open", "open"]

    answer(payments, 1, "results.xml", ada)
    answer(payments, 2, "WORK/results.xml", ada)

    assert states(payments) == ["answered", "answered"]
    assert Ticket.objects.judge(pk=payments.pk, by=operator).passed
    [event, _] = Event.objects.filter(kind="ticket.criterion_answered").order_by("id")
    assert (event.actor, event.data["text"], event.data["evidence"]["name"]) == (
        "agent:ada",
        ONCE,
        "results.xml",
    )


def test_a_new_revision_opens_it_again(payments, ada):
    submit(payments, "test_results", b"once", by=ada, name="results.xml")
    answer(payments, 1, "results.xml", ada)

    submit(payments, "test_results", b"twice", by=ada, name="results.xml")

    assert states(payments) == ["old", "open"]


def test_a_verdict_dies_when_a_criterion_or_its_answer_changes(payments, ada, operator):
    submit(payments, "test_results", b"once", by=ada, name="results.xml")
    for number in (1, 2):
        answer(payments, number, "results.xml", ada)
    verdict = Ticket.objects.judge(pk=payments.pk, by=operator)
    assert verdict.holds_for(Ticket.objects.get(pk=payments.pk))

    answer(payments, 2, "", ada)
    assert not verdict.holds_for(Ticket.objects.get(pk=payments.pk))

    Ticket.objects.act(payments.pk, "edit", by=operator, acceptance=[ONCE])
    assert states(payments) == ["answered"]
    assert Ticket.objects.judge(pk=payments.pk, by=operator).passed
    assert Verdict.objects.count() == 2


def test_a_changed_criterion_loses_its_answer_and_the_others_keep_theirs(payments, ada, operator):
    submit(payments, "test_results", b"once", by=ada, name="results.xml")
    for number in (1, 2):
        answer(payments, number, "results.xml", ada)

    Ticket.objects.act(payments.pk, "edit", by=operator, acceptance=[f"{SAFE}, always", ONCE])

    assert states(payments) == ["open", "answered"]


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ([""], "acceptance.0"),
        (["\u200b\u2060"], "acceptance.0"),
        (["two\nlines"], "acceptance.0"),
        (["x" * 501], "acceptance.0"),
        ([ONCE, SAFE, ONCE], "acceptance.2"),
        ([str(number) for number in range(51)], "acceptance"),
    ],
)
def test_criteria_that_are_refused(payments, operator, texts, field):
    with pytest.raises(Invalid) as refused:
        Ticket.objects.act(payments.pk, "edit", by=operator, acceptance=texts)

    assert [fault["field"] for fault in refused.value.more["errors"]] == [field]
    assert states(payments) == ["open", "open"]


def test_answers_that_are_refused(payments, ada, django_user_model):
    with pytest.raises(Invalid, match=r"has no artifact results\.xml; it has none"):
        answer(payments, 1, "results.xml", ada)
    for number in (0, 3, -1):
        with pytest.raises(NotFound, match="no acceptance criterion"):
            answer(payments, number, "", ada)
    with pytest.raises(Forbidden):
        answer(payments, 1, "", django_user_model.objects.create_user("eve"))


def test_an_agent_answers_over_the_api_and_cannot_change_the_criteria(payments, ada, operator):
    agent, person = api_of(ada, "work"), api_of(operator)
    at = f"/tickets/{payments.key}"
    submit(payments, "test_results", b"once", by=ada, name="results.xml")

    answered = agent.put(f"{at}/acceptance/1", {"evidence": "results.xml"})

    assert answered.status_code == 200, answered.json()
    first, second = answered.json()["acceptance"]
    assert (first["text"], first["evidence"]["name"], first["evidence"]["by"]) == (
        ONCE,
        "results.xml",
        "agent:ada",
    )
    assert (second["text"], second["evidence"]) == (SAFE, None)
    assert agent.patch(at, {"acceptance": [ONCE]}).status_code == 403
    assert agent.put(f"{at}/acceptance/9", {"evidence": ""}).status_code == 404
    assert agent.put(f"{at}/acceptance/1", {"evidence": "nothing"}).status_code == 422
    changed = person.patch(at, {"acceptance": [ONCE]}).json()
    assert [each["text"] for each in changed["acceptance"]] == [ONCE]
    made = person.post("/tickets", {"project": "OMO", "title": "x", "acceptance": [SAFE]})
    assert made.json()["acceptance"] == [{"text": SAFE, "evidence": None}]


def test_a_person_writes_and_answers_them_on_the_page(payments, ada, operator, client):
    client.force_login(operator)
    at = f"/tickets/{payments.key}"
    submit(payments, "test_results", b"once", by=ada, name="results.xml")

    client.post(f"{at}/criteria/", {"acceptance": f"{ONCE}\r\n\r\nIt is fast\r\n"})
    client.post(f"{at}/answer/", {"number": "1", "evidence": "WORK/results.xml"})

    assert [each.text for each in Ticket.objects.get().criteria] == [ONCE, "It is fast"]
    assert states(payments) == ["answered", "open"]
    page = client.get(f"{at}/").content.decode()
    assert "It is fast" in page
    assert "Open: no evidence named" in page
    assert "WORK/results.xml" in client.get(f"{at}/answer/").content.decode()


def test_the_admin_edits_their_texts(payments, operator, client):
    client.force_login(operator)
    form = {"title": "Payments", "description": "", "priority": 2, "labels": "", "acceptance": f"{SAFE}\r\n"}
    history = {"history-TOTAL_FORMS": 0, "history-INITIAL_FORMS": 0}

    client.post(f"/admin/tickets/ticket/{payments.pk}/change/", {**form, **history})

    assert [each.text for each in Ticket.objects.get().criteria] == [SAFE]
