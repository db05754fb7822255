-- Who the ready tasks of these lanes wait on that wait for nothing of their own, in four variants: whether
-- their ticket is in work (1), and whether they are critical and have been ready for long (2). The obstacles
-- are asked of a task made up for it.
WITH {fleets}
SELECT
  t.lane_id,
  t.project_id,
  t.variant,
  coalesce({waiting_on}, '') AS who
FROM (
  SELECT
    l.id AS lane_id,
    l.project_id,
    l.phase,
    v.variant,
    'pending' AS state,
    0 AS open_needs,
    false AS not_due,
    NULL::timestamptz AS not_before,
    false AS held,
    '' AS operation,
    CASE WHEN v.variant %% 2 = 0 THEN 0 END AS ticket_id,
    CASE WHEN v.variant < 2 THEN 3 ELSE 0 END AS priority,
    CASE WHEN v.variant < 2 THEN timestamptz 'infinity' ELSE timestamptz '-infinity' END AS ready_at,
    NULL::timestamptz AS active_at,
    NULL::timestamptz AS avoid_until
  FROM tickets_lane l
  CROSS JOIN generate_series(0, 3) v(variant)
  WHERE l.id = ANY (%(lanes)s)
  OFFSET 0
) t
{lane_joins}
