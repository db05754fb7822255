"""Pattern documents: all faults at once with their lines, arguments, and what the tasks need."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from tests.support.coordination import of_omoios
from tickets.patterns import document
from tickets.patterns.document import InvalidPattern, read
from tickets.patterns.plan import plan
from tickets.patterns.schema import MOST_TASKS, schema


def faults(source):
    with pytest.raises(InvalidPattern) as refused:
        read(source)
    return [
        (error.get("line", 0), error["field"], error["message"]) for error in refused.value.more["errors"]
    ]


def needs(pattern, **arguments):
    """What each task needs, by name."""
    return {task.name: [need.on for need in task.needs] for task in plan(read(pattern), arguments)}


@pytest.mark.parametrize("shipped", document.shipped(), ids=lambda pattern: pattern.name)
def test_what_is_shipped_is_valid_as_text_and_by_its_schema(shipped):
    import jsonschema

    assert jsonschema.Draft202012Validator(schema()).is_valid(shipped.document)
    assert plan(shipped, dict.fromkeys(shipped.arguments, "17"))


def test_all_faults_are_told_at_once_with_their_lines():
    text = """\
name: 3 parts
pattern:
  type: split
  id: parts
  source_task_id: 17
  target_tasks:
    - task_typ: implement
  later: 1
sync_points:
  - id: all
    required_count: 0
    timeout_seconds: soon
merge:
  id: one
  merge_strategy: mix
