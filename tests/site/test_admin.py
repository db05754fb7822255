"""The admin: every model is there, history is only read, and no ticket changes its phase."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from agents.models import (
    Account,
    Agent,
    AgentSpec,
    Event,
    Key,
    Member,
    Pool,
    Project,
    ProjectSpec,
    SavedView,
    SignInTry,
)
from omoi_site import admin_actions
from omoi_site.database import sql
from tests.factories import allow_workflow, asks_for_approvals, decide, fail
from tests.support.waits import store_waits
from tickets.models import (
    Artifact,
    AttentionCount,
    Awaited,
    Blob,
    BulkAct,
    CheckRun,
    Chunk,
    Comment,
    ContextNote,
    Edge,
    Freeze,
    HourlyFigures,
    LaunchSpec,
    Link,
    Need,
    NewArtifact,
    NewDiscovery,
    NewRepository,
    Notice,
    Outcome,
    PatternRequest,
    PatternRun,
    PhaseHold,
    Repository,
    Schedule,
    ScheduleSpec,
    StoredEstimate,
    SweepRun,
    Task,
    TaskOutput,
    TaskSpec,
    TemplateLaunch,
    TemplateSpec,
    Ticket,
    TicketSpec,
    TicketTemplate,
    Verdict,
)
from tickets.models.output.task_output import NewOutput
from tickets.models.queue.task_filter import TaskFilter

pytestmark = pytest.mark.django_db

OURS = [
    model
    for name in ("agents", "tickets", "collaboration")
    for model in apps.get_app_config(name).get_models()
]
ADDED_HERE = {"Project", "Member", "Agent", "Key", "Pool", "Ticket", "Repository"}
EDITED_HERE = {"Project", "Member", "Agent", "Pool", "Ticket", "Repository"}


@pytest.fixture
def desk(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def all_kinds(project, ticket, task, ada, operator):
    """At least one row of every model."""
    [child] = Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    Need.objects.add(project.pk, [Edge(task.pk, child.pk)], by=operator)
    other = Ticket.objects.open(project, TicketSpec("Another"), by=operator)
    Link.objects.create(ticket=ticket, other=other, kind="related")
    Awaited.objects.create(ticket=ticket, kind="blocks", source_id="bd-2")
    Comment.objects.create(ticket=ticket, author="lee", body="Looks right.")
    Notice.objects.tell(ticket, ["viewer"], phase=ticket.phase, by=operator)
    Member.objects.set(project, operator, "admin", by=operator)
    Key.objects.issue(agent=ada, by=operator)
    Pool.objects.create_pool("anthropic:team", by=operator)
    SignInTry.objects.count_in("mallory", "127.0.0.1")
    Account.objects.create(user=operator)
    SavedView.objects.keep("Mine", "/board/", "", by=operator)
    AttentionCount.objects.create(project_id=project.pk, kind="silent", who="operator", number=1)
    of_phase = {"workflow": ticket.workflow, "phase": ticket.phase, "holds": []}
    PhaseHold.objects.create(project=project, **of_phase, is_full=False, waits=False)
    SweepRun.ran("lapse")
    now = timezone.now()
    times = {name: now for name in ("made_at", "expected_at", "likely_by")}
    StoredEstimate.objects.create(move=ticket.history.get(move=0), ticket=ticket, **times)
    Task.objects.raise_floors()
    Artifact.objects.submit(ticket, NewArtifact("plan", BytesIO(b"Why and how")), by=operator)
    kept_here = Blob.objects.create(hash="0" * 64, size=1)
    Chunk.objects.create(blob=kept_here, number=0, data=b"x")
    ContextNote.objects.add(ticket, "TODO", {"decision": ["Keep keys"]}, by=operator)
    Verdict.objects.judge(ticket, by=operator)
    CheckRun.objects.create(ticket=ticket, move=1, entry={"check": "http", "url": "https://omoi.invalid/"})
    asking = Ticket.objects.open(
        project, TicketSpec("A third", workflow=asks_for_approvals(project)), by=operator
    )
    decide(asking, "approve", by=operator)
    sql.rows(
        "INSERT INTO agents_reply (hash, request, status, headers, body, sealed) VALUES ('\\x01', '\\x01',"
        " 200, '{}', '\\x01', false)"
    )
    tasks = allow_workflow(project, "software_delivery_tasks")
    fourth = Ticket.objects.open(project, TicketSpec("A fourth", workflow=tasks), by=operator)
    TemplateLaunch.objects.launch(fourth.pk, LaunchSpec("TESTING"), key="once", by=operator)
    Repository.objects.add(project, NewRepository("shop", "https://forge.example/shop.git"), by=operator)
    template = TicketTemplate.objects.create_template(project, TemplateSpec("nightly", "Audit"), by=operator)
    schedule = Schedule.objects.create_schedule(project, ScheduleSpec(template, "@daily"), by=operator)
    Schedule.objects.run_now(schedule.pk, by=operator)
    split = {"type": "split", "id": "parts", "source_task_id": str(task.pk), "target_tasks": [{"title": "A"}]}
    PatternRun.objects.apply(ticket, PatternRequest(split, "once"), by=operator)
    wait = {"type": "sync", "id": "gathered", "waiting_task_ids": [str(task.pk)], "others": "cancel"}
    PatternRun.objects.apply(ticket, PatternRequest(wait, "then"), by=operator)
    found = [NewDiscovery("bug", "Old keys", "Since 2019")]
    [claim] = Task.objects.claim(by=ada)
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed", discoveries=found)], by=ada)
    [claim] = Task.objects.claim(by=ada)
    TaskOutput.objects.add([NewOutput(claim.task, claim.fence, 0, b"so far")], by=ada)
    fail(claim, by=ada, kind="validation")
    BulkAct.objects.prepare("cancel", TaskFilter(), by=operator, projects=[project])
    store_waits()
    HourlyFigures.objects.count_events()
    HourlyFigures.objects.sample_queue()
    Freeze.objects.freeze(project, by=operator, reason="The last act")


def at(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_of_ours_can_be_found_filtered_and_searched():
    for model in OURS:
        desk = admin.site._registry[model]
        assert desk.list_display != ("__str__",), model
        assert desk.list_filter, model
        assert desk.search_fields, model
        assert not desk.show_full_result_count, model


def test_every_page_of_every_model_answers(desk, all_kinds):
    assert desk.get("/admin/").status_code == 200
    for model in OURS:
        row = model._default_manager.order_by("pk").first()
        assert row is not None, f"no {model.__name__} in the fixture"
        assert desk.get(at(model, "changelist"), {"q": "omo"}).status_code == 200, model
        assert desk.get(at(model, "change", row.pk)).status_code == 200, model


@pytest.mark.full
def test_so_do_lists_histories_and_new_forms(desk, all_kinds):
    for model in OURS:
        row = model._default_manager.order_by("pk").first()
        assert desk.get(at(model, "changelist")).status_code == 200, model
        assert desk.get(at(model, "history", row.pk)).status_code == 200, model
        assert desk.get(at(model, "add")).status_code == (200 if model.__name__ in ADDED_HERE else 403), model


@pytest.mark.full
def test_every_filter_answers(desk, all_kinds):
    for model in OURS:
        page = desk.get(at(model, "changelist"))
        for spec in page.context["cl"].filter_specs:
            for choice in spec.choices(page.context["cl"]):
                assert desk.get(at(model, "changelist") + choice["query_string"]).status_code == 200, (
                    model,
                    choice,
                )


@pytest.mark.full
def test_history_journal_and_claims_are_only_read(desk, all_kinds):
    for model in OURS:
        row = model._default_manager.order_by("pk").first()
        if model.__name__ not in EDITED_HERE:
            assert desk.post(at(model, "change", row.pk), {"reason": "no"}).status_code == 403, model
        if model.__name__ not in ("Member", "Repository", "SignInTry"):
            assert desk.post(at(model, "delete", row.pk), {"post": "yes"}).status_code == 403, model


@pytest.mark.full
def test_a_form_is_saved_as_a_browser_sends_it(desk, all_kinds):
    for model in [each for each in OURS if each.__name__ in EDITED_HERE]:
        row = model._default_manager.order_by("pk").first()
        opened = desk.get(at(model, "change", row.pk))
        saved = desk.post(at(model, "change", row.pk), sent(opened))
        assert saved.status_code == 302, (model, saved.context["errors"])


def test_the_pools_of_an_agent_are_set_in_its_form(desk, ada, operator):
    for name in ("anthropic:team", "openai:team"):
        Pool.objects.create_pool(name, by=operator)
    fields = sent(desk.get(at(Agent, "change", ada.pk)))

    saved = desk.post(at(Agent, "change", ada.pk), fields | {"pools": "openai:team,anthropic:team"})

    assert saved.status_code == 302
    after = Agent.objects.get(pk=ada.pk)
    assert after.pools == ["anthropic:team", "openai:team"]
    assert (after.capacity, list(after.projects.all())) == (ada.capacity, list(ada.projects.all()))


def sent(page):
    """The fields of a form as a browser sends them, if nobody has changed one."""
    forms = [page.context["adminform"].form]
    for rows in page.context["inline_admin_formsets"]:
        forms += [rows.formset.management_form, *rows.formset.forms]
    values = {field.html_name: field.value() for form in forms for field in form}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_the_admin_cannot_put_a_ticket_into_a_phase(desk, ticket):
    fields = {
        "title": "Edited",
        "description": "",
        "priority": 1,
        "labels": "",
        "phase": "DONE",
        "previous_phase": "",
        "moves": 7,
    }
    fields |= {"history-TOTAL_FORMS": 0, "history-INITIAL_FORMS": 0}

    answer = desk.post(at(Ticket, "change", ticket.pk), fields)

    assert answer.status_code == 302
    after = Ticket.objects.get(pk=ticket.pk)
    assert (after.title, after.phase, after.moves) == ("Edited", "DOING", ticket.moves)
    assert not after.history.filter(to_phase="DONE").exists()


def test_a_ticket_added_in_the_admin_is_born_in_its_first_phase(desk, project):
    fields = {
        "project": project.pk,
        "title": "Made here",
        "description": "",
        "priority": 2,
        "labels": "",
        "phase": "DONE",
    }

    assert desk.post(at(Ticket, "add"), fields).status_code == 302

    born = Ticket.objects.get(title="Made here")
    assert (born.phase, born.history.get().ground) == ("TODO", "born")


def test_an_act_asks_for_a_reason_on_its_own_page(desk, ticket):
    asked = {"action": "block_tickets", "_selected_action": [ticket.pk]}

    page = desk.post(at(Ticket, "changelist"), asked)
    assert b"Reason" in page.content
    assert Ticket.objects.get(pk=ticket.pk).phase == "DOING"

    assert b"or more" in desk.post(at(Ticket, "changelist"), {**asked, "reason": " "}).content
    unsaid = desk.post(at(Ticket, "changelist"), {**asked, "reason": "Which schema?"})
    assert b"Choose one of them" in unsaid.content
    assert b"Which schema?" in unsaid.content
    why = desk.post(at(Ticket, "changelist"), {**asked, "reason": " ", "cause": "clarification"})
    assert b'<option value="clarification" selected>' in why.content
    desk.post(at(Ticket, "changelist"), {**asked, "reason": "Which schema?", "cause": "clarification"})

    blocked = Ticket.objects.get(pk=ticket.pk)
    assert (blocked.phase, blocked.blocked_reason) == ("BLOCKED", "Which schema?")


def test_a_refused_act_says_why(desk, ticket, operator):
    page = desk.post(
        at(Ticket, "changelist"),
        {"action": "unblock_tickets", "_selected_action": [ticket.pk], "reason": ""},
        follow=True,
    )
    assert b"is in Doing, not in Blocked" in page.content


def test_a_key_is_shown_once_and_kept_as_a_hash(desk, ada):
    page = desk.post(at(Key, "add"), {"agent": ada.pk, "scopes": ["work"], "days": ""})

    key = Key.objects.get(agent=ada)
    text = page.content.decode().partition('<code class="key-text">')[2].partition("<")[0]
    assert Key.objects.bearing(text) == key
    assert "no-store" in page["Cache-Control"]
    assert text not in str(desk.session.items())
    for address in (at(Key, "change", key.pk), at(Key, "changelist")):
        assert text not in desk.get(address).content.decode()

    desk.post(
        at(Key, "changelist"), {"action": "revoke_keys", "_selected_action": [key.pk], "reason": "it leaked"}
    )
    assert Key.objects.bearing(text) is None


def test_a_retired_agent_gives_its_claims_back(desk, task, ada):
    Task.objects.claim(by=ada)
    desk.post(
        at(Agent, "changelist"),
        {"action": "retire_agents", "_selected_action": [ada.pk], "reason": "replaced by bob"},
    )
    assert Agent.objects.get(pk=ada.pk).state == "retired"
    assert Task.objects.get(pk=task.pk).state == "pending"


STALLS = {"stall_after_s": 1800, "stall_grace_s": 600}  # what the form has beside


def test_a_project_edited_in_the_admin_is_told_of_in_the_journal(desk, project, operator):
    form = {"name": "Payments", "repository": "", "workflow": "", **STALLS}
    desk.post(at(Project, "change", project.pk), form)
    assert Project.objects.get(pk=project.pk).name == "Payments"
    assert Event.objects.filter(kind="project.edited", actor="user:admin").count() == 1


def test_what_the_domain_refuses_is_told_above_the_form(desk, project):
    page = desk.post(
        at(Project, "change", project.pk),
        {"name": "OMO", "repository": "", "workflow": "no_such", **STALLS},
        follow=True,
    )
    assert Project.objects.get(pk=project.pk).workflow == "simple"
    assert b"There is no workflow no_such" in page.content


def test_the_admin_is_entered_by_our_own_sign_in(client, django_user_model, operator):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    client.force_login(django_user_model.objects.create_user("mallory"))
    assert client.get("/admin/", follow=True).status_code == 403


# -- staff who are not the operator


@pytest.fixture
def staff(client, project, django_user_model):
    """Who may use the whole admin by Django's permissions, and is a member of OMO alone."""
    user = django_user_model.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Member.objects.create(project=project, user=user, role="operator")
    client.force_login(user)
    return client


