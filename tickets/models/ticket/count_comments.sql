WITH counts AS (
  SELECT *
  FROM unnest(%(tickets)s::bigint[], %(counts)s::int[]) AS counts(ticket, comments)
),
locked AS MATERIALIZED (
  SELECT k.id, counts.comments
  FROM tickets_ticket k
  JOIN counts ON counts.ticket = k.id
  ORDER BY k.id
  FOR NO KEY UPDATE OF k
),
counted AS (
  UPDATE tickets_ticket k
  SET events = k.events + 1
  FROM locked
  WHERE k.id = locked.id
  RETURNING k.key, k.project_id, k.events, locked.comments
)
{journal}
