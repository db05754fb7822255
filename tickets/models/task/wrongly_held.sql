-- Most tasks stand in few tickets, and those in few phases: what is open is worked out once for each phase.
WITH task AS MATERIALIZED (
  SELECT
    id,
    ticket_id,
    phase,
    held,
    rate_limits
  FROM tickets_task
  WHERE id > %(after)s
    AND id <= %(upto)s
    AND state IN ('pending', 'claimed', 'failed', 'cancelled')
),

ticket AS MATERIALIZED (
  SELECT
    id,
    workflow_id,
    phase,
    NOT paused AND archived_at IS NULL AS runs
  FROM tickets_ticket
  WHERE id = ANY (ARRAY(SELECT DISTINCT ticket_id FROM task))
),

open AS MATERIALIZED (
  SELECT
    k.workflow_id,
    k.phase,
    o.phases
  FROM (
    SELECT DISTINCT workflow_id, phase
    FROM ticket
  ) k
  CROSS JOIN {open_phases}
)

SELECT
  t.id,
  t.ticket_id,
  jsonb_build_object(
    'was', jsonb_build_object('held', t.held),
    'now', jsonb_build_object('held', NOT t.held)
  ) AS data
FROM task t
JOIN ticket k ON k.id = t.ticket_id
JOIN open o ON (o.workflow_id, o.phase) = (k.workflow_id, k.phase)
WHERE t.held = (k.runs AND {in_open_phase} AND {not_limited})