@pytest.fixture
def elsewhere(operator):
    """A ticket, a task and an agent of a project that sam is no member of."""
    other = Project.objects.create_project(ProjectSpec("SECRET", workflow="simple"), by=operator)
    Agent.objects.register(AgentSpec("zelda"), projects=[other], by=operator)
    ticket = Ticket.objects.open(
        other, TicketSpec("Hidden away", tasks=[TaskSpec("Hidden away")]), by=operator
    )
    Member.objects.create(project=other, user=operator, role="admin")
    Key.objects.issue(agent=Agent.objects.get(name="zelda"), by=operator)
    return ticket


@pytest.mark.full
def test_staff_see_their_own_projects_only(staff, all_kinds, elsewhere, operator):
    for model in OURS:
        page = staff.get(at(model, "changelist"))
        assert page.status_code == 200, model
        for word in ("SECRET", "Hidden away", "zelda"):
            assert word not in page.content.decode(), (model, word)
    for row in (elsewhere, elsewhere.tasks.get(), elsewhere.project, Agent.objects.get(name="zelda")):
        assert staff.get(at(type(row), "change", row.pk)).status_code == 302, (
            row
        )  # back to the list: there is no such row
    assert "OMO-1" in staff.get(at(Ticket, "changelist")).content.decode()
    assert b"ada" in staff.get(at(Agent, "changelist")).content


