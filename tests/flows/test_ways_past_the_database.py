"""Nobody gets past a gate with the application's credentials: not by psql, not by `manage.py shell`, and
not by any act on any table, trigger, function or sequence of the catalogue.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from omoi_site.database import binaries
from omoi_site.errors import OmoiError
from tests.factories import allow_workflow, submit
from tests.support import ROOT, cluster
from tickets.models import Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)

# What the application may do with each table, besides reading. A new table belongs in one of these lists.
NOTHING = ["django_migrations", "tickets_approval", "tickets_verdict", "tickets_workflowphase"]
INSERT = [
    "agents_event",
    "tickets_artifact",
    "tickets_blob",
    "tickets_chunk",
    "tickets_comment",
    "tickets_patternrun",
    "tickets_phasecontext",
    "tickets_phasemove",
    "tickets_storedestimate",
    "tickets_templatelaunch",
    "tickets_workflow",
]
NO_DELETE = [
    "tickets_checkrun",
    "tickets_contextnote",
    "tickets_discovery",
    "tickets_notice",
    "tickets_operation",
    "tickets_otherscancelled",
    "tickets_task",
    "tickets_ticket",
    "tickets_validation",
]
ALL = [
    "agents_account",
    "agents_agent",
    "agents_agent_projects",
    "agents_agentpresence",
    "agents_journal_follower",
    "agents_key",
    "agents_member",
    "agents_pool",
    "agents_project",
    "agents_reply",
    "agents_savedview",
    "agents_signintry",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "django_admin_log",
    "django_content_type",
    "django_session",
    "dramatiq.queue",
    "dramatiq.result",
    "dramatiq.worker",
    "tickets_attentioncount",
    "tickets_awaited",
    "tickets_bulkact",
    "tickets_bulkbatch",
    "tickets_figuresplace",
    "tickets_freeze",
    "tickets_hourlyfigures",
    "tickets_lane",
    "tickets_lanelook",
    "tickets_lanewait",
    "tickets_latestgrant",
    "tickets_link",
    "tickets_need",
    "tickets_outputpiece",
    "tickets_phasehold",
    "tickets_repository",
    "tickets_schedule",
    "tickets_schedulerun",
    "tickets_sweeprun",
    "tickets_taskoutput",
    "tickets_taskwait",
    "tickets_tickettemplate",
    "tickets_ticketwait",
    "tickets_waitsweep",
]
MAY = {
    **{table: set() for table in NOTHING},
    **{table: {"insert"} for table in INSERT},
    **{table: {"insert", "update"} for table in NO_DELETE},
    **{table: {"insert", "update", "delete"} for table in ALL},
}

OBJECTS = """
SELECT
  'table' AS kind,
  CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
  (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = 1) AS more
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND n.nspname IN ('public', 'dramatiq')
UNION ALL
SELECT
  'trigger',
  t.tgname,
  t.tgrelid::regclass::text
FROM pg_trigger t
WHERE NOT t.tgisinternal
UNION ALL
SELECT
  'function',
  p.oid::regprocedure::text,
  NULL
FROM pg_proc p
WHERE p.pronamespace IN ('public'::regnamespace, 'dramatiq'::regnamespace)
UNION ALL
SELECT
  'sequence',
  c.oid::regclass::text,
  NULL
FROM pg_class c
WHERE c.relkind = 'S'
  AND c.relnamespace IN ('public'::regnamespace, 'dramatiq'::regnamespace)
