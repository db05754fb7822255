"""The row of the check of acceptance criteria."""

from __future__ import annotations

from tests.tickets.gates.rows import Row, Scene, Spoiled
from tickets.models import Ticket

TEXT = "A payment is charged once"


def write(scene: Scene) -> None:
    Ticket.objects.act(scene.ticket.pk, "edit", by=scene.operator, acceptance=[TEXT])


def answer(scene: Scene) -> None:
    write(scene)
    scene.submit("test_results", b"once", name="results.xml")
    Ticket.objects.act(scene.ticket.pk, "answer", by=scene.ada, number=1, evidence="results.xml")


def rubbish(scene: Scene) -> None:
    Ticket.objects.filter(pk=scene.ticket.pk).update(acceptance=["answered"])


def forged(scene: Scene) -> None:
    """A row that names what was never submitted."""
    evidence = {"phase": "WORK", "name": "results.xml", "hash": "0" * 64, "by": "agent:ada"}
    Ticket.objects.filter(pk=scene.ticket.pk).update(acceptance=[{"text": TEXT, "evidence": evidence}])


ROWS = {
    "acceptance": Row(
        {},
        answer,
        absent=Spoiled("criteria_open", write),
        old=Spoiled(
            "criterion_old", lambda scene: scene.submit("test_results", b"twice", name="results.xml")
        ),
        of_another_commit="an answer names one revision, and evidence_of_commit compares its commit",
        malformed=Spoiled("check_failed", rubbish),
        contradictory=Spoiled("criterion_old", forged),
    )
}