def test_staff_name_no_other_project_in_a_form(staff, elsewhere):
    for model, body in (
        (
            Ticket,
            {"project": elsewhere.project_id, "title": "x", "description": "", "priority": 2, "labels": ""},
        ),
        (Agent, {"name": "mallory", "kind": "worker", "capacity": 1, "projects": [elsewhere.project_id]}),
    ):
        refused = staff.post(at(model, "add"), body)
        assert refused.status_code == 200, model
        assert "Select a valid choice" in refused.content.decode()
    found = staff.get(
        "/admin/autocomplete/", {"app_label": "tickets", "model_name": "ticket", "field_name": "project"}
    ).json()
    assert [each["text"] for each in found["results"]] == ["OMO"]


def test_staff_make_no_key_beyond_their_own_rights(staff, ada, operator):
    for body in (
        {"agent": ada.pk, "scopes": ["admin"]},
        {"agent": ada.pk, "scopes": ["work"]},
        {"user": operator.pk},
    ):
        refused = staff.post(at(Key, "add"), body, follow=True)
        assert "omoi_" not in refused.content.decode()
    assert not Key.objects.exists()


def test_staff_make_nobody_operator_and_touch_none(staff, operator, django_user_model):
    sam, vera = django_user_model.objects.get(username="sam"), django_user_model.objects.create_user("vera")
    for person in (sam, vera):
        staff.post(
            f"/admin/auth/user/{person.pk}/change/",
            {"username": person.username, "is_superuser": "on", "is_staff": "on", "is_active": "on"},
        )
    assert (
        staff.post(
            f"/admin/auth/user/{operator.pk}/password/",
            {"password1": "a-long-password-1", "password2": "a-long-password-1"},
        ).status_code
        == 403
    )
    assert staff.post(f"/admin/auth/user/{operator.pk}/delete/", {"post": "yes"}).status_code == 403
    assert list(django_user_model.objects.filter(is_superuser=True)) == [operator]
    assert not django_user_model.objects.get(username="vera").is_staff


