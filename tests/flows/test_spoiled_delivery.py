"""A ticket of `software_delivery` from BACKLOG to DONE over the API, with the files and the commit of a real
repository; and the same with each evidence spoiled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.models import Project
from tests.factories import allow_workflow
from tests.support import reports
from tests.support.delivery import Delivery, codes
from tickets.models import PhaseMove, Workflow
from tickets.workflows.document import SHIPPED

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAM = "def total(prices):\n    return sum(prices)\n"
TEST = "from pay import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
OTHER = "f" * 40


@dataclass
class Made:
    """What a developer made: a commit, its files, and the reports that tools wrote about it."""

    commit: str
    files: list[str]
    coverage: bytes
    junit: bytes
    log: bytes
    evidence: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        changes = {"commit": self.commit, "files": self.files}
        self.evidence = {
            "requirements_document": reports.requirements(),
            "code_changes": json.dumps(changes).encode(),
            "test_coverage": self.coverage,
            "test_results": self.junit,
            "test_evidence": self.log,
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    work = tmp_path_factory.mktemp("repository")

    def run(*words: str) -> str:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(work), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(words, cwd=work, env=env, check=True, capture_output=True, text=True).stdout

    (work / "tests").mkdir()
    (work / "pay.py").write_text(PROGRAM)
    (work / "tests" / "test_pay.py").write_text(TEST)
    run("git", "init", "--quiet")
    run("git", "add", ".")
    run(
        "git",
        "-c",
        "user.name=ada",
        "-c",
        "user.email=ada@omoi.invalid",
        "commit",
        "--quiet",
        "-m",
        "Add pay",
    )
    pytest_run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=junit.xml", "--rootdir=."]
    log = run(sys.executable, "-m", "coverage", "run", "--include=pay.py", *pytest_run, "tests")
    run(sys.executable, "-m", "coverage", "xml", "-o", "coverage.xml")
    return Made(
        run("git", "rev-parse", "HEAD").strip(),
        run("git", "show", "--name-only", "--format=", "HEAD").split(),
        (work / "coverage.xml").read_bytes(),
        (work / "junit.xml").read_bytes(),
        log.encode(),
    )


@pytest.fixture
def delivery(project, calls, agent) -> Delivery:
    """In BACKLOG of the shipped workflow, whose reports must also be of one commit."""
    document = yaml.safe_load((SHIPPED / "software_delivery.yaml").read_text())
    for phase in document["phases"]:
        if phase["name"] in ("IMPLEMENTATION", "TESTING"):
            phase["gate"].append({"check": "evidence_of_commit", "types": GATES[phase["name"]]})
    Workflow.objects.install(document)
    allow_workflow(Project.objects.get(), "software_delivery")
    return Delivery(calls, agent)


GATES = {
    "REQUIREMENTS": ["requirements_document"],
    "IMPLEMENTATION": ["code_changes", "test_coverage"],
    "TESTING": ["test_results", "test_evidence"],
}
NEXT = {"REQUIREMENTS": "DESIGN", "IMPLEMENTATION": "TESTING", "TESTING": "DEPLOYMENT"}


def hand_in(delivery: Delivery, made: Made, kind: str, **how: Any) -> None:
    commit = {} if kind == "requirements_document" else {"commit": made.commit}
    delivery.submit(kind, made.evidence[kind], **{**commit, **how})


def bring_to(delivery: Delivery, made: Made, phase: str) -> None:
    """Through the gates with good evidence."""
    for onward in ("REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE"):
        if delivery.phase == phase:
            return
        if delivery.phase in GATES:
            delivery.work_off()
            for kind in GATES[delivery.phase]:
                hand_in(delivery, made, kind)
        moved = delivery.go(onward)
        assert moved.status_code == 200, moved.json()
    assert delivery.phase == phase


def test_it_is_done_with_real_files_and_a_real_commit(delivery, made):
    bring_to(delivery, made, "DONE")

    grounds = [move.ground for move in PhaseMove.objects.filter(ticket__key=delivery.key).order_by("move")]
    assert grounds == ["born", "ungated", "verdict", "ungated", "verdict", "verdict", "ungated"]


def replaced(content: bytes, **how: Any) -> Callable[[Delivery, Made, str], None]:
    def act(delivery: Delivery, made: Made, kind: str) -> None:
        delivery.submit(kind, content, **({"commit": made.commit} | how))

    return act


def superseded(content: bytes) -> Callable[[Delivery, Made, str], None]:
    def act(delivery: Delivery, made: Made, kind: str) -> None:
        hand_in(delivery, made, kind)
        replaced(content)(delivery, made, kind)

    return act


def of_another_commit(delivery: Delivery, made: Made, kind: str) -> None:
    hand_in(delivery, made, kind, commit=OTHER)


def nothing(delivery: Delivery, made: Made, kind: str) -> None:
    pass


HIDDEN = b"```\n# Scope\n# Acceptance criteria\n```\n" + b"x" * 700
TWICE = b'{"commit": "4f2a91c", "files": ["a.py"], "files": ["tests/test_a.py"]}'
LIES = reports.cobertura(9, 1, claims='line-rate="1" lines-valid="10" lines-covered="10"')
SUITE = b'<testsuite tests="2" failures="0"><testcase name="a"/></testsuite>'
SPOILED = [
    ("requirements_document", "absent", nothing, "artifact_missing"),
    ("requirements_document", "old", superseded(reports.requirements(100)), "too_short"),
    ("requirements_document", "malformed", replaced(b"Scope, acceptance criteria " * 30), "sections_missing"),
    ("requirements_document", "contradictory", replaced(HIDDEN), "sections_missing"),
    ("code_changes", "absent", nothing, "artifact_missing"),
    ("code_changes", "old", superseded(reports.changes("pay.py")), "no_tests"),
    ("code_changes", "of another commit", of_another_commit, "of_another_commit"),
    ("code_changes", "malformed", replaced(b"pay.py, tests/test_pay.py"), "evidence_unreadable"),
    ("code_changes", "contradictory", replaced(TWICE), "evidence_unreadable"),
    ("test_coverage", "absent", nothing, "artifact_missing"),
    ("test_coverage", "old", superseded(reports.cobertura(1, 1)), "coverage_low"),
    ("test_coverage", "of another commit", of_another_commit, "of_another_commit"),
    ("test_coverage", "malformed", replaced(b'{"percent": 100}'), "evidence_unreadable"),
    ("test_coverage", "contradictory", replaced(LIES), "evidence_unreadable"),
    ("test_results", "absent", nothing, "artifact_missing"),
    ("test_results", "old", superseded(reports.junit(3, 1)), "tests_failed"),
    ("test_results", "of another commit", of_another_commit, "of_another_commit"),
    ("test_results", "malformed", replaced(b"3 passed"), "evidence_unreadable"),
    ("test_results", "contradictory", replaced(SUITE), "evidence_unreadable"),
    ("test_evidence", "absent", nothing, "artifact_missing"),
]


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "spoiling", "spoil", "code"), SPOILED, ids=[f"{kind} {how}" for kind, how, _, _ in SPOILED]
)
def test_it_stays_where_it_is_with_spoiled_evidence(delivery, made, kind, spoiling, spoil, code):
    phase = next(phase for phase, kinds in GATES.items() if kind in kinds)
    bring_to(delivery, made, phase)
    delivery.work_off()
    for other in GATES[phase]:
        if other != kind:
            hand_in(delivery, made, other)
    spoil(delivery, made, kind)

    refused = delivery.go(NEXT[phase])

    assert (refused.status_code, refused.json()["code"]) == (409, "gate_closed")
    assert code in codes(refused)
    assert all(set(reason) == {"check", "code", "need", "got", "how"} for reason in refused.json()["unmet"])
    assert delivery.phase == phase
    assert code in delivery.refusals()[-1]["unmet"]


def test_the_repository_is_real(made):
    assert len(made.commit) == 40
    assert made.files == ["pay.py", str(Path("tests") / "test_pay.py")]
