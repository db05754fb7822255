"""A key is revoked while its agent writes: what is answered later happened later."""

from __future__ import annotations

import pytest

from agents.models import Agent, Event, Key
from agents.models.key_hold import Unauthorized
from tests.factories import complete, fail
from tests.support.concurrency import meanwhile
from tickets.models import AgentUnavailable, ClaimLost, Outcome, Task

pytestmark = pytest.mark.django_db(transaction=True)

WRITES = {
    "claims": lambda claim, by: Task.objects.claim(by=by),
    "renews": lambda claim, by: Task.objects.renew([(claim.task, claim.fence)], by=by),
    "completes": lambda claim, by: complete(claim, by=by),
    "fails": lambda claim, by: fail(claim, by=by),
    "releases": lambda claim, by: Task.objects.release(claim.task, claim.fence, by=by),
    "tells": lambda claim, by: Task.objects.report_progress(claim.task, claim.fence, {"percent": 5}, by=by),
    "settles and claims": lambda claim, by: Task.objects.settle_and_claim(
        [Outcome(claim.task, claim.fence, "completed")], by=by
    ),
}


@pytest.fixture
def key(ada, operator):
    """The key that ada comes with."""
    key, _ = Key.objects.issue(by=operator, agent=ada)
    ada.via_key = key.prefix
    return key


@pytest.fixture
def claim(ada, task):
    return Task.objects.claim(by=ada)[0]


def revoke(key, operator):
    return Key.objects.filter(pk=key.pk).revoke(by=operator)


def written():
    return list(Task.objects.order_by("pk").values()), Event.objects.exclude(kind="key.revoked").count()


@pytest.mark.parametrize("write", WRITES)
def test_a_revocation_waits_for_the_writes_that_began_before_it(claim, ada, key, operator, write):
    with meanwhile(lambda: revoke(key, operator)) as revoking:
        WRITES[write](claim, ada)

    assert revoking.answer() == [key.prefix]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_waited_for_a_revocation_writes_nothing(claim, ada, key, operator, write):
    before = written()

    with meanwhile(lambda: WRITES[write](claim, ada)) as writing:
        revoke(key, operator)

    with pytest.raises(Unauthorized):
        writing.answer()
    assert written() == before


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_with_a_key_that_has_ended(claim, ada, key, operator, write):
    revoke(key, operator)
    before = written()

    with pytest.raises(Unauthorized):
        WRITES[write](claim, ada)

    assert written() == before


def test_an_agent_is_retired_while_it_claims_and_neither_blocks_the_other(task, ada, key, operator):
    """Both lock the agent first, then its key."""
    with meanwhile(lambda: Agent.objects.act(ada.pk, "retire", by=operator, reason="done")) as retiring:
        Task.objects.claim(by=ada)
    assert retiring.answer()

    with pytest.raises((Unauthorized, AgentUnavailable)):
        Task.objects.claim(by=ada)


def test_what_a_quarantined_agent_held_is_not_written_by_it(claim, ada, key, operator):
    with meanwhile(lambda: complete(claim, by=ada)) as completing:
        Agent.objects.act(ada.pk, "quarantine", by=operator, reason="strange")

    with pytest.raises(ClaimLost):
        completing.answer()


def test_an_agent_that_waited_while_it_left_a_project_gets_nothing_from_it(task, ada, operator):
    with meanwhile(lambda: Task.objects.claim(by=ada)) as claiming:
        Agent.objects.act(ada.pk, "edit", by=operator, projects=[])

    assert claiming.answer() == []


def test_with_an_ended_key_nobody_is_heard_from(ada, key, operator):
    ada.seen(word="busy")
    revoke(key, operator)
    ada.seen(word="degraded")
    ada.presence.refresh_from_db()
    assert ada.presence.word == "busy"
