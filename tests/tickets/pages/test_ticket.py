"""The ticket page: where a ticket stands, what its gate lacks, what happened, and what may be done to it."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Event
from tests import factories
from tests.factories import fail, submit, work_off
from tests.support import reports
from tests.support.external import unavailable
from tests.support.html import squeeze
from tickets import interchange
from tickets.models import Backlog, Edge, Item, Need, Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow
from tickets.models.ticket import bulk_import
from tickets.pages import actions
from tickets.pages.stepper import steps_of

pytestmark = pytest.mark.django_db(transaction=True)

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "montage-2mass-015d.json"
PART = {"HX-Request": "true"}


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def delivery(project, operator, ada):
    return factories.ticket_in_implementation(project, by=operator, agent=ada)


@pytest.fixture
def member(client, project, django_user_model):
    """Signs in as somebody with this role."""

    def sign_in(role):
        from agents.models import Member

        user = django_user_model.objects.create_user(role)
        Member.objects.create(project=project, user=user, role=role)
        client.force_login(user)
        return client

    return sign_in


def shown(page, ticket, query=""):
    answer = page.get(f"/tickets/{ticket.key}/{query}")
    assert answer.status_code == 200
    return squeeze(answer.content.decode())


def check(text, number):
    """The row of the gate checklist, without its tags."""
    row = re.search(rf'<li class="check ([a-z ]+)" id="gate-{number}"(.*?)</li>', text, re.DOTALL)
    assert row
    return row[1], " ".join(re.sub(r"<[^>]+>", " ", row[2]).split())


def act(page, ticket, word, *, part=True, **given):
    return page.post(
        f"/tickets/{ticket.key}/{word}/", {"version": ticket.version, **given}, headers=PART if part else {}
    )


def phase_of(ticket):
    return Ticket.objects.get(pk=ticket.pk).phase


def test_the_stepper_says_where_it_was_is_and_goes(page, delivery):
    text = shown(page, delivery)
    steps = re.findall(r'<li class="(done|now|next)"', text)
    assert steps == ["done", "done", "done", "now", "next", "next", "next"]
    assert text.count('aria-current="step"') == 1
    assert "so far" in text


def test_a_gate_nobody_judged_says_so(page, delivery):
    text = shown(page, delivery)
    assert "Not judged yet" in text
    assert check(text, 1)[0] == "open"
    assert "Nothing submitted yet" in check(text, 1)[1]


def test_a_refused_gate_shows_each_check_with_what_is_missing(page, delivery, ada, operator):
    submit(delivery, "test_coverage", reports.cobertura(3, 1), by=ada, name="coverage.xml")
    submit(delivery, "code_changes", reports.changes("tests/test_pay.py"), by=ada)
    Ticket.objects.judge(pk=delivery.pk, by=operator)

    text = shown(page, delivery)

    assert check(text, 1)[0] == "passed"
    state, words = check(text, 4)
    assert state == "failed"
    assert "Coverage of 80 % or more" in words
    assert "75 % of the lines, needs 80 %" in words
    assert "coverage.xml r1" in words
    assert "ada" in words
    assert "3 pass · 2 fail" in text
    assert 'href="#gate-4" aria-disabled="true"' in text  # to advance leads to what is in the way


def test_a_verdict_is_stale_once_its_evidence_changes(page, delivery, ada, operator):
    submit(delivery, "test_coverage", reports.cobertura(1, 1), by=ada)
    Ticket.objects.judge(pk=delivery.pk, by=operator)
    assert "Stale" not in shown(page, delivery)
    submit(delivery, "test_coverage", reports.cobertura(9, 1), by=ada)
    assert "its evidence has changed since" in shown(page, delivery)
    act(page, delivery, "judge")
    assert "Stale" not in shown(page, delivery)


def test_a_phase_without_a_gate_says_so(page, ticket):
    assert "This phase has no gate" in shown(page, ticket)


def test_history_marks_what_was_forced_imported_and_refused(page, project, delivery, operator):
    act(page, delivery, "judge")
    Ticket.objects.move(
        delivery.pk, "TESTING", by=operator, force=True, reason="the demo is tomorrow morning"
    )
    text = shown(page, delivery, "?timeline=all")
    assert "Forced" in text
    assert "the demo is tomorrow morning" in text
    assert "ran the checks of Implementation: 5 checks do not pass" in text
    assert "4 of 4 checks" in text
    simple = Workflow.objects.latest_of("simple")
    bulk_import.import_backlog(
        Backlog("test", [Item("1", "Old one", done=True)]), project=project, workflow=simple, by=operator
    )
    assert "Imported" in shown(page, Ticket.objects.get(source_id="1"))


def test_artifacts_are_listed_with_their_download(page, delivery, ada):
    made = submit(delivery, "code_changes", reports.changes("a.py"), by=ada, commit="4f2a91c")
    text = shown(page, delivery)
    assert f'href="/tickets/{delivery.key}/artifacts/{made.pk}/"' in text
    link = f"/api/v1/tickets/{delivery.key}/artifacts/{made.pk}/content"
    assert link in text
    assert made.hash[:8] in text
    assert b"".join(page.get(link).streaming_content) == reports.changes("a.py")


# -- acts


def test_run_checks_judges_and_is_told_of_the_person(page, delivery, operator):
    answer = act(page, delivery, "judge")
    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == "5 checks of 5 do not pass"
    assert Verdict.objects.latest("id").by == "user:admin"


def test_a_ticket_is_advanced_by_its_button(page, delivery, ada, operator):
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "code_changes", reports.changes("tests/test_pay.py"), by=ada)
    submit(delivery, "test_coverage", reports.cobertura(9, 1), by=ada)
    assert "Advance to Testing" in shown(page, delivery)

    answer = act(page, delivery, "advance", to="TESTING", part=False)

    assert (answer.status_code, answer["Location"]) == (302, f"/tickets/{delivery.key}/")
    assert phase_of(delivery) == "TESTING"
    assert f"{delivery.key} is now in Testing" in shown(page, delivery)


def test_a_closed_gate_refuses_in_words_and_keeps_what_was_typed(page, delivery):
    answer = act(page, delivery, "advance", to="TESTING", reason="I am in a hurry")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "The gate of Implementation is closed" in text
    assert "Submit an artifact of type code_changes for this phase" in text
    assert "I am in a hurry" in text
    assert phase_of(delivery) == "IMPLEMENTATION"


@pytest.mark.parametrize("part", [True, False], ids=["script", "no script"])
def test_every_act_does_what_it_says(page, project, delivery, operator, part):
    def done(word, phase, **given):
        answer = act(page, Ticket.objects.get(pk=delivery.pk), word, part=part, **given)
        assert answer.status_code == (200 if part else 302), answer.content.decode()
        assert phase_of(delivery) == phase

    done("block", "BLOCKED", reason="Which schema?", **{"class": "clarification"})
    assert Ticket.objects.get(pk=delivery.pk).blocked_class == "clarification"
    done("unblock", "IMPLEMENTATION", to="IMPLEMENTATION")
    done("back", "DESIGN", to="DESIGN", reason="think again")
    done("pause", "DESIGN", reason="until May")
    done("resume", "DESIGN")
    done("priority", "DESIGN", priority="low")
    done("cancel", "CANCELLED", reason="not wanted any more")
    done("reopen", "DESIGN", to="DESIGN", reason="wanted after all")
    done("force", "TESTING", to="TESTING", reason="tested by hand on the bench")
    told = Event.objects.filter(
        topic=f"ticket:{delivery.key}", actor="user:admin", kind__in=["ticket.paused", "ticket.edited"]
    )
    assert told.count() == 2
    assert Ticket.objects.get(pk=delivery.pk).history.latest("move").reason == "tested by hand on the bench"


def test_a_forced_move_says_for_each_phase_what_it_passes_over(page, delivery):
    asked = squeeze(page.get(f"/tickets/{delivery.key}/force/").content.decode())
    effects = dict(
        re.findall(r'data-to="(\w+)"[^>]*><strong>.*?</strong><ul class="effect"><li>(.*?)</li>', asked)
    )

    assert set(effects) == {phase.name for phase in delivery.plan.phases} - {delivery.phase}
    assert effects["DESIGN"] == "No gate is skipped."
    assert "Implementation (5 checks)." in effects["TESTING"]
    assert "Testing" not in effects["TESTING"]
    assert "Implementation (5 checks)" in effects["DEPLOYMENT"]
    assert "Testing" in effects["DEPLOYMENT"]


def test_a_failed_task_tells_its_error_and_offers_the_retry(page, project, ada, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Fails", tasks=[TaskSpec("x")]), by=operator)
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error="<b>no such column</b> " + "x" * 5_000, kind="permanent")

    panel = (
        page.get(f"/tickets/{ticket.key}/")
        .content.decode()
        .partition('id="causes-title"')[2]
        .partition("</section>")[0]
    )

    assert "&lt;b&gt;no such column&lt;/b&gt;" in panel
    assert "x" * 301 not in panel
    assert f"/tickets/{ticket.key}/retry-failed/" in panel


def test_each_reason_of_failed_tasks_is_named_with_its_count(page, project, ada, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Fails", tasks=[TaskSpec("x")] * 3), by=operator)
    errors = ["too much memory", "too large a file", "too much memory"]
    for claim, error in zip(Task.objects.claim(by=ada, limit=3), errors, strict=True):
        fail(claim, by=ada, error=error, kind="permanent")

    [cause, *_] = Ticket.objects.explanation(ticket)["causes"]

    assert cause["what"].endswith("(2 with: too much memory; 1 with: too large a file)")
    assert "on the page of OMO-1" in cause["how"]
    assert "on the page of OMO-1" not in shown(page, ticket)


def test_an_act_without_effect_on_tasks_counts_none(page, ticket, operator):
    texts = [
        page.get(f"/tickets/{ticket.key}/{word}/").content.decode()
        for word in ("force", "block", "cancel", "priority")
    ]

    assert "No task of this phase is open." in texts[0]
    assert not [text for text in texts if re.search(r"\b0 (claims|open|ready|running|of them)", text)]


def test_a_ticket_that_went_back_says_why_where_it_now_is(page, ticket, delivery, operator):
    Ticket.objects.judge(pk=delivery.pk, by=operator)
    why = "the design has a hole"
    Ticket.objects.move(delivery.pk, "REQUIREMENTS", by=operator, reason=why)

    section = squeeze(shown(page, delivery)).partition('class="card feedback"')[2].partition("</section>")[0]

    for text in ("Back from Implementation", why, "Code changes", "requirements.md", "r1"):
        assert text in section, text
    Ticket.objects.move(delivery.pk, "DESIGN", by=operator)
    assert why in shown(page, delivery)
    assert "card feedback" not in shown(page, ticket)


def test_time_spent_blocked_is_not_time_in_the_phase(page, ticket, operator):
    Ticket.objects.move(ticket.pk, "BLOCKED", by=operator, reason="a question", cause="clarification")
    Ticket.objects.move(ticket.pk, ticket.phase, by=operator)
    moves = list(ticket.history.order_by("move"))
    at = moves[0].at
    for move, hours in zip(moves[-3:], (0, 1, 4), strict=True):
        move.at = at + timedelta(hours=hours)
    with mock.patch("tickets.pages.stepper.timezone.now", return_value=at + timedelta(hours=5)):
        [here] = [step for step in steps_of(ticket, moves[-3:]) if step.state == "now"]

    assert (here.spent, here.blocked) == (timedelta(hours=2), timedelta(hours=3))


def test_a_forced_move_needs_a_reason_of_some_weight(page, delivery):
    answer = act(page, delivery, "force", to="TESTING", reason="hurry")
    assert answer.status_code == 422
    assert "a reason of 10 characters or more" in answer.content.decode()
    assert phase_of(delivery) == "IMPLEMENTATION"


def test_an_act_says_its_effect_in_numbers(page, delivery, ada, operator):
    Task.objects.add(delivery, [TaskSpec(title) for title in "abc"], by=operator)
    Task.objects.claim(by=ada, limit=1)
    asked = page.get(f"/tickets/{delivery.key}/force/").content.decode()
    assert "Skipped gates: Implementation (5 checks)." in asked
    assert "1 claim is revoked, 3 open tasks of this phase are held" in asked
    assert (
        "2 ready tasks cannot be claimed meanwhile"
        in page.get(f"/tickets/{delivery.key}/block/").content.decode()
    )


def test_whoever_comes_late_is_told_who_was_faster(page, delivery, django_user_model):
    dana = django_user_model.objects.create_superuser("dana", password=None)
    Ticket.objects.move(delivery.pk, "DESIGN", by=dana, reason="one more look")

    answer = act(page, delivery, "priority", priority="low")

    text = answer.content.decode()
    assert answer.status_code == 412
    assert "dana was faster" in text
    assert "moved it Implementation → Design" in text
    now = Ticket.objects.get(pk=delivery.pk)
    assert now.priority_name == "critical"
    assert f'name="version" value="{now.version}"' in text  # whoever insists, insists on what is there now
    assert act(page, now, "priority", priority="low").status_code == 200


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("advance", {"to": "TESTING"}),
        ("back", {"to": "DESIGN", "reason": "think again"}),
        ("block", {"reason": "Which schema?", "class": "clarification"}),
        ("pause", {}),
        ("priority", {"priority": "low"}),
        ("judge", {}),
        ("retry-failed", {"reason": "the sandbox is mended"}),
        ("cancel", {"reason": "not wanted any more"}),
        ("force", {"to": "TESTING", "reason": "tested by hand on the bench"}),
    ],
)
def test_an_act_sent_again_is_done_once(page, project, operator, ada, word, given):
    """As its form was drawn, with the answer to the first lost on the way."""
    if word == "advance":
        ticket = Ticket.objects.open(project, TicketSpec("Plain"), by=operator)
        given = {"to": "DOING"}
    else:
        ticket = factories.busy_ticket(project, by=operator, agent=ada)
    state = actions.find(actions.TICKET, word)(ticket, by=operator).state
    assert act(page, ticket, word, state=state, **given).status_code == 200
    told = Event.objects.count()

    again = act(page, ticket, word, state=state, **given)

    assert again.status_code in (409, 412)
    text = again.content.decode()
    assert "This is done already; nothing was done twice" in text
    assert "You changed it yourself" in text
    assert "<form" not in text
    assert Event.objects.exclude(kind="ticket.move_refused").count() == told


def test_a_task_is_acted_on_as_it_was_shown(page, project, operator, ada, bob):
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    ready = ticket.tasks.filter(state="pending").first()
    Task.objects.filter(pk=ready.pk).bump(by=bob, reason="urgent")

    answer = page.post(
        f"/tickets/{ticket.key}/tasks/{ready.pk}/cancel/",
        {"reason": "old", "state": str(ready.events)},
        headers=PART,
    )

    assert answer.status_code == 409
    assert "bob was faster" in answer.content.decode()
    assert Task.objects.get(pk=ready.pk).state == "pending"
    asked = page.get(f"/tickets/{ticket.key}/tasks/{ready.pk}/cancel/").content.decode()
    state = re.search(r'name="state" value="(\d+)"', asked)[1]
    assert (
        page.post(
            f"/tickets/{ticket.key}/tasks/{ready.pk}/cancel/", {"reason": "old", "state": state}, headers=PART
        ).status_code
        == 200
    )


def test_a_button_drawn_before_a_move_asks_for_nothing(page, project, operator, django_user_model):
    ticket = Ticket.objects.open(project, TicketSpec("Plain"), by=operator)
    drawn = re.search(r'href="([^"]+)" data-action id="main-advance"', shown(page, ticket))[1]
    assert "<form" in page.get(drawn, headers=PART).content.decode()
    dana = django_user_model.objects.create_superuser("dana", password=None)
    Ticket.objects.move(ticket.pk, "DOING", by=dana)

    late = page.get(drawn, headers=PART)

    text = late.content.decode()
    assert late.status_code == 409
    assert "OMO-1 has moved since you opened the page, so nothing was done" in text
    assert "dana was faster" in text
    assert "It is now in Doing" in text
    assert "<form" not in text


def test_a_viewer_sees_all_and_may_do_nothing(member, delivery):
    viewer = member("viewer")
    text = shown(viewer, delivery)
    assert "to change something you need the role of an operator" in text
    assert "data-action" not in text
    assert text.count('aria-disabled="true"') > 5
    for word, given in {
        "judge": {},
        "block": {"reason": "no", "class": "dependency"},
        "pause": {},
        "advance": {"to": "TESTING"},
        "priority": {"priority": "low"},
    }.items():
        answer = act(viewer, delivery, word, **given)
        assert answer.status_code == 403, word
        assert "the role of an operator" in answer.content.decode()
        assert "tickets:write" not in answer.content.decode()
    assert phase_of(delivery) == "IMPLEMENTATION"


def test_an_operator_may_not_force_and_the_try_is_kept(member, delivery):
    operator = member("operator")
    assert "You need the role of an administrator" in shown(operator, delivery)
    assert "gates:force" not in shown(operator, delivery)
    assert (
        act(operator, delivery, "force", to="TESTING", reason="tested by hand on the bench").status_code
        == 403
    )
    told = Event.objects.filter(kind="ticket.move_refused").latest("id")
    assert (told.actor, told.data["to"], told.data["code"]) == ("user:operator", "TESTING", "forbidden")
    assert act(operator, delivery, "pause").status_code == 200


def test_a_refused_move_is_kept_whatever_was_wrong_with_its_form(member, delivery):
    """Who may not force, and who gives no reason for what they may do."""
    operator = member("operator")
    assert act(operator, delivery, "force", to="TESTING", reason="short").status_code == 403
    assert act(operator, delivery, "cancel").status_code == 422

    kept = Event.objects.filter(kind="ticket.move_refused", actor="user:operator").order_by("id")

    assert [(event.data["to"], event.data["code"]) for event in kept] == [
        ("TESTING", "forbidden"),
        ("CANCELLED", "invalid"),
    ]


def test_a_stranger_finds_no_act(client, delivery, django_user_model):
    client.force_login(django_user_model.objects.create_user("mallory"))
    assert act(client, delivery, "pause").status_code == 404
    assert client.get(f"/tickets/{delivery.key}/block/").status_code == 404


def test_an_act_needs_its_token(delivery, operator):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.post(f"/tickets/{delivery.key}/pause/", {}).status_code == 403


def test_tasks_are_retried_bumped_and_cancelled(page, project, operator, ada):
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    failed = ticket.tasks.get(state="failed")
    waits = ticket.tasks.get(title="Load test 500 rps")

    def acted(task, word, reason="because"):
        return page.post(f"/tickets/{ticket.key}/tasks/{task.pk}/{word}/", {"reason": reason}, headers=PART)

    assert acted(failed, "retry", reason="").status_code == 422
    assert acted(failed, "retry").status_code == 200
    again = acted(failed, "retry")
    assert again.status_code == 409
    assert "This is done already" in again.content.decode()
    assert "retried it" in again.content.decode()
    assert acted(waits, "bump").status_code == 200
    assert acted(waits, "cancel").status_code == 200
    assert ticket.tasks.get(pk=waits.pk).state == "cancelled"
    assert Event.objects.filter(kind="task.retried", actor="user:admin").exists()
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    assert page.post(f"/tickets/{other.key}/tasks/{failed.pk}/cancel/", {"reason": "x"}).status_code == 404


def test_all_failed_tasks_are_retried_at_once(page, project, operator, ada):
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    assert "head-retry-failed" in shown(page, ticket)
    assert (
        act(page, ticket, "retry-failed", reason="the sandbox is mended").content.decode()
        == "1 task back in the queue"
    )
    assert act(page, ticket, "retry-failed", reason="the sandbox is mended").status_code == 409


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("back", {"to": "NOWHERE", "reason": "x"}),
        ("back", {"to": "\x00", "reason": "x"}),
        ("advance", {}),
        ("advance", {"to": "DONE"}),
        ("force", {"to": "X" * 100_000, "reason": "long enough a reason"}),
        ("block", {"reason": "x\x00y"}),
        ("block", {"reason": "why", "class": "mood"}),
        ("block", {"reason": "x" * 2_001}),
        ("pause", {"reason": "x" * 2001}),
        ("priority", {"priority": "highest"}),
        ("priority", {"priority": "low", "version": "9" * 5_000}),
        ("reopen", {"to": "DESIGN", "reason": "why"}),
        ("cancel", {"reason": "  "}),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(page, delivery, word, given):
    answer = act(page, delivery, word, **given)
    if word == "priority" and "version" in given:
        assert answer.status_code == 200  # a version nobody could have seen asks for nothing
        return
    assert answer.status_code in (409, 422), answer.content.decode()
    assert 'id="refused"' in answer.content.decode()
    assert phase_of(delivery) == "IMPLEMENTATION"
    if given.get("to") in ("DONE", "NOWHERE", "DESIGN"):
        assert (
            Event.objects.filter(
                kind="ticket.move_refused", actor="user:admin", topic=f"ticket:{delivery.key}"
            ).count()
            == 1
        )


def test_addresses_of_nothing_are_not_found(page, delivery):
    for path in ("dance/", "tasks/99999999999999999999999/cancel/", "tasks/1/dance/"):
        assert page.get(f"/tickets/{delivery.key}/{path}").status_code == 404
    assert page.get("/tickets/OMO%00/").status_code == 404
    assert page.get("/tickets/OMO-999/block/").status_code == 404
    assert page.put(f"/tickets/{delivery.key}/block/").status_code == 405


# -- tasks as a graph


def test_the_graph_shows_what_is_open_and_folds_what_is_done(page, project, operator, ada):
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    text = shown(page, ticket)
    titles = re.findall(r'<text x="32" y="20"[^>]*>([^<]*)', text)
    assert "3 tasks done" in titles  # nothing unfinished waits for them
    assert "Key store schema" in titles
    assert "Read the old code" not in titles
    assert 'class="edge bad"' in text
    assert 'class="edge ok"' in text
    unfolded = shown(page, ticket, "?done=1")
    assert "tasks done</text>" not in unfolded
    assert unfolded.count('class="node ') == 15
    assert 'id="graph"' not in shown(page, ticket, "?view=list")
    assert text.count('<li class="task ') == 15  # the list is there as well


def test_a_ticket_page_costs_the_same_for_3_tasks_and_for_310(page, project, operator, ada):
    def made(count):
        ticket = Ticket.objects.open(
            project, TicketSpec(f"{count}", tasks=[TaskSpec(f"t{n}") for n in range(count)]), by=operator
        )
        ids = list(ticket.tasks.order_by("id").values_list("pk", flat=True))
        Need.objects.add(project.pk, [Edge(ids[n - 1], ids[n]) for n in range(1, count)], by=operator)
        return ticket

    few, many = made(3), made(310)
    page.get("/board/")  # the session notes that it is in use
    spent = []
    for ticket, query in ((few, ""), (many, ""), (few, "?view=graph"), (many, "?view=graph")):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            shown(page, ticket, query)
        spent.append(len(asked))
    assert max(spent) == spent[0] <= 26, spent
    assert 'id="graph"' not in shown(page, many)  # the list is the default beyond 150 nodes
    assert shown(page, many, "?view=graph").count('class="node ') == 310


def test_an_imported_workflow_is_a_list_first_and_a_graph_on_demand(page, project):
    if not REAL.exists():
        unavailable("data", "put montage-2mass-015d.json of wfcommons/WfInstances into ../shared/data")
    interchange.run("wfformat", io.BytesIO(REAL.read_bytes()), project=project, by="system:tests")
    ticket = Ticket.objects.latest("id")

    text, graph = shown(page, ticket), shown(page, ticket, "?view=graph")

    assert text.count('<li class="task ') == 50
    assert "1 to 50 of 310" in text
    assert graph.count('class="node ') == 310
    assert graph.count('class="edge') == Need.objects.filter(child__ticket=ticket).count()
    assert "Imported" in text


def test_a_form_with_a_character_no_text_can_keep_is_refused(page, delivery):
    for given in ({"reason": "a\0b"}, {"reason": "ab", "to": "\0"}, {"reason": "ab", "version": "9" * 5000}):
        assert act(page, delivery, "back", **given).status_code == 422
    assert page.get("/board/", {"show": "BACKLOG." + "9" * 5000}).status_code == 200


@pytest.mark.parametrize(
    ("source", "said", "unsaid"),
    [
        ("demo", "the demo, which this machine does by itself", "Imported"),
        ("beads", "Imported from", "the demo"),
    ],
)
def test_a_ticket_says_where_it_came_from(page, project, operator, source, said, unsaid):
    opened = Ticket.objects.open(project, TicketSpec("x", source=source, source_id="x-1"), by=operator)
    around = page.get(f"/tickets/{opened.key}/").content.decode()
    assert said in around
    assert unsaid not in around


def test_a_need_that_ended_as_it_should_is_not_shown_as_unmet(page, ticket, operator, ada):
    """C waits for A to fail, and for B: when A has failed, it waits for B alone."""
    first, second = Task.objects.add(ticket, [TaskSpec("A", priority=0), TaskSpec("B")], by=operator)
    [third] = Task.objects.add(ticket, [TaskSpec("C")], by=operator)
    Need.objects.add(
        ticket.project_id, [Edge(first.pk, third.pk, "failure"), Edge(second.pk, third.pk)], by=operator
    )
    Task.objects.filter(pk=first.pk).update(max_attempts=1)
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == first.pk
    fail(claim, by=ada)

    lines = page.get(f"/tickets/{ticket.key}/").context["page"].tasks.rows

    [line] = [line for line in lines if line.task.pk == third.pk]
    assert [need.parent_id for need in line.unmet] == [second.pk]


def words_of(text, tag, mark):
    """The words of the first such element of the page."""
    found = re.search(rf"<{tag}[^>]*{mark}.*?</{tag}>", text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_what_is_late_is_said_in_words_with_the_time(page, ticket, operator):
    passed, expected, _ = Task.objects.add(
        ticket, [TaskSpec("passed"), TaskSpec("expected"), TaskSpec("in time")], by=operator
    )
    shown(page, ticket)
    with CaptureQueriesContext(connection) as before:
        shown(page, ticket)
    now = timezone.now()
    of_passed, of_expected = (Task.objects.filter(pk=task.pk) for task in (passed, expected))
    of_passed.update(deadline=now - timedelta(hours=3, minutes=1))
    of_expected.update(
        deadline=now + timedelta(hours=30), expected_at=now + timedelta(hours=79), late_since=now
    )

    with CaptureQueriesContext(connection) as seen:
        text = shown(page, ticket)

    assert len(seen) == len(before)
    overdue = "Overdue {}Its deadline passed 3 hours ago"
    later = "Expected late {}It is expected 2 days after its deadline, which is in 1 day"
    assert words_of(text, "section", 'aria-labelledby="late-title"') == " ".join(
        ["What is late", overdue.format(f"{passed.key} "), later.format(f"{expected.key} ")]
    )
    assert overdue.format("") in words_of(text, "li", f'id="task-{passed.pk}"')
    assert later.format("") in words_of(text, "li", f'id="task-{expected.pk}"')
    assert text.count(overdue.format("").split()[0]) == 2
    Task.objects.filter(pk__in=[passed.pk, expected.pk]).cancel(by=operator, reason="no")
    assert "late-title" not in (text := shown(page, ticket))
    assert "Overdue" not in text
