(
  SELECT
    jsonb_build_object(
      'unfinished', {unfinished},
      'total', (
        SELECT count(*)
        FROM tickets_task t
        WHERE t.ticket_id = k.id
          AND {in_open_phase}
      ),
      'left_open', (
        SELECT count(*)
        FROM tickets_task t
        WHERE t.ticket_id = k.id
          AND t.state IN ('pending', 'claimed')
      ),
      'to', {next_phase}->'to'
    )
  FROM (SELECT) once
  LEFT JOIN LATERAL (
    SELECT *
    FROM tickets_workflowphase kp
    WHERE kp.workflow_id = k.workflow_id
      AND kp.name = k.phase
    OFFSET 0
  ) kp ON true
  {open_phases}
)
