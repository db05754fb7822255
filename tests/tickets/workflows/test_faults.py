"""The faults that `workflows check` reports: in plain words, with the line and what is allowed."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from django.core.management import call_command

from omoi_site.settings import ROOT
from tickets.workflows import document
from tickets.workflows.document import InvalidWorkflow

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))
START = "name: quick\nphases:\n"
REST = "  - name: TESTING\n    to: [DONE]\n  - name: DONE\n    to: []\n"


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidWorkflow) as refusal:
        document.read(text)
    return [fault["message"] for fault in refusal.value.more["errors"]]


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (
            "{name: DESIGN, to: [TESTNG]}",
            "line 3: phase DESIGN moves to TESTNG, which is not a phase; did you mean TESTING?",
        ),
        (
            "name: DESIGN\n    to:\n      - TESTING\n      - DESIGN",
            "line 6: phase DESIGN moves to itself",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    automatik: on_claim",
            "line 5: phase DESIGN has `automatik`, which is not allowed there; did you mean automatic?",
        ),
        ("name: DESIGN", "line 3: phase DESIGN lacks `to`"),
        (
            "name: DESIGN\n    to: TESTING",
            'line 4: `to` of phase DESIGN must be a list, but is "TESTING"',
        ),
        (
            "name: design\n    to: [TESTING]",
            'line 3: `name` of phase design is "design"; it must be capital letters, digits and _, first a '
            "letter, such as IN_REVIEW",
        ),
        (
            "name: BLOCKED\n    to: [TESTING]",
            'line 3: `name` of phase BLOCKED is "BLOCKED", which every workflow has anyway; remove it',
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    gate:\n      - {check: min_coverag, percent: 80}",
            "line 6: check 1 of phase DESIGN is min_coverag, which is not a check;"
            " did you mean min_coverage?",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    gate:\n      - {check: file_exists, path: ../a}",
            "line 6: check 1 of phase DESIGN: path ../a: a path must not contain parts such as . or .."
            " (check file_exists)",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    gate:\n      - {check: commit_on_branch, branch: 'a..b'}",
            "line 6: check 1 of phase DESIGN: branch a..b: this is not the name of a branch, such as main or"
            " release/2 (check commit_on_branch)",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    gate:\n      - {check: min_coverage, percent: high}",
            "line 6: `percent` of check 1 of phase DESIGN must be a number,"
            ' but is "high" (check min_coverage)',
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    tasks:\n      - title: a\n        timeout_s: 0",
            "line 7: `timeout_s` of task 1 of phase DESIGN is 0, but must be at least 1",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    tasks:\n      - {title: a, ref: one}\n      - {title: b,"
            " needs: [onne]}",
            "line 7: task 2 of phase DESIGN needs onne, but no earlier task has this ref; did you mean one?",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(phase, said):
    assert said in faults(f"{START}  - {phase}\n{REST}")


def test_faults_are_told_in_the_order_of_their_lines():
    text = f"{START}  - {{name: DESIGN, to: [TESTING, NOWHERE]}}\n{REST}owner: me\n"
    assert [fault.partition(":")[0] for fault in faults(text)] == ["line 3", "line 8"]


def test_a_text_that_is_no_yaml_says_where():
    assert faults(f"{START}  - name: [DESIGN\n{REST}")[0].startswith("not valid YAML: line 4: ")


@pytest.mark.parametrize(
    "text",
    [
        f"{START}  - {{name: A, to: [{', '.join(f'X{n}' for n in range(20_000))}]}}\n{REST}",
        START + "  - {}\n" * 20_000,
        f"{START}  - {{name: A, to: [{'B' * 100_000}]}}\n{REST}",
    ],
    ids=["moves", "phases", "long"],
)
def test_however_many_faults_they_cost_little_and_are_told_shortly(text):
    began = time.process_time()
    told = faults(text)
    assert time.process_time() - began < 8
    assert len(told) <= 100
    assert max(map(len, told)) <= 500


@pytest.mark.django_db
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_of_the_docs_pass_the_check(file):
    out = StringIO()
    call_command("workflows", "check", str(file), stdout=out)
    assert out.getvalue().startswith(f"{file.stem}: the document is valid")


@pytest.mark.django_db
def test_the_command_says_the_fault_that_the_docs_quote(tmp_path):
    [example] = EXAMPLES
    file = tmp_path / "my_workflow.yaml"
    file.write_text(example.read_text().replace("to: [REVIEW]", "to: [REVEIW]", 1))

    with pytest.raises(InvalidWorkflow) as refusal:
        call_command("workflows", "check", str(file))

    line = example.read_text().splitlines().index("    to: [REVIEW]") + 1
    fault = f"line {line}: phase WRITING moves to REVEIW, which is not a phase; did you mean REVIEW?"
    assert fault in refusal.value.message
    assert fault in (ROOT / "docs/workflows.md").read_text()