def test_staff_who_may_only_look_run_no_action(staff, ticket, django_user_model):
    """Even where their role in the project would allow it to the verb."""
    sam, act = django_user_model.objects.get(username="sam"), {"action": "pause_tickets", "reason": "x"}
    looks = Permission.objects.filter(codename="view_ticket")

    for given, paused in ((looks, False), (Permission.objects.all(), True)):
        sam.user_permissions.set(given)
        page = staff.post(at(Ticket, "changelist"), {**act, "_selected_action": [ticket.pk]}, follow=True)
        assert (page.status_code, Ticket.objects.get(pk=ticket.pk).paused) == (200, paused)


INNER = {
    "Account",
    "AgentPresence",
    "AttentionCount",
    "Awaited",
    "Blob",
    "BulkBatch",
    "CheckRun",
    "Chunk",
    "FiguresPlace",
    "HourlyFigures",
    "Lane",
    "LaneLook",
    "LaneWait",
    "LatestGrant",
    "Operation",
    "OthersCancelled",
    "OutputPiece",
    "PhaseHold",
    "Reply",
    "SavedView",
    "SignInTry",
    "StoredEstimate",
    "SweepRun",
    "TaskOutput",
    "TaskWait",
    "TemplateLaunch",
    "TicketWait",
    "WaitSweep",
    "WorkflowPhase",
}


