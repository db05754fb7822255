"""The types of the fast routes beside the shapes they are made from: what a type accepts, its shape accepts
too, with the same values.
"""

from __future__ import annotations

import itertools

import msgspec
import pytest
from rest_framework import serializers

from agents.api.fast_shapes import struct_of
from agents.api.parsing import Shape, checked
from omoi_site.errors import Invalid
from tickets.api.claims import ClaimIn, CompletionIn, FailureIn, HeartbeatIn, ProgressIn
from tickets.api.settlements import SettlementsIn

SHAPES = [ClaimIn, CompletionIn, FailureIn, HeartbeatIn, ProgressIn, SettlementsIn]
ODD = [
    *(None, True, 0, -1, 1, 5, 30, 31, 100, 101, 14_400, 14_401, 2**63 - 1, 2**63, 0.5, 1.0, 100.5),
    *("", " ", "1", " a", "a ", "a", "ä b", "\u00a0a", "a\n", "doing", "DOING", "PHASE_DOING", "7" * 19, "٣"),
    *("completed", "failed", "transient", "x" * 101, "x" * 20_001),
    *(
        [],
        {},
        ["a"],
        [" a"],
        ["DOING"],
        [1],
        ["a"] * 101,
        {"a": 1},
        {"branch": "b"},
        {"branch": " "},
        {"x": "y"},
    ),
]
HELD = {"task": "1", "fence": 1}
GOOD = {
    ClaimIn: {
        "limit": 2,
        "capabilities": ["a"],
        "phases": ["DOING"],
        "project": "OMO",
        "lease_s": 9,
        "wait_s": 1,
    },
    CompletionIn: {"fence": 1, "result": {"a": [1.5]}, "commit": "abc"},
    FailureIn: {"fence": 1, "error": "broken", "kind": "rate_limited", "pool": "anthropic:team"},
    HeartbeatIn: {"claims": [HELD, {"task": "2", "fence": 0}], "status": "fine", "metrics": {"load": 1}},
    ProgressIn: {"fence": 1, "message": "half", "percent": 50, "checkpoint": {"branch": "b", "summary": ""}},
    SettlementsIn: {
        "items": [
            {**HELD, "outcome": "completed", "result": None},
            {**HELD, "outcome": "failed", "error": "", "kind": "transient"},
        ],
        "next": {"limit": 8},
    },
}


def variants(body):
    """The body with one value replaced, left out or added, at every depth."""
    yield {**body, "strange": 1}
    for name, value in body.items():
        yield {other: kept for other, kept in body.items() if other != name}
        for odd in ODD:
            yield {**body, name: odd}
        match value:
            case dict():
                yield from ({**body, name: inner} for inner in variants(value))
            case [dict() as first, *others]:
                yield from ({**body, name: [inner, *others]} for inner in variants(first))


def plain(value):
    """Ids as texts: a fast route turns them into numbers itself."""
    match value:
        case dict():
            return {name: str(inner) if name == "task" else plain(inner) for name, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
    return value


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_type_accepts_no_more_than_its_shape_and_leaves_the_same(shape):
    accepted = 0
    for body in itertools.chain([GOOD[shape], {}, [], None], variants(GOOD[shape])):
        try:
            quick = msgspec.to_builtins(msgspec.convert(body, struct_of(shape)))
        except msgspec.ValidationError:
            continue
        accepted += 1
        assert quick == plain(checked(shape, body)), body
    assert accepted > 20


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_type_accepts_what_is_usual(shape):
    assert msgspec.to_builtins(msgspec.convert(GOOD[shape], struct_of(shape)))


def test_a_field_without_a_type_is_left_to_the_full_view_or_refused():
    class Optional(Shape):
        at = serializers.DateTimeField(required=False)

    class Needed(Shape):
        at = serializers.DateTimeField()

    assert msgspec.convert({}, struct_of(Optional))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"at": "2026-01-01T00:00Z"}, struct_of(Optional))
    with pytest.raises(TypeError):
        struct_of(Needed)


def test_the_shapes_own_checks_count():
    class Even(Shape):
        number = serializers.IntegerField()

        def validate_number(self, value: int) -> int:
            if value % 2:
                raise serializers.ValidationError("odd")
            return value

    assert msgspec.convert({"number": 2}, struct_of(Even))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"number": 1}, struct_of(Even))
    with pytest.raises(Invalid):
        checked(Even, {"number": 1})
