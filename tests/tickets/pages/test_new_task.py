"""The page that adds a task: everything of it typed, faults beside the fields, and made once."""

from __future__ import annotations

import re

import pytest

from agents.models import Agent, Member
from tests.factories import install_profile
from tests.support.html import squeeze
from tickets.models import Need, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def ticket(project, operator):
    spec = TicketSpec("Ship it", tasks=[TaskSpec("first", capabilities=["python"]), TaskSpec("second")])
    return Ticket.objects.open(project, spec, by=operator)


def text(answer):
    return squeeze(answer.content.decode())


def at(ticket):
    return f"/tickets/{ticket.key}/new-task/"


def typed(**more):
    return {"title": "third", "phase": "DOING", **more}


def test_a_task_with_all_it_can_have(page, ticket, project, ada, operator):
    Agent.objects.filter(pk=ada.pk).update(capabilities=["rust"])
    install_profile("run", words=["true", {"slot": "branch"}], slots={"branch": {}})
    other = Ticket.objects.open(
        project, TicketSpec("Other", tasks=[TaskSpec("a"), TaskSpec("b")]), by=operator
    )
    first, second = ticket.tasks.order_by("pk").values_list("pk", flat=True)
    shown = text(page.get(at(ticket)))
    assert 'value="python"' in shown
    assert 'value="rust"' in shown
    assert f'<option value="{ticket.key}.{first}">first</option>' in shown
    form = typed(
        description="a\r\nb",
        priority="high",
        known=["python"],
        capabilities="Docker, gpu",
        need_0=f"{ticket.key.lower()}.{first}, {second}",
        need_1=other.key,
        when_1="always",
        on_failure_1="continue",
        join="any",
        profile="run",
        slots="branch: main",
        timeout_min="5",
        stall_min="0",
        max_attempts="7",
        deadline="2030-01-31T09:00",
        once=re.search(r'name="once" value="([^"]+)"', shown)[1],
    )

    answers = [page.post(at(ticket), form) for _ in range(2)]

    [task] = ticket.tasks.filter(title="third")
    assert {answer["Location"] for answer in answers} == {
        f"/tickets/{ticket.key}/?task={task.pk}#task-{task.pk}"
    }
    assert (task.description, task.priority, task.capabilities) == ("a\nb", 1, ["docker", "gpu", "python"])
    assert (task.profile, task.slots, task.join) == ("run", {"branch": "main"}, 1)
    assert (task.timeout_s, task.stall_after_s, task.max_attempts) == (300, 0, 7)
    assert task.deadline.isoformat() == "2030-01-31T09:00:00+00:00"
    needs = Need.objects.filter(child=task).order_by("parent").values_list("parent", "on_end", "on_failure")
    later = [(pk, "always", "continue") for pk in other.tasks.order_by("pk").values_list("pk", flat=True)]
    assert list(needs) == [(first, "success", "hold"), (second, "success", "hold"), *later]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"title": ""}, "title", "Say in a line"),
        ({"title": "\u200b"}, "title", "no visible character"),
        ({"title": "x" * 301}, "title", "at most 300"),
        ({"phase": "DONE"}, "phase", "not left"),
        ({"need_1": "OMO-77"}, "need_1", "OMO-77 is neither a task"),
        ({"need_1": "OMO-1.999999999999"}, "need_1", "There is no task OMO-1.999999999999"),
        ({"need_1": "OMO-1.{0}, {0}"}, "need_1", "name it once"),
        ({"need_0": "{0}", "join": "3"}, "join", "1 in all"),
        ({"capabilities": "a\u200bb"}, "capabilities", "invisible"),
        ({"known": "cobol"}, "known", "cobol is not in the list"),
        ({"profile": "nothing"}, "profile", "may use"),
        ({"slots": "branch"}, "slots", "Write `name: value`"),
        ({"slots": "branch: x"}, "slots", "name a profile"),
        ({"timeout_min": "0"}, "timeout_min", "Write 1 or more"),
        ({"timeout_min": "9" * 400}, "timeout_min", "at most"),
        ({"deadline": "soon"}, "deadline", "a date and a time"),
        ({"deadline": "9999-01-31T09:00"}, "deadline", "between the years"),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_typed_stays(page, ticket, wrong, field, words):
    first = ticket.tasks.order_by("pk").values_list("pk", flat=True)[0]
    wrong = {name: value.format(first) for name, value in wrong.items()}

    answer = page.post(at(ticket), {**typed(description="Kept"), **wrong})

    shown = text(answer)
    assert answer.status_code == 422
    assert "Kept</textarea>" in shown
    assert f'<a href="#{field}' in shown
    assert words.lower() in shown.lower()
    assert ticket.tasks.count() == 2


def test_who_may_not_add_tasks_is_told_and_refused(client, project, ticket, django_user_model):
    viewer = django_user_model.objects.create_user("viewer")
    client.force_login(viewer)
    assert client.get(at(ticket)).status_code == 404
    Member.objects.create(project=project, user=viewer, role="viewer")
    assert "You need the role of an operator in OMO" in text(client.get(at(ticket)))
    assert client.post(at(ticket), typed()).status_code == 403
    assert ticket.tasks.count() == 2


def test_a_ticket_that_is_over_takes_none(page, ticket, operator):
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not wanted")
    assert "Reopen OMO-1 first" in text(page.get(at(ticket)))
    assert page.post(at(ticket), typed()).status_code == 409
    assert Task.objects.filter(title="third").count() == 0
