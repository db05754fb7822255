-- For each version: the projects that the reader sees, with how many of their tickets stand on it in a phase
-- that is not a last one. Of a version and phase so many are counted at most: the index has them together.
SELECT
  w.name,
  w.version,
  p.key AS project,
  sum(counted.tickets)::int AS tickets,
  bool_or(counted.tickets > %(most)s) AS more
FROM tickets_workflow w
JOIN LATERAL (
  SELECT f.name FROM tickets_workflowphase f WHERE f.workflow_id = w.id AND f.moves_to <> '{}'
  UNION ALL
  SELECT 'BLOCKED'
) phase ON true
JOIN LATERAL (
  SELECT few.project_id, count(*) AS tickets
  FROM (
    SELECT t.project_id
    FROM tickets_ticket t
    WHERE t.workflow_id = w.id
      AND t.phase = phase.name
      AND t.project_id = ANY (%(projects)s)
      AND t.archived_at IS NULL
    LIMIT %(most)s + 1
  ) few
  GROUP BY few.project_id
) counted ON true
JOIN agents_project p ON p.id = counted.project_id
WHERE %(name)s IN ('', w.name)
GROUP BY w.name, w.version, p.key
ORDER BY w.name, w.version DESC, p.key