"""
# The acts on an object of each kind; where one is allowed, the statement does nothing.
ACTS = {
    "table": {
        "insert": "INSERT INTO {name} SELECT * FROM {name} WHERE false",
        "update": 'UPDATE {name} SET "{more}" = "{more}" WHERE false',
        "delete": "DELETE FROM {name} WHERE false",
        "merge": (
            "MERGE INTO {name} USING (SELECT 1) one ON false"
            " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING"
        ),
        "truncate": "TRUNCATE {name} CASCADE",
        "switch triggers off": "ALTER TABLE {name} DISABLE TRIGGER ALL",
        "alter": "ALTER TABLE {name} ADD COLUMN more int",
        "take over": "ALTER TABLE {name} OWNER TO omoi",
        "drop": "DROP TABLE {name} CASCADE",
        "add a trigger": "CREATE TRIGGER a BEFORE INSERT ON {name} EXECUTE FUNCTION omoi_never()",
        "add a rule": "CREATE RULE a AS ON INSERT TO {name} DO INSTEAD NOTHING",
        "hide": "CREATE TEMP TABLE {more} (LIKE {name})",
    },
    "trigger": {
        "switch off": "ALTER TABLE {more} DISABLE TRIGGER {name}",
        "weaken": "ALTER TABLE {more} ENABLE REPLICA TRIGGER {name}",
        "drop": "DROP TRIGGER {name} ON {more}",
    },
    "function": {
        "replace": "ALTER FUNCTION {name} RENAME TO other",
        "alter": "ALTER FUNCTION {name} RESET ALL",
        "take over": "ALTER FUNCTION {name} OWNER TO omoi",
        "drop": "DROP FUNCTION {name} CASCADE",
    },
    "sequence": {
        "set": "SELECT setval('{name}', 1)",
        "alter": "ALTER SEQUENCE {name} RESTART",
        "drop": "DROP SEQUENCE {name} CASCADE",
    },
}


@pytest.fixture
def link() -> Iterator[psycopg.Connection]:
    """A connection with the application's credentials, as whoever reads them could open it."""
    with psycopg.connect(cluster.environment()["DATABASE_URL"], row_factory=psycopg.rows.dict_row) as link:
        yield link
        link.rollback()


def allowed(kind: str, name: str) -> set[str]:
    acts = MAY[name] if kind == "table" else set()
    return acts | ({"merge"} if "delete" in acts else set())


def test_the_application_may_do_with_each_object_what_is_listed_and_nothing_else(link):
    found = link.execute(OBJECTS).fetchall()
    assert {row["name"] for row in found if row["kind"] == "table"} == set(MAY), "list the new table above"
    done, tries = {}, 0
    for row in found:
        done[row["kind"], row["name"]] = set()
        for act, statement in ACTS[row["kind"]].items():
            tries += 1
            link.execute("SAVEPOINT before")
            try:
                link.execute(statement.format_map(row))
                done[row["kind"], row["name"]].add(act)
            except psycopg.errors.InsufficientPrivilege:
                pass
            link.execute("ROLLBACK TO before")

    surprising = {
        (kind, name): acts ^ allowed(kind, name)
        for (kind, name), acts in done.items()
        if acts != allowed(kind, name)
    }
    assert not surprising
    assert tries > 500


@pytest.fixture
def ticket(project, operator):
    """A ticket before a gate that has nothing, with some history and an artifact of no use."""
    workflow = allow_workflow(project, "software_delivery")
    opened = Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)
    Ticket.objects.move(opened.pk, "REQUIREMENTS", by=operator)
    ticket = Ticket.objects.get(pk=opened.pk)
    submit(ticket, "notes", b"nothing of use", by=operator)
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    return ticket


KEPT = [
    "tickets_approval",
    "tickets_verdict",
    "tickets_phasemove",
    "tickets_artifact",
    "tickets_chunk",
    "tickets_workflow",
    "tickets_workflowphase",
]


@pytest.fixture
def unmoved(ticket, link):
    """Asserts after the test that the ticket, and what it stands on, is as it was."""

    def all_rows():
        rows = {table: link.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in KEPT}
        link.rollback()
        return rows, Ticket.objects.values("phase", "moves", "workflow").get(pk=ticket.pk)

    before = all_rows()
    yield
    assert all_rows() == before


