WITH i AS (
  SELECT *
  FROM unnest(%s::bigint[], %s::jsonb[]) AS i(id, data)
),

updated AS (
  UPDATE tickets_task t
  SET events = t.events + 1
  FROM i
  WHERE t.id = i.id
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.events,
    i.data
)
{events}
