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
    c.open_needs > c.edges_left,
    CASE WHEN {otherwise_ready} THEN coalesce(t.ready_at, now.at) END,
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
      WHEN {otherwise_ready} THEN omoi_promote_at(t.priority, coalesce(t.ready_at, now.at), t.deadline)
    END
  FROM now
  CROSS JOIN LATERAL (
{count_needs}
  ) c
)
WHERE t.id = ANY (%(ids)s)
  AND t.state = 'pending'
RETURNING
  t.id,
  t.profile,
  {ready} AS ready