EVIDENCE = "(SELECT omoi_evidence(id, phase) FROM tickets_ticket WHERE id = {ticket})"
ROW = '(ticket_id, phase, move, passed, checks, artifacts, evidence, "by", key)'
VERDICT = f"{{ticket}}, 'REQUIREMENTS', 1, true, '[]', '{{{{}}}}', {EVIDENCE}, 'user:mallory', ''"
MOVE = (
    "INSERT INTO tickets_phasemove"
    " (ticket_id, move, from_phase, to_phase, ground, reason, by, key, artifacts, verdict_id)"
    " VALUES ({{ticket}}, 2, 'REQUIREMENTS', 'DESIGN', '{ground}', 'because I say so', '{by}',"
    " '', '{{{{}}}}', {verdict})"
)
ON = "UPDATE tickets_ticket SET phase = 'DESIGN' WHERE id = {ticket}"
LAST = "(SELECT max(id) FROM tickets_verdict)"


def move(ground: str, verdict: str = "NULL", by: str = "user:mallory") -> str:
    """A whole transaction that writes a history row and moves the ticket."""
    return f"BEGIN; {MOVE.format(ground=ground, verdict=verdict, by=by)}; {ON}; COMMIT"


def judge(answers: str, evidence: str = EVIDENCE) -> str:
    return f"SELECT omoi_judge({{ticket}}, 'REQUIREMENTS', 1, {evidence}, {answers}, 'user:mallory', '')"


def decide(seen: str) -> str:
    return (
        f"SELECT omoi_decide({{ticket}}, 'REQUIREMENTS', 1, {seen}, 'approve', '',"
        " (SELECT min(id) FROM auth_user), '')"
    )


