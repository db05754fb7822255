"""Every strategy of a merge against the words that define it, carried out value by value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.models.coordination import merge as coordination_merge
from tickets.models.coordination.merge import STRATEGIES, Merged, Source, Unmergeable, merge, same

START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, 0.5, "", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def sources(*results, ended=None):
    order = ended or range(len(results))
    return [
        Source(f"OMO-1.{number}", START + timedelta(seconds=at), result)
        for number, (result, at) in enumerate(zip(results, order, strict=True))
    ]


def equal(one, other):
    """Equal as JSON, told apart by type and not by a text of it."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(equal(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return one == other


def among(value, values):
    return any(equal(value, other) for other in values)


def expected(strategy, given):
    """What a strategy should give for objects, key by key."""
    keys = list(dict.fromkeys(key for result in given for key in result))
    of = {key: [result[key] for result in given if key in result] for key in keys}
    if strategy == "combine":
        return {key: values[-1] for key, values in of.items()}
    if strategy == "intersection":
        return {key: values[-1] for key, values in of.items() if len(values) == len(given)}
    if strategy == "majority":
        most = {
            key: [value for value in values if 2 * sum(equal(value, other) for other in values) > len(given)]
            for key, values in of.items()
        }
        return {key: winners[0] for key, winners in most.items() if winners}
    united = {}
    for key, values in of.items():
        merged = values[0]
        for value in values[1:]:
            if equal(merged, value):
                continue
            distinct = []
            for item in [
                *(merged if isinstance(merged, list) else [merged]),
                *(value if isinstance(value, list) else [value]),
            ]:
                if not among(item, distinct):
                    distinct.append(item)
            merged = distinct
        united[key] = merged
    return united


@given(st.sampled_from(["combine", "union", "intersection", "majority"]), st.lists(OBJECTS, max_size=5))
def test_objects_are_merged_key_by_key(strategy, results):
    try:
        merged = merge(strategy, sources(*results))
    except Unmergeable:
        assert strategy == "majority"
        assert not results or (any(results) and not expected(strategy, results))
        return
    assert equal(merged.result, expected(strategy, results))
    assert set(merged.left_out) == (
        {key for result in results for key in result} - merged.result.keys()
        if strategy == "majority"
        else set()
    )


@given(st.lists(st.none() | OBJECTS, min_size=1, max_size=4), st.randoms())
def test_first_is_the_one_that_was_completed_first(results, random):
    order = random.sample(range(len(results)), len(results))
    given = [(at, result) for at, result in zip(order, results, strict=True) if result is not None]
    assert merge("first", sources(*results, ended=order)).result == (
        min(given, key=lambda pair: pair[0])[1] if given else {}
    )


@given(st.sampled_from(["combine", "union", "intersection"]), st.lists(OBJECTS, max_size=4))
def test_a_task_without_a_result_is_skipped(strategy, results):
    with_none = [None, *[each for result in results for each in (result, None)]]
    assert merge(strategy, sources(*with_none)) == merge(strategy, sources(*results))


@given(st.lists(VALUES.filter(lambda value: value is not None), min_size=1, max_size=5))
def test_results_that_are_no_objects_are_voted_as_a_whole(results):
    if all(isinstance(result, dict) for result in results):
        return
    winners = [one for one in results if 2 * sum(equal(one, other) for other in results) > len(results)]
    if winners:
        assert equal(merge("majority", sources(*results)).result, winners[0])
    else:
        with pytest.raises(Unmergeable, match="more than half"):
            merge("majority", sources(*results))


@pytest.mark.parametrize("strategy", ["combine", "union", "intersection"])
def test_a_result_that_is_no_object_is_named(strategy):
    with pytest.raises(Unmergeable, match=r"^the result of OMO-1\.1 is not an object"):
        merge(strategy, sources({"a": 1}, [2]))


def test_a_majority_does_not_depend_on_the_order():
    for order in permutations([{"a": 1}, {"a": 1.0}, {"a": True}]):
        assert merge("majority", sources(*order)).result == {"a": 1}


def test_without_any_value_of_a_majority_it_says_so():
    with pytest.raises(Unmergeable, match="no value is that of more than half of the 2 tasks, neither of a"):
        merge("majority", sources({"a": 1}, {"a": 2}))


@given(VALUES, VALUES)
def test_values_are_compared_as_json(one, other):
    assert same(one, other) == equal(one, other)


class Counted(dict):
    """Counts how often it is asked for a key."""

    asked = 0

    def __contains__(self, key):
        Counted.asked += 1
        return super().__contains__(key)


def test_a_majority_looks_at_what_was_given_and_not_at_every_key_in_every_result(monkeypatch):
    """Thousands of keys in a thousand results would take a minute, in which the tickets are locked."""
    monkeypatch.setattr(Counted, "asked", 0)
    results = [Counted({f"{one}.{key}": key for key in range(20)}, same=1) for one in range(100)]

    assert merge("majority", sources(*results)).result == {"same": 1}
    assert Counted.asked <= 2_100


def test_a_union_looks_at_each_value_once_and_not_at_all_that_is_united_for_each(monkeypatch):
    looked = []
    plain = coordination_merge._plain
    monkeypatch.setattr(coordination_merge, "_plain", lambda value: looked.append(value) or plain(value))
    results = [{"all": [one, f"{one}"]} for one in range(200)]

    merged = merge("union", sources(*results)).result

    assert merged == {"all": [item for result in results for item in result["all"]]}
    assert len(looked) < 3 * 400


def test_nothing_at_all_is_an_empty_object():
    for strategy in STRATEGIES:
        if strategy != "majority":
            assert merge(strategy, []) == Merged({})
