"""Nothing can put a ticket into a phase without a history row and ground: not raw SQL, the ORM or a shell.

Each case is tried in a transaction of its own that ends with a real commit. With the guards switched off each
passes, so it is they that refuse. A superuser, or the owner of the tables who disables a trigger on purpose,
is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from django.db import DatabaseError, connection, transaction

from agents.models import Event
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.factories import allow_workflow
from tickets.models import PhaseMove, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

# REVIEW has a gate; DONE is the end.
PHASES = [
    ("PLAN", ["BUILD"], False),
    ("BUILD", ["REVIEW", "PLAN"], False),
    ("REVIEW", ["SHIP", "BUILD"], True),
    ("SHIP", ["DONE"], False),
    ("DONE", [], False),
]


@pytest.fixture
def ticket(project, operator):
    """A ticket in REVIEW, whose gate has passed no verdict."""
    gate = [{"check": "artifact", "type": "notes"}]
    phases = [{"name": name, "to": to, "gate": gate if gated else []} for name, to, gated in PHASES]
    workflow = Workflow.objects.install({"name": "guarded", "phases": phases})
    allow_workflow(project, workflow)
    made = Ticket.objects.open(project, TicketSpec("Guarded", workflow=workflow), by=operator)
    for _ in range(2):
        with Ticket.objects.locked(pk=made.pk) as locked:
            locked.advance(by=operator)
    return Ticket.objects.get(pk=made.pk)


SAYS_WHY = "blocked_class = 'environment', blocked_reason = 'no key'"  # what BLOCKED needs beside its ground


def put(ticket, phase, beside=SAYS_WHY):
    sql.rows(f"UPDATE tickets_ticket SET {beside}, phase = %s WHERE id = %s", [phase, ticket.pk])


def insert_history(ticket, before, after, ground, *, move=None, by="user:mallory", reason=""):
    """A history row as a shell could write it; `move` is the next one unless given."""
    move = Ticket.objects.get(pk=ticket.pk).moves + 1 if move is None else move
    sql.rows(
        """INSERT INTO tickets_phasemove
             (ticket_id, move, from_phase, to_phase, ground, reason, by, key, artifacts)
           VALUES (%s, %s, %s::varchar, %s, %s, %s, %s, '', '{}')""",
        [ticket.pk, move, before, after, ground, reason, by],
    )


def move_by_hand(ticket, before, after, ground, **more):
    insert_history(ticket, before, after, ground, **more)
    put(ticket, after)


COLUMNS = [
    field.column
    for field in Ticket._meta.concrete_fields
    if field.column not in ("id", "key", "number", "phase", "source", "source_id")
]


def bear(ticket, phase, **row):
    """A raw INSERT of another ticket like this one; with a history row when `row` names its ground."""
    names = ", ".join(COLUMNS)
    [born] = sql.rows(
        f"""INSERT INTO tickets_ticket ({names}, key, number, phase, source, source_id)
            SELECT {names}, 'OMO-99', 99, %s, '', '' FROM tickets_ticket WHERE id = %s RETURNING id""",
        [phase, ticket.pk],
    )
    if row:
        insert_history(Ticket(pk=born["id"]), None, phase, move=0, **row)


def stand(ticket, *moves):
    """Bring the ticket honestly to where a case begins."""
    for verb, how in moves:
        with Ticket.objects.locked(pk=ticket.pk) as locked:
            getattr(locked, verb)(by="user:admin", reason="a reason long enough", **how)


BLOCK = ("block", {"cause": "environment"})
# name -> (where it begins, what is tried)
CASES: dict[str, tuple[list, Callable]] = {}


def case(*begins):
    def kept(act):
        CASES[act.__name__] = (list(begins), act)
        return act

    return kept


@case()
def a_raw_update(ticket):
    put(ticket, "SHIP")


@case()
def queryset_update(ticket):
    Ticket.objects.filter(pk=ticket.pk).update(phase="SHIP")


@case()
def an_attribute_set_past_the_field(ticket):
    ticket.__dict__["phase"] = "SHIP"
    ticket.save()


@case()
def bulk_update(ticket):
    ticket.__dict__["phase"] = "SHIP"
    Ticket.objects.bulk_update([ticket], ["phase"])


@case()
def an_update_of_many_of_which_one_is_covered(ticket):
    other = Ticket.objects.open(
        ticket.project, TicketSpec("other", workflow=ticket.workflow), by="user:admin"
    )
    insert_history(other, "PLAN", "BUILD", "ungated")
    sql.rows("UPDATE tickets_ticket SET phase = 'BUILD' WHERE id IN (%s, %s)", [ticket.pk, other.pk])


@case()
def two_moves_with_one_row(ticket):
    move_by_hand(ticket, "REVIEW", "BUILD", "back")
    put(ticket, "PLAN")


@case()
def there_and_back(ticket):
    put(ticket, "SHIP")
    put(ticket, "REVIEW")


@case()
def there_and_back_with_a_row_for_the_way_back(ticket):
    put(ticket, "SHIP")
    move_by_hand(ticket, "SHIP", "REVIEW", "back")


@case()
def a_row_in_a_savepoint_rolled_back(ticket):
    with transaction.atomic():
        insert_history(ticket, "REVIEW", "BUILD", "back")
        transaction.set_rollback(True)
    put(ticket, "BUILD")


@case()
def a_row_of_an_earlier_transaction(ticket):
    """The earlier move's row, told again by moving the counter back: only the database counts."""
    sql.rows("UPDATE tickets_ticket SET moves = 1 WHERE id = %s", [ticket.pk])
    put(ticket, "BUILD")