NEVER = "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
PSQL = [
    # verdicts
    f"INSERT INTO tickets_verdict {ROW} VALUES ({VERDICT})",
    f"INSERT INTO tickets_verdict {ROW} SELECT ticket_id, phase, move, true, checks, artifacts, evidence, "
    '"by", key FROM tickets_verdict',
    f"WITH v AS (INSERT INTO tickets_verdict {ROW} VALUES ({VERDICT}) RETURNING id) SELECT id FROM v",
    "UPDATE tickets_verdict SET passed = true",
    "UPDATE tickets_verdict SET checks = '[]'",
    "DELETE FROM tickets_verdict",
    "TRUNCATE tickets_verdict CASCADE",
    "SELECT * FROM tickets_verdict FOR UPDATE",
    "COPY tickets_verdict FROM '/dev/null'",
    judge("'[]'"),
    judge("'null'"),
    judge("NULL"),
    judge("""'[{{"check": "artifact", "type": "requirements_document", "reasons": []}}]'"""),
    judge("(SELECT checks FROM tickets_verdict WHERE id = " + LAST + ")", "repeat('0', 64)"),
    # approvals
    "INSERT INTO tickets_approval SELECT * FROM tickets_approval",
    "INSERT INTO tickets_approval (ticket_id, workflow_id, phase, move, decision, reason, seen, user_id,"
    ' role, self_approved, "by", key)'
    " SELECT id, workflow_id, phase, moves, 'approve', '', omoi_submitted(id, phase), 1, 'admin', false,"
    " 'user:admin', '' FROM tickets_ticket WHERE id = {ticket}",
    "UPDATE tickets_approval SET decision = 'approve'",
    "DELETE FROM tickets_approval",
    "TRUNCATE tickets_approval",
    "COPY tickets_approval FROM '/dev/null'",
    decide("(SELECT omoi_submitted(id, phase) FROM tickets_ticket WHERE id = {ticket})"),
    decide("repeat('0', 64)"),
    decide("NULL"),
    "DROP TRIGGER decision_is_worked_out ON tickets_approval",
    "ALTER TABLE tickets_approval DISABLE TRIGGER ALL",
    "DROP FUNCTION omoi_decide",
    f"CREATE OR REPLACE FUNCTION omoi_work_out_decision() RETURNS trigger {NEVER}",
    "CREATE OR REPLACE FUNCTION omoi_approved_by(of_ticket bigint, of_phase text) RETURNS int LANGUAGE sql AS"
    " 'SELECT 99'",
    "CREATE OR REPLACE FUNCTION omoi_authors(of_ticket bigint, of_phase text) RETURNS SETOF bigint"
    " LANGUAGE sql AS 'SELECT 0::bigint'",
    "INSERT INTO agents_event (topic, subject, number, kind, actor, key, reason, data)"
    " SELECT topic, subject, number + 1, 'approval.given', 'user:admin', key, '', '{{}}'"
    " FROM agents_event WHERE kind = 'gate.judged'",
    # functions and triggers
    f"CREATE OR REPLACE FUNCTION omoi_phase_guard() RETURNS trigger {NEVER}",
    f"CREATE OR REPLACE FUNCTION omoi_work_out_verdict() RETURNS trigger {NEVER}",
    f"CREATE OR REPLACE FUNCTION omoi_never() RETURNS trigger {NEVER}",
    "CREATE OR REPLACE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text LANGUAGE sql AS "
    "'SELECT repeat(''0'', 64)'",
    "CREATE FUNCTION pg_temp.omoi_evidence(bigint, text) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
    "CREATE TEMP TABLE tickets_workflow (id bigint, document jsonb)",
    "CREATE SCHEMA mine",
    "ALTER FUNCTION omoi_judge OWNER TO omoi",
    "ALTER FUNCTION omoi_judge SET search_path = pg_temp",
    "DROP FUNCTION omoi_judge",
    "SELECT omoi_read_phases()",
    "ALTER TABLE tickets_ticket DISABLE TRIGGER phase_guard",
    "ALTER TABLE tickets_ticket DISABLE TRIGGER wip_guard",
    f"CREATE OR REPLACE FUNCTION omoi_wip_guard() RETURNS trigger {NEVER}",
    "ALTER TABLE tickets_verdict DISABLE TRIGGER ALL",
    "DROP TRIGGER verdict_is_worked_out ON tickets_verdict",
    "DROP TRIGGER phase_follows_its_document ON tickets_workflowphase",
    "CREATE TRIGGER a BEFORE UPDATE ON tickets_ticket EXECUTE FUNCTION omoi_never()",
    "UPDATE pg_trigger SET tgenabled = 'D'",
    "DELETE FROM pg_trigger",
    "SET session_replication_role = replica",
    "SET ROLE omoi_owner",
    "SET SESSION AUTHORIZATION omoi_owner",
    "ALTER ROLE omoi SUPERUSER",
    "GRANT omoi_owner TO omoi",
    "ALTER DATABASE postgres OWNER TO omoi",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    # history
    "UPDATE tickets_phasemove SET ground = 'verdict'",
    "UPDATE tickets_phasemove SET to_phase = 'DESIGN'",
    "DELETE FROM tickets_phasemove",
    "TRUNCATE tickets_phasemove",
    ON,
    f"BEGIN; SET CONSTRAINTS ALL DEFERRED; {ON}; COMMIT",
    move("ungated"),
    move("verdict"),
    move("verdict", LAST),
    move("unblocked"),
    move("imported"),
    move("forced", by=""),
    # the journal
    "UPDATE agents_event SET actor = 'user:admin'",
    "UPDATE agents_event SET data = '{{}}' WHERE kind = 'gate.judged'",
    "DELETE FROM agents_event",
    "TRUNCATE agents_event",
    "ALTER TABLE agents_event DISABLE TRIGGER journal_only_grows",
    "INSERT INTO agents_event (topic, subject, number, kind, actor, key, reason, data)"
    " SELECT topic, subject, number + 1, kind, actor, key, '', '{{\"passed\": true}}'"
    " FROM agents_event WHERE kind = 'gate.judged'",
    # artifacts
    "UPDATE tickets_artifact SET type = 'requirements_document'",
    "DELETE FROM tickets_artifact",
    "UPDATE tickets_blob SET size = 1",
    "UPDATE tickets_chunk SET data = 'x'",
    "DELETE FROM tickets_chunk",
    # workflow rows
    "UPDATE tickets_workflow SET document = '{{}}'",
    "DELETE FROM tickets_workflow",
    "UPDATE tickets_workflowphase SET gated = false",
    "DELETE FROM tickets_workflowphase",
    "INSERT INTO tickets_workflowphase (workflow_id, name, position, moves_to, start, gated, automatic)"
    " SELECT workflow_id, 'SIDE', 9, '{{DONE}}', false, false, '' FROM tickets_ticket",
    "INSERT INTO tickets_workflow (name, version, document) SELECT name, version + 8, document - 'phases'"
    " FROM tickets_workflow",
    "INSERT INTO tickets_workflow (name, version, document) SELECT 'other', 9, document"
    " FROM tickets_workflow WHERE name = 'simple'",
    "UPDATE tickets_ticket SET workflow_id = (SELECT min(id) FROM tickets_workflow WHERE name = 'simple')",
    # the identity of a ticket
    "UPDATE tickets_ticket SET id = id + 1000 WHERE id = {ticket}",
    "UPDATE tickets_ticket SET key = 'OMO-77' WHERE id = {ticket}",
    "UPDATE tickets_ticket SET number = 77 WHERE id = {ticket}",
    "INSERT INTO tickets_ticket SELECT * FROM tickets_ticket WHERE id = {ticket}"
    " ON CONFLICT (id) DO UPDATE SET key = 'OMO-77'",
]
# no privilege; against a rule of a trigger or a constraint; over evidence that is not there any more
REFUSED = {"42501", "23514", "23502", "23001", "40001", "22023"}


