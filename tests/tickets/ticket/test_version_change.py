"""A ticket goes on under another version of its workflow: by an act of its own, and around no gate."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import DatabaseError, transaction

from agents.models import Event, Member
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid
from tests.factories import allow_workflow, complete, submit
from tests.support.api_client import api_of
from tickets.models import GateClosed, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket.version_change import VersionNotPossible, preview

pytestmark = pytest.mark.django_db(transaction=True)

GATE = [{"check": "artifact", "type": "report"}]
REVIEWED = [{"check": "artifact", "type": "report"}, {"check": "artifact", "type": "review"}]


def document(*phases, gate=GATE, name="work"):
    names = phases or ("PLAN", "WORK", "DONE")
    following = dict(pairwise(names))
    return {
        "name": name,
        "phases": [
            {
                "name": phase,
                "to": [following[phase]] if phase in following else [],
                **({"gate": gate} if phase == "WORK" else {}),
            }
            for phase in names
        ],
    }


@pytest.fixture
def install(operator):
    return lambda *phases, **how: Workflow.objects.install(document(*phases, **how), by=operator)


@pytest.fixture
def working(project, operator, install):
    """A ticket in WORK of version 1, whose gate asks for a report."""
    workflow = allow_workflow(project, install())
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
    Ticket.objects.move(ticket.pk, "WORK", by=operator)
    return now(ticket)


def now(ticket):
    return Ticket.objects.select_related("workflow", "project").get(pk=ticket.pk)


def test_a_ticket_changes_its_version_and_its_history_says_so(working, operator, install, client):
    install(gate=REVIEWED)
    calls = api_of(operator)
    looked = calls.get(f"/tickets/{working.key}/workflow").json()
    assert (looked["version"], looked["to"], looked["possible"], looked["opens"]) == (1, 2, True, False)
    assert [check["type"] for check in looked["checks"]] == ["report", "review"]

    changed = calls.post(
        f"/tickets/{working.key}/workflow", {"version": 2, "reason": "reviews are asked for"}
    )

    assert changed.status_code == 200, changed.json()
    assert changed.json()["ticket"]["workflow"] == {"name": "work", "version": 2}
    assert changed.json()["verdict"]["passed"] is False
    event = Event.objects.get(kind="ticket.workflow_changed")
    assert (event.actor, event.reason, event.data["from"], event.data["to"]) == (
        "user:admin",
        "reviews are asked for",
        1,
        2,
    )
    client.force_login(operator)
    assert (
        "let it follow version 2 of work instead of 1"
        in client.get(f"/tickets/{working.key}/").content.decode()
    )


def test_a_key_that_cannot_judge_changes_the_version_all_the_same(working, operator, install):
    """It answered 403 after the ticket had changed."""
    install(gate=REVIEWED)

    changed = api_of(operator, "admin").post(f"/tickets/{working.key}/workflow", {"version": 2})

    assert changed.status_code == 200, changed.json()
    assert (changed.json()["ticket"]["workflow"]["version"], changed.json()["verdict"]) == (2, None)
    assert now(working).workflow.version == 2


def test_a_verdict_given_before_holds_no_more_even_after_changing_back(working, operator, ada, install):
    submit(working, "report", b"done", by=ada)
    passed = Ticket.objects.judge(pk=working.pk, by=operator)
    assert passed.holds_for(now(working))
    install(gate=REVIEWED)

    judged = Ticket.objects.follow(working.pk, 2, by=operator)

    assert judged is not None
    assert judged.passed is False
    assert passed.stale_for(now(working)) == "its evidence has changed since"
    with pytest.raises(GateClosed):
        Ticket.objects.move(working.pk, "DONE", by=operator)
    Ticket.objects.follow(working.pk, 1, by=operator)
    assert not passed.holds_for(now(working))
    with pytest.raises(GateClosed), Ticket.objects.locked(pk=working.pk) as ticket:
        ticket.advance(by=operator, verdict=passed)
    Ticket.objects.move(working.pk, "DONE", by=operator)


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (("PLAN", "DOING", "DONE"), "stands in Work, which does not exist in version 2"),
        (("PLAN", "WORK"), "stands in Work, which is a last phase in version 2"),
        (("PLAN", "DONE", "WORK", "SHIPPED"), "Done comes after Work for OMO-1, but before it in version 2"),
    ],
    ids=["gone", "last", "turned round"],
)
def test_a_version_that_is_no_way_on_is_refused_and_says_what_to_do(working, operator, install, phases, said):
    install(*phases, gate=GATE if phases[-1] != "WORK" else [])
    shown = preview(now(working), Workflow.objects.latest_of("work"))
    assert not shown.possible

    with pytest.raises(VersionNotPossible, match=said) as refused:
        Ticket.objects.follow(working.pk, 2, by=operator)

    assert refused.value.next_action
    assert now(working).workflow.version == 1
    assert Event.objects.filter(kind="ticket.move_refused", topic=working.topic).count() == 1
    with pytest.raises(DatabaseError, match="is no way on from WORK"), transaction.atomic():
        change_by_hand(working)


def change_by_hand(ticket, name="work", with_event=True):
    if with_event:
        Ticket.objects.get(pk=ticket.pk).record("ticket.workflow_changed", by="system:test")
    sql.rows(
        "UPDATE tickets_ticket SET workflow_id ="
        " (SELECT id FROM tickets_workflow WHERE name = %s ORDER BY version DESC LIMIT 1) WHERE id = %s",
        [name, ticket.pk],
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"with_event": False}, "without an event"),
        ({"name": "easier"}, "is no way on from WORK"),
    ],
    ids=["without an event", "another workflow"],
)
def test_the_database_refuses_what_is_not_recorded_or_another_workflow(working, install, how, said):
    install(gate=REVIEWED)
    install(name="easier", gate=[])
    with pytest.raises(DatabaseError, match=said), transaction.atomic():
        change_by_hand(working, **how)


def test_the_event_of_an_earlier_change_is_none_of_the_next(working, operator, install):
    install(gate=REVIEWED)
    Ticket.objects.follow(working.pk, 2, by=operator)
    install(gate=[])
    with pytest.raises(DatabaseError, match="without an event"), transaction.atomic():
        change_by_hand(working, with_event=False)


def test_the_count_of_changes_cannot_be_set_back(working, operator, install):
    install(gate=REVIEWED)
    Ticket.objects.follow(working.pk, 2, by=operator)
    sql.rows("UPDATE tickets_ticket SET workflow_changes = 0 WHERE id = %s", [working.pk])
    assert now(working).workflow_changes == 1


def test_what_has_ended_keeps_its_version(working, operator, ada, install):
    submit(working, "report", b"done", by=ada)
    Ticket.objects.move(working.pk, "DONE", by=operator)
    install(gate=REVIEWED)
    with pytest.raises(VersionNotPossible, match="is at its end, so it keeps its version"):
        Ticket.objects.follow(working.pk, 2, by=operator)
    install("PLAN", "WORK", "DONE", "SHIPPED")
    with pytest.raises(DatabaseError, match="is no way on from DONE"), transaction.atomic():
        change_by_hand(working)


def test_what_is_cancelled_keeps_its_version_until_it_is_reopened(working, operator, install):
    Ticket.objects.move(working.pk, "CANCELLED", by=operator, reason="not now")
    install(gate=[])
    with pytest.raises(VersionNotPossible, match="is at its end, so it keeps its version"):
        Ticket.objects.follow(working.pk, 2, by=operator)
    with pytest.raises(DatabaseError, match="is no way on from CANCELLED"), transaction.atomic():
        change_by_hand(working)

    Ticket.objects.move(working.pk, "WORK", by=operator, reason="now")
    Ticket.objects.follow(working.pk, 2, by=operator)
    assert now(working).workflow.version == 2


def test_a_verdict_between_two_changes_holds_after_neither(working, operator, install):
    install(gate=[{"check": "artifact", "type": "nothing"}])
    install(gate=GATE)
    submit(working, "report", b"done", by=operator)
    Ticket.objects.follow(working.pk, 3, by=operator)
    passed = Ticket.objects.judge(pk=working.pk, by=operator)
    assert passed.holds_for(now(working))

    for version in (2, 3):
        Ticket.objects.follow(working.pk, version, by=operator)
        assert not passed.holds_for(now(working))


def test_the_database_changes_phase_and_version_one_after_the_other(working, install):
    """The guard of phases would judge the move by the order of the new version."""
    install(gate=REVIEWED)

    def change_both():
        working.record("ticket.workflow_changed", by="system:test")
        working.record_move("WORK", "PLAN", "back", by="system:test", reason="once more")
        sql.rows(
            "UPDATE tickets_ticket SET phase = 'PLAN', workflow_id ="
            " (SELECT max(id) FROM tickets_workflow WHERE name = 'work') WHERE id = %s",
            [working.pk],
        )

    with pytest.raises(DatabaseError, match="is no way on from WORK"), transaction.atomic():
        change_both()


def test_a_blocked_ticket_is_looked_at_where_it_was_blocked(working, operator, install):
    Ticket.objects.act(working.pk, "block", by=operator, reason="waits for a word", cause="clarification")
    install("PLAN", "DOING", "DONE")
    install(gate=REVIEWED)
    with pytest.raises(VersionNotPossible, match="stands in Work"):
        Ticket.objects.follow(working.pk, 2, by=operator)
    assert Ticket.objects.follow(working.pk, 3, by=operator) is None
    Ticket.objects.act(working.pk, "unblock", by=operator)
    assert now(working).phase == "WORK"


def test_open_tasks_of_a_phase_that_is_gone_are_ended_first(working, operator, ada, install):
    install("PLAN", "WORK", "CHECK", "DONE")
    Ticket.objects.follow(working.pk, 2, by=operator)
    Task.objects.add(now(working), [TaskSpec("later", phase="CHECK")], by=operator)
    with pytest.raises(VersionNotPossible, match="has open tasks of Check, which version 1 does not have"):
        Ticket.objects.follow(working.pk, 1, by=operator)


def test_it_takes_admin_in_the_project(working, operator, install, django_user_model):
    install(gate=[])
    person = django_user_model.objects.create_user("eve")
    Member.objects.create(project=working.project, user=person, role="approver")
    with pytest.raises(Forbidden):
        Ticket.objects.follow(working.pk, 2, by=person)
    assert api_of(person).post(f"/tickets/{working.key}/workflow", {"version": 2}).status_code == 403
    assert now(working).workflow.version == 1
    Member.objects.filter(user=person).update(role="admin")
    Ticket.objects.follow(working.pk, 2, by=person)


def test_bad_input_is_refused_and_a_stale_page_too(working, operator, install):
    calls, at = api_of(operator), f"/tickets/{working.key}/workflow"
    install(gate=REVIEWED)
    with pytest.raises(Invalid, match="work has no version 7; the newest is 2"):
        Ticket.objects.follow(working.pk, 7, by=operator)
    for body in ({}, {"version": 0}, {"version": "x"}, {"version": 7}, {"version": 2**40}, {"version": None}):
        assert calls.post(at, body).status_code == 422, body
    assert calls.post(at, {"version": 1}).json()["code"] == "workflow_version_not_possible"
    assert calls.post(at, {"version": 2}, If_Match='"1"').status_code == 412
    assert calls.get(f"{at}?version=9").status_code == 422
    assert calls.get("/tickets/OMO-99/workflow").status_code == 404


def test_work_of_the_phase_goes_on(working, operator, ada, install):
    Task.objects.add(working, [TaskSpec("write")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    install("PLAN", "READ", "WORK", "DONE", gate=REVIEWED)
    Ticket.objects.follow(working.pk, 2, by=operator)
    complete(claim, by=ada)
    [more] = Task.objects.add(now(working), [TaskSpec("more")], by=operator)
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [more.pk]
