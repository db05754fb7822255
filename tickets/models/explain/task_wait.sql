-- What is stored of who task `t` waits on. A task that waits for nothing of its own waits in its lane, as one
-- of four variants. `until`: when it must be looked at again although nothing happens to it.
SELECT
  t.id,
  t.project_id,
  CASE
    WHEN r.shared THEN NULL
    WHEN t.state = 'failed' THEN r.cause[2]
    ELSE coalesce(r.cause[2], y.cause[2], '')
  END AS who,
  CASE WHEN r.shared THEN t.lane_id END AS lane_id,
  CASE
    WHEN r.shared
      THEN (j.max_tickets IS NOT NULL AND {in_work})::int + CASE WHEN {critical_long} THEN 2 ELSE 0 END
  END AS variant,
  CASE
    WHEN {by_hand}
      THEN clock_timestamp() + {once_a_minute}
    WHEN t.state = 'claimed'
      THEN greatest(least(t.lease_expires_at, t.timeout_at, {stalls_at}), {next})
    WHEN {not_due}
      THEN greatest(t.not_before, {next})
    WHEN r.cause[1] = 'clock'
      THEN {next}
    WHEN r.shared AND {critical} AND NOT ({critical_long})
      THEN greatest({ready_since} + interval '60 s', {next})
  END AS until
{from_task}
CROSS JOIN LATERAL (
  SELECT
    i.cause,
    i.cause IS NULL AND {ready} AS shared
  FROM (
    SELECT {own} AS cause
    OFFSET 0
  ) i
  OFFSET 0
) r
LEFT JOIN LATERAL (
  -- not ready, and yet nothing of its own is in the way
  SELECT {of_lane} AS cause
  WHERE r.cause IS NULL
    AND NOT r.shared
    AND t.state <> 'failed'
  OFFSET 0
) y ON true
