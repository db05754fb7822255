WITH refs AS (
  SELECT *
  FROM unnest(%(tickets)s::bigint[], %(refs)s::varchar[]) AS refs(ticket, ref)
),
locked AS MATERIALIZED (
  SELECT k.id, refs.ref
  FROM tickets_ticket k
  JOIN refs ON refs.ticket = k.id
  WHERE k.external_ref = ''
  ORDER BY k.id
  FOR NO KEY UPDATE OF k
),
filled AS (
  UPDATE tickets_ticket k
  SET
    external_ref = locked.ref,
    version = k.version + 1,
    events = k.events + 1
  FROM locked
  WHERE k.id = locked.id
  RETURNING k.key, k.project_id, k.events, k.external_ref
)
{journal}
RETURNING id
