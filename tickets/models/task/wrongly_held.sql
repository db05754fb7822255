SELECT
  t.id,
  t.ticket_id,
  jsonb_build_object(
    'was', jsonb_build_object('held', t.held),
    'now', jsonb_build_object('held', NOT t.held)
  ) AS data
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
CROSS JOIN {open_phases}
WHERE t.id > %(after)s
  AND t.id <= %(upto)s
  AND t.state IN ('pending', 'claimed', 'failed', 'cancelled')
  AND t.held = (
    NOT k.paused
    AND k.archived_at IS NULL
    AND {in_open_phase}
  )
