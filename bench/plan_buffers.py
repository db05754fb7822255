"""Buffers of a prepared statement's generic plan, part by part."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

MOST_RUNS = 20


def measure(statement: str, parameters: dict[str, Any]) -> dict[str, int]:
    """Buffers of one run of the prepared statement with its generic plan, by part (the name of the CTE). Each
    run is rolled back.
    """
    [found] = measure_in_turn([(statement, parameters)])
    return found


def measure_in_turn(statements: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, int]]:
    """Like `measure`, of statements that run one after the other in one transaction."""
    with connect() as link:
        link.execute("SET plan_cache_mode = force_generic_plan")
        calls = []
        for number, (statement, parameters) in enumerate(statements):
            text, names = numbered(statement)
            link.execute(f"PREPARE measured{number} AS {text}".encode())
            values = ", ".join(_literal(parameters[name]) for name in names)
            calls.append(f"EXECUTE measured{number}" + (f"({values})" if values else ""))

        def run(number: int) -> dict[str, Any]:
            link.execute("BEGIN")
            for call in calls[:number]:
                link.execute(call.encode())
            explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {calls[number]}"
            [[found]] = link.execute(explained.encode()).fetchone()
            link.execute("ROLLBACK")
            return dict(found)

        return [
            parts(with_filled_caches(functools.partial(run, number))["Plan"]) for number in range(len(calls))
        ]


def with_filled_caches(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The first run that planned nothing. A run that plans also fills the caches of the catalogue, and the
    pages that this reads count for the parts of the plan: the functions they call plan their own statements.
    It is the first one, and each after a table was analysed or vacuumed, as autovacuum may do at any time.
    """
    for _ in range(MOST_RUNS):
        found = run()
        if not found.get("Planning", {}).get("Shared Hit Blocks"):
            return found
    raise AssertionError(f"the statement was planned anew {MOST_RUNS} times in a row")


def numbered(statement: str) -> tuple[str, list[str]]:
    """The statement with parameters $1, $2, …, as it is sent to the server, and their names in order."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        if found[1] not in names or not found[1]:
            names.append(found[1])
        return f"${len(names) if not found[1] else names.index(found[1]) + 1}"

    return re.sub(r"%(?:\((\w+)\))?s", place, statement).replace("%%", "%"), names


def connect() -> psycopg.Connection[Any]:
    """A separate connection that plans as ours do, and whose prepared statements nobody clears."""
    from django.db import connection

    from omoi_site.database.backend.base import PLANS

    where = connection.get_connection_params()
    login = {name: where[name] for name in ("host", "port", "dbname", "user", "password") if where.get(name)}
    link = psycopg.connect(**login, autocommit=True, prepare_threshold=None)
    link.execute(PLANS)
    return link


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return (
        "'{" + ",".join(json.dumps(each) if isinstance(each, str) else str(each) for each in value) + "}'"
        if isinstance(value, list)
        else f"'{value}'"
        if isinstance(value, str)
        else str(value)
    )


def parts(plan: dict[str, Any]) -> dict[str, int]:
    """Buffers of each CTE alone. The work that a CTE scan triggers counts for the scanned CTE."""
    cost: Counter[str] = Counter()

    def touched(node: dict[str, Any]) -> int:
        return node["Shared Hit Blocks"] + node["Shared Read Blocks"]

    def walk(node: dict[str, Any], part: str) -> None:
        own = touched(node)
        for child in node.get("Plans", []):
            name = child.get("Subplan Name", "")
            walk(child, name.removeprefix("CTE ") if name.startswith("CTE ") else part)
            if not name.startswith("CTE "):
                own -= touched(child)
        if node["Node Type"] != "CTE Scan":
            cost[part] += own

    walk(plan, "answer")
    return dict(cost)
