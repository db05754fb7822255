-- Tasks that were assigned to this agent by hand and that it does not know of yet: its claim begins now.
WITH held_key AS MATERIALIZED ({held_key}
),

waiting AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE t.holder_id = %(agent)s
    AND t.started_at IS NULL
    AND {lease_holds}
    AND {key_holds}
  ORDER BY t.id
  FOR NO KEY UPDATE
),

delivered AS (
  UPDATE tickets_task t
  SET
    lease_s = %(lease_s)s::int,
    lease_expires_at = clock_timestamp() + %(lease_s)s::int * interval '1 s',
    lease_look_at = statement_timestamp()
      + least(%(lease_s)s::int, nullif(t.stall_s, 0)) * interval '1 s',
    active_at = clock_timestamp(),
    started_at = clock_timestamp(),
    timeout_at = clock_timestamp() + t.timeout_s * interval '1 s',
    granted_with = %(granted_with)s
  WHERE t.id = ANY (ARRAY(
    SELECT id
    FROM waiting
    LIMIT %(limit)s::int
  ))
  RETURNING {granted}, t.project_id
),

-- Whether more of them wait for the claim after this one.
agent AS (
  UPDATE agents_agent a
  SET assigned = (SELECT count(*) FROM waiting) > %(limit)s::int
  WHERE a.id = %(agent)s
    AND {key_holds}
)

SELECT
  t.*,
{brief}
FROM delivered t
JOIN tickets_ticket k ON k.id = t.ticket_id
