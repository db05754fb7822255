"""Many ways to open a gate with evidence that is not, none of which succeeds.

All other evidence is there, and the work is done. The ticket must stay, and the try must be in the journal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import lapse
from tests.support import reports
from tests.support.delivery import Delivery
from tests.support.gate_scene import GateScene, Ways, expect_no_way_on
from tickets.models import Artifact, Task
from tickets.models.gate.content_storage import storage

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = Ways()
way = WAYS.way


@way(lacks="requirements_document")
def numbers_claimed_in_a_result(scene):
    scene.delivery.work_off(
        result={"artifacts": [{"type": "requirements_document", "content": {"length": 9000}}], "passed": True}
    )
    return scene.go()


@way(lacks="requirements_document")
def numbers_claimed_beside_an_artifact(scene):
    body = {"type": "requirements_document", "content": "# Scope", "length": 9000}
    assert scene.calls.post(f"{scene.delivery.at}/artifacts", body).status_code == 422
    return scene.go()


@way(lacks="requirements_document")
def a_document_that_claims_its_length(scene):
    scene.delivery.submit(
        "requirements_document", b'{"length": 9000, "sections": ["scope", "acceptance_criteria"]}'
    )
    return scene.go()


@way(lacks="requirements_document")
def a_document_padded_with_blanks(scene):
    scene.delivery.submit(
        "requirements_document", b"# Scope\n" + b" " * 900 + b"\n# Acceptance criteria" + b"\n" * 900
    )
    return scene.go()


@way(lacks="requirements_document")
def a_document_padded_between_words(scene):
    scene.delivery.submit(
        "requirements_document", ("# Scope\n# Acceptance criteria\na" + "\n\u200b\u00a0" * 400 + "z").encode()
    )
    return scene.go()


@way(lacks="requirements_document")
def headings_that_are_only_quoted(scene):
    scene.delivery.submit("requirements_document", b"```\n# Scope\n# Acceptance criteria\n```\n" + b"x" * 600)
    return scene.go()


@way(lacks="requirements_document")
def a_document_that_takes_for_ever_to_read(scene):
    scene.delivery.submit("requirements_document", b"# Scope\n" + b"[" * 900_000)
    return scene.go()


@way(lacks="requirements_document")
def a_file_that_is_no_text(scene):
    file = SimpleUploadedFile("requirements.md", b"# Scope\n# Acceptance criteria\n" + b"\xff" * 900)
    scene.calls.upload(f"{scene.delivery.at}/artifacts", type="requirements_document", file=file)
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_of_another_ticket(scene):
    other = Delivery(scene.calls, scene.agent)
    other.bring_to("REQUIREMENTS")
    other.submit("requirements_document", reports.requirements())
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_of_another_phase(scene):
    scene.delivery.submit("requirements_document", reports.requirements(), phase="DESIGN")
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_under_an_old_fence(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "do it"}]})
    [old] = Task.objects.claim(by=scene.ada)
    lapse(old)
    held = {"task": str(old.task), "fence": old.fence}
    document = {"type": "requirements_document", "content": reports.requirements().decode()}
    assert (
        scene.agent.post(f"{scene.delivery.at}/artifacts", {**document, **held}).json()["code"]
        == "claim_lost"
    )
    assert Task.objects.claim(by=scene.ada)
    late = scene.agent.post(f"/tasks/{old.task}/completion", {"fence": old.fence, "artifacts": [document]})
    assert late.json()["code"] == "claim_lost"
    Task.objects.filter(pk=old.task).cancel(by=scene.operator, reason="late")
    assert not Artifact.objects.exists()
    return scene.go()


@way(lacks="requirements_document")
def a_good_document_replaced_by_a_poor_one(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    scene.delivery.submit("requirements_document", b"# Scope")
    return scene.go()


@way(lacks="requirements_document")
def a_file_changed_in_its_folder(scene):
    scene.delivery.submit("requirements_document", b"# Scope")
    Path(storage().path(Artifact.objects.get().blob.location)).write_bytes(reports.requirements())
    return scene.go()


def report(phase: str, kind: str, to: str, name: str, content: bytes) -> None:
    def act(scene: GateScene) -> Any:
        scene.calls.upload(
            f"{scene.delivery.at}/artifacts", type=kind, file=SimpleUploadedFile("report", content)
        )
        return scene.go(to)

    act.__name__ = name
    way(phase, lacks=kind)(act)


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)
HIT = b'<line number="%d" hits="1"/>'
MISSED = b"".join(b'<line number="%d" hits="0"/>' % n for n in range(2, 9))


def cobertura(lines: bytes, **claims: str) -> bytes:
    claims = {
        "lines_valid": str(lines.count(b"<line ") or 1),
        "lines_covered": str(lines.count(b'hits="1"')),
    } | claims
    claimed = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in claims.items()).encode()
    return (
        b'<coverage %s><packages><package><classes><class filename="a.py"><lines>%s</lines></class>'
        b"</classes></package></packages></coverage>"
        % (
            claimed,
            lines,
        )
    )


for name, content in {
    "coverage_whose_totals_lie": cobertura(
        HIT % 1 + MISSED, line_rate="1.0", lines_covered="8", lines_valid="8"
    ),
    "coverage_that_counts_one_line_often": cobertura(HIT % 1 * 100 + MISSED),
    "coverage_of_a_piece_without_totals": cobertura(HIT % 1, lines_valid="", lines_covered=""),
    "coverage_of_nothing": cobertura(b"", line_rate="1.0"),
    "coverage_of_no_bytes": b"",
    "coverage_that_is_a_bomb": BOMB + b"<coverage>&c;</coverage>",
    "coverage_from_a_file_of_the_server": (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><coverage>&f;</coverage>'
    ),
    "coverage_as_a_number": b'{"percentage": 100}',
    "coverage_with_negative_hits": cobertura(b'<line number="1" hits="-5"/>'),
    "coverage_of_a_line_without_a_number": cobertura(b'<line hits="1"/>'),
    "coverage_that_tells_of_less_than_it_holds": cobertura(HIT % 1, line_rate="0.1"),
    "coverage_with_hits_that_are_none": cobertura(b'<line number="1" hits="many"/>'),
}.items():
    report("IMPLEMENTATION", "test_coverage", "TESTING", name, content)
for name, content in {
    "changes_that_claim_tests": b'{"commit": "4f2a91c", "files": ["a.py"], "has_tests": true}',
    "changes_with_a_file_called_tests": reports.changes("tests", "contests/a.py", "latest_a.py"),
    "changes_without_a_commit": b'{"files": ["tests/test_a.py"]}',
    "changes_of_a_commit_that_is_none": b'{"commit": "main", "files": ["tests/test_a.py"]}',
    "changes_that_are_no_list": b'{"commit": "4f2a91c", "files": "tests/test_a.py"}',
}.items():
    report("IMPLEMENTATION", "code_changes", "TESTING", name, content)
for name, content in {
    "tests_whose_totals_lie": (
        b'<testsuites failures="0" tests="9"><testsuite failures="0"><testcase/><testcase><failure/>'
        b"</testcase></testsuite></testsuites>"
    ),
    "tests_of_nothing": b'<testsuites tests="9" failures="0"/>',
    "tests_all_skipped": b"<testsuite><testcase><skipped/></testcase></testsuite>",
    "tests_that_broke_before_they_ran": (
        b"<testsuites><testsuite><error/><testcase/></testsuite></testsuites>"
    ),
    "tests_of_no_bytes": b"",
    "tests_that_are_a_bomb": BOMB + b"<testsuite><testcase>&c;</testcase></testsuite>",
    "tests_as_a_word": b'{"all_passed": true}',
    "tests_in_a_page": b"<html><testcase/></html>",
}.items():
    report("TESTING", "test_results", "DEPLOYMENT", name, content)


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return GateScene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


@pytest.mark.full
@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    expect_no_way_on(scene, WAYS[name])
