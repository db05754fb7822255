"""Whether a project is frozen, as SQL: the one condition that every grant and every automatic move asks.

It is asked in the statement that writes, never before. What it cannot read counts as frozen: a table that
cannot be read fails that statement, and a list of thawed projects that says nothing of a project thaws none.
"""

from __future__ import annotations

from omoi_site.database import sql


def freezes(project: str) -> str:
    """SQL: FROM and WHERE, the freezes `f` that hold the project with the id `project`."""
    return sql.statement(__file__, "freezes", project=project).rstrip()


def frozen(project: str) -> str:
    """SQL: whether the project with the id `project` is frozen. While nothing is frozen, the table is empty
    and costs no page.
    """
    return f"EXISTS (\n  SELECT\n  {freezes(project)}\n)"
