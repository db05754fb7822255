"""Beads documents for tests, and what they became."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from omoi_site.database import sql
from tests.support.external import unavailable
from tickets import interchange

DATA = Path(settings.ROOT).parent / "shared" / "data" / "beads-issues.jsonl"


def data() -> Path:
    """The backlog of a real team; a test that wants it is skipped where it is not there."""
    if not DATA.exists():
        unavailable("data", f"there is no {DATA}: put a beads backlog of 704 issues there")
    return DATA


def issue(name: str, *edges: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """An issue with edges (kind, to)."""
    dependencies = [{"issue_id": name, "depends_on_id": to, "type": kind} for kind, to in edges]
    return {
        "id": name,
        "title": f"Do {name}",
        "status": "open",
        "priority": 2,
        "issue_type": "task",
        "dependencies": dependencies,
        **fields,
    }


def jsonl(*issues: Any) -> BinaryIO:
    """A file of these lines: an object as JSON, bytes as they are."""
    return io.BytesIO(
        b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in issues)
    )


def import_issues(project: Any, *issues: Any, **how: Any) -> dict[str, Any]:
    return interchange.run("beads", jsonl(*issues), project=project, by="system:test", **how).as_dict()


def rows_of(table: str, order: str = "id") -> list[dict[str, Any]]:
    return sql.rows(f"SELECT * FROM {table} ORDER BY {order}")


def row_counts() -> dict[str, int]:
    """How much there is of what an import makes."""
    tables = [
        "agents_event",
        *(
            f"tickets_{name}"
            for name in ("ticket", "phasemove", "task", "need", "link", "lane", "comment", "awaited")
        ),
    ]
    return {table: sql.rows(f"SELECT count(*) FROM {table}")[0]["count"] for table in tables}


def wfformat(size: int) -> bytes:
    """A WfFormat document of `size` tasks, each of which waits for three others, as far as there are any."""
    tasks = [
        {
            "id": f"t{n}",
            "name": f"work_ID{n}",
            "parents": [f"t{p}" for p in sorted({n - 1, n // 2, n // 3} - {n, -1})],
        }
        for n in range(size)
    ]
    return json.dumps({"name": f"{size} tasks", "workflow": {"specification": {"tasks": tasks}}}).encode()
