"""The dialog that adds the tasks of a phase once more: choose, change the words, look, add."""

from __future__ import annotations

import re

import pytest

from agents.models import Member
from tests.factories import allow_workflow
from tests.support.html import squeeze
from tickets.models import Task, TemplateLaunch, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = [
    {
        "name": "WORK",
        "to": ["TEST"],
        "tasks": [
            {"ref": "write", "title": "Write {title}", "description": "All of {title}.", "priority": "high"},
            {"ref": "read", "title": "Read {title}", "needs": ["write"], "capabilities": ["python"]},
        ],
    },
    {"name": "TEST", "to": ["DONE"], "tasks": [{"title": "Test {title}"}]},
    {"name": "DONE", "to": []},
]


@pytest.fixture
def ticket(project, operator):
    workflow = Workflow.objects.install({"name": "seeded", "phases": PHASES}, by=operator)
    allow_workflow(project, workflow)
    return Ticket.objects.open(project, TicketSpec("the note", workflow=workflow), by=operator)


@pytest.fixture
def dialog(client, operator, ticket):
    """Send the dialog. Gives the status and the text of the answer, and the fields of its form."""
    client.force_login(operator)

    def dialog(typed=None, part=True, **changes):
        where, headers = f"/tickets/{ticket.key}/add-tasks/", {"HX-Request": "true"} if part else {}
        if typed is None:
            answer = client.get(where, headers=headers)
        else:
            answer = client.post(where, {**typed, **changes}, headers=headers)
        text = squeeze(answer.content.decode())
        return answer.status_code, text, fields(text)

    return dialog


def fields(text):
    """What a browser would send of the form."""
    sent = {}
    for tag in re.findall(r"<input [^>]*>", text):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "checkbox":
            if " checked" in tag and "name" in attributes:
                sent[attributes["name"]] = "on"
        elif "name" in attributes:
            sent[attributes["name"]] = attributes.get("value", "")
    for name, body in re.findall(r'<textarea name="(\w+)"[^>]*>([^<]*)</textarea>', text):
        sent[name] = body.strip()
    for name, body in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', text):
        sent[name] = re.search(r'<option value="(\w+)" selected', body)[1]
    return sent


def titles():
    return list(Task.objects.order_by("id").values_list("title", flat=True))


def test_it_offers_the_tasks_of_the_present_phase_and_says_what_is_open(dialog):
    status, text, sent = dialog()

    assert status == 200
    assert (sent["phase"], sent["word"], sent["title_0"], sent["description_0"]) == (
        "WORK",
        "the note",
        "Write the note",
        "All of the note.",
    )
    assert (sent["use_0"], sent["use_1"]) == ("on", "on")
    assert "task, high" in text
    assert "task, python" in text
    assert "Nothing would be added." in text
    assert text.count("of this title is still open, so it is not added again") == 2


def test_other_words_fill_the_texts_and_a_preview_adds_nothing(dialog):
    _, _, sent = dialog()

    status, text, again = dialog(sent, word="the letter", preview="1")

    assert status == 200
    assert (again["title_0"], again["title_1"], again["description_0"]) == (
        "Write the letter",
        "Read the letter",
        "All of the letter.",
    )
    assert "2 tasks would be added:" in text
    assert len(titles()) == 2
    assert dialog(again)[1] == f"2 tasks were added to Work of {Ticket.objects.get().key}"
    assert titles()[2:] == ["Write the letter", "Read the letter"]


def test_a_text_that_was_changed_stays_when_the_words_change(dialog):
    _, _, sent = dialog()

    _, _, again = dialog(sent, word="the letter", title_1="Read it aloud", preview="1")

    assert (again["title_0"], again["title_1"]) == ("Write the letter", "Read it aloud")
    assert dialog(again)[0] == 200
    assert titles()[2:] == ["Write the letter", "Read it aloud"]
    assert Task.objects.get(title="Write the letter").description == "All of the letter."


def test_new_words_hold_without_a_preview_too(dialog):
    _, _, sent = dialog()
    assert dialog(sent, word="the letter")[0] == 200
    assert titles()[2:] == ["Write the letter", "Read the letter"]


def test_what_is_not_chosen_is_not_added_and_stays_so(dialog):
    _, _, sent = dialog()
    del sent["use_0"]

    _, text, again = dialog(sent, word="the letter", preview="1")

    assert "use_0" not in again
    assert "without its need of write" in text
    dialog(again)
    assert titles()[2:] == ["Read the letter"]


def test_another_phase_is_shown_before_anything_is_added(dialog):
    _, _, sent = dialog()

    status, text, again = dialog(sent, phase="TEST")

    assert (status, len(titles())) == (200, 2)
    assert "Tasks of Test" in text
    assert (again["title_0"], again["use_0"], "title_1" in again) == ("Test the note", "on", False)
    dialog(again)
    assert titles()[2:] == ["Test the note"]