def test_nobody_gets_past_the_gate_by_psql(ticket, unmoved):
    script = [
        f"{statement.format(ticket=ticket.pk)};\n\\echo {number} :SQLSTATE\nROLLBACK;\n"
        for number, statement in enumerate(PSQL)
    ]
    ran = subprocess.run(
        [binaries.binaries() / "psql", "--no-psqlrc", "--dbname", cluster.environment()["DATABASE_URL"]],
        input="".join(script),
        capture_output=True,
        text=True,
    )
    said = [line.split() for line in ran.stdout.splitlines() if len(line.split()) == 2]
    states = {int(number): state for number, state in said if number.isdigit()}
    passed = {PSQL[number]: state for number, state in states.items() if state not in REFUSED}
    assert states.keys() == set(range(len(PSQL))), ran.stderr
    assert passed == {}


def test_a_ticket_cannot_take_the_past_of_another(ticket, project, operator, link):
    """Its own phase would stay as it is; with the other's past, the way out of BLOCKED would lead further."""
    other = Ticket.objects.open(project, TicketSpec("Refunds", workflow=ticket.workflow), by=operator)
    reason = "it was done elsewhere"
    Ticket.objects.move(other.pk, "IMPLEMENTATION", by=operator, force=True, reason=reason)

    with contextlib.suppress(psycopg.errors.RestrictViolation), link.transaction():
        for old, new in ((ticket.pk, 0), (other.pk, ticket.pk), (0, other.pk)):
            link.execute("UPDATE tickets_ticket SET id = %s WHERE id = %s", [new, old])

    taken = Ticket.objects.get(key=ticket.key)
    Ticket.objects.move(taken.pk, "BLOCKED", by=operator, reason="for a moment", cause="clarification")
    with pytest.raises(OmoiError):
        Ticket.objects.move(taken.pk, "IMPLEMENTATION", by=operator)


