"""Rows of the checks of documents."""

from __future__ import annotations

from tests.support import reports
from tests.tickets.gates.rows import Row, Scene, Spoiled

KIND = "requirements_document"
NOT_OF_A_COMMIT = "a document is not of a commit"


def hand_in(content: bytes):
    return lambda scene: scene.submit(KIND, content)


def of_another_type(scene: Scene) -> None:
    scene.submit("notes", reports.requirements(), name=KIND)


PRICE = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number", "minimum": 0}}}


def json_file(content: bytes):
    return lambda scene: scene.submit("offer", content)


ROWS = {
    "artifact": Row(
        {"type": KIND},
        hand_in(reports.requirements()),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("artifact_missing", of_another_type),
        of_another_commit="it asks only whether the artifact is there",
        malformed="it asks only whether the artifact is there",
        contradictory=Spoiled("artifact_missing", of_another_type),
    ),
    "min_length": Row(
        {"type": KIND, "length": 500},
        hand_in(reports.requirements(700)),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("too_short", hand_in(reports.requirements(100))),
        of_another_commit=NOT_OF_A_COMMIT,
        malformed=Spoiled("evidence_unreadable", hand_in(b"\xff\xfe" * 400)),
        contradictory=Spoiled("too_short", hand_in(b"<div hidden>" + b"x" * 900 + b"</div>")),
    ),
    "sections": Row(
        {"type": KIND, "sections": ["scope", "acceptance_criteria"]},
        hand_in(reports.requirements()),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("sections_missing", hand_in(reports.requirements(headings=("Scope",)))),
        of_another_commit=NOT_OF_A_COMMIT,
        malformed=Spoiled("evidence_unreadable", hand_in(b"# Scope\xff\n# Acceptance criteria")),
        contradictory=Spoiled("sections_missing", hand_in(b"```\n# Scope\n# Acceptance criteria\n```")),
    ),
    "json_schema": Row(
        {"type": "offer", "schema": PRICE},
        json_file(b'{"price": 4.2}'),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("not_valid", json_file(b'{"price": -1}')),
        of_another_commit=NOT_OF_A_COMMIT,
        malformed=Spoiled("evidence_unreadable", json_file(b'{"price": 4.2')),
        contradictory=Spoiled("evidence_unreadable", json_file(b'{"price": -1, "price": 4.2}')),
    ),
}
