-- What is stored of who ticket `k` waits on, but for what stops its whole project: that is asked when it is
-- read. A ticket whose first open task waits in its lane waits there too. One that waits for room is
-- looked at with all that wait for it (store_room_waits.sql).
SELECT
  k.id,
  k.project_id,
  CASE WHEN NOT s.shared THEN coalesce(x.cause[2], '') END AS who,
  CASE WHEN s.shared THEN first.lane_id END AS lane_id,
  CASE WHEN s.shared THEN first.variant END AS variant,
  CASE WHEN x.cause[1] = 'review_full' THEN w.room_id END AS room_id,
  CASE
    WHEN x.cause[1] = 'phase' AND (NOT {unfinished} OR {idle}) THEN greatest(c.last_end, k.phase_since)
  END AS idle_since,
  CASE
    WHEN x.cause[1] = 'clock' OR x.cause[1] = 'review_full' AND k.move_fault <> '' THEN {next}
  END AS until
{from_ticket}
LEFT JOIN LATERAL (
  {task_wait}
  WHERE t.id = c.first
) first ON true
CROSS JOIN LATERAL (
  SELECT {own} AS cause
  OFFSET 0
) x
CROSS JOIN LATERAL (
  SELECT x.cause[1] = 'tasks' AND first.lane_id IS NOT NULL AS shared
  OFFSET 0
) s
