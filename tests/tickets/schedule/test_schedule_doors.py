"""Schedules and templates over REST and as commands."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from tests.site.test_commands import json_output, refusal
from tests.support.api_client import api_of
from tests.tickets.schedule.conftest import at, opens, titles
from tickets.models import Schedule, ScheduleRun, TicketTemplate

pytestmark = pytest.mark.django_db

TEMPLATE = {
    "name": "release",
    "title": "Release {version}",
    "priority": "high",
    "tasks": [
        {"ref": "build", "title": "Build {version}", "capabilities": ["python"]},
        {"title": "Ship", "needs": ["build"], "join": "any"},
    ],
    "variables": [{"name": "version", "label": "Which", "default": None}],
}


@pytest.fixture
def api(operator, project):
    return api_of(operator)


def test_a_template_over_rest(api, project):
    made = api.post("/templates", {"project": "OMO", **TEMPLATE})
    assert made.status_code == 201
    at_it = f"/templates/{made.json()['id']}"
    tasks = made.json()["tasks"]
    assert tasks[1]["needs"] == [{"task": "build", "when": "success", "on_failure": "hold"}]
    assert (tasks[1]["join"], tasks[0]["priority"]) == ("any", None)

    opened = api.post(f"{at_it}/tickets", {"variables": {"version": "1.0"}})
    edited = api.patch(at_it, {"title": "R {version}"}, if_match=made.headers["ETag"])
    late = api.patch(at_it, {"title": "S"}, if_match=made.headers["ETag"])
    lacking = api.post(f"{at_it}/tickets", {})
    removed = api.delete(at_it)

    assert (opened.status_code, opened.json()["title"]) == (201, "Release 1.0")
    assert (edited.status_code, late.status_code, lacking.status_code) == (200, 412, 422)
    assert lacking.json()["errors"][0]["field"] == "variables.version"
    assert removed.status_code == 204
    assert api.get("/templates?project=OMO").json()["results"] == []
    assert len(api.get("/templates?project=OMO&removed=true").json()["results"]) == 1
    assert api.post(f"{at_it}/restore", {}).json()["removed_at"] is None


def test_a_schedule_over_rest(api, template):
    asked = {"project": "OMO", "template": "nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    made = api.post("/schedules", {**asked, "overlap": "queue", "misfire": "all"}).json()
    at_it = f"/schedules/{made['id']}"
    assert len(made["next"]) == 5
    assert made["enabled"] is True

    wrong = api.post("/schedules", {**asked, "cron": "0 0 31 2 *", "timezone": "berlin"})
    nowhere = api.post("/schedules", {**asked, "template": "gone"})
    never = api.patch(at_it, {"overlap": "allow"})
    run = api.post(f"{at_it}/runs", None)
    off = api.post(f"{at_it}/disable", {"reason": "Holidays"})

    assert {fault["field"] for fault in wrong.json()["errors"]} == {"cron", "timezone"}
    assert (nowhere.status_code, never.status_code) == (422, 422)
    assert (run.status_code, run.json()["by_hand"]) == (201, True)
    assert (off.json()["enabled"], off.json()["next"]) == (False, [])
    assert [one["ticket"] for one in api.get(f"{at_it}/runs").json()["results"]] == ["OMO-1"]
    assert api.patch(at_it, {"enabled": True, "cron": "@daily"}).json()["cron"] == "@daily"
    assert api.delete(at_it).status_code == 204
    assert api.get("/schedules").json()["results"] == []
    assert api.get("/schedules/x").status_code == 404


def test_what_is_owed_leads_to_its_schedule(api, scheduled, operator, client):
    scheduled(overlap="queue")
    opens("2027-01-10T03:00Z")
    opens("2027-01-10T04:00Z")
    ScheduleRun.objects.owed().update(due_at=at("2026-01-10T04:00Z"))
    client.force_login(operator)

    [item] = api.get("/attention?kind=schedule_owed").json()["results"]
    page = client.get("/attention/?view=all").content.decode()

    assert item["what"] == "a run of the schedule of nightly is owed: OMO-1 is still open"
    assert api.get(item["act"]["path"].removeprefix("/api/v1")).json()["owed"] == 1
    assert f'href="/schedules/{Schedule.objects.get().pk}/"' in page
    assert "See the schedule" in page


@pytest.mark.django_db(transaction=True)
def test_the_commands(project, capsys, tmp_path):
    file = tmp_path / "release.json"
    file.write_text(json.dumps(TEMPLATE))
    assert json_output(capsys, "templates", "create", "OMO", str(file), "--dry-run")["id"] is None
    assert TicketTemplate.objects.count() == 0
    call_command("templates", "create", "OMO", str(file))
    assert capsys.readouterr().out == "Created release: Release {version}, 2 tasks.\n"
    call_command("templates", "open", "OMO", "release", "--variable", "version=1", "--dry-run")
    assert capsys.readouterr().out == "It would open Release 1\n"
    assert titles() == []

    create = ("schedules", "create", "OMO", "release", "0 3 * * *", "--timezone", "Europe/Berlin")
    assert "variables.version: fill this in" in refusal(capsys, *create)
    value = ("--variable", "version=nightly")
    dry = json_output(capsys, *create, *value, "--dry-run")
    assert (dry["id"], len(dry["next"]), Schedule.objects.count()) == (None, 5, 0)
    made = json_output(capsys, *create, *value)
    pk = made["id"]
    assert all("T03:00:00+0" in due for due in made["next"])
    call_command("schedules", "run", pk, "--dry-run")
    call_command("schedules", "run", pk)
    assert capsys.readouterr().out == "It would open Release nightly\nOpened OMO-1: Release nightly\n"
    call_command("schedules", "disable", pk)
    call_command("schedules", "list")
    call_command("schedules", "show", pk)
    out = capsys.readouterr().out
    assert f"Schedule {pk} (release) opens nothing now." in out
    assert f"{pk}  OMO  release  0 3 * * *  Europe/Berlin  disabled" in out
    assert "opened  OMO-1" in out
    assert json_output(capsys, "schedules", "enable", pk)["enabled"] is True
    assert "there is no schedule 7777" in refusal(capsys, "schedules", "show", "7777")
    assert "no template gone" in refusal(capsys, "schedules", "create", "OMO", "gone", "@daily")
    assert json_output(capsys, "templates", "list")["templates"][0]["name"] == "release"
