"""What people read: moments as people say them, and no words of the API."""

from __future__ import annotations

import re
from datetime import timedelta
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django.utils.html import strip_tags
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omoi_site.errors import OmoiError
from omoi_site.setup import doctor
from tests import factories
from tests.support.kept_plans import kept_plans
from tests.tickets.explain.random_world import ACTS, QUIET, TASKS, World, silent
from tickets.models import Task, TaskSpec, Ticket
from tickets.models.explain import task_obstacles, ticket_obstacles
from tickets.models.explain import ticket_explanation as standstill
from tickets.pages.actions import TASK, TICKET
from tickets.pages.cause_display import MOVING, TONES_AND_ICONS, display_of, displays_of, shared_causes

pytestmark = pytest.mark.django_db

MOMENT = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\+00:00|\bUTC\b")
OURS = re.compile(
    r"\b(unmet|not_before|claimable|waiting_on|lease_expires_at|open_needs|unsatisfiable"
    r"|(agent|user|task|ticket|system):[\w.-]+)\b"
)
CODE = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[A-Z]+_[A-Z_]+\b")
PHASES = re.compile(
    r"\b(TODO|DOING|DONE|BACKLOG|REQUIREMENTS|DESIGN|IMPLEMENTATION|TESTING|DEPLOYMENT|BLOCKED|CANCELLED)\b"
)
# Names a person types or looks for as they stand: variables of the environment, programs and files, and a
# phase in a command or a route.
TYPED = re.compile(
    r"\b(OMOI_[A-Z_]+|DATABASE_URL|BROKER_URL|FORWARDED_ALLOW_IPS|DJANGO_[A-Z_]+|test_\*|[\w.]+_batch\(\)"
    r"|(?<=/phases/)[A-Z_]+(?=/)|(?<=manage\.py projects )(pause|resume) [A-Z0-9]+ [A-Z_]+)"
)


def faults(text: str) -> list[str]:
    """What in a sentence is no word for people."""
    text = TYPED.sub("", text)
    return [found.group() for shape in (MOMENT, OURS, CODE, PHASES) for found in shape.finditer(text)]


def clean(*texts: str) -> None:
    for text in texts:
        assert not faults(text), text


@pytest.mark.parametrize(
    "text",
    [
        "its lease ends 2026-11-28 09:00:01 UTC", "last heard 03:02:04", "agent:ada is silent",
        "waits for task:OMO-1.2", "see unmet",
        "edit not_before", "it stands in DOING", "the gate refused: has_tests", "IN_REVIEW",
        "phase DOING is paused; POST /projects/OMO/resume",
        "python3 manage.py projects resume OMO: TODO waits",
    ],
)  # fmt: skip
def test_what_is_no_word_for_people_is_found(text):
    assert faults(text)
    assert not faults(
        "ada has not been heard from for 4 minutes; OMO-1.2 stands in In review; set DATABASE_URL;"
        " POST /projects/OMO/phases/IN_REVIEW/resume, or python3 manage.py projects resume OMO IN_REVIEW"
    )


def every_cause(tickets, tasks):
    told = Task.objects.explanations([task.pk for task in tasks])
    causes = [cause for each in told.values() for cause in each["causes"]]
    return causes + [
        cause
        for ticket in Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets])
        for cause in Ticket.objects.explanation(ticket)["causes"]
    ]


def check_causes(world):
    for cause in every_cause(world.tickets, world.tasks):
        clean(cause["what"], cause["how"])
        if "lease ends" in cause["what"] or "it is due" in cause["what"]:
            assert cause["until"] is not None, cause
        if "ended" in cause["what"] and "ago" in cause["what"]:
            assert cause["since"] is not None, cause
        if shown := display_of([cause]):
            clean(shown.text)
    tickets = list(Ticket.objects.filter(project=world.project))
    clean(
        *[
            cause.text
            for cause in displays_of(tickets, Task.objects.tallies(ticket.pk for ticket in tickets)).values()
        ]
    )
    clean(*[text for shared in shared_causes(world.project.pk) for text in (shared.cause.text, shared.how)])


