-- A ticket that only a person would move on: all tasks of its phase have ended, or it has ended and left
-- tasks open. That is stored with who it waits on, since to find it out takes all its tasks. What is stored
-- may be some seconds old, so the ticket is looked at again.
SELECT
  w.id,
  w.idle_since AS since,
  'operator' AS who,
  w.id AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_ticketwait w
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_ticket k
  WHERE k.id = w.id
  OFFSET 0
) k
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase kp
  WHERE kp.workflow_id = k.workflow_id
    AND kp.name = k.phase
  OFFSET 0
) kp ON true
{open_phases}
CROSS JOIN LATERAL (
  SELECT
    {unfinished} AS unfinished,
    EXISTS (
      SELECT
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND t.state IN ('pending', 'claimed')
        AND (NOT {unfinished} OR {in_open_phase})
    ) AS open
  OFFSET 0
) x
WHERE w.project_id = j.id
  AND w.idle_since IS NOT NULL
  AND k.phase_since <= w.idle_since
  AND x.unfinished <> x.open
  AND {goes_on}
