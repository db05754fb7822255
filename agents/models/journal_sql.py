"""The SQL that inserts events, for use inside the statement of the act."""

from __future__ import annotations

DEFAULTS = {"actor": "%(actor)s", "key": "%(key)s", "data": "'{}'", "reason": "''"}


def insert_events(source: str, *, topic: str, subject: str, kind: str, **columns: str) -> str:
    """SQL that writes one event for each row of `source`: a CTE with `project_id` and `events`, the number of
    the event.

    All arguments are SQL, in the order of the columns if the parameters have no names; `columns` are those of
    DEFAULTS. It is text and not a database function: the planner sees a plain INSERT, and one statement sends
    at most one NOTIFY.
    """
    if strange := columns.keys() - DEFAULTS.keys():
        raise TypeError(f"an event has no columns {sorted(strange)}")
    actor, key, data, reason = (DEFAULTS | columns).values()
    return f"""
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, {topic}, {subject}, events, {kind}, {actor}, {key}, {data}, {reason}
  FROM {source}"""
