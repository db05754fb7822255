"""Many ways to answer the run of a check with the application's own role in the database, none of which
succeeds.

An answer comes from the worker that took the run, once, whole, and with its event; a review is the result of
its task.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.support.check_scene import CheckScene, check_scene
from tickets.models import CheckRun

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = {"23001", "23514", "42501"}  # by a trigger, or for lack of a privilege
ANSWER = "UPDATE tickets_checkrun SET answered_at = clock_timestamp(), reasons = '[]'"
WAYS: dict[str, tuple[str, Callable[[CheckScene], None]]] = {}


def way(check: str = "command") -> Callable:
    """Tried on a gate with this check, whose run is asked for."""

    def kept(act: Callable[[CheckScene], None]) -> Callable[[CheckScene], None]:
        WAYS[act.__name__] = check, act
        return act

    return kept


@way()
def of_a_run_that_no_worker_took(scene):
    recorded(scene)
    sql.rows(ANSWER)


@way()
def of_a_run_that_is_taken_in_the_same_breath(scene):
    recorded(scene)
    sql.rows(f"{ANSWER}, worker = 'system:w1', tries = 1, started_at = clock_timestamp()")


@way()
def in_the_name_of_another_worker(scene):
    scene.take()
    recorded(scene)
    sql.rows(f"{ANSWER}, worker = 'system:w2'")


@way()
def without_an_event(scene):
    scene.take()
    sql.rows(ANSWER)


@way()
def with_the_event_of_another_run(scene):
    recorded(scene, CheckRun(pk=scene.take().pk + 1))
    sql.rows(ANSWER)


@way()
def with_reasons_that_are_no_list(scene):
    scene.take()
    recorded(scene)
    sql.rows(ANSWER.replace("'[]'", "'{}'"))


@way()
def with_reasons_but_no_time(scene):
    """A check that passes by its reasons alone would pass."""
    scene.take()
    recorded(scene)
    sql.rows("UPDATE tickets_checkrun SET reasons = '[]'")


@way()
def after_it_was_answered(scene):
    scene.carry_out()
    recorded(scene)
    sql.rows(ANSWER)


@way()
def for_other_evidence(scene):
    scene.take()
    sql.rows("UPDATE tickets_checkrun SET seen = repeat('0', 64)")


@way()
def for_a_weaker_check(scene):
    sql.rows("""UPDATE tickets_checkrun SET entry = '{"check": "command", "profile": "echo"}'""")


@way()
def by_who_lost_the_run(scene):
    """The fence is set back to theirs."""
    lost = scene.take()
    sql.rows("UPDATE tickets_checkrun SET lease_until = clock_timestamp() - interval '1 s'")
    CheckRun.objects.take("system:w2")
    sql.rows("UPDATE tickets_checkrun SET tries = %s, worker = %s", [lost.tries, lost.worker])


@way()
def by_a_run_that_is_born_with_it(scene):
    run = CheckRun.objects.get()
    run.pk, run.answered_at, run.reasons = None, sql.ClockTimestamp(), []
    run.save(force_insert=True)


@way()
def by_a_copy_of_one_that_passed(scene):
    scene.pass_the_check()
    run = CheckRun.objects.latest("id")
    run.pk = None
    sql.copy_in([run])


@way()
def by_deleting_the_one_that_did_not_pass(scene):
    scene.carry_out()
    sql.rows("DELETE FROM tickets_checkrun")


@way("agent_review")
def of_a_review(scene):
    recorded(scene)
    sql.rows(ANSWER)


@way("agent_review")
def of_a_review_as_if_a_worker_had_it(scene):
    sql.rows("UPDATE tickets_checkrun SET worker = 'system:w1', tries = 1, started_at = clock_timestamp()")
    recorded(scene)
    sql.rows(ANSWER)


@way("agent_review")
def by_the_task_of_another(scene):
    sql.rows("UPDATE tickets_checkrun SET task_id = NULL")


def recorded(scene: CheckScene, run: CheckRun | None = None) -> None:
    """The event of an answer, as a shell could write it."""
    run = run or CheckRun.objects.latest("id")
    scene.ticket.refresh_from_db(fields=["events"])
    scene.ticket.record("gate.check_answered", by="system:w1", data={"run": run.pk, "passed": True})


@pytest.fixture
def scene(name, project, operator, ada, django_user_model):
    cast = {"project": project, "operator": operator, "ada": ada, "people": django_user_model}
    with check_scene(WAYS[name][0], **cast) as scene:
        scene.judge()
        yield scene


@pytest.mark.full
@pytest.mark.parametrize("name", WAYS)
def test_the_database_refuses_each_answer_that_no_worker_found(name, scene):
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        WAYS[name][1](scene)

    assert getattr(refused.value.__cause__, "sqlstate", "") in REFUSED
    scene.carry_out()
    assert scene.go().json()["code"] == "gate_closed"


@pytest.mark.parametrize("name", ["without_an_event"])
def test_the_worker_that_took_it_answers(name, scene):
    """So the tries above fail for their reason. When it answered, the database says."""
    scene.take()
    with transaction.atomic():
        recorded(scene)
        sql.rows(ANSWER.replace("clock_timestamp()", "clock_timestamp() - interval '1 day'"))

    run = CheckRun.objects.get()
    assert run.passed
    assert run.answered_at > run.asked_at


@pytest.mark.parametrize("name", ["by_deleting_the_one_that_did_not_pass"])
def test_where_the_application_owns_its_tables_runs_are_kept_too(name, scene):
    with as_owner(), pytest.raises(DatabaseError) as refused, transaction.atomic():
        WAYS[name][1](scene)

    assert refused.value.__cause__.sqlstate == "23001"
