"""What each statement of a block costs: its generic plan, run with its own parameters before it is run.

What counts is a run that planned nothing, see `with_filled_caches`.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from django.db import connection, transaction
from psycopg.adapt import PyFormat

from bench.plan_buffers import numbered, with_filled_caches

T = TypeVar("T")
NUMBERS = itertools.count()
BEGINS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
LOCKS = ("SELECT PG_ADVISORY_", "SELECT PG_TRY_ADVISO")  # these read no table


@dataclass
class Cost:
    """One run of a statement. `scanned`: the tables that it read as a whole; `thrown_away`: rows that it read
    and did not use, by table.
    """

    text: str
    buffers: int
    scanned: set[str] = field(default_factory=set)
    thrown_away: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        """Its beginning, without comments, in one line."""
        lines = (line.partition("--")[0] for line in self.text.splitlines())
        return " ".join(" ".join(lines).split())[:110]


@contextmanager
def costs(*, forbidden: bool = False) -> Iterator[list[Cost]]:
    """The costs of all statements of the block, which runs in one transaction. forbidden: plans may not do
    what our connections forbid them; otherwise they may, so that a plan that would is seen.
    """
    found: list[Cost] = []

    def explained(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        begin = _begin(text)
        if not many and begin.startswith(BEGINS) and not begin.startswith(LOCKS):
            found.append(_explain(context["cursor"].cursor, text, params, forbidden))
        return execute(text, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(explained):
        yield found


def cost_of(text: str, params: Any = None) -> Cost:
    """The cost of this statement, on Django's connection."""
    with transaction.atomic(), connection.cursor() as cursor:
        return _explain(cursor.cursor, text, params)


def round_trips(act: Callable[[], T]) -> tuple[T, int]:
    """The answer of `act`, and how often it waited for the server on Django's connection."""
    connection.ensure_connection()
    server = connection.connection.pgconn
    with tempfile.TemporaryFile() as trace:
        server.trace(trace.fileno())
        try:
            answer = act()
        finally:
            server.untrace()
        trace.seek(0)
        return answer, trace.read().count(b"\tReadyForQuery")


def _begin(text: str) -> str:
    """Its first words, without comments and parentheses."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return " ".join(lines).lstrip("( \t").upper()[:20]


def _explain(cursor: Any, text: str, params: Any, forbidden: bool = False) -> Cost:
    numbers, names = numbered(text)
    values = [params[name] for name in names] if isinstance(params, dict) else list(params or ())
    link, name = cursor.connection, f"explained_{next(NUMBERS)}"

    def back_to(savepoint: bytes) -> None:
        link.pgconn.exec_(b"ROLLBACK TO SAVEPOINT " + savepoint)  # psycopg would discard what is prepared

    def run() -> dict[str, Any]:
        link.execute("SAVEPOINT run")
        [[found]] = link.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {call}".encode()).fetchone()
        back_to(b"run")
        return dict(found)

    link.execute("SAVEPOINT explained")
    try:
        if not forbidden:
            link.execute("SET LOCAL enable_seqscan = on")
        link.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        types = ", ".join(_type(link, value) for value in values)
        link.execute(f"PREPARE {name}{f' ({types})' if values else ''} AS {numbers}".encode())
        given = ", ".join(psycopg.sql.Literal(value).as_string(link) for value in values)
        call = f"EXECUTE {name}({given})" if values else f"EXECUTE {name}"
        root = with_filled_caches(run)["Plan"]
        link.execute(f"DEALLOCATE {name}".encode())
    finally:
        back_to(b"explained")
    cost = Cost(text, root["Shared Hit Blocks"] + root["Shared Read Blocks"])
    _read(root, cost)
    return cost


def _type(link: Any, value: Any) -> str:
    """The type of a parameter, as wide as others of its kind may be; `unknown` is left to the server."""
    number = (
        0 if value is None else link.adapters.get_dumper(type(value), PyFormat.TEXT)(type(value), link).oid
    )
    if isinstance(value, bool) or not isinstance(value, int | list):
        return str(link.adapters.types[number].name) if number and not isinstance(value, str) else "unknown"
    if isinstance(value, int):
        return "int8"
    return "int8[]" if value and all(type(each) is int for each in value) else "unknown"


def _read(node: dict[str, Any], cost: Cost) -> None:
    if node["Node Type"] == "Seq Scan":
        cost.scanned.add(node["Relation Name"])
    for name, rows in node.items():
        if name.startswith("Rows Removed by") and (table := node.get("Relation Name")):
            cost.thrown_away[table] += round(rows * node["Actual Loops"])
    for child in node.get("Plans", ()):
        _read(child, cost)