def test_a_press_that_is_repeated_adds_nothing_twice_and_says_the_same(dialog, operator):
    _, _, sent = dialog()
    sent["word"] = "the letter"
    first = dialog(sent)
    Task.objects.open().cancel(by=operator, reason="not now")
    Ticket.objects.act(Ticket.objects.get().pk, "edit", by=operator, priority=0)

    assert dialog(sent)[:2] == first[:2]
    assert (len(titles()), TemplateLaunch.objects.count()) == (4, 1)


def test_a_repeated_press_with_other_texts_is_asked_about_and_then_has_a_key_of_its_own(dialog):
    _, _, sent = dialog()
    dialog(sent, word="the letter")

    status, text, again = dialog(sent, word="the parcel")

    assert (status, "Your first press has added tasks" in text) == (409, True)
    assert again["word"] == "the parcel"
    assert again["key"] != sent["key"]
    assert dialog(again)[0] == 200
    assert titles()[2:] == ["Write the letter", "Read the letter", "Write the parcel", "Read the parcel"]


def test_what_is_refused_keeps_all_that_was_typed(dialog, operator):
    _, _, sent = dialog()
    sent |= {"word": "the letter", "title_1": "Read it aloud", "description_0": "Slowly,\nand twice."}
    Ticket.objects.act(Ticket.objects.get().pk, "edit", by=operator, title="the memo")

    status, text, again = dialog(sent)

    assert (status, "You changed it yourself" in text, len(titles())) == (412, True, 2)
    assert (again["word"], again["title_1"], again["description_0"]) == (
        "the letter",
        "Read it aloud",
        "Slowly, and twice.",
    )
    assert dialog(again)[0] == 200
    assert titles()[2:] == ["Write the letter", "Read it aloud"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"use_0": "", "use_1": ""}, "Choose at least one task"),
        ({"word": "a\u202eb"}, "U+202E"),
        ({"word": ""}, "say what it is about"),
        ({"word": "x" * 301}, "at most 300 characters"),
        ({"word": "a\0b"}, "Null characters"),
        ({"title_0": "\u200b"}, "Chosen task 1, title: say what to do"),
        ({"title_0": "x" * 2000}, "at most"),
        ({"key": ""}, "required"),
        ({"phase": "PAINT", "shown_phase": "PAINT"}, "choose a phase"),
    ],
)
def test_what_cannot_be_is_said_in_words_and_adds_nothing(dialog, wrong, says):
    _, _, sent = dialog()

    status, text, again = dialog(sent, **wrong)

    assert status == 422
    assert says.lower() in text.lower()
    assert len(titles()) == 2
    assert again["title_1"].startswith("Read ")
    assert all(again[name] == text for name, text in wrong.items() if name == "word" and text)


def test_without_script_it_is_a_page_that_leads_back_to_the_ticket(dialog, client):
    status, text, sent = dialog(part=False)
    assert (status, "<h1>Add tasks</h1>" in text) == (200, True)
    status, text, again = dialog(sent, part=False, word="the letter", preview="1")
    assert (status, "2 tasks would be added:" in text) == (200, True)
    status, _, _ = dialog(again, part=False)
    assert (status, len(titles())) == (302, 4)


def test_its_button_stands_beside_the_tasks_and_only_where_there_are_templates(
    client, operator, project, ticket
):
    client.force_login(operator)
    simple = Ticket.objects.open(project, TicketSpec("x"), by=operator)
    with_templates, without = (
        client.get(f"/tickets/{one.key}/").content.decode() for one in (ticket, simple)
    )
    assert ('id="tasks-add-tasks"' in with_templates, 'id="tasks-add-tasks"' in without) == (True, False)
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")
    assert 'id="tasks-add-tasks"' not in client.get(f"/tickets/{ticket.key}/").content.decode()
    assert "so this is not possible" in client.get(f"/tickets/{ticket.key}/add-tasks/").content.decode()


def test_who_may_only_look_is_told_which_role_is_needed(client, project, ticket, django_user_model):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=viewer, role="viewer")
    client.force_login(viewer)
    assert (
        "You need the role of an operator" in client.get(f"/tickets/{ticket.key}/add-tasks/").content.decode()
    )
    assert client.post(f"/tickets/{ticket.key}/add-tasks/", {"key": "a", "word": "x"}).status_code in (
        403,
        422,
    )
    assert len(titles()) == 2


def test_a_key_with_nul_adds_nothing_and_gives_way_to_a_good_one(dialog):
    _, _, typed = dialog()
    before = titles()
    status, _, again = dialog(typed, key="a\0b", preview="1")
    assert (status, len(again["key"]), again["key"] == typed["key"]) == (200, 32, False)
    assert dialog(typed, key="a\0b")[0] == 422
    assert titles() == before
