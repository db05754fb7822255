-- The newest run of each check for what the ticket holds now. One that did not pass can be asked again a
-- while after the last answer of all: the judgement that follows an answer must not ask the others anew, or
-- two slow checks would go on for ever.
SELECT
  r.*,
  coalesce(r.answered_at IS NOT NULL OR t.state NOT IN ('pending', 'claimed'), false) AS ended,
  coalesce(
    t.state = 'cancelled'
    OR r.reasons <> '[]' AND max(r.answered_at) OVER () < clock_timestamp() - interval '{again}',
    false
  ) AS again
FROM (
  SELECT DISTINCT ON (entry) *
  FROM tickets_checkrun
  WHERE ticket_id = %(ticket)s
    AND phase = %(phase)s
    AND move = %(move)s
    AND seen = ({seen})
  ORDER BY entry, id DESC
) r
LEFT JOIN tickets_task t ON t.id = r.task_id
