-- A ticket on which nobody works who was at work on it, and for which no person is awaited: for whom that is,
-- another item would be listed. Only agents that are silent and hold something are looked at.
SELECT
  k.id,
  s.since,
  'operator' AS who,
  k.id AS ticket_id,
  s.task_id
FROM (
  SELECT DISTINCT t.ticket_id
  FROM fleet_agents a
  CROSS JOIN LATERAL (
    SELECT *
    FROM tickets_task t
    WHERE t.holder_id = a.id
    OFFSET 0
  ) t
  WHERE j.id = ANY (a.works_in)
    AND coalesce(a.last_seen_at < clock_timestamp() - {heard}, true)
    AND t.project_id = j.id
) c
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_ticket k
  WHERE k.id = c.ticket_id
  OFFSET 0
) k
CROSS JOIN LATERAL (
  {all_silent}
) s
WHERE {goes_on}
  AND k.phase <> 'BLOCKED'
  AND k.refused_at IS NULL
  AND k.move_fault_at IS NULL
