"""A late clock or broker, or a failing sweep, is listed for who runs the installation, in every project."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, Project, ProjectSpec
from omoi_site.brokers import hints
from omoi_site.brokers.sender import QueueFull, Sender
from omoi_site.database import sql
from tests.site.brokers.test_brokers import run_alone
from tests.support.api_client import api_of
from tests.tickets.attention.conftest import listed, only
from tickets.models import SweepRun
from tickets.models.attention import attention_list, installation_kinds
from tickets.models.attention.attention_list import Query
from tickets.models.attention.registry import Kind, registered
from tickets.runtime import sweeps
from tickets.runtime.clock import Clock
from tickets.runtime.sweeps import Sweep

pytestmark = pytest.mark.django_db
MESSAGE = """
INSERT INTO dramatiq.queue (queue_name, message_id, state, mtime)
VALUES ('default', gen_random_uuid(), 'queued', clock_timestamp() - %s * interval '1 s')
"""


def clock_ran(seconds):
    SweepRun.note({})
    sql.rows("UPDATE tickets_sweeprun SET at = clock_timestamp() - %s * interval '1 s'", [seconds])


def made(project, seconds):
    sql.rows(
        "UPDATE agents_project SET created_at = clock_timestamp() - %s * interval '1 s' WHERE id = %s",
        [seconds, project.pk],
    )


@pytest.fixture
def worker():
    """Heard from just now."""
    agent = Agent.objects.worker("w1", capacity=1)
    agent.seen()
    return agent


def test_a_clock_that_stopped_is_listed_until_one_runs_again(project, operator):
    clock_ran(300)

    item = only(operator)

    assert (item["kind"], item["project"], item["subject"], item["ticket"]) == ("clock_late", "", "clock", "")
    assert (item["who"], item["people"], item["mine"]) == ("admin", ["admin"], True)
    assert item["what"] == (
        "no clock has run for 5 minutes, so lapsed claims are not ended and what is due is not done."
        " Start it: python3 manage.py clock, or all of Omoi: python3 manage.py up"
    )
    assert (item["act"]["method"], item["act"]["path"]) == ("GET", "/readyz")
    Clock([Sweep("nothing", 5, lambda: None)]).turn()
    assert listed(operator) == []


@pytest.mark.parametrize(("seconds", "late"), [(10, False), (20, True)])
def test_it_is_late_when_doctor_and_explain_say_so(project, operator, seconds, late):
    clock_ran(seconds)
    assert bool(listed(operator)) is late
    assert bool(sweeps.health()) is late


def test_a_new_installation_has_a_minute_to_start_its_first_clock(project, operator):
    made(project, 50)
    assert listed(operator) == []
    made(project, 70)
    assert only(operator)["what"].startswith("no clock has ever run, so")


def test_it_is_one_item_whatever_project_is_asked_for(project, operator):
    clock_ran(300)
    Project.objects.create_project(ProjectSpec("ELSE", workflow="simple"), by=operator)
    for query in ({}, {"project": "OMO"}, {"project": "ELSE"}, {"kinds": ["clock_late"]}, {"mine": True}):
        assert listed(operator, **query) == [("clock_late", "clock")], query
        assert attention_list.count(Query(**query), by=operator) == 1
    assert listed(operator, kinds=["blocked"]) == []
    assert attention_list.tickets_of("OMO").ids == frozenset()


def test_everybody_sees_it_and_only_an_operator_of_the_installation_can_act(project, ada, person):
    clock_ran(300)
    member = person("admin")
    for reader in (member, ada):
        [item] = api_of(reader).get("/attention").json()["results"]
        assert (item["kind"], item["mine"]) == ("clock_late", False)
        assert attention_list.count(Query(mine=True), by=reader) == 0


def test_pages_go_on_after_it(project, operator, monkeypatch):
    clock_ran(300)
    rest = api_of(operator)
    first = rest.get("/attention", limit=1).json()
    assert [each["kind"] for each in first["results"]] == ["clock_late"]
    [item], _ = attention_list.page(Query(), by=operator, limit=1)
    assert attention_list.page(Query(), by=operator, limit=1, after=item.place) == ([], False)


def test_the_page_and_the_command_show_it(project, operator, client, capsys):
    clock_ran(300)
    client.force_login(operator)
    for query in ({}, {"project": "OMO"}):
        page = client.get(reverse("attention"), query).content.decode()
        assert "No clock has run for 5 minutes" in page
        assert reverse("admin:tickets_sweeprun_changelist") in page
    call_command("attention")
    assert "clock (clock late, for 5 minutes): no clock has run" in capsys.readouterr().out


def test_messages_that_a_worker_does_not_take_are_listed(project, operator, worker):
    sql.rows(MESSAGE, [20])
    assert listed(operator) == []
    sql.rows(MESSAGE, [120])

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("broker_late", "broker", "admin")
    assert item["what"] == (
        "a message has waited for 2 minutes although a worker is heard from, so work starts late."
        " Start the worker again: python3 manage.py worker"
    )
    sql.rows("UPDATE dramatiq.queue SET state = 'consumed'")
    assert listed(operator) == []


def test_without_a_worker_messages_wait_for_one_and_the_broker_is_not_late(project, operator, worker):
    sql.rows(MESSAGE, [120])
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")
    assert listed(operator) == []


@pytest.fixture
def with_broker(monkeypatch):
    """As where BROKER_URL is set."""
    late = installation_kinds.broker_kind(ours=False)
    assert isinstance(late, Kind)
    monkeypatch.setitem(registered(), "broker_late", late)
    attention_list.items_statement.cache_clear()
    attention_list.count_statement.cache_clear()
    yield
    attention_list.items_statement.cache_clear()
    attention_list.count_statement.cache_clear()


def noted_before(**ago):
    sql.rows(
        "UPDATE tickets_sweeprun SET at = at - %(at)s * interval '1 s',"
        " waiting_since = waiting_since - %(since)s * interval '1 s' WHERE starts_with(name, 'broker')",
        {"at": 0, "since": 0, **ago},
    )


def test_a_broker_that_takes_no_messages_is_listed_until_it_takes_one(project, operator, with_broker):
    away = [ConnectionError("Connection refused")]

    def send(message):
        if away:
            raise away[0]

    sender = Sender(send, SweepRun.note_broker)
    sender._note(sender._sent({"work": set()}))
    assert listed(operator) == []
    noted_before(since=120)
    sender._note(sender._sent({"work": set()}))
    item = only(operator)
    assert item["what"] == (
        "a process could send no message for 2 minutes, so work starts late: Connection refused."
        " Check BROKER_URL, and that the broker runs"
    )
    away.clear()
    sender._note(sender._sent({"work": set()}))
    assert listed(operator) == []


def test_that_one_process_can_send_says_nothing_of_another_that_cannot(project, operator, with_broker):
    SweepRun.note_broker("there is no way from here", process="1@web")
    noted_before(since=120, at=20)
    SweepRun.note_broker("", process="2@clock")

    assert "no way from here" in only(operator)["what"]


def test_a_process_that_has_ended_is_not_late_although_no_other_sends(project, operator, with_broker):
    SweepRun.note_broker("there is no way from here", process="1@web")
    noted_before(since=120, at=50)
    assert listed(operator) == [("broker_late", "broker")]
    noted_before(at=10)
    assert listed(operator) == []

    SweepRun.note_broker("connection refused", process="2@clock")
    noted_before(since=20)
    assert "late: connection refused" in only(operator)["what"]
    assert SweepRun.objects.count() == 1


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_each_process_has_a_name_of_its_own_also_with_the_same_pid_on_hosts_of_like_names():
    """As in containers: the first process there has pid 1."""
    for end in ("x7k2p", "q9m4z"):
        run_alone(
            f"import os, socket; socket.gethostname = lambda: 'omoi-production-web-5d8f7c9b64-{end}'\n"
            "os.getpid = lambda: 1\n"
            "from tickets.models import SweepRun\n"
            "SweepRun.note_broker('away'); SweepRun.note_broker('away')"
        )
    assert SweepRun.objects.filter(name__startswith="broker ").count() == 2


def test_a_full_queue_is_listed_with_its_own_remedy(project, operator, with_broker):
    def send(message):
        raise QueueFull(hints.MOST_WAITING)

    sender = Sender(send, SweepRun.note_broker)
    sender._note(sender._sent({"work": set()}))
    noted_before(since=120)
    assert only(operator)["what"] == (
        "a process could send no message for 2 minutes, so work starts late: 1,000 messages wait in the"
        " queue, and no worker takes them, or not fast enough. Start a worker with the same BROKER_URL, or"
        " one more"
    )


def sweeps_ran(**errors):
    """The clock runs, and these sweeps have failed for five minutes."""
    SweepRun.note({"lapse": "", **errors})
    SweepRun.objects.filter(name__in=errors).update(at=timezone.now() - timedelta(minutes=5))


def test_a_sweep_that_keeps_failing_is_listed_until_it_succeeds(project, operator):
    SweepRun.note({"store_waits": "out of memory"})
    assert listed(operator) == []  # once is no news
    sweeps_ran(store_waits="out of memory")

    item = only(operator)

    assert (item["kind"], item["project"], item["subject"]) == ("sweep_failing", "", "store_waits")
    assert (item["who"], item["people"], item["mine"]) == ("admin", ["admin"], True)
    assert item["what"] == (
        "the sweep store_waits has been failing for 5 minutes, so what it does is not done: out of memory."
        " The log of the clock has the whole error"
    )
    assert (item["act"]["method"], item["act"]["path"]) == ("GET", "/readyz")
    assert "The sweep store_waits has been failing for 5 minutes: out of memory" in sweeps.health()
    Clock([Sweep("store_waits", 5, lambda: None)]).turn()
    assert (listed(operator), sweeps.health()) == ([], "")


def test_of_several_sweeps_that_fail_the_longest_is_named(project, operator):
    sweeps_ran(wake="x" * 1000, promote="no")
    SweepRun.objects.filter(name="wake").update(at=timezone.now() - timedelta(hours=2))

    item = only(operator)

    assert item["subject"] == "wake"
    assert "failing for 2 hours" in item["what"]
    assert f"{'x' * 300}. 1 more sweep fails, too. The log" in item["what"]
    sweeps_ran(promote="No.", store_waits="no", wake="no")
    assert "is not done: No. 2 more sweeps fail, too. The log" in only(operator)["what"]


def test_of_an_error_all_may_read_its_first_line_without_secrets_and_the_log_has_it_whole(
    project, operator, caplog
):
    @sql.atomic
    def fails():
        sql.rows(
            "DO $$BEGIN RAISE 'no way to https://ada:hunter2@host' USING DETAIL = 'Row (ada, 42)'; END$$"
        )

    Clock([Sweep("wake", 1, fails)]).turn()
    SweepRun.objects.filter(name="wake").update(at=timezone.now() - timedelta(minutes=5))

    what = only(operator)["what"]
    assert "is not done: no way to https://[redacted]@host. The log" in what
    assert "Row (ada, 42)" not in what + sweeps.health() + SweepRun.objects.get(name="wake").error
    assert "Row (ada, 42)" in caplog.text


def test_a_sweep_that_runs_seldom_has_longer_to_recover(project, operator):
    sweeps_ran(forget_mirrors="no")
    assert listed(operator) == []
    SweepRun.objects.filter(name="forget_mirrors").update(at=timezone.now() - timedelta(hours=4))
    assert listed(operator) == [("sweep_failing", "forget_mirrors")]


def test_while_no_clock_runs_that_is_listed_and_no_sweep(project, operator):
    sweeps_ran(wake="no")
    clock_ran(300)
    assert listed(operator) == [("clock_late", "clock")]
