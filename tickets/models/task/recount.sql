-- The time is evaluated once, so that tasks that become ready together have the same rank and are ordered
-- by id.
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
)

UPDATE tickets_task t
SET (open_needs, edges_left, unsatisfiable, ready_at, rank, promote_at) = (
  SELECT
    c.open_needs,
    c.edges_left,
    t.state = 'pending' AND c.open_needs > c.edges_left,
    CASE
      WHEN t.state = 'claimed' THEN t.ready_at
      WHEN {otherwise_ready} THEN coalesce(t.ready_at, now.at)
    END,
    CASE
      WHEN {otherwise_ready} THEN omoi_rank(
        t.priority,
        coalesce(t.ready_at, now.at),
        t.deadline,
        {unblocks},
        t.retries
      )
      ELSE t.rank
    END,
    CASE
      WHEN t.state = 'claimed' THEN t.promote_at
      WHEN {otherwise_ready} THEN omoi_promote_at(t.priority, coalesce(t.ready_at, now.at), t.deadline)
    END
  FROM now
  CROSS JOIN LATERAL (
{count_needs}
  ) c
)
WHERE t.id = ANY (%(ids)s)
  AND t.state IN ('pending', 'claimed')
RETURNING
  t.id,
  t.profile,
  t.state = 'pending' AND NOT {work} AND {needs_met} AS completes,
  {ready} AS ready
