"""Texts that are no plain document: each is refused with its line, at a bounded cost."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Event
from tests.support.api_client import ROOT, api_of
from tests.tickets.workflows.test_faults import REST, START, faults
from tickets.models import Workflow
from tickets.workflows import document, plain_yaml
from tickets.workflows.document import InvalidWorkflow

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
        "not valid YAML: line 1: found invalid Unicode character escape code",
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
    assert faults(text) == [said]


def phases(count: int, entry: str) -> str:
    listed = "".join(f"  - {{name: P{'X' * 50}{n}, to: [TESTING], {entry}}}\n" for n in range(count))
    return f"{START}{listed}{REST}"


def each(count: int, item: str) -> str:
    return ", ".join(item.replace("N", str(number)) for number in range(count))


IN_QUICK = {"legal", "values", "checks"}  # and the others with `--full`
DENSE = {
    "legal": phases(1, f"tasks: [{each(100, '{title: a, capabilities: [' + each(90, 'c') + ']}')}]"),
    "values": "a: [" + "1," * 125_000 + "]",
    "mappings": START + "- {}\n" * 50_000,
    "moves": START
    + "".join(f"  - {{name: P{n}, to: [{each(50, 'Q' * 50 + f'{n}_N')}]}}\n" for n in range(48))
    + REST,
    "needs": phases(
        1, f"tasks: [{each(100, '{title: a, ref: rrrrrrrN, needs: [' + each(80, 'rrrrrrNx') + ']}')}]"
    ),
    "keys": phases(1, each(4_000, "tasksN: 1")),
    "repeated": phases(1, f"tasks: [{each(1_500, '{title: a, title: b}')}]"),
    "checks": phases(40, f"gate: [{each(50, '{check: min_coverag}')}]"),
    "parameters": phases(25, f"gate: [{each(50, '{check: min_coverage, percent: high}')}]"),
    "texts": phases(1, f"tasks: [{each(12, '{title: a, description: ' + 'x' * 20_000 + '}')}]"),
}


@pytest.mark.full
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name, marks=() if name in IN_QUICK else pytest.mark.full)
        for name, text in DENSE.items()
    ],
)
def test_what_a_text_costs_is_bounded_however_dense_it_is(text):
    """Counted in calls of functions: a million take a quarter of a second."""
    assert calls_of(lambda: document.read(text)) < 600_000


def test_a_document_that_is_not_yaml_has_no_more_values():
    many = {"name": "quick", "phases": [{"name": "A", "to": ["B"], "tasks": [{"title": "a"}] * 4_000}]}
    with pytest.raises(InvalidWorkflow, match="more than 10000 values: shorten the document"):
        document.read(many)
    assert calls_of(lambda: document.read(many)) < 100_000


def calls_of(act: Callable[[], Any]) -> int:
    """How many functions a document calls until it is read or refused."""
    calls = Counter[str]()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        act()
    except InvalidWorkflow:
        pass
    finally:
        sys.setprofile(None)
    return calls["call"]


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
