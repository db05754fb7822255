"""Patterns on pages: the library, the form with its preview, and how a ticket draws what was applied."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.factories import complete
from tests.support.coordination import of_omoios
from tests.support.html import squeeze
from tickets.models import PatternRun, Task, TaskSpec, Ticket
from tickets.models.task.task_spec import NeedSpec
from tickets.pages.patterns import library

pytestmark = pytest.mark.django_db

OWN = """\
name: two_parts
pattern:
  type: split
  id: parts
  source_task_id: "${source_task_id}"
  target_tasks:
  - title: "Write ${what}"
    phase_id: PHASE_BUILD
  - title: Read it
"""


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def form(page, ticket):
    """Send the form of a pattern. Without `step` it is previewed."""

    def form(name, step="preview", **values):
        sent = {"step": step, "key": "k1", **values}
        return page.post(f"/tickets/{ticket.key}/patterns/{name}/", sent)

    return form


def text(answer):
    return squeeze(answer.content.decode())


def titles(ticket):
    return list(ticket.tasks.order_by("id").values_list("title", flat=True))


def vote(task, **more):
    return {"argument.source_task_id": str(task.pk), "argument.question": "Which database?", **more}


@pytest.mark.parametrize("listed", [*library.shipped(), *library.parts()], ids=lambda listed: listed.name)
def test_each_pattern_of_the_library_has_a_page_with_its_picture_and_document(page, listed):
    shown = text(page.get(f"/patterns/{listed.name}/"))

    assert listed.about[:40] in shown
    assert shown.count('<g class="node') == len(listed.drawing.tasks) + len(listed.drawing.sources)
    assert listed.text.split("\n")[0] in shown


def test_the_library_is_found_from_the_workflows_and_from_a_ticket(page, ticket):
    assert 'href="/patterns/"' in text(page.get("/workflows/"))
    assert f'href="/tickets/{ticket.key}/patterns/"' in text(page.get(f"/tickets/{ticket.key}/"))
    for address in ("/patterns/", f"/tickets/{ticket.key}/patterns/"):
        shown = text(page.get(address))
        assert all(listed.title in shown for listed in [*library.shipped(), *library.parts()])


def test_what_is_previewed_is_drawn_and_nothing_is_added(form, ticket, task):
    shown = text(form("majority_vote", **vote(task)))

    assert "6 tasks would be added" in shown
    assert "Waits for 2 of 3 tasks; goes on with what there is after 30 min" in shown
    assert shown.count('class="outline"') == 7
    assert 'class="branches"' in shown
    assert titles(ticket) == [task.title]


def test_what_was_previewed_is_applied_with_its_hidden_fields(form, page, ticket, task):
    shown = form("majority_vote", **vote(task)).content.decode()
    preview = shown[shown.index('value="apply"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', preview))

    answer = page.post(
        f"/tickets/{ticket.key}/patterns/majority_vote/", {**hidden, "step": "apply", "key": "k1"}
    )

    assert answer.headers["Location"] == f"/tickets/{ticket.key}/?view=graph#tasks-title"
    assert "Answer, first: Which database?" in titles(ticket)
    assert "majority_vote added 6 tasks" in text(page.get(f"/tickets/{ticket.key}/"))


def test_sent_twice_it_is_applied_once(form, page, ticket, task):
    for _ in range(2):
        assert form("majority_vote", "apply", **vote(task)).status_code == 302

    assert ticket.tasks.count() == 7
    assert "was applied already" in text(page.get(f"/tickets/{ticket.key}/"))


def test_other_values_under_the_same_key_are_refused_and_get_a_new_one(form, ticket, task):
    form("majority_vote", "apply", **vote(task))
    answer = form("majority_vote", "apply", **{**vote(task), "argument.question": "Which cache?"})

    assert answer.status_code == 409
    assert 'name="key" value="k1"' not in text(answer)
    assert 'value="Which cache?"' in text(answer)
    assert ticket.tasks.count() == 7


def test_faults_stand_beside_their_fields_and_what_was_typed_stays(form, ticket, task):
    shown = text(
        form(
            "majority_vote",
            **{
                "argument.source_task_id": "",
                "argument.question": "Why & how?",
                "option.sync_points.0.required_count": "7",
            },
        )
    )
    assert 'id="field-argument-source_task_id-fault">Fill this in' in shown
    assert 'value="Why &amp; how?"' in shown

    shown = text(form("majority_vote", **vote(task, **{"option.sync_points.0.required_count": "7"})))
    assert "7 are required, but there are only 3 tasks" in shown
    assert 'id="field-option-sync_points-0-required_count-fault"' in shown

    shown = text(form("majority_vote", **vote(task, **{"option.sync_points.0.required_count": "many"})))
    assert "Must be a whole number" in shown
    assert 'value="many"' in shown


def test_tasks_to_choose_from_have_their_states(form, page, ticket, task, operator):
    [waiting] = Task.objects.add(ticket, [TaskSpec("Later", needs=[NeedSpec(task.pk)])], by=operator)

    shown = text(page.get(f"/tickets/{ticket.key}/patterns/majority_vote/"))

    assert f"{task.key} {task.title} (ready)" in shown
    assert f"{waiting.key} Later (waiting)" in shown
    assert f"<title>{task.title} · ready" in text(form("majority_vote", **vote(task)))


def test_options_replace_what_the_document_says(form, ticket, task):
    options = {
        "option.sync_points.0.required_count": "3",
        "option.sync_points.0.timeout_seconds": "",
        "option.sync_points.0.on_timeout": "fail",
        "option.merge.merge_strategy": "union",
    }
    form("majority_vote", "apply", **vote(task, **options))

    sync = ticket.tasks.get(operation="sync")
    merge = ticket.tasks.get(operation="merge")
    assert (sync.join, sync.coordination.timeout_s, merge.coordination.strategy) == (3, None, "union")


def test_values_that_are_those_of_the_document_leave_the_pattern_as_it_is_shipped(form, ticket, task):
    options = {
        "option.sync_points.0.required_count": "2",
        "option.sync_points.0.timeout_seconds": "1800",
        "option.sync_points.0.on_timeout": "continue",
        "option.merge.merge_strategy": "majority",
    }
    form("majority_vote", "apply", **vote(task, **options))

    assert PatternRun.objects.get().request["pattern"] == "majority_vote"


@pytest.mark.parametrize(
    ("part", "values", "added"),
    [
        (
            "split",
            {"source": "{0}", "titles": "One\n\n Two \n", "capabilities": "python, sql"},
            ["One", "Two"],
        ),
        ("sync", {"tasks": ["{0}", "{1}"], "required": "1", "on_timeout": "fail"}, ["Wait for 1 of 2 tasks"]),
        ("merge", {"tasks": ["{0}", "{1}"], "strategy": "union", "title": "Both"}, ["Both"]),
        ("join", {"tasks": ["{0}", "{1}"], "strategy": "first", "title": "Go on"}, ["Go on"]),
    ],
)
def test_each_part_alone(form, ticket, task, operator, part, values, added):
    [other] = Task.objects.add(ticket, [TaskSpec("other")], by=operator)
    sent = {
        name: [one.format(task.pk, other.pk) for one in value]
        if isinstance(value, list)
        else value.format(task.pk, other.pk)
        for name, value in values.items()
    }

    assert form(part, "apply", **sent).status_code == 302

    assert titles(ticket)[2:] == added


def test_a_document_of_ones_own_asks_for_its_arguments_and_phases(form, ticket, task):
    first = text(form("document", document=OWN))
    assert "The document is valid: fill in what it asks for" in first
    assert "Fill this in" in first
    assert 'name="argument.what"' in first
    assert "Build is here" in first

    values = {"argument.source_task_id": str(task.pk), "argument.what": "it", "phase.BUILD": "DOING"}
    assert form("document", "apply", document=OWN, **values).status_code == 302
    assert titles(ticket)[1:] == ["Write it", "Read it"]


def test_a_document_with_faults_names_their_lines_and_stays(form):
    shown = text(form("document", document="name: x\npattern:\n  type: spilt\n"))

    assert "Line 3" in shown
    assert "spilt" in shown


def test_each_of_several_faults_of_a_document_is_told_once(form):
    shown = text(form("document", document="name: x\npattern:\n  type: split\n  id: parts\nfoo: 1\n"))

    assert re.search(r"Nothing was added: put these \d things right\.", shown)
    assert shown.count("the document has `foo`") == 1


@pytest.mark.parametrize("document", ["", "{", "- 1", "a: [", "x" * 300_000, "\ufeff", "name: 1"])
def test_no_document_is_an_error_of_the_page(form, document):
    assert form("document", document=document).status_code in (413, 422)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("majority_vote", {"argument.question": "x" * 100_000}, "may have at most 300 characters"),
        ("majority_vote", {"argument.source_task_id": "999999"}, "There is no task 999999 in this project"),
        ("majority_vote", {"argument.source_task_id": "OMO"}, "OMO"),
        ("majority_vote", {"argument.question": "\u200b"}, "Fill this in"),
        ("majority_vote", {"option.merge.merge_strategy": "mix"}, "mix"),
        ("majority_vote", {"option.sync_points.0.required_count": "9" * 30}, "Must be a whole number"),
        ("majority_vote", {"key": " "}, "A key is one line"),
        ("majority_vote", {"key": "k" * 200}, "A key is one line"),
        ("merge", {"tasks": ["1"], "strategy": "custom"}, "profile"),
        ("merge", {"tasks": ["1"], "strategy": "custom", "profile": "none"}, "none"),
        ("sync", {"tasks": ["x"], "required": "2"}, "X is neither"),
        ("join", {"tasks": [], "title": ""}, "Choose one or more"),
        ("split", {"source": "1", "titles": "\n \n"}, "Fill this in"),
        ("split", {"source": "1", "titles": "\n".join("x" * 3 for _ in range(1_001))}, "1000"),
    ],
)
def test_bad_values_get_a_sentence_and_add_nothing(form, ticket, task, name, values, said):
    sent = {**(vote(task) if name == "majority_vote" else {}), **values}
    answer = form(name, "apply", **sent)

    assert answer.status_code == 422
    assert said in text(answer)
    assert ticket.tasks.count() == 1


def test_a_ticket_that_is_over_takes_no_pattern(form, page, ticket, task, operator):
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")

    answer = form("majority_vote", "apply", **vote(task))

    assert answer.status_code == 409
    assert f'href="/tickets/{ticket.key}/patterns/"' not in text(page.get(f"/tickets/{ticket.key}/"))
    assert ticket.tasks.count() == 1


def test_a_ticket_that_is_over_says_so_before_anything_is_typed(page, ticket, operator):
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")

    for name in ("", "majority_vote/"):
        shown = text(page.get(f"/tickets/{ticket.key}/patterns/{name}"))
        assert f"{ticket.key} is in Cancelled and takes no more tasks." in shown
    assert 'name="argument.question"' not in shown


def test_a_pattern_of_a_thousand_tasks_is_previewed_in_as_many_statements(form, ticket, task):
    form("split", source=str(task.pk), titles="Warm up")
    counts = []
    for number in (2, 1_000):
        titles = "\n".join(f"Part {n}" for n in range(number))
        with CaptureQueriesContext(connection) as asked:
            answer = form("split", source=str(task.pk), titles=titles)
        assert f"{number} tasks would be added" in text(answer)
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_nobody_applies_one_without_the_right(client, django_user_model, project, ticket, task):
    viewer = django_user_model.objects.create_user("eve")
    Member.objects.create(project=project, user=viewer, role="viewer")
    client.force_login(viewer)
    address = f"/tickets/{ticket.key}/patterns/majority_vote/"

    assert "You need the role of an operator" in text(client.get(address))
    assert client.post(address, {"step": "apply", "key": "k", **vote(task)}).status_code == 403
    assert ticket.tasks.count() == 1


def test_patterns_and_tickets_that_are_not_there_are_not_found(page, ticket):
    for address in (
        "/patterns/none/",
        f"/tickets/{ticket.key}/patterns/none/",
        "/tickets/OMO-999/patterns/",
    ):
        assert page.get(address).status_code == 404


# -- the graph of a ticket


def test_a_ticket_draws_syncs_merges_and_the_branches_of_a_split(form, page, ticket, task, ada):
    form("majority_vote", "apply", **vote(task))
    complete(Task.objects.claim(by=ada)[0], by=ada)

    shown = text(page.get(f"/tickets/{ticket.key}/?view=graph&done=1"))

    assert shown.count('class="branches" x=') == 1
    assert "sync 2 of 3, 30m" in shown
    assert "merge majority" in shown
    assert "branches of a split" in shown
    listed = text(page.get(f"/tickets/{ticket.key}/?view=list"))
    assert "Waits for 2 of 3 tasks; goes on with what there is after 30 min" in listed
    assert listed.count("branch of majority_vote") == 3
    assert "Merges the results of the tasks before it: majority" in listed


def test_what_nobody_claims_is_not_offered_to_go_first(form, page, ticket, task):
    form("majority_vote", "apply", **vote(task))
    listed = text(page.get(f"/tickets/{ticket.key}/?view=list"))

    for one in ticket.tasks.all():
        offered = f'href="/tickets/{ticket.key}/tasks/{one.pk}/bump/' in listed
        assert offered is not bool(one.operation)


def test_a_need_for_failure_and_a_join_of_some_are_drawn_and_told(page, ticket, task, operator):
    [other] = Task.objects.add(ticket, [TaskSpec("other")], by=operator)
    needs = [NeedSpec(task.pk, "failure"), NeedSpec(other.pk, "always")]
    Task.objects.add(ticket, [TaskSpec("clean up", needs=needs, join=1)], by=operator)

    shown = text(page.get(f"/tickets/{ticket.key}/?view=graph"))

    assert 'class="edge on-failure"' in shown
    assert 'class="edge on-always"' in shown
    assert 'class="bar"' in shown
    assert f"needs {task.key} on failure" in shown
    listed = text(page.get(f"/tickets/{ticket.key}/?view=list"))
    assert "Goes on from the first of 2 tasks" in listed
    assert "(on failure)" in listed


@pytest.mark.full
def test_pages_take_as_many_statements_for_many_tasks_as_for_few(page, form, ticket, task, operator):
    addresses = [
        f"/tickets/{ticket.key}/patterns/",
        f"/tickets/{ticket.key}/patterns/sync/",
        f"/tickets/{ticket.key}/?view=graph",
        "/patterns/",
    ]
    form("majority_vote", "apply", key="first", **vote(task))
    counts = []
    for number in (1, 4):  # fewer tasks than the list beside a graph may have
        for n in range(number):
            form("majority_vote", "apply", key=f"{number}-{n}", **vote(task))
        found = []
        for address in addresses:
            with CaptureQueriesContext(connection) as asked:
                assert page.get(address).status_code == 200
            found.append(len(asked))
        counts.append(found)

    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["majority_vote", "parallel_implementation", "review_feedback_loop"])
def test_a_pattern_of_omoios_is_applied_with_its_phases_mapped(form, ticket, task, name):
    sent = {"document": of_omoios(name), "argument.source_task_id": str(task.pk)}
    asked = set(re.findall(r'name="(phase\.\w+)"', form("document", **sent).content.decode()))
    assert asked

    answer = form("document", "apply", **sent, **dict.fromkeys(asked, "DOING"))

    assert answer.status_code == 302
    assert set(ticket.tasks.values_list("phase", flat=True)) == {"DOING"}
    assert ticket.tasks.filter(operation="sync").count() == 1
