-- See `WorkflowStatistics` for what each number means.
WITH span AS MATERIALIZED (
  SELECT clock_timestamp() - %(days)s::int * interval '1 day' AS since
),

mine AS MATERIALIZED (
  SELECT
    k.id,
    w.name,
    k.phase,
    k.phase_since,
    k.archived_at IS NOT NULL AS archived,
    coalesce(p.moves_to = '{{}}', false) AS done
  FROM tickets_ticket k
  JOIN tickets_workflow w ON w.id = k.workflow_id
  LEFT JOIN tickets_workflowphase p
    ON p.workflow_id = k.workflow_id
    AND p.name = k.phase
  WHERE k.project_id = ANY (%(projects)s::bigint[])
    AND (%(name)s::text = '' OR w.name = %(name)s::text)
),

-- A last phase is never left, so its ticket is there since it was done.
done AS MATERIALIZED (
  SELECT
    m.id,
    m.name,
    m.phase_since AS at,
    m.phase_since - spent.born AS lead,
    m.phase_since - spent.begun AS cycle,
    coalesce(spent.blocked, interval '0') AS blocked
  FROM mine m
  CROSS JOIN span
  CROSS JOIN LATERAL (
    SELECT
      min(h.at) FILTER (WHERE h.move = 0) AS born,
      min(h.at) FILTER (WHERE h.move > 0 AND h.ground IN ('ungated', 'verdict', 'forced')) AS begun,
      sum(h.until - h.at) FILTER (WHERE h.to_phase = 'BLOCKED') AS blocked
    FROM (
      SELECT
        x.move,
        x.ground,
        x.to_phase,
        x.at,
        lead(x.at) OVER (ORDER BY x.move) AS until
      FROM tickets_phasemove x
      WHERE x.ticket_id = m.id
    ) h
  ) spent
  WHERE m.done
    AND m.phase_since >= span.since
    AND spent.begun IS NOT NULL
),

cancelled AS MATERIALIZED (
  SELECT DISTINCT
    m.id,
    m.name
  FROM tickets_phasemove h
  JOIN mine m ON m.id = h.ticket_id
  CROSS JOIN span
  WHERE h.ground = 'cancelled'
    AND h.at >= span.since
),

ended AS (
  SELECT
    e.name,
    count(*) AS all_ended,
    count(*) FILTER (
      WHERE EXISTS (SELECT FROM tickets_phasemove h WHERE h.ticket_id = e.id AND h.ground = 'reopened')
        OR EXISTS (SELECT FROM tickets_link l WHERE l.other_id = e.id AND l.kind = 'follow_up')
    ) AS taken_up
  FROM (
    SELECT id, name FROM done
    UNION
    SELECT id, name FROM cancelled
  ) e
  GROUP BY e.name
),

times AS (
  SELECT
    d.name,
    count(*) AS done,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM d.lead)) AS lead,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM d.cycle)) AS cycle,
    extract(epoch FROM sum(d.blocked)) / nullif(extract(epoch FROM sum(d.lead)), 0) AS blocked_ratio
  FROM done d
  GROUP BY d.name
),

estimates AS (
  SELECT
    d.name,
    count(*) AS count,
    avg((d.at <= s.likely_by)::int) AS in_time,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(extract(epoch FROM d.at - s.expected_at))) AS error_s
  FROM done d
  JOIN tickets_storedestimate s ON s.ticket_id = d.id
  GROUP BY d.name
),

here AS (
  SELECT
    m.name,
    count(*) FILTER (WHERE NOT m.done AND m.phase <> 'CANCELLED' AND NOT m.archived) AS open,
    count(*) FILTER (WHERE m.phase = 'BLOCKED' AND NOT m.archived) AS blocked
  FROM mine m
  GROUP BY m.name
)

SELECT
  w.name AS workflow,
  span.since,
  coalesce(h.open, 0) AS open,
  coalesce(h.blocked, 0) AS blocked,
  coalesce(t.done, 0) AS done,
  (SELECT count(*) FROM cancelled c WHERE c.name = w.name) AS cancelled,
  t.lead AS lead_time,
  t.cycle AS cycle_time,
  e.taken_up::float / e.all_ended AS reopen_rate,
  t.blocked_ratio,
  s.count AS estimates_count,
  s.in_time AS estimates_in_time,
  s.error_s AS estimates_error_s
FROM (
  SELECT DISTINCT name
  FROM tickets_workflow
  WHERE %(name)s::text = '' OR name = %(name)s::text
) w
CROSS JOIN span
LEFT JOIN here h ON h.name = w.name
LEFT JOIN times t ON t.name = w.name
LEFT JOIN ended e ON e.name = w.name
LEFT JOIN estimates s ON s.name = w.name
ORDER BY w.name
