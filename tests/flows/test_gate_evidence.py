"""Gates over HTTP: a gate reads the submitted files; it does not trust a task's result."""

from __future__ import annotations

import pytest

from tests.support import reports
from tests.support.delivery import Delivery, codes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(project, calls, agent):
    """In REQUIREMENTS."""
    made = Delivery(calls, agent)
    made.bring_to("REQUIREMENTS")
    return made


def test_with_its_task_completed_and_a_valid_document_the_gate_is_ready(delivery):
    """For OmoiOS `ready` means that artifacts and tasks exist. Here it means that the gate would open."""
    assert delivery.gate()["status"] == "blocked"
    delivery.submit("requirements_document", reports.requirements())
    assert delivery.gate()["status"] == "waiting_tasks"
    delivery.work_off()
    gate = delivery.gate()
    assert (gate["phase"], gate["status"], gate["verdict"]) == ("REQUIREMENTS", "ready", None)
    assert all(check["passed"] and check["reasons"] == [] for check in gate["checks"])


def test_with_nothing_there_it_is_blocked_and_names_the_document(delivery):
    gate = delivery.gate()
    assert gate["status"] == "blocked"
    missing = [
        reason["need"]
        for check in gate["checks"]
        for reason in check["reasons"]
        if reason["code"] == "artifact_missing"
    ]
    assert set(missing) == {"requirements_document"}
    assert "no_tasks" in codes(gate)


def test_artifacts_come_with_the_completion_and_keep_type_and_path(delivery):
    """OmoiOS collects them from the results of completed tasks when a gate is validated. Here they are a part
    of the completion, with their content.
    """
    document = {
        "type": "requirements_document",
        "path": "docs/requirements.md",
        "content": reports.requirements().decode(),
    }
    delivery.work_off(artifacts=[document])
    [kept] = delivery.person.get(f"{delivery.at}/artifacts").json()["results"]
    assert (kept["type"], kept["path"], kept["phase"], kept["by"]) == (
        "requirements_document",
        "docs/requirements.md",
        "REQUIREMENTS",
        "agent:ada",
    )
    assert delivery.judge()["passed"]


def test_a_result_that_only_names_artifacts_hands_nothing_in(delivery):
    """OmoiOS believes it. Here a result is only the agent's own report, so it creates no artifact."""
    delivery.work_off(
        result={"artifacts": [{"type": "requirements_document", "path": "x", "content": {"length": 700}}]}
    )
    assert "artifact_missing" in codes(delivery.judge())


def test_a_document_of_700_characters_passes(delivery):
    delivery.work_off()
    delivery.submit("requirements_document", reports.requirements(700))
    verdict = delivery.judge()
    assert (verdict["passed"], codes(verdict)) == (True, set())


def test_a_document_of_100_characters_fails_and_a_reason_names_the_length(delivery):
    """OmoiOS takes `content.length`, a number that the agent wrote. Here the characters are counted in the
    file.
    """
    delivery.work_off()
    delivery.submit("requirements_document", reports.requirements(100))
    verdict = delivery.judge()
    assert verdict["passed"] is False
    [short] = [check for check in verdict["checks"] if check["check"] == "min_length"]
    assert [(reason["code"], reason["need"], reason["got"]) for reason in short["reasons"]] == [
        ("too_short", 500, 100)
    ]
    assert "add 400 more visible characters" in short["reasons"][0]["how"]


def test_when_the_gate_passes_the_ticket_may_go_on_without_reasons(delivery):
    """OmoiOS asks the gate alone, wherever the ticket would go. Here both are checked: the gate, and whether
    the workflow allows the move.
    """
    delivery.satisfy()
    way = next(
        way for way in delivery.person.get(f"{delivery.at}/transitions").json() if way["to"] == "DESIGN"
    )
    assert (way["allowed"], way["unmet"]) == (True, [])
    assert delivery.go("DESIGN").status_code == 200


