"""Statements of the hot verbs: prepared once per connection, with one plan, and run by libpq directly.

For a statement that runs more than once a second. Django's cursor and psycopg's together cost as much as such
a statement, and PostgreSQL would plan it five times on each connection before it keeps a plan. Statements
that run less often use `sql.rows`, which takes the same arguments.

PostgreSQL derives the types of the parameters from the text, so where it cannot, the text has a cast.
"""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any

import psycopg
from django.db import connection
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus

from omoi_site.database import sql

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
FINE = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}


class Statement:
    """The text as the server takes it, with parameters $1, $2, …, and their names in that order."""

    def __init__(self, text: str) -> None:
        self.parameters: list[str] = []
        self.text = PLACE.sub(self._place, text).encode()
        self.name = b"omoi_" + hashlib.sha256(self.text).hexdigest()[:24].encode()
        self.formats = [PyFormat.TEXT] * len(self.parameters)

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
    if connection.execute_wrappers or connection.queries_logged:
        return sql.rows(text, params)
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return _rows(run(connection, statement(text), params))


def run(link: Any, which: Statement, params: dict[str, Any]) -> Any:
    """The Transformer that reads the result of one statement on a connection of our back end."""
    raw = link.connection
    server, reading = raw.pgconn, Transformer(raw)
    values = reading.dump_sequence([params[name] for name in which.parameters], which.formats)
    if not raw.autocommit and server.transaction_status == TransactionStatus.IDLE:
        _check(raw, server.exec_(b"BEGIN"))  # psycopg does the same before the first statement
    link.plan_once_only()
    if which.name not in link.prepared:
        _prepare(link, which)
    result = server.exec_prepared(which.name, values)
    link.touch()
    try:
        _check(raw, result)
    except psycopg.errors.InvalidSqlStatementName:  # the server has discarded it
        link.prepared.clear()
        if not raw.autocommit:
            raise
        _prepare(link, which)
        result = server.exec_prepared(which.name, values)
        _check(raw, result)
    reading.set_pgresult(result)
    return reading


def _prepare(link: Any, which: Statement) -> None:
    _check(link.connection, link.connection.pgconn.prepare(which.name, which.text))
    link.prepared.add(which.name)


def _check(raw: Any, result: Any) -> None:
    """Raise the error of this result, as psycopg does."""
    if result.status not in FINE:
        raise psycopg.errors.error_from_result(result, encoding=raw.info.encoding)


def _rows(reading: Any) -> list[dict[str, Any]]:
    result = reading.pgresult
    if not result.ntuples:
        return []
    names = [result.fname(number).decode() for number in range(result.nfields)]
    found: list[dict[str, Any]] = reading.load_rows(
        0, result.ntuples, lambda values: dict(zip(names, values, strict=True))
    )
    for name in [name for number, name in enumerate(names) if result.ftype(number) == sql.JSONB]:
        sql.decode(found, name)
    return found