SHELL = """
import json
from django.db import connection, transaction
from agents.models import Event, Project
from omoi_site.database import sql
from tickets.models import *

def ticket():
    return Ticket.objects.select_related("workflow").get(pk={ticket})

def row(**changes):
    k = ticket()
    digest = sql.one("SELECT omoi_evidence(%s, %s) AS digest", [k.pk, k.phase])["digest"]
    checks = [dict(check, passed=True, reasons=[]) for check in k.plan[k.phase].gate]
    hashes = {{f"{{a.phase}}/{{a.name}}": a.hash for a in k.artifacts.current()}}
    return dict(ticket=k, phase=k.phase, move=k.moves, passed=True, checks=checks, artifacts=hashes,
        evidence=digest, by="user:mallory", **changes)

def move_by(ground, **more):
    k = ticket()
    PhaseMove.objects.create(ticket=k, move=k.moves + 1, from_phase=k.phase, to_phase="DESIGN", ground=ground,
        by="user:mallory", reason="because I say so", **more)
    Ticket.objects.filter(pk=k.pk).update(phase="DESIGN")

def kept_apart():
    k = ticket()
    k.__dict__["phase"] = "DESIGN"
    k.save()

phase = dict(workflow=ticket().workflow, name="SIDE", position=9, to=["DONE"])
tries = {{
    "a verdict with copied hashes": lambda: Verdict.objects.create(**row()),
    "a verdict in bulk": lambda: Verdict.objects.bulk_create([Verdict(**row())]),
    "a verdict saved": lambda: Verdict(**row()).save(),
    "a verdict by COPY": lambda: sql.copy_in([Verdict(**row())]),
    "a verdict turned round": lambda: Verdict.objects.update(passed=True),
    "verdicts deleted": lambda: Verdict.objects.all()._raw_delete("default"),
    "a stored verdict again": lambda: ticket().verdicts.first().save(force_insert=True),
    "a move by an update": lambda: Ticket.objects.filter(pk=ticket().pk).update(phase="DESIGN"),
    "a move past the field": kept_apart,
    "a move without a gate": lambda: move_by("ungated"),
    "a move with no verdict": lambda: move_by("verdict"),
    "a move with a refusing verdict": lambda: move_by("verdict", verdict=ticket().verdicts.first()),
    "history rewritten": lambda: PhaseMove.objects.update(to_phase="DESIGN"),
    "history deleted": lambda: PhaseMove.objects.all()._raw_delete("default"),
    "journal rewritten": lambda: Event.objects.update(actor="user:admin"),
    "journal deleted": lambda: Event.objects.all().delete(),
    "artifacts rewritten": lambda: Artifact.objects.update(type="requirements_document"),
    "artifacts deleted": lambda: Artifact.objects.all()._raw_delete("default"),
    "content rewritten": lambda: Chunk.objects.update(data=b"x"),
    "a gate taken away": lambda: WorkflowPhase.objects.update(gated=False),
    "a phase more": lambda: WorkflowPhase.objects.create(**phase),
    "a phase without its gate": lambda: WorkflowPhase.objects.create(**dict(phase, name="REQUIREMENTS")),
    "a document rewritten": lambda: Workflow.objects.update(document={{}}),
    "another workflow": lambda: Ticket.objects.update(workflow=Workflow.objects.get(name="simple")),
    "a trigger switched off": lambda: sql.rows("ALTER TABLE tickets_ticket DISABLE TRIGGER phase_guard"),
    "the triggers of replicas": lambda: sql.rows("SET session_replication_role = replica"),
    "a table of the owner's": lambda: connection.schema_editor().__enter__().delete_model(Verdict),
    "a function replaced": lambda: sql.rows("DROP FUNCTION omoi_phase_guard CASCADE"),
}}
said = {{}}
for name, act in tries.items():
    try:
        with transaction.atomic():
            act()
        said[name] = "done"
    except Exception as error:
        said[name] = getattr(error.__cause__, "sqlstate", None) or repr(error)
print(json.dumps(said))
"""


@pytest.mark.full
def test_nobody_gets_past_the_gate_by_the_shell(ticket, unmoved):
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", SHELL.format(ticket=ticket.pk)],
        cwd=ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert len(said) >= 25
    assert {name: state for name, state in said.items() if state not in REFUSED} == {}


def test_there_are_many_tries_at_each_object():
    tables = [
        "tickets_approval",
        "tickets_verdict",
        "tickets_phasemove",
        "agents_event",
        "tickets_artifact",
        "tickets_workflow",
    ]
    objects = [*tables, "TRIGGER", "FUNCTION"]
    counts = {name: sum(name in statement for statement in PSQL) for name in objects}
    assert min(counts.values()) >= 2
    assert len(PSQL) > 50