def test_when_the_gate_fails_it_may_not_and_is_told_why(delivery):
    """OmoiOS returns False and a list of texts. Here the refusal is 409 `gate_closed`, and its reasons say
    what to do. It stays in the journal, and explain says it too.
    """
    delivery.work_off()
    delivery.submit("requirements_document", reports.requirements(100))
    refused = delivery.go("DESIGN")
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_closed")
    assert codes(refused) == {"too_short"}
    assert {"check", "code", "need", "got", "how"} == set(refused.json()["unmet"][0])
    assert delivery.phase == "REQUIREMENTS"
    assert delivery.refusals() == [
        {
            "actor": "user:admin",
            "from": "REQUIREMENTS",
            "to": "DESIGN",
            "code": "gate_closed",
            "unmet": ["too_short"],
        }
    ]
    told = delivery.person.get(f"{delivery.at}/explain").json()
    assert (told["waiting_on"], [cause["code"] for cause in told["causes"]]) == ("operator", ["gate"])
    assert "document of 500 characters or more" in told["causes"][0]["what"]


# What the other gates read, and what they do not believe.


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (reports.cobertura(8, 2), None),  # 80 % of its lines
        (reports.cobertura(79, 21), "coverage_low"),
        (
            reports.cobertura(79, 21, claims='line-rate="1" lines-valid="100" lines-covered="100"'),
            "coverage_low",
        ),
        (
            reports.cobertura(8, 2, claims='line-rate="1"'),
            "evidence_unreadable",
        ),  # what contradicts itself is believed in nothing
        (b'{"percentage": 99}', "evidence_unreadable"),
    ],
)
def test_coverage_is_counted_in_the_report_line_by_line(project, calls, agent, content, code):
    """A number beside the report, or its totals, do not count."""
    delivery = Delivery(calls, agent)
    delivery.bring_to("IMPLEMENTATION")
    delivery.work_off()
    delivery.submit("code_changes", reports.changes("tests/test_pay.py"))
    delivery.submit("test_coverage", content)
    assert codes(delivery.judge()) == ({code} if code else set())


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        (reports.changes("src/pay.py", "tests/unit/pay.py"), True),
        (reports.changes("src/test_pay.py"), True),
        (reports.changes("src/pay.py", "tests"), False),
        (b'{"commit": "4f2a91c", "files": [], "has_tests": true}', False),
    ],
)
def test_whether_a_change_has_tests_is_seen_in_its_files(project, calls, agent, content, passes):
    """A field that claims it does not count."""
    delivery = Delivery(calls, agent)
    delivery.bring_to("IMPLEMENTATION")
    delivery.work_off()
    delivery.submit("code_changes", content)
    delivery.submit("test_coverage", reports.cobertura(9, 1))
    assert delivery.judge()["passed"] is passes


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (reports.junit(3), None),
        (reports.junit(3, failed=1), "tests_failed"),  # its attributes claim none
        (reports.junit(0), "no_tests_run"),
        (b'{"all_passed": true}', "evidence_unreadable"),
    ],
)
def test_whether_tests_passed_is_counted_case_by_case(project, calls, agent, content, code):
    """The suite's totals do not count. For `test_evidence`, an artifact must exist."""
    delivery = Delivery(calls, agent)
    delivery.bring_to("TESTING")
    delivery.work_off()
    delivery.submit("test_results", content)
    assert "artifact_missing" in codes(delivery.judge())
    delivery.submit("test_evidence", b"a log")
    assert codes(delivery.judge()) == ({code} if code else set())


@pytest.mark.parametrize("phase", ["BACKLOG", "DESIGN", "DEPLOYMENT"])
def test_a_phase_without_a_gate_has_none_configured_and_passes(project, calls, agent, phase):
    delivery = Delivery(calls, agent)
    delivery.bring_to(phase)
    assert (delivery.gate()["status"], delivery.gate()["checks"]) == ("not_configured", [])
    assert delivery.judge()["passed"]
