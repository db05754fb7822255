"""Task templates: the tasks with which a phase begins, added again by hand, with other words."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from agents.models import Event
from omoi_site.errors import Forbidden, IdempotencyMismatch, Invalid
from tests.factories import allow_workflow, complete
from tests.support.api_client import api_of
from tests.support.concurrency import race
from tickets.models import Chosen, LaunchSpec, Need, Task, TemplateLaunch, Ticket, TicketSpec, Workflow
from tickets.models.ticket.past_phases import PhaseLeft
from tickets.models.ticket.task_templates import LONGEST_WORD

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = [
    {
        "ref": "write",
        "title": "Write {title}",
        "description": "For {ticket}, in {phase}.",
        "priority": "high",
    },
    {"ref": "check", "title": "Check {title}", "needs": ["write"]},
    {"title": "Say {title}", "needs": ["check"], "profile": "echo", "slots": {"text": "{title}"}},
]
PHASES = [
    {"name": "PLAN", "to": ["WORK"], "tasks": [{"title": "Think of {title}"}]},
    {"name": "WORK", "to": ["DONE"], "tasks": SEEDS},
    {"name": "DONE", "to": []},
]


@pytest.fixture
def ticket(project, operator):
    workflow = Workflow.objects.install({"name": "seeded", "phases": PHASES}, by=operator)
    allow_workflow(project, workflow)
    opened = Ticket.objects.open(project, TicketSpec("the note", workflow=workflow), by=operator)
    Task.objects.filter(ticket=opened).cancel(by=operator, reason="thought of")
    Ticket.objects.move(opened.pk, "WORK", by=operator)
    return Ticket.objects.get(pk=opened.pk)


@pytest.fixture
def calls(operator):
    return api_of(operator)


def launch(ticket, by, key="again", **spec):
    return TemplateLaunch.objects.launch(ticket.pk, LaunchSpec(**spec), key=key, by=by)


def titles(ids):
    return list(Task.objects.filter(pk__in=ids).order_by("id").values_list("title", flat=True))


def end_all(ticket, operator):
    Task.objects.filter(ticket=ticket).open().cancel(by=operator, reason="not now")


def test_with_other_words_the_tasks_are_added_beside_the_open_ones(ticket, operator):
    launched = launch(ticket, operator, words={"title": "the letter"}).launch

    added = list(Task.objects.filter(pk__in=launched.added).order_by("id"))
    write, check, say = added
    assert [task.title for task in added] == ["Write the letter", "Check the letter", "Say the letter"]
    assert {task.phase for task in added} == {"WORK"}
    assert (write.description, write.priority, say.profile) == (f"For {ticket.key}, in WORK.", 1, "echo")
    assert say.slots == {"text": "the letter"}
    assert set(Need.objects.filter(child__in=added).values_list("parent", "child")) == {
        (write.pk, check.pk),
        (check.pk, say.pk),
    }
    event = Event.objects.get(kind="template.launched")
    assert (event.topic, event.data["phase"], event.data["tasks"]) == (
        f"ticket:{ticket.key}",
        "WORK",
        [str(task.pk) for task in added],
    )


def test_an_open_task_of_the_same_title_is_not_doubled_and_new_ones_wait_for_it(ticket, operator):
    write, check, say = Task.objects.filter(ticket=ticket, state="pending").order_by("id")
    Task.objects.act(say.pk, "cancel", by=operator, reason="not now")

    launched = launch(ticket, operator).launch

    assert [(each["task"], each["added"]) for each in launched.outcome[:2]] == [
        (str(write.pk), False),
        (str(check.pk), False),
    ]
    [added] = launched.added
    assert titles([added]) == ["Say the note"]
    assert list(Need.objects.filter(child=added).values_list("parent", flat=True)) == [check.pk]


def test_when_all_of_them_are_open_nothing_is_added_and_no_event_is_written(ticket, operator):
    assert launch(ticket, operator).launch.added == []
    assert not Event.objects.filter(kind="template.launched").exists()


def test_what_has_ended_is_added_again(ticket, operator):
    end_all(ticket, operator)

    assert titles(launch(ticket, operator).launch.added) == [
        "Write the note",
        "Check the note",
        "Say the note",
    ]


def test_needs_stay_among_the_chosen_and_others_are_named(ticket, operator):
    end_all(ticket, operator)
    chosen = [Chosen("write"), Chosen("Say {title}", title="Say it loud", description="To all.")]

    launched = launch(ticket, operator, chosen=chosen).launch

    assert titles(launched.added) == ["Write the note", "Say it loud"]
    assert [each["left_out"] for each in launched.outcome] == [[], ["check"]]
    assert Task.objects.get(title="Say it loud").description == "To all."
    assert not Need.objects.filter(child__in=launched.added).exists()


def test_one_that_is_not_chosen_but_open_is_still_waited_for(ticket, operator):
    open_check = Task.objects.get(ticket=ticket, title="Check the note")

    launched = launch(ticket, operator, chosen=[Chosen("Say {title}", title="Say it loud")]).launch

    assert [(each["needs"], each["left_out"]) for each in launched.outcome] == [([str(open_check.pk)], [])]


def test_a_later_phase_gets_its_tasks_held_and_one_that_was_left_gets_none(ticket, operator):
    with pytest.raises(PhaseLeft, match="has left Plan"):
        launch(ticket, operator, phase="PLAN")
    Ticket.objects.move(ticket.pk, "PLAN", by=operator, reason="not yet")
    end_all(ticket, operator)

    launched = launch(ticket, operator, phase="PHASE_WORK").launch

    assert {task.held for task in Task.objects.filter(pk__in=launched.added)} == {True}


def test_a_ticket_that_is_done_or_cancelled_takes_none(ticket, operator, calls):
    end_all(ticket, operator)
    Ticket.objects.move(ticket.pk, "DONE", by=operator)
    refused = calls.post(f"/tickets/{ticket.key}/task-templates", {"key": "a", "phase": "WORK"})
    assert (refused.status_code, refused.json()["code"]) == (409, "phase_left")
    assert refused.json()["follow_up"] == ticket.key
    told = calls.get(f"/tickets/{ticket.key}/task-templates", phase="WORK").json()
    assert (told["possible"], len(told["tasks"]), "follows" in told["next_action"]) == (False, 3, True)


def test_a_blocked_ticket_takes_them_for_the_phase_it_was_blocked_in(ticket, operator):
    end_all(ticket, operator)
    Ticket.objects.act(ticket.pk, "block", by=operator, reason="waits", cause="clarification")
    added = launch(ticket, operator).launch.added
    assert {(task.phase, task.held) for task in Task.objects.filter(pk__in=added)} == {("WORK", True)}


def test_the_same_key_adds_nothing_twice_and_another_request_with_it_is_refused(ticket, operator):
    first = launch(ticket, operator, words={"title": "the letter"})
    for claim in Task.objects.filter(pk__in=first.launch.added):
        Task.objects.act(claim.pk, "cancel", by=operator, reason="not now")

    again = launch(ticket, operator, words={"title": "the letter"})

    assert (first.first, again.first) == (True, False)
    assert again.launch.added == first.launch.added
    with pytest.raises(IdempotencyMismatch):
        launch(ticket, operator, words={"title": "the parcel"})


def test_two_at_once_with_one_key_add_them_once(ticket, operator):
    end_all(ticket, operator)
    [launched] = race(1, *[lambda _: launch(ticket, operator, key="one")] * 4)
    assert sorted(each.first for each in launched) == [False, False, False, True]
    assert Task.objects.filter(ticket=ticket).open().count() == 3


def test_two_at_once_with_two_keys_double_no_title(ticket, operator):
    end_all(ticket, operator)
    race(1, *[lambda n: launch(ticket, operator, key=f"key {n}")] * 2, lambda _: launch(ticket, operator))
    assert Task.objects.filter(ticket=ticket).open().count() == 3


BAD = {
    "a task that is not there": (
        {"chosen": [Chosen("paint")]},
        "tasks.0.task",
        "there are write, check, Say",
    ),
    "one chosen twice": ({"chosen": [Chosen("write"), Chosen("Write {title}")]}, "tasks.1.task", "twice"),
    "none": ({"chosen": []}, "tasks", "choose at least one"),
    "no such phase": ({"phase": "PAINT"}, "phase", "PAINT is not a phase"),
    "a word of no meaning": ({"words": {"colour": "red"}}, "words.colour", "one of ticket, title, phase"),
    "an empty word": ({"words": {"title": "\u200b "}}, "words.title", "say what stands for {title}"),
    "a long word": ({"words": {"title": "x" * (LONGEST_WORD + 1)}}, "words.title", "at most 300"),
    "an invisible character": ({"words": {"title": "a\u202eb"}}, "words.title", "U+202E"),
    "a blank title": ({"chosen": [Chosen("write", title=" ")]}, "tasks.0.title", "say what to do"),
    "a long title": ({"chosen": [Chosen("write", title="x" * 2000)]}, "tasks.0.title", "at most"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_what_cannot_be_is_refused_by_field_and_adds_nothing(ticket, operator, wrong):
    spec, field, words = BAD[wrong]
    before = Task.objects.count()
    with pytest.raises(Invalid) as refused:
        launch(ticket, operator, **spec)
    [fault] = [each for each in refused.value.more["errors"] if each["field"] == field]
    assert words in fault["message"]
    assert (Task.objects.count(), TemplateLaunch.objects.count()) == (before, 0)


@pytest.mark.parametrize("key", ["", " ", "x" * 101, "a\u200bb", "a\nb"])
def test_a_key_is_a_short_visible_line(ticket, operator, key):
    with pytest.raises(Invalid, match="key"):
        launch(ticket, operator, key=key)


def test_a_phase_without_tasks_says_which_have_some(project, operator):
    workflow = allow_workflow(project, "software_delivery_tasks")
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
    with pytest.raises(Invalid, match=r"Backlog of .* begins with no task; Requirements, Design.* do"):
        launch(ticket, operator)


def test_who_may_not_write_tickets_may_not_launch(ticket, django_user_model):
    stranger = django_user_model.objects.create_user("eve")
    with pytest.raises(Forbidden):
        launch(ticket, stranger)


def test_a_fault_of_one_task_adds_none(ticket, operator, project):
    end_all(ticket, operator)
    project.profiles = []
    project.save()
    with pytest.raises(Invalid, match="profile"):
        launch(ticket, operator)
    assert not Task.objects.filter(ticket=ticket).open().exists()


def test_over_rest_they_are_listed_tried_and_launched(ticket, operator, calls):
    end_all(ticket, operator)
    where = f"/tickets/{ticket.key}/task-templates"
    listed = calls.get(where).json()
    assert (listed["phase"], listed["phases"], listed["possible"]) == ("WORK", ["PLAN", "WORK"], True)
    assert [(each["template"], each["title"], each["task"]) for each in listed["tasks"]] == [
        ("write", "Write the note", None),
        ("check", "Check the note", None),
        ("Say {title}", "Say the note", None),
    ]
    body = {"key": "k1", "tasks": ["write", {"task": "check", "title": "Read it"}], "words": {"title": "it"}}
    tried = calls.post(where, {**body, "dry_run": True})
    assert (tried.status_code, [each["title"] for each in tried.json()["tasks"]]) == (
        200,
        ["Write it", "Read it"],
    )
    assert not Task.objects.filter(ticket=ticket).open().exists()

    launched, again = calls.post(where, body), calls.post(where, body)

    assert (launched.status_code, again.status_code) == (201, 200)
    assert launched.json() == again.json()
    [write, check] = launched.json()["tasks"]
    assert check["needs"] == [write["task"]]
    assert titles([int(write["task"]), int(check["task"])]) == ["Write it", "Read it"]
    other = calls.post(where, {**body, "tasks": ["write"]})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "key"),
        ({"key": "a", "tasks": "write"}, "tasks"),
        ({"key": "a", "tasks": [3]}, "tasks.0"),
        ({"key": "a", "tasks": ["write"] * 101}, "tasks"),
        ({"key": "a", "words": ["x"]}, "words"),
        ({"key": "a", "words": {"title": {"deep": 1}}}, "words.title"),
        ({"key": "x" * 101}, "key"),
        ({"key": "a", "colour": "red"}, "colour"),
    ],
)
def test_a_body_that_is_no_launch_is_refused(ticket, calls, body, field):
    refused = calls.post(f"/tickets/{ticket.key}/task-templates", body)
    assert refused.status_code == 422
    assert field in [fault["field"] for fault in refused.json()["errors"]]


def test_an_unknown_ticket_is_not_found(calls):
    assert calls.get("/tickets/OMO-99/task-templates").status_code == 404
    assert calls.post("/tickets/OMO-99/task-templates", {"key": "a"}).status_code == 404


def test_the_command_tries_and_adds(ticket, operator, capsys):
    end_all(ticket, operator)
    words = (
        "tickets",
        "add-tasks",
        ticket.key,
        "--task",
        "write",
        "--task",
        "Say {title}",
        "--word",
        "title=it",
    )
    call_command(*words, "--dry-run")
    assert capsys.readouterr().out.splitlines() == [
        "Write it: would be added to Work.",
        "Say it: would be added to Work; without its need of check.",
    ]
    call_command(*words, "--key", "k", "--json")
    document = json.loads(capsys.readouterr().out)
    first = document["tasks"][0]
    assert (document["ticket"], first["title"], first["added"]) == (ticket.key, "Write it", True)
    call_command(*words)
    assert f"{ticket.key}.{first['task']} of this title is still open" in capsys.readouterr().out
    with pytest.raises((Invalid, CommandError), match="NAME=TEXT"):
        call_command("tickets", "add-tasks", ticket.key, "--word", "title")


def test_work_that_was_done_can_be_done_once_more(ticket, operator, ada):
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    launched = launch(ticket, operator, chosen=[Chosen("write")]).launch
    assert titles(launched.added) == ["Write the note"]
