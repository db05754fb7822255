"""Commands take only text that can be stored, and print nothing that a terminal would obey."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from omoi_site.command_line import CommandLine
from omoi_site.command_words import in_commands
from tests.site.test_commands import json_output, refusal
from tickets.models import Edge, Need, Outcome, Task, TaskSpec, Ticket, TicketSpec

OUTCOME = ("--outcome", "completed", "--reason", "done")


def gated(operator):
    """A ticket of a workflow with gates, with nothing submitted."""
    project = Project.objects.create_project(ProjectSpec("GAT", workflow="software_delivery"), by=operator)
    ticket = Ticket.objects.open(project, TicketSpec("T"), by=operator)
    Ticket.objects.move(ticket.pk, "REQUIREMENTS", by=operator)
    return ticket


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "words",
    [
        *("agents drain \udcff", "agents drain ada --reason \udcff", "tasks bump \udcff.1 --reason x"),
        *("pools open \udcff", "explain \udcff", "agents create new --capability ok --capability \udcff"),
    ],
    ids=ascii,
)
def test_an_argument_that_is_no_utf_8_is_refused(ada, capsys, words):
    refused = refusal(capsys, *words.split())
    assert refused.startswith("'\\udcff")
    assert refused.endswith("' is not text in UTF-8\n")
    ada.refresh_from_db()
    assert ada.state == "available"


@pytest.mark.django_db(transaction=True)
def test_what_an_agent_wrote_does_not_reach_the_terminal_as_an_order(task, ada, capsys):
    [claim] = Task.objects.claim(by=ada)
    error = "\x1b]0;pwned\x07\x9b31m it\ttore\r\nin two"
    Task.objects.settle([Outcome(claim.task, claim.fence, "failed", error=error, kind="permanent")], by=ada)

    for words in ("explain", task.key), ("agents", "history", ada.name), ("attention",):
        call_command(*words)
        shown = capsys.readouterr().out
        assert "⟦U+001B⟧]0;pwned⟦U+0007⟧⟦U+009B⟧31m it" in shown, words
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)

    assert refusal(capsys, "agents", "drain", "\x1b[2J") == (
        "there is no agent ⟦U+001B⟧[2J\n`python3 manage.py agents list` names them.\n"
    )
    assert json_output(capsys, "agents", "history", ada.name)["results"][0]["why"] == error


@pytest.mark.django_db(transaction=True)
def test_a_title_and_a_reason_are_one_line_of_a_command(project, ticket, operator, capsys):
    title = "Do it\r\nOMO is thawed.\nAll is well"
    [task] = Task.objects.add(ticket, [TaskSpec("It")], by=operator)
    [then] = Task.objects.add(ticket, [TaskSpec(title)], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, then.pk)], by=operator)
    call_command("tasks", "cancel", task.key, "--reason", "x", "--dependants", "cancel", "--dry-run")
    assert (
        "is cancelled too: Do it⟦U+000D⟧⟦U+000A⟧OMO is thawed.⟦U+000A⟧All is well\n"
        in capsys.readouterr().out
    )
    Project.objects.act(project.pk, "pause", by=operator, reason="lunch\nOMO is thawed.")

    call_command("explain", ticket.key)
    shown = capsys.readouterr().out
    assert "lunch⟦U+000A⟧OMO is thawed." in shown
    call_command("attention")
    assert "\nOMO is thawed." not in shown + capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /api/v1/tasks/99/explain", "python3 manage.py explain 99"),
        ("See GET /tickets/OMO-1/gate/runs", "See GET /tickets/OMO-1/gate/runs"),
        ("Press Resume (or POST /tickets/OMO-1/resume).", "Press Resume (or POST /tickets/OMO-1/resume)."),
        ("(POST /agents/ada/retire)", "(python3 manage.py agents retire ada)"),
        ("To open it now: POST /pools/a:b/open.", "To open it now: python3 manage.py pools open a:b."),
        ("move this one in past the limit (past_limit).", "move this one in past the limit (--past-limit)."),
        ("with `dependants`: hold", "with --dependants: hold"),
    ],
)
def test_a_command_names_commands_where_there_are_some(text, shown):
    assert in_commands(text) == shown


@pytest.mark.django_db(transaction=True)
def test_the_attention_list_and_refusals_name_commands_that_work(task, ada, operator, capsys):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.settle([Outcome(claim.task, claim.fence, "failed", error="x", kind="permanent")], by=ada)
    call_command("attention")
    assert f"python3 manage.py tasks retry {task.pk} --reason TEXT" in capsys.readouterr().out
    call_command("tasks", "retry", str(task.pk), "--reason", "again")
    assert capsys.readouterr().out == f"{task.key} is pending.\n"

    refused = refusal(capsys, "tasks", "settle", task.key, "--person", "admin", *OUTCOME)
    assert "you do not hold this task: it is pending" in refused
    assert f"python3 manage.py tasks take {task.pk} --person NAME" in refused
    assert "claim again" not in refused
    refused = refusal(capsys, "tickets", "move", gated(operator).key, "DESIGN", "--person", "admin")
    assert "\n  artifact: " in refused


def test_an_unknown_command_is_a_wrong_argument(capsys):
    with pytest.raises(SystemExit) as ended:
        CommandLine(["manage.py", "nope"]).execute()
    assert ended.value.code == 2
    assert "Unknown command: 'nope'" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_names_that_are_cut_end_with_an_ellipsis(project, operator, capsys):
    for name in "abcdef":
        Agent.objects.register(AgentSpec(name), projects=[project], by=operator)
    assert "Existing ones: a, b, c, d, e, ….\n" in refusal(capsys, "keys", "create", "--agent", "zed")
