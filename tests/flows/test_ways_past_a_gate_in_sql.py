"""Many ways to bypass a gate with the application's own role in the database, none of which succeeds.

Each is an act in the ORM or in SQL. `test_ways_past_the_database.py` has more, in a shell and in psql.
"""

from __future__ import annotations

import pytest
from django.test import override_settings

from agents.models import Event
from omoi_site.database import sql
from tests.support import reports
from tests.support.delivery import Delivery
from tests.support.gate_scene import GateScene, Ways, expect_no_way_on
from tickets.models import Artifact, PhaseMove, Ticket, Verdict
from tickets.models.gate.verdict import digest

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = Ways()
way = WAYS.way


@way(door=False)
def a_verdict_row_that_just_says_passed(scene):
    ticket = scene.ticket
    digest = sql.one("SELECT omoi_evidence(%s, %s) AS digest", [ticket.pk, ticket.phase])["digest"]
    Verdict.objects.create(
        ticket=ticket,
        phase=ticket.phase,
        move=ticket.moves,
        passed=True,
        checks=[],
        evidence=digest,
        by="user:mallory",
    )


@way(door=False)
def a_verdict_turned_round(scene):
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    Verdict.objects.filter(pk=verdict.pk).update(passed=True)


@way(door=False)
def a_verdict_deleted(scene):
    Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    Verdict.objects.all().delete()


@way(lacks="requirements_document", door=False)
def an_artifact_changed_in_place(scene):
    scene.delivery.submit("requirements_document", b"# Scope")
    Artifact.objects.update(blob=Artifact.objects.get().blob, type="other")


@way(lacks="requirements_document", door=False)
def content_changed_in_place(scene):
    with override_settings(ARTIFACTS_IN_DATABASE=True):
        made = scene.delivery.submit("requirements_document", b"# Scope")
    sql.rows("UPDATE tickets_chunk SET data = %s WHERE blob_id = %s", [reports.requirements(), made["hash"]])


@way(door=False)
def another_workflow_of_the_ticket(scene):
    sql.rows(
        """UPDATE tickets_ticket
           SET workflow_id = (SELECT id FROM tickets_workflow WHERE name = 'simple')
           WHERE id = %s""",
        [scene.ticket.pk],
    )


@way(door=False)
def a_gate_taken_out_of_the_version(scene):
    sql.rows("UPDATE tickets_workflowphase SET gated = false")


@way(door=False)
def queryset_update(scene):
    Ticket.objects.filter(pk=scene.ticket.pk).update(phase="DESIGN")


@way(door=False)
def raw_sql(scene):
    scene.put()


@way(door=False)
def raw_sql_with_a_ground_for_phases_without_gate(scene):
    scene.write_history("ungated")
    scene.put()


@way(door=False)
def raw_sql_with_the_ground_of_an_import(scene):
    scene.write_history("imported")
    scene.put()


@way(door=False)
def raw_sql_with_a_verdict_that_refused(scene):
    scene.write_history("verdict", verdict=Ticket.objects.judge(key=scene.delivery.key, by=scene.operator))
    scene.put()


@way(lacks="requirements_document", door=False)
def raw_sql_with_a_verdict_of_an_earlier_stay(scene):
    """The evidence is the same as then."""
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    scene.go("BLOCKED", reason="waits")
    scene.go("REQUIREMENTS")
    assert digest(scene.ticket) == verdict.evidence
    scene.write_history("verdict", verdict=verdict)
    scene.put()


@way(door=False)
def raw_sql_that_unblocks_it_further_on(scene):
    scene.go("BLOCKED", reason="waits")
    scene.write_history("unblocked")
    scene.put()


@way(door=False)
def history_deleted(scene):
    PhaseMove.objects.filter(ticket=scene.ticket).delete()


@way(door=False)
def history_rewritten(scene):
    scene.go("BLOCKED", reason="waits")
    PhaseMove.objects.filter(ticket=scene.ticket, to_phase="REQUIREMENTS").update(to_phase="DESIGN")


@way(door=False)
def the_journal_emptied(scene):
    scene.go()
    Event.objects.all().delete()


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return GateScene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    expect_no_way_on(scene, WAYS[name])
