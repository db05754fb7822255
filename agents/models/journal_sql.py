"""The journal's insert, as a part of the statement that does what it tells of."""

from __future__ import annotations

DEFAULTS = {"actor": "%(actor)s", "key": "%(key)s", "data": "'{}'", "reason": "''"}


def insert_events(source: str, *, topic: str, subject: str, kind: str, **columns: str) -> str:
    """SQL that writes one event for each row of `source`: a CTE with `project_id` and `events`, the number of
    the event.

    All arguments are SQL, in the order of the columns where parameters have no names; columns: those of
    DEFAULTS. Text and not a function of the database: the planner sees the plain INSERT it always saw, and
    the whole statement rings its followers once.
    """
    if strange := columns.keys() - DEFAULTS.keys():
        raise TypeError(f"no columns of an event: {sorted(strange)}")
    actor, key, data, reason = (DEFAULTS | columns).values()
    return f"""
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, {topic}, {subject}, events, {kind}, {actor}, {key}, {data}, {reason}
  FROM {source}"""