@case()
def a_row_that_names_another_origin(ticket):
    insert_history(ticket, "SHIP", "BUILD", "back")
    put(ticket, "BUILD")


@case()
def a_row_that_names_another_target(ticket):
    insert_history(ticket, "REVIEW", "PLAN", "back")
    put(ticket, "BUILD")


@case()
def a_row_of_another_move(ticket):
    insert_history(ticket, "REVIEW", "BUILD", "back", move=7)
    put(ticket, "BUILD")


@case()
def a_row_of_another_ticket(ticket):
    other = Ticket.objects.open(
        ticket.project, TicketSpec("other", workflow=ticket.workflow), by="user:admin"
    )
    insert_history(other, "REVIEW", "BUILD", "back", move=3)
    put(ticket, "BUILD")


@case()
def a_row_without_a_move(ticket):
    insert_history(ticket, "REVIEW", "BUILD", "back")


@case()
def past_a_gate_as_ungated(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "ungated")


@case()
def past_a_gate_with_a_verdict_nobody_passed(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "verdict")


@case()
def past_a_gate_as_a_way_back(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "back")


@case(("send_back", {"to": "PLAN"}))
def over_a_phase(ticket):
    move_by_hand(ticket, "PLAN", "REVIEW", "ungated")


@case()
def backwards_as_ungated(ticket):
    move_by_hand(ticket, "REVIEW", "BUILD", "ungated")


@case()
def into_a_phase_that_is_not_there(ticket):
    move_by_hand(ticket, "REVIEW", "NOWHERE", "forced", reason="a reason long enough")


@case()
def forced_without_a_reason(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "forced")


@case()
def forced_with_blanks_for_a_reason(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "forced", reason=" " * 20)


@case()
def forced_with_a_reason_nobody_sees(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "forced", reason="x\u200b\u2800\ufe0f\U000e0041" * 6)


@case()
def forced_by_nobody(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "forced", reason="a reason long enough", by="")


@case(("force", {"to": "DONE"}))
def forced_out_of_the_last_phase(ticket):
    move_by_hand(ticket, "DONE", "REVIEW", "forced", reason="a reason long enough")


@case(("force", {"to": "DONE"}))
def back_out_of_the_last_phase(ticket):
    move_by_hand(ticket, "DONE", "REVIEW", "back")


@case(("force", {"to": "DONE"}))
def blocked_out_of_the_last_phase(ticket):
    move_by_hand(ticket, "DONE", "BLOCKED", "blocked")


@case(("force", {"to": "DONE"}))
def cancelled_out_of_the_last_phase(ticket):
    move_by_hand(ticket, "DONE", "CANCELLED", "cancelled")


@case(("cancel", {}))
def forced_out_of_cancelled(ticket):
    move_by_hand(ticket, "CANCELLED", "SHIP", "forced", reason="a reason long enough")


