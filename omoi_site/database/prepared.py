"""Statements of the hot verbs: prepared once per connection, with one plan, and run by libpq directly.

For a statement that runs more than once a second. Django's cursor and psycopg's together cost as much as such
a statement, and PostgreSQL would plan it five times on each connection before it keeps a plan. Statements
that run less often use `sql.rows`, which takes the same arguments.

PostgreSQL derives the types of the parameters from the text, so where it cannot, the text has a cast.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb

from omoi_site.database import sql

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
FINE = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
# What reads a value of these types of PostgreSQL; a value of another type stays a text.
READERS: dict[int, Callable[[bytes], Any]] = {
    16: lambda value: value == b"t",
    **dict.fromkeys((20, 21, 23), int),
    **dict.fromkeys((700, 701), float),
    1184: lambda value: datetime.fromisoformat(value.decode()),
    **dict.fromkeys((114, sql.JSONB), json.loads),
}


class Statement:
    """The text as the server takes it, with parameters $1, $2, …, and their names in that order."""

    def __init__(self, text: str) -> None:
        self.parameters: list[str] = []
        self.text = PLACE.sub(self._place, text).encode()
        self.name = b"omoi_" + hashlib.sha256(self.text).hexdigest()[:24].encode()

    def _place(self, found: re.Match[str]) -> str:
        if not found[1]:
            return "%"
        if found[1] not in self.parameters:
            self.parameters.append(found[1])
        return f"${self.parameters.index(found[1]) + 1}"


statement = functools.cache(Statement)


def rows(text: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the statement on Django's connection; each row as a dict by column name.

    Where statements are counted or logged, it goes the way of all others.
    """
    link: Any = connections[DEFAULT_DB_ALIAS]
    if link.execute_wrappers or link.queries_logged:
        return sql.rows(text, params)
    link.ensure_connection()
    link.validate_no_broken_transaction()
    with link.wrap_database_errors:
        return _rows(_run(link, statement(text), params))


def _run(link: Any, which: Statement, params: dict[str, Any]) -> Any:
    """The result of libpq for one statement on a connection of our back end."""
    raw = link.connection
    server = raw.pgconn
    values = [to_text(params[name]) for name in which.parameters]
    if not raw.autocommit and server.transaction_status == TransactionStatus.IDLE:
        _check(raw, server.exec_(b"BEGIN"))  # psycopg does the same before the first statement
    link.plan_once_only()
    if which.name not in link.prepared:
        _prepare(link, which)
    result = server.exec_prepared(which.name, values)
    link.touch()
    try:
        return _check(raw, result)
    except psycopg.errors.InvalidSqlStatementName:  # the server has discarded it
        link.prepared.clear()
        if not raw.autocommit:
            raise
        _prepare(link, which)
        return _check(raw, server.exec_prepared(which.name, values))


def _prepare(link: Any, which: Statement) -> None:
    _check(link.connection, link.connection.pgconn.prepare(which.name, which.text))
    link.prepared.add(which.name)


def _check(raw: Any, result: Any) -> Any:
    """The result. Raises its error, as psycopg does: OperationalError where the connection is lost."""
    if result.status not in FINE:
        error = psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
        if raw.pgconn.status == ConnStatus.BAD and not isinstance(error, psycopg.OperationalError):
            raise psycopg.OperationalError(str(error)) from error
        raise error
    return result


def _rows(result: Any) -> list[dict[str, Any]]:
    if not result.ntuples:
        return []
    columns = [
        (number, result.fname(number).decode(), READERS.get(result.ftype(number), bytes.decode))
        for number in range(result.nfields)
    ]
    value = result.get_value
    return [
        {
            name: None if (found := value(row, number)) is None else read(found)
            for number, name, read in columns
        }
        for row in range(result.ntuples)
    ]


def to_text(value: Any) -> bytes | None:
    """The value as PostgreSQL reads it from text. Raises DataError for a text with a NUL character."""
    if value is None:
        return None
    text = _array(value) if isinstance(value, (list, tuple)) else _scalar(value)
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text.encode()


def _scalar(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "t" if value else "f"
        case int() | float():
            return str(value)
        case Jsonb():
            return json.dumps(value.obj)
    raise TypeError(f"a prepared statement takes no {type(value).__name__}")


def _array(values: Any) -> str:
    return "{" + ",".join(["NULL" if value is None else _quoted(_scalar(value)) for value in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
