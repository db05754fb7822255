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
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import generators
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb

from omoi_site.database import sql

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
MOST = 50  # on one connection: PostgreSQL keeps up to a megabyte for each
FINE = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
# What reads a value of these types of PostgreSQL; a value of another type stays a text.
Reader = Callable[[bytes], Any]
Column = tuple[int, str, Reader]  # its number, its name and what reads its values
_json = json.JSONDecoder().raw_decode
READERS: dict[int, Reader] = {
    16: lambda value: value == b"t",
    **dict.fromkeys((20, 21, 23), int),
    **dict.fromkeys((700, 701), float),
    1184: lambda value: datetime.fromisoformat(value.decode()),
    **dict.fromkeys((114, sql.JSONB), lambda value: _json(value.decode())[0]),
}


class Statement:
    """The text as the server takes it, with parameters $1, $2, …, and their names in that order."""

    def __init__(self, text: str) -> None:
        self.parameters: list[str] = []
        self.text = PLACE.sub(self._place, text).encode()
        self.name = b"omoi_" + hashlib.sha256(self.text).hexdigest()[:24].encode()
        self.columns: list[Column] = []  # of its rows; known after the first

    def _place(self, found: re.Match[str]) -> str:
        if not found[1]:
            return "%"
        if found[1] not in self.parameters:
            self.parameters.append(found[1])
        return f"${self.parameters.index(found[1]) + 1}"


statement = functools.cache(Statement)


def rows(text: str, params: dict[str, Any], *, last: bool = False) -> list[dict[str, Any]]:
    """Run the statement on Django's connection; each row as a dict by column name.

    last: nothing but hints follows in this transaction, so a COMMIT may be sent with it. The block of the
    transaction must end without an error then. Where statements are counted or logged, it goes the way of all
    others.
    """
    return together((text, params), last=last)[0]


def together(*asked: tuple[str, dict[str, Any]], last: bool = False) -> list[list[dict[str, Any]]]:
    """The rows of several statements that are sent at once. Each sees what those before it have done; after
    an error none of the later ones is run. In autocommit mode they are one transaction.
    """
    link: Any = connections[DEFAULT_DB_ALIAS]
    if link.execute_wrappers or link.queries_logged:
        return [sql.rows(text, params) for text, params in asked]
    link.ensure_connection()
    link.validate_no_broken_transaction()
    with link.wrap_database_errors:
        calls = [Call(statement(text), params) for text, params in asked]
        return [call.rows(result) for call, result in zip(calls, _run(link, calls, last), strict=True)]


class Call:
    """A statement with the values of its parameters."""

    __slots__ = ("values", "which")

    def __init__(self, which: Statement, params: dict[str, Any]) -> None:
        self.which = which
        self.values = [to_text(params[name]) for name in which.parameters]

    def rows(self, result: Any) -> list[dict[str, Any]]:
        if not result.ntuples:
            return []
        value, columns = result.get_value, self.which.columns
        if not columns:
            columns = self.which.columns = _columns(result)
        return [
            {
                name: None if (found := value(row, number)) is None else read(found)
                for number, name, read in columns
            }
            for row in range(result.ntuples)
        ]


def _columns(result: Any) -> list[Column]:
    return [
        (number, result.fname(number).decode(), READERS.get(result.ftype(number), bytes.decode))
        for number in range(result.nfields)
    ]


def _run(link: Any, calls: Sequence[Call], last: bool) -> list[Any]:
    """The results of libpq on a connection of our back end."""
    raw = link.connection
    server = raw.pgconn
    if len(link.prepared) >= MOST and server.transaction_status == TransactionStatus.IDLE:
        _discard_all(link)
    link.plan_once_only()
    begins = not raw.autocommit and server.transaction_status == TransactionStatus.IDLE
    commits = last and link.ends_transaction()
    try:
        if begins or commits or len(calls) > 1:
            return _pipeline(link, calls, begins=begins, commits=commits)
        [call] = calls
        if call.which.name not in link.prepared:
            _check(raw, server.prepare(call.which.name, call.which.text))
            link.prepared.add(call.which.name)
        return [_check(raw, server.exec_prepared(call.which.name, call.values))]
    except psycopg.errors.InvalidSqlStatementName:  # the server has discarded it
        link.prepared.clear()
        if not raw.autocommit:
            raise
        return _run(link, calls, last)
    finally:
        link.touch()


def _discard_all(link: Any) -> None:
    """Begin anew. Inside of a transaction it could fail, and the transaction with it."""
    for name in link.prepared:
        link.connection.pgconn.exec_(b'DEALLOCATE "' + name + b'"')
    link.prepared.clear()


def _pipeline(link: Any, calls: Sequence[Call], *, begins: bool, commits: bool) -> list[Any]:
    """The results of these calls in one round trip, in a transaction that begins before or is committed
    after them.
    """
    raw = link.connection
    server = raw.pgconn
    new = {call.which.name: call.which for call in calls if call.which.name not in link.prepared}
    server.enter_pipeline_mode()
    try:
        if begins:
            server.send_query_params(b"BEGIN", None)
        for which in new.values():
            server.send_prepare(which.name, which.text)
        for call in calls:
            server.send_query_prepared(call.which.name, call.values)
        if commits:
            server.send_query_params(b"COMMIT", None)
        server.pipeline_sync()
        results = raw.wait(_answers(server))
    finally:
        if server.status == ConnStatus.OK:
            server.exit_pipeline_mode()
    first = begins + len(new)
    link.prepared.update(
        name for name, result in zip(new, results[begins:first], strict=True) if result.status in FINE
    )
    return [_check(raw, result) for result in results][first : first + len(calls)]


def _answers(server: Any) -> Generator[Any, Any, list[Any]]:
    """For psycopg to wait for: all results until the synchronisation."""
    yield from generators.send(server)
    results: list[Any] = []
    while True:
        result = yield from generators.fetch(server)
        if result is None:
            continue  # one command has no more
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


def _check(raw: Any, result: Any) -> Any:
    """The result. Raises its error, as psycopg does: OperationalError where the connection is lost."""
    if result.status not in FINE:
        error = psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
        if raw.pgconn.status == ConnStatus.BAD and not isinstance(error, psycopg.OperationalError):
            raise psycopg.OperationalError(str(error)) from error
        raise error
    return result


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
    return "{" + ",".join([_item(value) for value in values]) + "}"


def _item(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return "NULL" if value is None else _quoted(_scalar(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