@case()
def into_blocked_by_force(ticket):
    move_by_hand(ticket, "REVIEW", "BLOCKED", "forced", reason="a reason long enough")


@case()
def on_by_the_name_of_a_block(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "blocked")


@case(BLOCK)
def out_of_a_block_past_the_gate(ticket):
    move_by_hand(ticket, "BLOCKED", "SHIP", "unblocked")


@case(BLOCK)
def out_of_a_block_by_a_forged_column(ticket):
    sql.rows("UPDATE tickets_ticket SET previous_phase = 'SHIP' WHERE id = %s", [ticket.pk])
    move_by_hand(ticket, "BLOCKED", "SHIP", "unblocked")


@case(BLOCK)
def out_of_a_block_as_a_way_back(ticket):
    move_by_hand(ticket, "BLOCKED", "BUILD", "back")


@case()
def unblocked_without_a_block(ticket):
    move_by_hand(ticket, "REVIEW", "BUILD", "unblocked")


@case(("cancel", {}))
def reopened_past_the_gate(ticket):
    move_by_hand(ticket, "CANCELLED", "SHIP", "reopened")


@case(BLOCK, ("cancel", {}))
def reopened_past_the_gate_by_way_of_a_block(ticket):
    move_by_hand(ticket, "CANCELLED", "SHIP", "reopened")


@case()
def reopened_without_being_cancelled(ticket):
    move_by_hand(ticket, "REVIEW", "BUILD", "reopened")


@case()
def imported_after_its_birth(ticket):
    move_by_hand(ticket, "REVIEW", "SHIP", "imported", reason="a reason long enough")


@case()
def a_raw_insert(ticket):
    bear(ticket, "PLAN")


@case()
def born_past_the_first_phase(ticket):
    bear(ticket, "SHIP", ground="born")


@case()
def born_past_the_first_phase_as_ungated(ticket):
    bear(ticket, "BUILD", ground="ungated")


@case()
def born_past_the_first_phase_by_force_without_a_reason(ticket):
    bear(ticket, "SHIP", ground="forced")


@case()
def imported_without_a_reason(ticket):
    bear(ticket, "DONE", ground="imported")


@case()
def imported_into_a_block(ticket):
    put(ticket, ticket.phase)
    bear(ticket, "BLOCKED", ground="imported", reason="a reason long enough")


@case()
def on_conflict(ticket):
    names = ", ".join(COLUMNS)
    sql.rows(
        f"""INSERT INTO tickets_ticket (id, {names}, key, number, phase, source, source_id)
            SELECT id, {names}, key, number, 'SHIP', source, source_id FROM tickets_ticket WHERE id = %s
            ON CONFLICT (id) DO UPDATE SET phase = excluded.phase""",
        [ticket.pk],
    )


@case()
def merge(ticket):
    sql.rows(
        """MERGE INTO tickets_ticket t
           USING (SELECT %s::bigint AS id) s ON t.id = s.id
           WHEN MATCHED THEN UPDATE SET phase = 'SHIP'""",
        [ticket.pk],
    )


