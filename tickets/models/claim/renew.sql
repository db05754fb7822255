WITH held_key AS MATERIALIZED ({held_key}
),

-- One by one, in the order of their ids: see lock_held.sql. `active`: the holder's mark has changed.
held AS MATERIALIZED (
  SELECT
    t.id,
    i.mark,
    i.mark <> '' AND i.mark <> t.activity AS active
  FROM (
    SELECT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence,
      unnest(%(marks)s::text[]) AS mark
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.activity
    FROM tickets_task t
    WHERE {held}
    FOR NO KEY UPDATE
  ) t
)

-- A claim that is no longer stalled is looked at again when it may be next.
UPDATE tickets_task t
SET
  lease_expires_at = clock_timestamp() + coalesce(%(lease_s)s::int, t.lease_s) * interval '1 s',
  active_at = CASE WHEN h.active THEN clock_timestamp() ELSE t.active_at END,
  activity = CASE WHEN h.active THEN h.mark ELSE t.activity END,
  lease_look_at = CASE
    WHEN h.active AND t.stalled_at IS NOT NULL THEN clock_timestamp()
    ELSE t.lease_look_at
  END,
  stalled_at = CASE WHEN NOT h.active THEN t.stalled_at END
FROM held h
WHERE t.id = h.id
RETURNING
  t.id AS task,
  t.fence,
  t.lease_expires_at,
  coalesce({no_progress}, false) AS stalled,
  (SELECT held_key.state FROM held_key) AS agent_state
