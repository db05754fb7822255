"""The pages of schedules and templates, as a person without script has them."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from omoi_site.errors import Invalid
from tests.support.api_client import api_of
from tests.tickets.schedule.conftest import opens, titles
from tickets.models import Schedule, ScheduleRun, Ticket, TicketSpec, TicketTemplate
from tickets.models.schedule.cron_line import zone_fault

pytestmark = pytest.mark.django_db

TASKS = "- title: Build {version}\n  ref: build\n- title: Ship it\n  needs: [build]\n"


def text_of(answer):
    """What a reader sees in its main part."""
    page = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", f"<{page}").split())


@pytest.fixture
def desk(client, operator, project):
    client.force_login(operator)
    return client


def form_of(template, **more):
    return {
        "template": template.pk,
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "overlap": "queue",
        "misfire": "all",
        **more,
    }


def test_from_nothing_to_a_ticket(desk, project):
    assert "No schedule yet" in desk.get("/schedules/?project=OMO").content.decode()
    written = {
        "name": "release",
        "title": "Release {version}",
        "priority": "high",
        "labels": "ship, now",
        "acceptance": "It is out",
        "variables": "version | Which version | next",
        "tasks": TASKS,
    }
    desk.post("/new-template/?project=OMO", written)
    template = TicketTemplate.objects.get()
    assert (template.priority, template.labels, len(template.tasks)) == (1, ["ship", "now"], 2)

    opened = desk.post(f"/templates/{template.pk}/", {"variable.version": "2.0"}, follow=True)
    assert "OMO-1 is open" in opened.content.decode()
    shown = desk.post("/new-schedule/?project=OMO", {**form_of(template), "step": "preview"})
    assert Schedule.objects.count() == 0
    assert shown.content.decode().count("02:30 CE") == 5
    saved = desk.post("/new-schedule/?project=OMO", {**form_of(template), "step": "save"}, follow=True)

    page = saved.content.decode()
    assert page.count("02:30 CE") == 5
    assert Schedule.objects.get().settings() == {
        **form_of(template),
        "template": "release",
        "enabled": True,
        "variables": {},
    }
    assert titles() == ["Release 2.0"]


def test_what_was_typed_stays_beside_what_is_wrong_with_it(desk, template):
    wrong = form_of(template, cron="61 * * * *", timezone="berlin", step="preview")
    answer = desk.post("/new-schedule/?project=OMO", wrong)
    tasks = {"name": "x", "title": "{day}", "tasks": "- title: A\n  needs: [b]\n- color: red\n"}
    refused = desk.post("/new-template/?project=OMO", tasks)

    assert (answer.status_code, refused.status_code) == (422, 422)
    page = answer.content.decode()
    assert 'value="61 * * * *"' in page
    assert "61 is no minute: 0 to 59" in page
    assert "did you mean Europe/Berlin" in page
    page = refused.content.decode()
    assert "Task 2, color: there is no such field" in page
    assert "needs: [b]" in page


def test_the_form_is_sent_twice_and_makes_one(desk, template):
    form = form_of(template, step="save", once="a-token")

    for _ in range(2):
        assert desk.post("/new-schedule/?project=OMO", form).status_code == 302
    for _ in range(2):
        desk.post(f"/schedules/{Schedule.objects.get().pk}/run/", {"once": "another"})

    assert Schedule.objects.count() == ScheduleRun.objects.count() == 1


def test_it_is_changed_switched_and_removed_and_put_back(desk, scheduled, template):
    schedule = scheduled()
    address = f"/schedules/{schedule.pk}"
    edited = form_of(template, step="save", version=schedule.version)

    desk.post(f"{address}/edit/", edited)
    outdated = desk.post(f"{address}/edit/", form_of(template, cron="@daily", step="save", version="1"))
    assert outdated.status_code == 412
    assert Schedule.objects.get().cron == "30 2 * * *"
    steps = [desk.post(f"{address}/{step}/", follow=True) for step in ("disable", "enable", "remove")]
    assert "It opens nothing" in text_of(steps[0])
    assert "Put back" in text_of(steps[2])
    assert "nightly" not in text_of(desk.get("/schedules/?project=OMO")).partition("Templates")[0]
    assert "nightly" in text_of(desk.get("/schedules/?project=OMO&view=removed"))
    desk.post(f"{address}/restore/")

    assert Schedule.objects.get().active


def test_it_says_what_was_skipped_or_is_owed_and_why(desk, scheduled):
    schedule = scheduled(overlap="queue", timezone="Europe/Berlin")
    opens("2027-01-10T04:20Z")
    opens("2027-01-10T05:00Z")

    page = text_of(desk.get(f"/schedules/{schedule.pk}/"))

    assert "Sun 10 Jan 2027, 04:00 CET Nobody opened it in time" in page
    assert "Sun 10 Jan 2027, 05:00 CET OMO-1" in page
    assert "1 run owed Sun 10 Jan 2027, 06:00 CET OMO-1 is still open" in page
    assert "1 owed" in text_of(desk.get("/schedules/?project=OMO"))


def test_a_ticket_names_the_schedule_that_opened_it(desk, scheduled, operator):
    schedule = scheduled()
    opens("2027-01-10T03:00Z")

    page = desk.get("/tickets/OMO-1/").content.decode()

    assert f'id="to-schedule" href="/schedules/{schedule.pk}/"' in page
    assert "Opened by the schedule nightly" in text_of(desk.get("/tickets/OMO-1/"))
    assert Ticket.objects.documents([Ticket.objects.get().pk])[0]["schedule"] == str(schedule.pk)
    Ticket.objects.open(schedule.project, TicketSpec("by hand"), by=operator)
    assert "to-schedule" not in desk.get("/tickets/OMO-2/").content.decode()


def test_the_form_offers_the_time_zones(desk, template):
    page = desk.get(f"/new-schedule/?project=OMO&template={template.pk}").content.decode()

    offered = re.findall(r'<option value="([^"]+)"></option>', page)
    assert 'list="field-timezone-offered"' in page
    assert {"UTC", "Europe/Berlin", "America/Argentina/Ushuaia"} <= set(offered)
    assert len(offered) < 600
    assert not [zone for zone in offered if zone_fault(zone)]


def test_others(desk, scheduled, project, template, operator, django_user_model):
    schedule = scheduled()
    viewer, stranger = (django_user_model.objects.create_user(name) for name in ("vera", "eve"))
    Member.objects.set(project, viewer, "viewer", by=operator)
    pages = [
        *("/schedules/?project=OMO", "/new-schedule/?project=OMO", "/new-template/?project=OMO"),
        *(f"/schedules/{schedule.pk}/", f"/schedules/{schedule.pk}/edit/"),
        *(f"/templates/{template.pk}/", f"/templates/{template.pk}/edit/"),
    ]
    acts = [f"/schedules/{schedule.pk}/run/", f"/templates/{template.pk}/", "/new-template/?project=OMO"]

    desk.force_login(viewer)
    assert {desk.get(page).status_code for page in pages} == {200}
    for page in pages:
        main = desk.get(page).content.decode().partition("<main")[2].partition("</main>")[0]
        assert 'type="submit"' not in main
    typed = {"name": "x", "title": "y"}
    assert [desk.post(address, typed).status_code for address in acts] == [403] * 3
    desk.force_login(stranger)
    assert {desk.get(page).status_code for page in pages} == {404}
    assert {desk.post(address, typed).status_code for address in acts} == {404}
    assert titles() == []


def test_few_statements_for_any_number_of_runs(desk, scheduled, template):
    counts = []
    for number in (1, 12):
        for _ in range(number):
            schedule = scheduled("* * * * *", overlap="queue", misfire="all")
        opens("2027-01-10T03:00Z")
        desk.get("/board/")
        for page in ("/schedules/?project=OMO", f"/schedules/{schedule.pk}/"):
            with CaptureQueriesContext(connection) as asked:
                assert desk.get(page).status_code == 200
            counts.append(len(asked))

    assert counts[:2] == counts[2:]
    assert max(counts) <= 15


def test_a_zone_that_this_machine_does_not_know_is_told_and_holds_up_no_other(desk, scheduled, operator):
    """As after a restore on a machine with older time zones."""
    strange, other = scheduled(), scheduled()
    Schedule.objects.filter(pk=strange.pk).update(timezone="Mars/Base")

    with pytest.raises(Invalid, match="there is no time zone Mars/Base"):
        opens("2027-01-10T03:00Z")

    assert list(ScheduleRun.objects.values_list("schedule", flat=True)) == [other.pk]
    assert "Unknown time zone" in text_of(desk.get("/schedules/?project=OMO"))
    assert "Unknown time zone" in text_of(desk.get(f"/schedules/{strange.pk}/"))
    assert api_of(operator).get(f"/schedules/{strange.pk}").json()["next"] == []
    edited = {**form_of(strange.template), "step": "save", "version": strange.version}
    assert desk.post(f"/schedules/{strange.pk}/edit/", edited).status_code == 302
    opens("2027-01-10T04:00Z")