@case()
def copy(ticket):
    names = ", ".join([*COLUMNS, "key", "number", "phase", "source", "source_id"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT {', '.join(COLUMNS)}, 'OMO-98' AS key,"
            " 98 AS number, 'SHIP' AS phase, '' AS source, '' AS source_id"
            " FROM tickets_ticket"
        )
        with cursor.copy("COPY copied TO STDOUT") as out:
            lines = b"".join(out)
        with cursor.copy(f"COPY tickets_ticket ({names}) FROM STDIN") as into:
            into.write(lines)


@case()
def a_temporary_table_in_place_of_the_history(ticket):
    sql.rows("CREATE TEMP TABLE tickets_phasemove (LIKE tickets_phasemove INCLUDING ALL) ON COMMIT DROP")
    move_by_hand(ticket, "REVIEW", "BUILD", "back")


@pytest.mark.parametrize(
    "beside",
    [
        "blocked_reason = 'no key'",
        "blocked_class = 'environment'",
        "blocked_class = 'mood', blocked_reason = 'no key'",
    ],
)
def test_no_ticket_is_blocked_without_a_class_and_a_reason(ticket, beside):
    def block(ticket):
        insert_history(ticket, "REVIEW", "BLOCKED", "blocked", reason="no key")
        put(ticket, "BLOCKED", beside)

    refused(block, ticket, match="ticket_blocked_says_why")


def refused(act, ticket, match=None):
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        act(ticket)


@pytest.mark.parametrize("name", CASES)
def test_a_ticket_cannot_be_put_into_a_phase_by(ticket, name):
    begins, act = CASES[name]
    stand(ticket, *begins)
    before = (
        Ticket.objects.values("phase", "moves").get(pk=ticket.pk),
        PhaseMove.objects.count(),
        Ticket.objects.count(),
    )

    refused(act, Ticket.objects.get(pk=ticket.pk))

    assert before == (
        Ticket.objects.values("phase", "moves").get(pk=ticket.pk),
        PhaseMove.objects.count(),
        Ticket.objects.count(),
    )


def test_the_guards_refuse_the_owner_too(ticket):
    """Each case by the triggers alone, for to the owner no privilege is missing."""

    def stand_and_act(case):
        begins, act = case
        stand(ticket, *begins)
        act(Ticket.objects.get(pk=ticket.pk))

    with as_owner():
        for case in CASES.values():
            refused(stand_and_act, case)


@pytest.mark.full
def test_without_the_guards_every_case_would_pass(ticket):
    """The mechanism removed: what refuses the cases is the three deferred triggers, the rule for reasons, and
    nothing else. Only the owner can remove it.
    """
    for begins, act in CASES.values():
        with as_owner(), transaction.atomic():
            stand(ticket, *begins)
            sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
            sql.rows("SET CONSTRAINTS ALL DEFERRED")
            sql.rows("ALTER TABLE tickets_ticket DISABLE TRIGGER phase_guard")
            sql.rows("ALTER TABLE tickets_ticket DISABLE TRIGGER birth_guard")
            sql.rows("ALTER TABLE tickets_phasemove DISABLE TRIGGER history_guard")
            sql.rows("ALTER TABLE tickets_phasemove DROP CONSTRAINT forced_with_a_reason")
            act(Ticket.objects.get(pk=ticket.pk))
            sql.rows("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.set_rollback(True)
    assert Ticket.objects.get(pk=ticket.pk).phase == "REVIEW"


@pytest.mark.parametrize("row_first", [True, False])
def test_an_honest_move_passes_with_its_row_before_or_after(ticket, row_first):
    with transaction.atomic():
        for act in [
            lambda: insert_history(ticket, "REVIEW", "BUILD", "back", move=3),
            lambda: put(ticket, "BUILD"),
        ][:: 1 if row_first else -1]:
            act()
    assert Ticket.objects.get(pk=ticket.pk).phase == "BUILD"


def test_two_moves_with_two_rows_pass(ticket):
    with transaction.atomic():
        move_by_hand(ticket, "REVIEW", "BUILD", "back")
        move_by_hand(ticket, "BUILD", "PLAN", "back")
    assert list(PhaseMove.objects.filter(ticket=ticket).values_list("to_phase", flat=True)) == [
        "PLAN",
        "BUILD",
        "REVIEW",
        "BUILD",
        "PLAN",
    ]


def test_a_guard_made_immediate_wants_its_row_at_once(ticket):
    refused(
        lambda t: (sql.rows("SET CONSTRAINTS ALL IMMEDIATE"), put(t, "BUILD")), ticket, match="history row"
    )
    with transaction.atomic():
        sql.rows("SET CONSTRAINTS phase_guard IMMEDIATE")
        move_by_hand(ticket, "REVIEW", "BUILD", "back")


def test_a_ticket_cannot_be_deleted_and_born_anew(ticket):
    names = ", ".join([*COLUMNS, "id", "key", "number", "source", "source_id"])

    def anew(ticket):
        sql.rows(
            f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT {names} FROM tickets_ticket WHERE id = %s",
            [ticket.pk],
        )
        sql.rows("DELETE FROM tickets_ticket WHERE id = %s", [ticket.pk])
        sql.rows(f"INSERT INTO tickets_ticket ({names}, phase) SELECT {names}, 'SHIP' FROM kept")

    refused(lambda t: sql.rows("DELETE FROM tickets_ticket WHERE id = %s", [t.pk]), ticket)
    refused(anew, ticket)


def test_a_history_row_is_stamped_by_the_database(ticket):
    """A row cannot pretend to be of another transaction or time."""
    with transaction.atomic():
        move_by_hand(ticket, "REVIEW", "BUILD", "back")
        [here] = sql.rows("SELECT pg_current_xact_id()::text AS xid")
        sql.rows(
            """INSERT INTO tickets_phasemove
                 (ticket_id, move, from_phase, to_phase, ground, reason, by, key, artifacts, xid, at)
               VALUES
                 (%s, 4, 'BUILD', 'PLAN', 'back', '', 'user:mallory', '', '{}', '12345', '2001-01-01')""",
            [ticket.pk],
        )
        put(ticket, "PLAN")
    row = PhaseMove.objects.get(ticket=ticket, move=4)
    assert (row.xid, row.at.year > 2001) == (int(here["xid"]), True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tickets_phasemove SET ground = 'forced'",
        "DELETE FROM tickets_phasemove",
        "UPDATE agents_event SET actor = 'user:somebody'",
        "DELETE FROM agents_event",
        "UPDATE tickets_workflow SET name = 'other'",
        "UPDATE tickets_workflowphase SET gated = false",
        "DELETE FROM tickets_workflowphase",
        "INSERT INTO tickets_workflowphase (workflow_id, name, position, moves_to, start, gated, automatic)"
        " SELECT workflow_id, 'SIDE', 9, '{DONE}', false, false, '' FROM tickets_ticket",
        "UPDATE tickets_ticket SET workflow_id = (SELECT id FROM tickets_workflow WHERE name = 'simple')",
        "SET session_replication_role = replica",
    ],
)
@pytest.mark.parametrize("role", [nullcontext, as_owner], ids=["application", "owner"])
def test_what_the_guard_reads_cannot_be_rewritten(ticket, statement, role):
    with role():
        refused(lambda _: sql.rows(statement), ticket)


@pytest.mark.parametrize(
    ("table", "trigger"),
    [
        ("agents_event", "journal_is_never_emptied"),
        ("tickets_phasemove", "history_is_never_emptied"),
        ("tickets_workflowphase", "workflow_phases_are_never_emptied"),
    ],
)
@pytest.mark.parametrize("statement", ["TRUNCATE {}", "TRUNCATE {} CASCADE"])
def test_history_journal_and_phases_cannot_be_emptied(ticket, table, trigger, statement):
    """The one trigger that tests must switch off to clean up after themselves, switched on."""
    referred = (table, statement) == ("tickets_phasemove", "TRUNCATE {}")  # by estimates: asked before
    match = "referenced in a foreign key" if referred else "append-only"
    with as_owner():
        refused(
            lambda _: (
                sql.rows(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"),
                sql.rows(statement.format(table)),
            ),
            ticket,
            match=match,
        )


def test_emptying_the_tickets_takes_the_history_along_and_is_refused(ticket):
    on = "ALTER TABLE tickets_phasemove ENABLE TRIGGER history_is_never_emptied"
    with as_owner():
        refused(
            lambda _: (sql.rows(on), sql.rows("TRUNCATE tickets_ticket CASCADE")), ticket, match="append-only"
        )


def test_these_triggers_are_on_in_a_migrated_database(ticket):
    """`A` fires for replicas too, `O` for everyone else; the three switched off here are the tests' own
    doing.
    """
    states = {
        row["name"]: row["state"]
        for row in sql.rows(
            "SELECT tgname AS name, tgenabled::text AS state FROM pg_trigger WHERE NOT tgisinternal"
        )
    }
    always = {
        "ticket_moves",
        "phase_guard",
        "birth_guard",
        "history_stamp",
        "history_only_grows",
        "history_guard",
    }
    assert {states[name] for name in always} == {"A"}
    assert {name for name, state in states.items() if state == "D"} == {
        "journal_is_never_emptied",
        "history_is_never_emptied",
        "workflow_phases_are_never_emptied",
    }


def test_the_field_itself_refuses_to_be_set(ticket):
    with pytest.raises(AttributeError):
        ticket.phase = "SHIP"


def test_every_move_leaves_an_event_beside_its_row(ticket):
    assert (
        Event.objects.filter(kind="ticket.moved", topic=ticket.topic).count()
        == PhaseMove.objects.filter(ticket=ticket, move__gt=0).count()
        == 2
    )
