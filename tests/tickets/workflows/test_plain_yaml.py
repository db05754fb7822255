"""Texts that are no plain document: each is refused with its line, at a bounded cost."""

from __future__ import annotations

import time

import pytest

from agents.models import Event
from tests.support.api_client import ROOT, api_of
from tests.tickets.workflows.test_faults import REST, START, faults
from tickets.models import Workflow
from tickets.workflows import plain_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(f"c{n}: &c{n} [*b, *b]\n" for n in range(30))
LONG = "not valid YAML: line 1: a number may have at most 40 characters"
TEXTS = {
    "anchors": (BOMB, "not valid YAML: line 2: aliases (*) are not allowed: repeat the text instead"),
    "brackets": ("[" * 30_000 + "]" * 30_000, "not valid YAML: line 1: nested deeper than 32 levels"),
    "braces": ("{a: " * 30_000, "not valid YAML: line 1: nested deeper than 32 levels"),
    "dashes": (f"{START}  - {'- ' * 30_000}", "not valid YAML: line 3: nested deeper than 32 levels"),
    "500 phases": (
        START + "".join(f"  - {{name: P{n}, to: [P{n + 1}]}}\n" for n in range(500)),
        "line 2: `phases` may have at most 50 entries, but has 500",
    ),
    "empty": ("", "the document is empty: write `name` and `phases`"),
    "comment": ("# later\n", "the document is empty: write `name` and `phases`"),
    "latin-1": (
        f"{START}  - {{name: É}}".encode("latin-1"),
        "line 3: byte 0xC9 is not UTF-8: save the document as UTF-8",
    ),
    "utf-16": (START.encode("utf-16"), "line 1: byte 0xFF is not UTF-8: save the document as UTF-8"),
    "control": ("name: quick\nphases: \x07", "line 2: character U+0007 is not allowed: remove it"),
    "NUL": (
        'name: "\\0"',
        "not valid YAML: line 1: the text contains a NUL character, which cannot be stored",
    ),
    "half a letter": (
        'name: "\\ud800"',
        "not valid YAML: line 1: the text contains half a surrogate pair, which cannot be stored",
    ),
    "digits": ("a: " + "1" * 100_000, LONG),
    "minutes": ("a: " + "1:" * 120_000 + "1", LONG),
    "overflow": ("a: " + "1:" * 200 + "1.0", LONG),
    "infinite": ("a: .inf", "not valid YAML: line 1: a number must be finite"),
    "boolean": ("a: !!bool maybe", 'not valid YAML: line 1: "maybe" cannot be read as bool'),
    "number": ('a: !!int ""', 'not valid YAML: line 1: "" cannot be read as int'),
    "tag": (
        "a:\n  - !!set {b}",
        "not valid YAML: line 2: could not determine a constructor for the tag 'tag:yaml.org,2002:set'",
    ),
    "two": ("a: b\n---\nc: d\n", "not valid YAML: line 2: but found another document"),
}


@pytest.mark.parametrize(("text", "said"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_plain_document_is_refused_with_its_line(text, said):
    began = time.process_time()
    assert faults(text) == [said]
    assert time.process_time() - began < 2


@pytest.mark.django_db
def test_each_of_them_is_refused_over_http_and_nothing_is_stored(operator):
    calls = api_of(operator)
    before = Workflow.objects.count(), Event.objects.count()
    for name, (text, _) in TEXTS.items():
        put = calls.client.put(
            f"{ROOT}/workflows/quick", text, content_type="application/yaml", headers=calls.headers
        )
        assert (put.status_code, put.json()["code"]) == (422, "invalid_workflow"), name
    assert (Workflow.objects.count(), Event.objects.count()) == before


@pytest.mark.django_db
def test_json_is_bounded_before_it_is_parsed_too(operator):
    calls = api_of(operator)
    deep = calls.put("/workflows/quick", '{"name": ' + "[" * 30_000 + "]" * 30_000 + "}")
    assert (deep.status_code, deep.json()["code"]) == (400, "malformed")
    twice = calls.put("/workflows/quick", '{"name": "quick", "phases": [{"to": [], "to": ["A"]}]}')
    assert (twice.status_code, 'the key "to" appears twice' in twice.json()["detail"]) == (400, True)


def test_a_key_written_more_than_once_is_a_fault_wherever_it_is():
    design = "  - name: DESIGN\n    to: [TESTING]\n    tasks: [{title: a, title: b}]\n"
    assert faults(f"{START}{design}{REST}start: A\nstart: DESIGN\n") == [
        "line 5: task 1 of phase DESIGN has `title` more than once, in lines 5 and 5",
        "line 11: the document has `start` more than once, in lines 10 and 11",
    ]


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (
            "{name: DE\u200bSIGN, to: [TESTING]}",
            "line 3: `name` of phase DE<U+200B>SIGN: character 3 (U+200B) is a control character or is"
            " invisible: remove it",
        ),
        (
            "{name: DESIGN, to: [TESTING], ga\u2060te: []}",
            "line 3: `ga<U+2060>te` of phase DESIGN: character 3 (U+2060) is a control character or is"
            " invisible: remove it",
        ),
        (
            "{name: DESIGN, to: [TESTING],\n     tasks: [{title: a, ref: one\u202e}]}",
            "line 4: `ref` of task 1 of phase DESIGN: character 4 (U+202E) is a control character or is"
            " invisible: remove it",
        ),
        (
            "name: DESIGN\n    to: [TESTING]\n    \u00a0gate: []",
            "line 5: phase DESIGN has `<U+00A0>gate`, which is not allowed there; did you mean gate?",
        ),
    ],
    ids=["phase", "key", "reference", "blank"],
)
def test_a_character_that_cannot_be_seen_is_shown(phase, said):
    assert faults(f"{START}  - {phase}\n{REST}") == [said]


def test_a_title_may_join_letters_as_its_language_does():
    family = "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    parsed = plain_yaml.parse(f"title: {family}\n")
    assert parsed.document == {"title": family}


def test_a_word_that_yaml_reads_as_no_text_is_to_be_quoted():
    assert "line 3: `name` of phase 1 must be a text, but is false; write it in quotes" in faults(
        f"{START}  - {{name: NO, to: [TESTING]}}\n{REST}"
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("wip: 3", "`wip` of phase DESIGN is not available yet"),
        ("stall_after_s: 60", "`stall_after_s` of phase DESIGN is not available yet"),
        ("approvals: {count: 1, role: approver}", "`approvals` of phase DESIGN is not available yet"),
        ("effects: [open_pull_request]", "effect 1 of phase DESIGN (open_pull_request) is not available yet"),
        ("effects: [{land: {}}]", "effect 1 of phase DESIGN (land) is not available yet"),
        ("land: true", "`land` of phase DESIGN is not available yet"),
        (
            "gate: [{check: no_unread_blocking_message}]",
            "check 1 of phase DESIGN is no_unread_blocking_message, which is not available yet",
        ),
    ],
)
def test_what_is_known_but_not_built_is_not_available_yet(part, said):
    assert faults(f"{START}  - {{name: DESIGN, to: [TESTING], {part}}}\n{REST}") == [f"line 3: {said}"]


def test_dates_and_merges_are_plain_texts():
    parsed = plain_yaml.parse("day: 2026-11-29\n<<: {day: b}\n")
    assert parsed.document == {"day": "2026-11-29", "<<": {"day": "b"}}