def test_inner_tables_stand_in_a_section_of_their_own(desk, all_kinds):
    page = desk.get("/admin/")
    sections = {
        app["name"]: [shown["object_name"] for shown in app["models"]] for app in page.context["app_list"]
    }
    assert set(sections["Internals"]) == INNER
    assert list(sections)[-1] == "Internals"
    assert not INNER & {
        name for section, names in sections.items() if section != "Internals" for name in names
    }


def test_the_inner_tables_are_folded_away_but_around_the_one_that_is_shown(desk, all_kinds):
    assert desk.get("/admin/").content.decode().count("<details>") == 1  # the start has no sidebar
    assert "<details>" in desk.get(at(Ticket, "changelist")).content.decode()
    assert "<details open>" in desk.get(at(SweepRun, "changelist")).content.decode()


def test_a_list_shows_states_as_badges_with_their_icon(desk, ticket, task, ada):
    Task.objects.claim(by=ada)
    for model, words in ((Task, "Running"), (Ticket, "Doing"), (Agent, "Available")):
        row = desk.get(at(model, "changelist")).content.decode()
        assert '<span class="badge' in row
        assert f"</svg>{words}</span>" in row, model
    assert "ada" in desk.get(at(Ticket, "changelist")).content.decode(), "who is at work on it"


def test_an_act_says_how_many_are_chosen_and_which_it_could_not_be_done_for(desk, ticket, task, ada):
    [done] = Task.objects.add(ticket, [TaskSpec("Over")], by="system:test")
    Task.objects.filter(pk=done.pk).cancel(by="system:test", reason="not wanted")
    chosen = {"action": "cancel_tasks", "_selected_action": [task.pk, done.pk]}

    page = desk.post(at(Task, "changelist"), chosen).content.decode()
    assert "<strong>2</strong>" in page
    assert f"{done.key}: it is cancelled, and only an open task can be cancelled" in page
    said = desk.post(at(Task, "changelist"), {**chosen, "reason": "over"}, follow=True).content.decode()

    assert "Cancel tasks: 1 of 2 done." in said
    assert f"{done}: task {done.key} is cancelled: only an open task can be cancelled" in said
    assert Task.objects.get(pk=task.pk).state == "cancelled"