class Telling(World):
    """Refusals are read too."""

    def act(self, name, *args):
        try:
            with transaction.atomic():
                getattr(self, name)(*args)
        except OmoiError as refusal:
            clean(refusal.message, refusal.next_action)


@pytest.mark.full
@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@example(tasks=[(0, TaskSpec("Do it", phase="TODO"))], acts=[("pause_phase", "TODO")])
@example(tasks=[(0, TaskSpec("Do it", phase="TODO"))], acts=[("claim", "ada", 1), ("quiet", "ada")])
@given(tasks=TASKS, acts=st.lists(ACTS, min_size=10, max_size=25))
def test_every_cause_and_refusal_is_told_in_words_for_people(operator, tasks, acts):
    with kept_plans(), transaction.atomic(), mock.patch.object(standstill, "MOST", 2):
        world = Telling(operator)
        world.add(tasks)
        for act in acts:
            world.act(*act)
            check_causes(world)
        transaction.set_rollback(True)


def every(kind):
    for each in kind.__subclasses__():
        yield each
        yield from every(each)


def test_every_error_has_a_title_and_a_way_out_in_words_for_people():
    kinds = list(every(OmoiError))
    assert len(kinds) > 30
    for kind in kinds:
        clean(kind.title, kind.next_action)


@pytest.fixture
def delivery(project, operator, ada):
    """A ticket whose gate was refused, with tasks in every state; one is not yet due."""
    ticket = factories.busy_ticket(project, by=operator, agent=ada)
    not_due = ticket.tasks.filter(state="pending").first()
    Task.objects.edit(not_due.pk, by=operator, not_before=timezone.now() + timedelta(hours=3))
    Task.objects.claim(by=ada)
    silent(ada)
    return ticket


def read(page: str) -> str:
    """What stands on a page, hints and marks of icons aside; keys, addresses and names of files are what
    people look for.
    """
    page = re.sub(
        r"<(script|style|head|code|textarea|select)\b.*?</\1>"
        r"|<(a|span)[^>]*class=\"[^\"]*(key|mono-link)[^\"]*\"[^>]*>.*?</\2>",
        "",
        page,
        flags=re.S,
    )
    return strip_tags(page)


@pytest.mark.django_db(transaction=True)
def test_no_page_and_no_dialog_tells_a_bare_moment_or_a_word_of_the_api(client, delivery, operator):
    client.force_login(operator)
    pages = [
        f"/tickets/{delivery.key}/",
        f"/tickets/{delivery.key}/?timeline=all",
        "/board/?project=OMO",
        "/board/?project=OMO&view=attention",
        "/attention/",
    ]
    pages += [f"/tickets/{delivery.key}/{action.name}/" for action in TICKET]
    pages += [
        f"/tickets/{delivery.key}/tasks/{task.pk}/{action.name}/"
        for action in TASK
        for task in delivery.tasks.all()[:3]
    ]
    for page in pages:
        answer = client.get(page)
        if answer.status_code == 200:
            assert not faults(read(answer.content.decode())), page
    assert ">ada</a>" in client.get(pages[0]).content.decode(), (
        "whom a task waits for is named, and leads there"
    )
    refused = client.post(
        f"/tickets/{delivery.key}/advance/",
        {"to": "TESTING", "version": Ticket.objects.get(pk=delivery.pk).version},
    )
    assert refused.status_code == 409
    assert not faults(read(refused.content.decode()))


@pytest.mark.django_db(transaction=True)
def test_no_command_tells_a_bare_moment_or_a_word_of_the_api(delivery, capsys):
    for key in (delivery.key, *(task.key for task in delivery.tasks.all())):
        call_command("explain", key)
        said = capsys.readouterr().out
        assert not faults(said), said
    for finding in doctor.findings():
        assert not MOMENT.search(doctor.text(finding, 12)), finding


def test_each_cause_has_its_tone_and_icon():
    codes = {obstacle.code for obstacle in (*task_obstacles.OBSTACLES, *ticket_obstacles.OBSTACLES)}

    assert codes - TONES_AND_ICONS.keys() - MOVING == {"tasks"}  # that the tasks must be done is no cause
