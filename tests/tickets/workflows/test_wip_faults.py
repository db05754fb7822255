"""What a document may not say in `wip`."""

from __future__ import annotations

import pytest

from tickets.workflows.document import InvalidWorkflow, plan, read


def document(review="REVIEW", **wip):
    phases = [
        {"name": "MAKE", "to": ["REVIEW"], "automatic": "on_completion"},
        {"name": "REVIEW", "to": ["SHIP", "MAKE"]},
        {"name": "SHIP", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ]
    [phase] = [each for each in phases if each["name"] == review]
    phase["wip"] = wip
    return {"name": "reviewing", "phases": phases}


def faults(document):
    with pytest.raises(InvalidWorkflow) as refused:
        read(document)
    return [(error["field"], error["message"]) for error in refused.value.more["errors"]]


@pytest.mark.parametrize("wip", [{"limit": 1}, {"limit": 1000, "holds": ["MAKE"], "oldest_s": 3600}])
def test_a_phase_may_limit_its_tickets(wip):
    assert read(document(**wip))["REVIEW"].wip == wip


def test_a_plan_knows_which_phases_are_held():
    assert plan(document(limit=3, holds=["MAKE"])).holds == {"MAKE"}
    assert plan(document(limit=3)).holds == frozenset()


@pytest.mark.parametrize(
    ("wip", "field", "said"),
    [
        ({}, "phases.1.wip", "`wip` of phase REVIEW lacks `limit`"),
        ({"limit": 0}, "phases.1.wip.limit", "`limit` of `wip` of phase REVIEW is 0, but must be at least 1"),
        (
            {"limit": 1001},
            "phases.1.wip.limit",
            "`limit` of `wip` of phase REVIEW is 1001, but must be at most 1000",
        ),
        (
            {"limit": 1, "oldest_s": 60},
            "phases.1.wip",
            "wip of phase REVIEW has oldest_s, but no phases in holds",
        ),
        (
            {"limit": 1, "holds": ["MAEK"]},
            "phases.1.wip",
            "wip of phase REVIEW holds MAEK, which is not a phase; did you mean MAKE?",
        ),
        (
            {"limit": 1, "holds": ["REVIEW"]},
            "phases.1.wip",
            "wip of phase REVIEW holds the phase itself, which then could not get free",
        ),
        (
            {"limit": 1, "holds": ["SHIP"]},
            "phases.1.wip",
            "wip of phase REVIEW holds SHIP, which is not an earlier phase: only work that comes before it"
            " can wait for it",
        ),
    ],
)
def test_a_limit_that_could_never_be_kept_is_refused(wip, field, said):
    assert faults(document(**wip)) == [(field, said)]


def test_a_last_phase_has_no_limit():
    assert faults(document("DONE", limit=1)) == [
        ("phases.3.wip", "phase DONE is a last phase, where tickets stay: with wip it would be full for ever")
    ]


def sent_back(make=None, review=None, ship=None, *, automatic="on_completion"):
    """A document whose SHIP sends tickets back into MAKE, with the `wip` of these phases."""
    gate = {"gate": [{"check": "artifact", "type": "report"}], "on_failure": {"send_back": "MAKE"}}
    phases = [
        {"name": "MAKE", "to": ["REVIEW"], "automatic": "on_completion"},
        {"name": "REVIEW", "to": ["SHIP"], "automatic": automatic},
        {"name": "SHIP", "to": ["DONE", "MAKE"], "automatic": "on_completion", **gate},
        {"name": "DONE", "to": []},
    ]
    for phase, wip in zip(phases, (make, review, ship), strict=False):
        phase.update({"wip": wip} if wip else {})
        if not phase.get("automatic", True):
            del phase["automatic"]
    return {"name": "reviewing", "phases": phases}


LIMITED = {"limit": 3}
HOLDS = {"limit": 3, "holds": ["MAKE"]}


@pytest.mark.parametrize(
    "wips",
    [
        {"make": LIMITED},
        {"make": LIMITED, "review": LIMITED},
        {"make": LIMITED, "ship": LIMITED},  # those in MAKE can go on to REVIEW
        {"make": LIMITED, "review": HOLDS},  # REVIEW gets free: SHIP has no limit
        {"review": HOLDS, "ship": HOLDS},  # MAKE has none
        {"make": LIMITED, "review": LIMITED, "ship": LIMITED, "automatic": ""},  # people move them on
    ],
)
def test_a_phase_sends_back_into_one_that_gets_free(wips):
    assert read(sent_back(**wips))["SHIP"].on_failure == {"send_back": "MAKE"}


@pytest.mark.parametrize(
    ("wips", "said"),
    [
        (
            {"make": LIMITED, "review": LIMITED, "ship": LIMITED},
            "phase SHIP sends tickets back into MAKE, but each phase from there to here has wip: they could"
            " wait for each other for ever",
        ),
        (
            {"make": LIMITED, "ship": HOLDS},
            "phase SHIP sends tickets back into MAKE, which has wip and whose work waits while SHIP is full:"
            " they could wait for each other for ever",
        ),
        (
            {"make": LIMITED, "review": HOLDS, "ship": LIMITED},
            "phase SHIP sends tickets back into MAKE, which has wip and whose work waits while REVIEW is"
            " full: they could wait for each other for ever",
        ),
    ],
)
def test_a_circle_of_full_phases_is_refused(wips, said):
    assert faults(sent_back(**wips)) == [("phases.2.on_failure", said)]