def test_no_more_rows_are_changed_together_than_a_request_can(desk, ticket, monkeypatch):
    monkeypatch.setattr(admin_actions, "TOGETHER", 2)
    Task.objects.add(ticket, [TaskSpec("x")] * 3, by="system:test")
    chosen = {"action": "cancel_tasks", "select_across": 1, "_selected_action": [1], "reason": "over"}

    said = desk.post(at(Task, "changelist"), chosen, follow=True).content.decode()

    assert "At most 2 rows are changed together" in said
    assert not Task.objects.filter(state="cancelled").exists()


def test_of_many_that_were_refused_the_rest_is_counted_by_its_reason(desk, ticket, monkeypatch):
    monkeypatch.setattr(admin_actions, "TOLD", 1)
    tasks = Task.objects.add(ticket, [TaskSpec("x")] * 3, by="system:test")
    chosen = {"action": "retry_tasks", "_selected_action": [task.pk for task in tasks], "reason": "again"}

    said = desk.post(at(Task, "changelist"), chosen, follow=True).content.decode()

    assert "Retry tasks: 0 of 3 done." in said
    assert "More were not done. 2 because: The task&#x27;s state does not allow this." in said


def test_priorities_are_set_with_their_reason(desk, ticket, task):
    chosen = {"reason": "The customer waits", "priority": "0"}
    for row, action in ((task, "set_the_priority_of_tasks"), (ticket, "set_the_priority_of_tickets")):
        asked = {**chosen, "action": action, "_selected_action": [row.pk]}
        assert (
            b"Choose one of them" in desk.post(at(type(row), "changelist"), asked | {"priority": ""}).content
        )
        desk.post(at(type(row), "changelist"), asked)
        assert type(row).objects.get(pk=row.pk).priority == 0

    kinds = Event.objects.filter(kind__in=["task.edited", "ticket.edited"], reason="The customer waits")
    assert set(kinds.values_list("kind", flat=True)) == {"task.edited", "ticket.edited"}
    bad = {**chosen, "action": action, "_selected_action": [ticket.pk], "priority": "9"}
    assert b"choose one of the priorities" in desk.post(at(Ticket, "changelist"), bad, follow=True).content


def test_what_an_agent_holds_is_taken_back(desk, task, ada, bob):
    Task.objects.claim(by=ada)
    chosen = {"action": "requeue_the_tasks_of_agents", "_selected_action": [ada.pk, bob.pk]}

    page = desk.post(at(Agent, "changelist"), chosen).content.decode()
    assert "ada: it holds 1 task" in page
    assert "bob: it holds nothing" in page
    said = desk.post(at(Agent, "changelist"), {**chosen, "reason": "stuck"}, follow=True).content.decode()

    assert "1 of 2 done" in said
    assert "Bob: bob holds no task that could be taken back" in said
    assert (Task.objects.get(pk=task.pk).state, Event.objects.filter(kind="task.revoked").count()) == (
        "pending",
        1,
    )


def test_agents_show_presence_and_what_they_hold(desk, ticket, task, ada):
    Task.objects.claim(by=ada)
    row = desk.get(at(Agent, "changelist")).content.decode()
    assert "1 of 5" in row
    assert "heard" in row.lower()
    form = desk.get(at(Agent, "change", ada.pk)).content.decode()
    assert f"{ticket.key}.{task.pk}" in form
    assert "Write the endpoint" in form


def test_a_refused_form_says_why_and_keeps_what_was_typed(desk, ticket):
    typed = {
        "title": "Kept",
        "description": "",
        "priority": 2,
        "labels": "",
        "acceptance": "once\n" + "x" * 501,
    }
    history = {"history-TOTAL_FORMS": 0, "history-INITIAL_FORMS": 0}

    refused = desk.post(at(Ticket, "change", ticket.pk), {**typed, **history})

    assert refused.status_code == 200
    assert 'value="Kept"' in refused.content.decode()
    assert "at most 500 characters are allowed; there are 501" in refused.content.decode()
    assert Ticket.objects.get(pk=ticket.pk).title == ticket.title
