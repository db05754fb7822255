"""Walk: all rows of a table, some at a time."""

from __future__ import annotations

from typing import Any

from omoi_site.database import sql


class Walk:
    """Ranges of ids with `size` rows of a table each, one range per call; after the end it begins again."""

    def __init__(self, model: Any, size: int) -> None:
        self.table, self.size, self.at = model._meta.db_table, size, 0

    def __call__(self) -> tuple[int, int]:
        for after in (self.at, 0):  # nothing left: from the beginning
            last = sql.one(
                f"SELECT max(id) AS id FROM (SELECT id FROM {self.table} WHERE id > %s ORDER BY id LIMIT %s)"
                " r",
                [after, self.size],
            )
            if last and last["id"]:
                self.at = last["id"]
                return after, self.at
        self.at = 0
        return 0, 0
