"""`manage.py tickets move`: a ticket moves as a person says, also into a full phase on purpose."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from omoi_site.errors import Forbidden, Invalid, NotFound
from tests.support.wip_scene import phase_of, reviewing, standing
from tickets.models import Ticket, TicketSpec
from tickets.models.ticket.room import PhaseFull

pytestmark = pytest.mark.django_db(transaction=True)  # the limit is guarded at the end of each


def run(capsys, *words):
    call_command("tickets", "move", *words)
    return capsys.readouterr().out


@pytest.fixture
def two(project, operator):
    """The first fills REVIEW."""
    workflow = reviewing(project, limit=1)
    first, second = (
        Ticket.objects.open(project, TicketSpec(title, workflow=workflow), by=operator)
        for title in ("first", "second")
    )
    Ticket.objects.move(first.pk, "REVIEW", by=operator)
    return first, second


def test_a_person_moves_a_ticket_on(capsys, two, operator):
    first, _ = two
    told = run(capsys, first.key.lower(), "done", "--person", "admin", "--reason", "it is good")
    assert told == f"{first.key} moved from Review to Done.\n"
    row = first.history.latest("move")
    assert (row.to_phase, row.by, row.reason, row.past_limit) == ("DONE", "user:admin", "it is good", False)


def test_into_a_full_phase_only_on_purpose_and_that_is_marked(capsys, two, operator):
    _, second = two
    with pytest.raises(PhaseFull) as refused:
        run(capsys, second.key, "REVIEW", "--person", "admin")
    assert "past_limit" in refused.value.next_action
    assert phase_of(second) == "MAKE"

    told = run(capsys, second.key, "REVIEW", "--person", "admin", "--past-limit", "--json")

    assert json.loads(told) == {
        "ticket": second.key,
        "from": "MAKE",
        "to": "REVIEW",
        "ground": "ungated",
        "past_limit": True,
    }
    assert second.history.latest("move").past_limit
    assert standing() == 2


def test_with_room_it_is_not_marked_and_not_said(capsys, two, operator):
    first, second = two
    Ticket.objects.move(first.pk, "DONE", by=operator)
    told = run(capsys, second.key, "REVIEW", "--person", "admin", "--past-limit")
    assert told == f"{second.key} moved from Make to Review.\n"
    assert not second.history.latest("move").past_limit


def test_a_block_has_its_cause_and_a_forced_move_its_reason(capsys, two):
    first, second = two
    run(
        capsys,
        first.key,
        "BLOCKED",
        "--person",
        "admin",
        "--cause",
        "dependency",
        "--reason",
        "waits for ada",
    )
    assert phase_of(first) == "BLOCKED"
    run(capsys, second.key, "DONE", "--person", "admin", "--force", "--reason", "it was shipped by hand")
    assert second.history.latest("move").ground == "forced"


def test_rights_are_those_of_the_person(capsys, two):
    get_user_model().objects.create_user("eve")
    with pytest.raises(Forbidden):
        run(capsys, two[1].key, "REVIEW", "--person", "eve", "--past-limit")
    with pytest.raises(NotFound, match="there is no person nobody"):
        run(capsys, two[1].key, "REVIEW", "--person", "nobody")
    assert phase_of(two[1]) == "MAKE"


@pytest.mark.parametrize("phase", ["NOWHERE", "", "é", "x" * 10_000, "a\u202eb"])
def test_a_phase_that_is_none_is_refused(capsys, two, phase):
    with pytest.raises(Invalid, match="is not a phase of"):
        run(capsys, two[1].key, phase, "--person", "admin")
    assert phase_of(two[1]) == "MAKE"


def test_a_ticket_is_paused_archived_and_put_back(capsys, two, django_user_model):
    first, _ = two
    viewer = django_user_model.objects.create_user("viewer")
    told = []
    for verb in ("pause", "archive", "resume", "restore"):
        call_command("tickets", verb, first.key, "--reason", "not now")
        told.append(capsys.readouterr().out.removeprefix(f"{first.key} is ").strip())
    assert told == ["paused.", "paused and archived.", "archived.", "neither paused nor archived."]
    with pytest.raises(Forbidden):
        call_command("tickets", "archive", first.key, "--person", viewer.username)
