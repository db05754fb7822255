"""Phases that no ticket can get to, and phases from which no ticket can finish."""

from __future__ import annotations

import pytest

from tests.tickets.workflows.test_faults import faults

GET = "no ticket can get to phase {}: no moves lead there from A; add it to `to` of a phase before it"
NONE = "no phase is a last one, with `to: []`, so no ticket can be done"
OUT = "phase {} has no way out: no moves lead from it to a last phase, which has `to: []`"


def document(start: str = "", **moves: list[str]) -> str:
    phases = "".join(f"  - {{name: {name}, to: [{', '.join(to)}]}}\n" for name, to in moves.items())
    return f"name: quick\nphases:\n{phases}{start and f'start: {start}'}"


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ({"A": ["C"], "B": ["C"], "C": []}, [f"line 4: {GET.format('B')}"]),
        (
            {"A": ["D"], "B": ["C"], "C": ["B", "D"], "D": []},
            [f"line {n}: {GET.format(p)}" for n, p in ((4, "B"), (5, "C"))],
        ),
        (
            {"A": ["B", "D"], "B": ["C"], "C": ["B"], "D": []},
            [f"line {n}: {OUT.format(p)}" for n, p in ((4, "B"), (5, "C"))],
        ),
        ({"A": ["B"], "B": ["A"]}, [f"line 2: {NONE}"]),
    ],
    ids=["unreachable", "island", "trap", "no last phase"],
)
def test_a_phase_without_a_way_in_or_out_is_a_fault(moves, said):
    assert faults(document(**moves)) == said


def test_moves_count_from_the_start():
    assert faults(document("B", A=["B"], B=["C"], C=[])) == [
        "line 3: no ticket can get to phase A: no moves lead there from B; add it to `to` of a phase"
        " before it"
    ]


@pytest.mark.parametrize(
    "moves",
    [
        {"A": ["REVEIW"], "REVIEW": ["C"], "C": []},  # REVIEW, misspelt
        {"A": ["MISSING"], "B": ["C"], "C": ["B", "D"], "D": []},  # it may lead to B
    ],
)
def test_what_follows_from_an_unknown_phase_is_not_told_besides(moves):
    assert len(faults(document(**moves))) == 1


def test_what_an_unknown_phase_cannot_change_is_told_with_it():
    told = faults(document(A=["D", "MISSING"], B=["D"], E=["F"], F=["E"], D=[]))
    assert told == [
        "line 3: phase A moves to MISSING, which is not a phase",
        f"line 4: {GET.format('B')}",
        f"line 5: {OUT.format('E')}",
        f"line 6: {OUT.format('F')}",
    ]


def test_every_fault_is_told_at_once():
    text = """\
name: quick
phases:
  - {name: A, to: [D, NOWHERE], gate: [{check: guess}, {check: min_coverage, percent: high}]}
  - {name: B, to: [D], wip: 3, colour: red}
  - {name: E, to: [F]}
  - {name: F, to: [E], automatic: 5}
  - name: D
    to: [A]
    to: []
"""
    told = faults(text)
    for line, word in [
        (3, "NOWHERE, which is not a phase"),
        (3, "guess, which is not a check"),
        (3, '`percent` of check 2 of phase A must be a number, but is "high"'),
        (4, "no ticket can get to phase B"),
        (4, "`wip` of phase B must be a mapping of names to values, but is 3"),
        (4, "`colour`, which is not allowed there"),
        (5, "phase E has no way out"),
        (6, "phase F has no way out"),
        (6, "`automatic` of phase F is 5; it must be one of on_claim, on_completion"),
        (9, "phase D has `to` more than once, in lines 8 and 9"),
    ]:
        assert [fault for fault in told if fault.startswith(f"line {line}: ") and word in fault], word
    assert len(told) == 10


def test_a_part_of_a_wrong_type_hides_no_fault_of_the_others():
    text = document(A=["B"], B=["NOPE", "C"], C=[]).replace("to: [B]", "to: B", 1)
    assert faults(text) == [
        'line 3: `to` of phase A must be a list, but is "B"',
        "line 4: phase B moves to NOPE, which is not a phase",
    ]
