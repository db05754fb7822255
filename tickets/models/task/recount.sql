WITH truth AS ({count_needs}
  WHERE c.id = ANY (%(ids)s)
    AND c.state = 'pending'
  GROUP BY c.id
),

updated AS (
  UPDATE tickets_task t
  SET
    open_needs = c.open_needs,
    edges_left = c.edges_left,
    unsatisfiable = c.open_needs > c.edges_left,
    ready_at = CASE WHEN {otherwise_ready} THEN coalesce(t.ready_at, c.now) END,
    rank = CASE
      WHEN {otherwise_ready} THEN omoi_rank(
        t.priority,
        coalesce(t.ready_at, c.now),
        t.deadline,
        (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id),
        t.retries
      )
      ELSE t.rank
    END,
    promote_at = CASE
      WHEN {otherwise_ready} THEN omoi_promote_at(t.priority, coalesce(t.ready_at, c.now), t.deadline)
    END
  FROM truth c
  WHERE t.id = c.id
  RETURNING
    t.id,
    t.profile,
    {ready} AS ready
)

SELECT *
FROM updated
