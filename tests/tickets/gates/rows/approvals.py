"""The row of approvals: people decide about the evidence, so evidence that changed is not what they saw."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from agents.models import Member
from tests import factories
from tests.tickets.gates.rows import Row, Scene, Spoiled


def person(scene: Scene, name: str) -> Any:
    user, new = get_user_model().objects.get_or_create(username=name)
    if new:
        Member.objects.create(project=scene.project, user=user, role="approver")
    return user


def decide(scene: Scene, decision: str = "approve", name: str = "bea", **how: Any) -> None:
    factories.decide(scene.ticket, decision, by=person(scene, name), **how)


def approved(scene: Scene) -> None:
    scene.submit("notes", b"version 1", commit="4f2a91c")
    decide(scene)


def another(scene: Scene) -> None:
    scene.submit("notes", b"version 2", commit="77aa012")


def role_lost(scene: Scene) -> None:
    approved(scene)
    Member.objects.filter(user=person(scene, "bea")).update(role="operator")


def overruled(scene: Scene) -> None:
    approved(scene)
    decide(scene, "reject", "cem", reason="it cannot be paid twice")


ROWS = {
    "approvals": Row(
        {"count": 1, "role": "approver"},
        approved,
        absent=Spoiled("approvals_missing"),
        old=Spoiled("approvals_missing", another),
        of_another_commit=Spoiled("approvals_missing", lambda scene: (approved(scene), another(scene))),
        malformed=Spoiled("approvals_missing", role_lost),
        contradictory=Spoiled("rejected", overruled),
    )
}
