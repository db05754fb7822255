-- Writes what a pattern has added: one event for each part, about the task that it made or split.
WITH i AS MATERIALIZED (
  SELECT *
  FROM unnest(%(ids)s::bigint[], %(kinds)s::varchar[], %(data)s::jsonb[]) AS i(id, kind, data)
),

counted AS (
  UPDATE tickets_task t
  SET events = t.events + 1
  FROM i
  WHERE t.id = i.id
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.events,
    i.kind,
    i.data
)
{events}
