"""Clocks as processes: one runs, another stands by, and the database may go away under them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import pytest
from django.conf import settings
from django.db import DatabaseError

from omoi_site.database import sql
from tests.support import children, cluster
from tests.support.wait import until
from tickets.models import SweepRun, Task
from tickets.runtime.clock import LOCK, Clock
from tickets.runtime.sweeps import Sweep

pytestmark = pytest.mark.django_db(transaction=True)


@contextlib.contextmanager
def clock(*before):
    """A running `manage.py clock` that has said it is ready, started by way of the words `before`."""
    read_fd, write_fd = os.pipe()
    environment = {**cluster.environment(), "OMOI_READY_FD": str(write_fd)}
    process = children.start(
        [*before, sys.executable, "manage.py", "clock"],
        cwd=settings.ROOT,
        env=environment,
        pass_fds=(write_fd,),
    )
    os.close(write_fd)
    try:
        with os.fdopen(read_fd) as waiting:
            assert waiting.readline() == "ready\n"
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def leader():
    """Backend of the clock that runs."""
    row = sql.one("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted", [LOCK])
    return row and row["pid"]


def runs_now():
    """Whether the clock ran within the last second and a half."""
    return sql.one(
        "SELECT 1 FROM tickets_sweeprun WHERE name = 'clock' AND at > clock_timestamp() - interval '1.5 s'"
    )


@pytest.mark.full
def test_a_second_clock_stands_by_and_takes_over_when_the_first_is_killed():
    with clock() as first:
        mine = until(leader)
        with clock() as second:
            until(runs_now)
            assert leader() == mine

            first.kill()

            until(lambda: leader() not in (None, mine), 5)
            SweepRun.objects.update(at="2020-01-01T00:00Z")
            until(runs_now)
            assert second.poll() is None


@pytest.mark.full
def test_a_clock_lapses_a_claim_soon_after_its_lease(task, ada):
    Task.objects.claim(by=ada)
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() + interval '0.5 s' WHERE id = %s",
        [task.pk],
    )
    with clock():
        until(lambda: Task.objects.get(pk=task.pk).state == "pending", 6.5)


@pytest.mark.full
def test_a_clock_outlives_its_connection(task):
    with clock() as process:
        before = until(leader)
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [before])
        until(lambda: leader() not in (None, before), 10)
        SweepRun.objects.update(at="2020-01-01T00:00Z")
        until(runs_now)
        assert process.poll() is None


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "before", [[], ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]], ids=["by hand", "in the background"]
)
@pytest.mark.full
def test_a_clock_ends_at_once_and_cleanly_when_asked(by, before):
    with clock(*before) as process:
        until(leader)
        began = time.monotonic()
        process.send_signal(by)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 4.5  # less than it rests between two rounds
    until(lambda: not leader())


@pytest.mark.parametrize("left_behind", [DatabaseError, RuntimeError])
def test_a_clock_that_is_ended_ends_whatever_the_interrupt_leaves_behind(left_behind):
    """The end of a transaction that was interrupted can fail, and its error takes the interrupt's place."""

    def interrupted():
        assert not clock.ended, "it went on"
        try:
            clock.end()
        except KeyboardInterrupt:
            raise left_behind("another command is already in progress") from None

    clock = Clock([Sweep("interrupted", 0, interrupted), Sweep("next", 0, interrupted)])
    clock.run()


@pytest.mark.full
def test_a_clock_ends_at_once_in_the_middle_of_a_statement(task):
    """A sweep that waits for a row somebody holds does not keep the process."""
    with clock() as process:
        until(leader)
        sql.rows("SELECT pg_advisory_lock(1)")
        try:
            blocked = (
                "CREATE OR REPLACE FUNCTION omoi_test_block() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$"
            )
            with cluster.owner() as link:
                link.execute(blocked)
                link.execute(
                    "CREATE TRIGGER test_block BEFORE UPDATE ON tickets_sweeprun FOR EACH ROW EXECUTE"
                    " FUNCTION omoi_test_block()"
                )
            until(lambda: sql.one("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
            began = time.monotonic()
            process.terminate()
            assert process.wait(10) == 0
            assert time.monotonic() - began < 4.5  # less than it would wait for a lock
        finally:
            sql.rows("SELECT pg_advisory_unlock(1)")
            with cluster.owner() as link:
                link.execute("DROP FUNCTION omoi_test_block() CASCADE")


def test_a_sweep_that_did_something_may_run_again_sooner():
    done = [3]
    sweep = Sweep("busy", 60, lambda: done.pop() if done else 0, batch=None, busy_s=0.5)
    clock = Clock([sweep])

    def rest():
        """Within these bounds it has planned its next run."""
        before, _, after = time.monotonic(), clock.turn(), time.monotonic()
        return clock.due["busy"] - after, clock.due["busy"] - before

    least, most = rest()
    assert least <= 0.5 <= most
    clock.due["busy"] = 0.0
    least, most = rest()
    assert least <= 60 <= most


def test_an_error_that_cannot_be_stored_as_it_is_ends_no_clock(caplog):
    """Such as one with a file name of any bytes."""
    caplog.set_level("CRITICAL", "tickets.runtime.clock")  # workers of tests tell each other no such text

    def fails():
        raise OSError("cannot read a\0b\udcff")

    Clock([Sweep("bad", 60, fails), Sweep("good", 60, lambda: 0)]).turn()

    errors = dict(SweepRun.objects.values_list("name", "error"))
    assert errors == {"clock": "", "good": "", "bad": "cannot read a⟦U+0000⟧b⟦U+DCFF⟧"}
