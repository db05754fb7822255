-- The first cards of each column: the most urgent and longest waiting; in a last phase, the latest.
SELECT
  k.id,
  k.key,
  k.title,
  k.priority,
  k.phase,
  k.phase_since,
  k.workflow_id,
  k.paused,
  k.pause_reason,
  k.blocked_reason,
  k.move_fault,
  k.move_fault_at
FROM (
  SELECT
    k.*,
    row_number() OVER (
      PARTITION BY k.phase
      ORDER BY
        CASE WHEN NOT c.ended THEN k.priority END,
        CASE WHEN c.ended THEN k.phase_since END DESC,
        k.phase_since,
        k.id
    ) AS place,
    c.most
  FROM unnest(%s::varchar[], %s::boolean[], %s::int[]) AS c(phase, ended, most)
  JOIN tickets_ticket k ON k.phase = c.phase
  WHERE k.id IN ({inside})
) k
WHERE k.place <= k.most
ORDER BY k.place