"""
    assert [(line, field) for line, field, _ in faults(text)] == [
        (1, "name"),
        (7, "pattern.target_tasks.0"),
        (7, "pattern.target_tasks.0"),
        (8, "pattern"),
        (11, "sync_points.0.required_count"),
        (12, "sync_points.0.timeout_seconds"),
        (15, "merge.merge_strategy"),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "the document is empty"),
        ("[]", "the document is empty"),
        ("name: x", "the pattern adds nothing"),
        ("type: loop\nid: x", "`type` is loop; it must be one of split, sync, merge, join"),
        ("type: [split]\nid: x", "`type` is ['split']"),
        ("name: x\npattern: {type: spilt, id: a}", "did you mean split?"),
        ("type: sync\nid: x", "lacks `waiting_task_ids`"),
        (b"\xff", "is not UTF-8"),
        ("name: &a x\nid: *a", "aliases"),
        ("a: " * 40 + "1", "not valid YAML"),
        ("name: x\nname: y\ntype: sync\nid: x\nwaiting_task_ids: [1]", "more than once"),
        ("type: sync\nid: a\u200bb\nwaiting_task_ids: [1]", "is invisible"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_reason(source, words):
    assert any(words in message for _, _, message in faults(source)) or words in str(faults(source))


def test_too_many_tasks_are_refused():
    tasks = [{"title": "x"}] * (MOST_TASKS + 1)
    pattern = {"type": "split", "id": "s", "source_task_id": "1", "target_tasks": tasks}
    assert "at most 1000 entries" in faults(pattern)[0][2]
    whole = {
        "name": "x",
        "pattern": {**pattern, "target_tasks": tasks[:MOST_TASKS]},
        "sync_points": [{"id": "a"}],
    }
    assert faults(whole) == [(0, "", "the pattern adds 1001 tasks; at most 1000 are allowed")]


def test_a_name_is_given_once():
    pattern = {"name": "x", "sync_points": [{"id": "a", "waiting_task_ids": ["1"]}] * 2}
    assert faults(pattern) == [(0, "sync_points.1.id", "a is the name of two parts of this pattern")]


# -- arguments

SPLIT = {"type": "split", "id": "s", "source_task_id": "${source}", "target_tasks": [{"title": "Do ${what}"}]}


def test_arguments_are_put_in_as_they_are():
    """Inserted text is not searched again, and is never read as YAML."""
    [task] = plan(read(SPLIT), {"source": 17, "what": "${source}\n- x: {ticket}"})
    assert task.title == "Do ${source}\n- x: {ticket}"
    assert [need.on for need in task.needs] == [17]


def test_a_missing_argument_and_one_too_many_are_named():
    with pytest.raises(InvalidPattern) as refused:
        plan(read(SPLIT), {"source": "17", "waht": "x"})
    assert [error["message"] for error in refused.value.more["errors"]] == [
        "the argument what is missing",
        "the pattern s has no argument waht; did you mean what?",
    ]


def test_an_argument_may_be_a_number_or_a_list():
    sync = {"type": "sync", "id": "a", "waiting_task_ids": "${all}", "required_count": "${count}"}
    with pytest.raises(InvalidPattern):
        read({**sync, "on_timeout": "later"})
    [task] = plan(read(sync), {"all": ["1", "OMO-1.2"], "count": 2})
    assert ([need.on for need in task.needs], task.join) == ([1, 2], 2)
    with pytest.raises(InvalidPattern, match="must be a whole number"):
        plan(read(sync), {"all": ["1"], "count": "two"})


def test_a_task_of_the_split_that_is_not_there_is_named():
    pattern = {
        "name": "x",
        "pattern": SPLIT,
        "sync_points": [{"id": "a", "waiting_task_ids": ["${split_task_2_id}"]}],
    }
    with pytest.raises(InvalidPattern, match="the argument split_task_2_id is missing; the tasks of this"):
        plan(read(pattern), {"source": "1", "what": "x"})


# -- what needs what


@pytest.mark.parametrize("name", ["majority_vote", "parallel_implementation", "review_feedback_loop"])
def test_the_patterns_of_omoios_are_read(name):
    pattern = read(of_omoios(name))
    assert (pattern.name, pattern.arguments) == (name, ["source_task_id"])
    found = needs(pattern.document, source_task_id="17")
    three = [f"split_task_{number}" for number in (1, 2, 3)]
    assert [found[task] for task in three] == [[17]] * 3
    sync, merge, last = list(found)[3:]
    assert (found[sync], found[merge], found[last]) == (three, [sync], [merge])


def pattern_of(**blocks):
    split = {"id": "s", "source_task_id": "1", "target_tasks": [{"title": "a"}, {"title": "b"}]}
    return {"name": "x", "pattern": split, **blocks}


GO_ON = {"id": "j", "continuation_task": {"title": "go on"}}


def test_a_join_needs_the_merge_else_the_sync_else_the_tasks():
    tasks = ["split_task_1", "split_task_2"]
    sync, merge = {"id": "all"}, {"id": "m", "merge_strategy": "combine"}
    assert needs(pattern_of(join=GO_ON))["j"] == tasks
    assert needs(pattern_of(sync_points=[sync], join=GO_ON))["j"] == ["all"]
    assert needs(pattern_of(merge=merge, join=GO_ON))["j"] == ["m"]
    found = needs(pattern_of(sync_points=[sync], merge=merge, join=GO_ON))
    assert (found["m"], found["j"]) == (["all"], ["m"])


def test_a_join_merges_first_where_its_strategy_says_so():
    found = needs(pattern_of(join={**GO_ON, "merge_strategy": "union"}))
    assert (found["j_merge"], found["j"]) == (["split_task_1", "split_task_2"], ["j_merge"])


@pytest.mark.parametrize(("strategy", "count"), [("all", None), ("first", 1), ("majority", 2)])
def test_a_join_needs_as_many_as_its_strategy_says(strategy, count):
    tasks = plan(read(pattern_of(join={**GO_ON, "merge_strategy": strategy})), {})
    assert tasks[-1].join == count


@pytest.mark.parametrize(
    ("blocks", "field", "words"),
    [
        ({"sync_points": [{"id": "a", "required_count": 3}]}, "sync_points.0.required_count", "only 2 tasks"),
        (
            {"sync_points": [{"id": "a", "waiting_task_ids": ["j"]}], "join": GO_ON},
            "sync_points.0.waiting_task_ids.0",
            "added later",
        ),
        (
            {"sync_points": [{"id": "a", "waiting_task_ids": ["nobody"]}]},
            "sync_points.0.waiting_task_ids.0",
            "is neither a task",
        ),
        ({"join": {**GO_ON, "source_task_ids": ["1", "1"]}}, "join.source_task_ids", "1 is named twice"),
        ({"merge": {"id": "m", "merge_strategy": "custom"}}, "merge.profile", "needs a profile"),
        (
            {"merge": {"id": "m", "merge_strategy": "union", "profile": "x"}},
            "merge.profile",
            "needs a profile",
        ),
        (
            {
                "sync_points": [{"id": "a"}],
                "merge": {"id": "m", "merge_strategy": "union", "required_count": 1},
            },
            "merge.required_count",
            "is said by the sync a",
        ),
        (
            {
                "sync_points": [{"id": "a"}],
                "merge": {"id": "m", "merge_strategy": "custom", "profile": "x"},
            },
            "merge.merge_strategy",
            "the sync a has none of them: leave the sync out, and write required_count here",
        ),
    ],
)
def test_what_cannot_be_wired_is_refused(blocks, field, words):
    with pytest.raises(InvalidPattern) as refused:
        plan(read(pattern_of(**blocks)), {})
    [error] = refused.value.more["errors"]
    assert error["field"] == field
    assert words in error["message"]


def test_more_needs_than_one_act_may_add_are_refused_before_all_are_planned():
    tasks = [{"title": "x"}] * 900
    pattern = {
        "name": "all_to_all",
        "pattern": {"id": "s", "source_task_id": "1", "target_tasks": tasks},
        "sync_points": [{"id": f"sync_{number}"} for number in range(99)],
    }
    with pytest.raises(InvalidPattern) as refused:
        plan(read(pattern), {})
    [error] = refused.value.more["errors"]
    assert error["field"] == "sync_points.10"  # 900 of the split, and 900 of each sync
    assert "need more than 10000 tasks in all: put a sync before" in error["message"]


def test_a_policy_holds_for_all_edges_of_its_part():
    tasks = plan(read(pattern_of(sync_points=[{"id": "a", "when": "always", "on_failure": "cancel"}])), {})
    assert {(need.when, need.on_failure) for need in tasks[-1].needs} == {("always", "cancel")}


def test_the_same_pattern_as_json_and_as_yaml():
    pattern = pattern_of(join=GO_ON)
    assert read(json.dumps(pattern)) == read(yaml.safe_dump(pattern)) == read(pattern)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"merge": "${x}"}, "merge"),
        ({"join": "${x}"}, "join"),
        ({"pattern": "${x}"}, "pattern"),
        ({"sync_points": "${x}"}, "sync_points"),
        ({"sync_points": ["${x}"]}, "sync_points.0"),
        ({"join": {"id": "on", "continuation_task": "${x}"}}, "join.continuation_task"),
        ({"pattern": {"id": "a", "source_task_id": 1, "target_tasks": "${x}"}}, "pattern.target_tasks"),
        ({"pattern": {"id": "a", "source_task_id": 1, "target_tasks": ["${x}"]}}, "pattern.target_tasks.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_argument_cannot_stand_for_a_part_of_the_pattern(part, field):
    assert field in [name for _, name, _ in faults({"name": "p", **part})]


def test_texts_that_arguments_make_huge_are_refused_before_they_are_made():
    """A body of 30 KB would become 100 MB for each task."""
    parts = [{"description": "${x}" * 5_000}, {"title": "b"}]
    pattern = read({"name": "p", "pattern": {"id": "a", "source_task_id": 1, "target_tasks": parts}})
    with pytest.raises(InvalidPattern, match="with these arguments the texts of the pattern have more than"):
        plan(pattern, {"x": "y" * 20_000})


def test_lists_that_arguments_make_huge_are_refused_before_they_are_checked():
    """A body of 1 MB would become a million skills of 1,000 letters, each checked for 900 tasks."""
    tasks = [{"title": "x", "required_capabilities": "${x}"} for _ in range(900)]
    pattern = read({"name": "p", "pattern": {"id": "a", "source_task_id": 1, "target_tasks": tasks}})
    with pytest.raises(InvalidPattern, match="with these arguments the texts of the pattern have more than"):
        plan(pattern, {"x": ["y" * 1_000] * 1_000})
    with pytest.raises(InvalidPattern, match="with these arguments, more than 10000 values"):
        plan(pattern, {"x": ["y"] * 100})


MISSPELT = {
    "name": "p",
    "pattern": {
        "id": "a",
        "source_task_id": 1,
        "target_tasks": [{"id": f"part_number_{place}", "title": "x"} for place in range(900)],
    },
    "merge": {
        "id": "b",
        "merge_strategy": "union",
        "source_task_ids": [f"part_numbr_{place}" for place in range(1_000)],
    },
}
MANY_ARGUMENTS = {
    "type": "sync",
    "id": "a",
    "waiting_task_ids": [f"${{task_{place}}}" for place in range(900)],
}


@pytest.mark.parametrize(
    ("pattern", "arguments"),
    [
        (MISSPELT, {}),
        (MANY_ARGUMENTS, {f"tsk_{place}": 1 for place in range(50_000)}),
        (MANY_ARGUMENTS, {f"task_{place}": 1 for place in range(50_000)}),
    ],
    ids=["names", "misspelt arguments", "arguments"],
)
def test_however_many_names_are_wrong_they_cost_little_and_are_told_shortly(pattern, arguments):
    pattern = read(pattern)
    began = time.process_time()
    with pytest.raises(InvalidPattern) as refused:
        plan(pattern, arguments)
    assert time.process_time() - began < 2
    told = [error["message"] for error in refused.value.more["errors"]]
    assert len(told) <= 100
    assert max(map(len, told)) <= 500
