"""The effect `notify`: entering a phase tells a role, until somebody of it has seen it."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Event
from omoi_site.errors import Forbidden
from tests.support.api_client import api_of
from tests.support.concurrency import Act
from tests.tickets.attention.conftest import do, listed, only, open_in
from tickets.models import Notice, Ticket

pytestmark = pytest.mark.django_db

PHASES = [
    {"name": "MAKE", "to": ["CHECK"]},
    {"name": "CHECK", "to": ["OUT"], "effects": [{"notify": {"role": "approver"}}]},
    {"name": "OUT", "to": []},
]


@pytest.fixture
def noted(project, operator, ada):
    """A ticket that has just entered CHECK, moved there by an agent."""
    ticket = open_in(project, operator, PHASES)
    Ticket.objects.act(ticket.pk, "advance", by=ada)
    return Ticket.objects.get(pk=ticket.pk)


def kinds(ticket):
    return list(Event.objects.filter(topic=ticket.topic).order_by("number").values_list("kind", flat=True))


def test_entering_the_phase_tells_the_role(noted, person, operator):
    abe, olga = person("approver", "abe"), person("operator", "olga")

    item = only(abe)

    assert (item["kind"], item["subject"], item["who"], item["people"]) == (
        "notified",
        noted.key,
        "approver",
        ["abe"],
    )
    assert item["what"] == "it entered Check; its workflow notifies you of that"
    assert kinds(noted)[-2:] == ["ticket.moved", "ticket.notified"]
    event = Event.objects.get(kind="ticket.notified")
    assert (event.actor, event.data["role"], event.data["phase"]) == ("agent:ada", "approver", "CHECK")
    assert (listed(abe, mine=True), listed(olga, mine=True)) == ([("notified", noted.key)], [])


def test_somebody_of_the_role_has_seen_it(noted, person):
    abe = person("approver", "abe")
    act = only(abe)["act"]

    assert [do(act, by=abe).status_code for _ in range(2)] == [200, 200]

    assert listed(abe) == []
    notice = Notice.objects.get()
    assert (notice.seen_by, notice.seen_at is not None) == ("user:abe", True)
    assert kinds(noted).count("notice.dismissed") == 1


def test_nobody_else_dismisses_it(noted, person, ada, django_user_model):
    olga = person("operator", "olga")
    act = only(olga)["act"]
    assert do(act, by=olga).status_code == 403
    assert do(act, by=django_user_model.objects.create_user("eve")).status_code == 404
    ada.key_scopes = frozenset({"work", "gates:decide"})
    with pytest.raises(Forbidden, match="for people"):
        Notice.objects.dismiss(by=ada)
    assert api_of(olga).post(f"/tickets/{noted.key}/notices/0/dismissal").status_code == 404
    assert api_of(olga).post(f"/tickets/{noted.key}/notices/x/dismissal").status_code == 404
    assert listed(olga) == [("notified", noted.key)]


@pytest.mark.parametrize(("role", "left"), [("operator", 1), ("approver", 0), ("admin", 0)])
def test_who_moves_the_ticket_on_has_seen_what_was_for_their_role(noted, person, role, left):
    by = person(role)
    Ticket.objects.act(noted.pk, "advance", by=by)

    assert len(listed(by)) == left


def test_each_entry_tells_again_but_not_the_way_back_from_a_block(noted, operator, ada):
    Ticket.objects.act(noted.pk, "block", by=ada, reason="wait", cause="clarification")
    Ticket.objects.act(noted.pk, "unblock", by=ada)
    assert Notice.objects.count() == 1
    Ticket.objects.act(noted.pk, "send_back", by=ada, reason="not yet")
    Ticket.objects.act(noted.pk, "advance", by=ada)

    assert Notice.objects.count() == 2


def test_a_new_ticket_tells_of_its_first_phase(project, operator):
    effects = [{"notify": {"role": role}} for role in ("viewer", "operator", "viewer")]
    ticket = open_in(
        project, operator, [{"name": "MAKE", "to": ["OUT"], "effects": effects}, {"name": "OUT", "to": []}]
    )

    assert sorted(Notice.objects.values_list("role", flat=True)) == ["operator", "viewer"]
    assert kinds(ticket) == ["ticket.opened", "ticket.notified", "ticket.notified"]


def test_an_automatic_move_tells_too(project, operator, ada):
    from tests.factories import work_off

    phases = [
        {"name": "MAKE", "to": ["OUT"], "automatic": "on_completion"},
        {"name": "OUT", "to": [], "effects": [{"notify": {"role": "viewer"}}]},
    ]
    ticket = open_in(project, operator, phases)
    work_off(ticket, by=operator, agent=ada)

    assert Ticket.objects.advance_due() == 1
    assert Notice.objects.get().phase == "OUT"


def test_a_move_that_fails_tells_nobody(noted, operator, monkeypatch):
    """The notice is in the transaction of the move."""
    before = Notice.objects.count()
    Ticket.objects.act(noted.pk, "send_back", by=operator, reason="not yet")
    monkeypatch.setattr(Ticket, "save_version", lambda self: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        Ticket.objects.act(noted.pk, "advance", by=operator)

    assert Notice.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_whoever_dismisses_waits_for_a_move_before_any_notice_is_locked(noted, person):
    """A move locks its ticket, then notes its notices: the other way round, one of the two would deadlock."""
    abe = person("approver", "abe")
    dismissal = Act(lambda: Notice.objects.dismiss(by=abe))

    with transaction.atomic():
        Ticket.lock_in_order([noted.pk])
        dismissal.start()
        assert dismissal.waits()
        assert list(Notice.objects.select_for_update(nowait=True).values_list("seen_by", flat=True)) == [""]

    assert dismissal.answer() == 1


def test_it_is_dismissed_on_the_page(noted, person, client):
    abe = person("approver", "abe")
    client.force_login(abe)
    page = client.get("/attention/").content.decode()
    assert f'action="/tickets/{noted.key}/seen/' in page
    assert "/seen/" in client.get(f"/tickets/{noted.key}/").content.decode()

    answer = client.post(f"/tickets/{noted.key}/seen/", {"back": "attention"}, follow=True)

    assert answer.redirect_chain == [("/attention/", 302)]
    assert "leaves the attention list" in answer.content.decode()
    assert listed(abe) == []
