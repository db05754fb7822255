"""Helpers for SQL: statements in files, rows as dicts, transactions that are tried again after a deadlock."""

from __future__ import annotations

import functools
import json
import operator
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psycopg.errors
from django.core.exceptions import ValidationError
from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    models,
    transaction,
)
from django.db.models.expressions import DatabaseDefault

from omoi_site.errors import Invalid

P = ParamSpec("P")
R = TypeVar("R")

JSONB = 3802  # PostgreSQL's number of the type; psycopg itself decodes the other one, json
PART = re.compile(r"\{([a-z_]+)\}")
TRIES = 4
PAUSE_S = 0.04
AGAIN = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.InvalidSqlStatementName,  # the server has discarded a prepared statement
)


def statement(module: str, name: str, **parts: str) -> str:
    """The text of `name`.sql beside the module (its `__file__`), each `{part}` in it replaced by that part.

    For statements of more than ten lines. A part is something that several statements share, such as a
    condition. Raises TypeError if the parts do not match those in the file.
    """
    text = Path(module).with_name(f"{name}.sql").read_text()
    if (wanted := set(PART.findall(text))) != parts.keys():
        raise TypeError(f"{name}.sql has the parts {sorted(wanted)}, but the call passed {sorted(parts)}")
    return PART.sub(lambda part: parts[part[1]], text)


def rows(sql: str, params: dict[str, Any] | Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """Run one statement on Django's connection; each row as a dict by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        result = cursor.pgresult  # `description` would build its list anew at each access
        if not result or not result.nfields:
            return []
        names = [(result.fname(number) or b"").decode() for number in range(result.nfields)]
        records = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        # Django decodes JSON in its fields only, so decode it here
        for name in [name for number, name in enumerate(names) if result.ftype(number) == JSONB]:
            for row in records:
                row[name] = None if row[name] is None else json.loads(row[name])
        return records


def tuples(sql: str, params: dict[str, Any] | Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Like `rows`, each row as a tuple; for many rows of a few columns that are not JSON."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def one(sql: str, params: dict[str, Any] | Sequence[Any] | None = None) -> dict[str, Any] | None:
    """The first row of a statement, or None."""
    records = rows(sql, params)
    return records[0] if records else None


def transient(error: Exception) -> bool:
    """Whether the same transaction can succeed when it is tried again."""
    return isinstance(error, OperationalError | ProgrammingError) and isinstance(error.__cause__, AGAIN)


def patiently(act: Callable[P, R]) -> Callable[P, R]:
    """Decorator: run the function again after a deadlock or a serialisation failure, at most three times,
    after pauses of at most 40, 80 and 160 ms.

    For functions whose transactions have all been rolled back by then. Inside a transaction it does not
    repeat: only the outermost function can be repeated as a whole.
    """

    @functools.wraps(act)
    def patient(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return act(*args, **kwargs)
        for left in reversed(range(TRIES)):
            try:
                return act(*args, **kwargs)
            except (OperationalError, ProgrammingError) as error:
                if not left or not transient(error):
                    raise
                # A row that we gave up is free for whoever asks first: without a pause that may be us again,
                # before the other transaction has woken up, and the same deadlock comes back.
                longest_s = PAUSE_S * 2 ** (TRIES - 1 - left)
                time.sleep(random.uniform(longest_s / 2, longest_s))
        raise AssertionError("unreachable")

    return patient


def atomic(act: Callable[P, R]) -> Callable[P, R]:
    """Decorator: one transaction around a verb, tried again after a deadlock; a savepoint inside another
    transaction.
    """
    return _in_one(act, savepoint=True)


def joined(act: Callable[P, R]) -> Callable[P, R]:
    """Decorator: like `atomic`, but without a savepoint inside another transaction, so a failure fails the
    whole transaction.
    """
    return _in_one(act, savepoint=False)


def _in_one(act: Callable[P, R], *, savepoint: bool) -> Callable[P, R]:
    @functools.wraps(act)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(savepoint=savepoint):
            return act(*args, **kwargs)

    return patiently(inside)


@contextmanager
def snapshot() -> Iterator[None]:
    """A read-only transaction whose statements all see the same moment. Inside another transaction it is a
    part of that one.
    """
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    link = connection.connection
    usual = link.isolation_level, link.read_only
    # what BEGIN says takes no statement of its own
    link.isolation_level, link.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
    try:
        with transaction.atomic():
            yield
    finally:
        if not link.closed:
            link.isolation_level, link.read_only = usual


def insert(row: models.Model, *, field: str, taken: str, next_action: str = "") -> None:
    """Store a new row. Raises Invalid with the message `taken` if another row has the same value of `field`,
    even one stored a moment before.
    """
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            raise
        raise Invalid(taken, field=field, next_action=next_action) from error


def copy_in(new: Sequence[models.Model]) -> None:
    """Store new rows of one model by COPY and set their ids, in two statements: several times faster than
    INSERT.

    Values must be plain. A field that one row leaves to the database (`db_default`) must be left to it in all
    rows; it is not read back.
    """
    if not new:
        return
    meta = new[0]._meta
    key, table = meta.pk, connection.ops.quote_name(meta.db_table)
    ids = rows(
        "SELECT nextval(pg_get_serial_sequence(%s, %s)) AS id FROM generate_series(1, %s)",
        [table, key.column, len(new)],
    )
    fields = [
        field
        for field in meta.concrete_fields
        if not isinstance(getattr(new[0], field.attname), DatabaseDefault)
    ]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    link = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up for each value
    values = [_value_of(field, link) for field in fields]
    with (
        link.wrap_database_errors,
        link.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        for row, made in zip(new, ids, strict=True):
            row.pk = made["id"]
            copy.write_row([value(row) for value in values])
            row._state.adding, row._state.db = False, link.alias


def _value_of(field: models.Field[Any, Any], link: Any) -> Callable[[models.Model], Any]:
    """What reads the field's value from a row, as COPY takes it: plain values as they are."""
    if isinstance(field, models.JSONField) or type(field).pre_save is not models.Field.pre_save:
        return lambda row: field.get_db_prep_save(field.pre_save(row, True), link)
    return operator.attrgetter(field.attname)


class XidField(models.BigIntegerField):
    """The number of a transaction (xid8). It orders the journal and links a history row to its
    transaction.
    """

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value)


class BitField(models.Field):
    """So many bits, as a text of zeros and ones."""

    def __init__(self, bits: int, **how: Any) -> None:
        super().__init__(**how)
        self.bits = bits

    def deconstruct(self) -> Any:
        name, path, args, how = super().deconstruct()
        return name, path, [self.bits, *args], how

    def db_type(self, connection: Any) -> str:
        return f"bit({self.bits})"


class CurrentXid(models.Func):
    function = "pg_current_xact_id"
    output_field = XidField()


class ClockTimestamp(models.Func):
    """The present time; `now()` would be the start of the transaction."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


def check(row: models.Model, *, without: Sequence[str] = ()) -> None:
    """Validate every field of a new row; raises Invalid with all faults by field."""
    try:
        row.full_clean(exclude=list(without), validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise Invalid(
            errors=[
                {"field": name, "code": "invalid", "message": message}
                for name, messages in error.message_dict.items()
                for message in messages
            ]
        ) from error
