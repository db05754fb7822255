-- One item for each lane with such work that agents with room do not take. It is about the first of these
-- tasks that could be granted: while the limits of its project are reached, a task waits for what is at work
-- there. For agents that is one that works there and has room; for tickets, tasks of those in work can be
-- granted.
SELECT
  l.id,
  t.since,
  '{who}' AS who,
  t.ticket_id,
  t.task_id
FROM (
  {lanes}
) l
LEFT JOIN limited b ON b.project_id = l.project_id
CROSS JOIN LATERAL (
  SELECT
    l.task_id,
    l.ticket_id,
    l.since
  WHERE coalesce(l.ticket_id = ANY (b.tickets_full), true)
  UNION ALL (
    SELECT
      t.id,
      t.ticket_id,
      {since}
    FROM unnest(b.tickets_full) k(id)
    CROSS JOIN LATERAL (
      SELECT *
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND t.lane_id = l.id
        AND {work}
      OFFSET 0
    ) t
    WHERE l.ticket_id <> ALL (b.tickets_full)
    ORDER BY
      {order},
      t.id
    LIMIT 1
  )
) t
WHERE {awake}
  AND {roomy}
